//! `RUN --mount=type=cache,target=/root/.cache`.

use crate::base::Bytes;
use crate::diag::Diagnostics;

use super::flags::boolean;
use super::instruction::{Mount, MountKind, Sharing};
use super::words::Word;

const KINDS: [MountKind; 5] =
    [MountKind::Bind, MountKind::Cache, MountKind::Tmpfs, MountKind::Secret, MountKind::Ssh];

/// Keys that each kind takes, besides `type`.
fn keys(kind: MountKind) -> &'static [&'static str] {
    match kind {
        MountKind::Bind => &[
            "target",
            "dst",
            "destination",
            "source",
            "src",
            "from",
            "rw",
            "readwrite",
            "ro",
            "readonly",
        ],
        MountKind::Cache => &[
            "id",
            "target",
            "dst",
            "destination",
            "ro",
            "readonly",
            "rw",
            "readwrite",
            "sharing",
            "from",
            "source",
            "src",
            "mode",
            "uid",
            "gid",
        ],
        MountKind::Tmpfs => &["target", "dst", "destination", "size"],
        MountKind::Secret => &[
            "id",
            "source",
            "src",
            "target",
            "dst",
            "destination",
            "env",
            "required",
            "mode",
            "uid",
            "gid",
        ],
        MountKind::Ssh => &["id", "target", "dst", "destination", "required", "mode", "uid", "gid"],
    }
}

/// Reads one `--mount`.
pub fn read(flag: &Word, out: &mut Diagnostics) -> Option<Mount> {
    let fields = fields(&flag.text);
    let kind = match fields.iter().find(|(key, _)| key == "type") {
        None => MountKind::Bind,
        Some((_, value)) => {
            let word = value.as_deref().unwrap_or_default();
            let found = KINDS.into_iter().find(|kind| kind.as_str() == word);
            let Some(found) = found else {
                let message = format!("unknown mount type `{word}`");
                let mistake = out.error("bad-mount", flag.span, message);
                mistake.suggest(word, KINDS.map(MountKind::as_str));
                return None;
            };
            found
        }
    };
    let mut mount = empty(kind, flag);
    for (key, value) in fields.iter().filter(|(key, _)| key != "type") {
        if let Err(message) = set(&mut mount, key, value.as_deref()) {
            let mistake = out.error("bad-mount", flag.span, message);
            if !keys(kind).contains(&key.as_str()) {
                mistake.suggest(key, keys(kind).iter().copied());
            }
            return None;
        }
    }
    match (kind, &mount.target) {
        (MountKind::Cache | MountKind::Tmpfs | MountKind::Bind, None) => {
            let message = format!("a {} mount needs a target", kind.as_str());
            out.error("bad-mount", flag.span, message).hint("add target=PATH");
            None
        }
        _ => Some(mount),
    }
}

fn empty(kind: MountKind, flag: &Word) -> Mount {
    Mount {
        kind,
        target: None,
        source: None,
        from: None,
        id: None,
        read_only: None,
        sharing: Sharing::Shared,
        required: false,
        env: None,
        mode: None,
        uid: None,
        gid: None,
        size: None,
        span: flag.span,
    }
}

/// `key=value` pairs between commas; a pair in double quotes may contain commas.
fn fields(text: &str) -> Vec<(String, Option<String>)> {
    let mut fields: Vec<String> = vec![String::new()];
    let mut quoted = false;
    for letter in text.chars() {
        match letter {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            letter => fields.last_mut().into_iter().for_each(|field| field.push(letter)),
        }
    }
    let pair = |field: String| match field.split_once('=') {
        Some((key, value)) => (key.trim().to_ascii_lowercase(), Some(value.to_owned())),
        None => (field.trim().to_ascii_lowercase(), None),
    };
    fields.into_iter().filter(|field| !field.trim().is_empty()).map(pair).collect()
}

fn set(mount: &mut Mount, key: &str, value: Option<&str>) -> Result<(), String> {
    if !keys(mount.kind).contains(&key) {
        return Err(format!("a {} mount has no `{key}`", mount.kind.as_str()));
    }
    match key {
        "ro" | "readonly" => mount.read_only = Some(switch(key, value)?),
        "rw" | "readwrite" => mount.read_only = Some(!switch(key, value)?),
        "required" => mount.required = switch(key, value)?,
        // Docker: the build context, as without it.
        "from" if value == Some("") => mount.from = None,
        _ => {
            let missing = || format!("`{key}` of a mount needs a value");
            return set_value(
                mount,
                key,
                value.filter(|text| !text.is_empty()).ok_or_else(missing)?,
            );
        }
    }
    Ok(())
}

fn set_value(mount: &mut Mount, key: &str, value: &str) -> Result<(), String> {
    match key {
        "target" | "dst" | "destination" => mount.target = Some(value.to_owned()),
        "source" | "src" => mount.source = Some(value.to_owned()),
        "from" => mount.from = Some(value.to_owned()),
        "id" => mount.id = Some(value.to_owned()),
        "env" => mount.env = Some(value.to_owned()),
        "sharing" => {
            mount.sharing = match value {
                "shared" => Sharing::Shared,
                "private" => Sharing::Private,
                "locked" => Sharing::Locked,
                _ => return Err(format!("sharing is shared, private or locked, not `{value}`")),
            };
        }
        "mode" => {
            let mode = u32::from_str_radix(value, 8).ok().filter(|mode| *mode <= 0o7777);
            mount.mode = Some(mode.ok_or_else(|| format!("`{value}` is not an octal mode"))?);
        }
        "uid" => mount.uid = Some(number(key, value)?),
        "gid" => mount.gid = Some(number(key, value)?),
        "size" => {
            let size: Bytes = value.parse().map_err(|_| format!("`{value}` is not a size"))?;
            mount.size = Some(size.0);
        }
        _ => {}
    }
    Ok(())
}

fn switch(key: &str, value: Option<&str>) -> Result<bool, String> {
    value.map_or(Some(true), boolean).ok_or_else(|| format!("`{key}` of a mount is true or false"))
}

fn number(key: &str, value: &str) -> Result<u32, String> {
    value.parse().map_err(|_| format!("`{key}` of a mount is a number, not `{value}`"))
}
