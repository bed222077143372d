//! `volumes` of a service, in short form `[SOURCE:]TARGET[:OPTION,…]` and long.

use super::super::interpolate::locate;
use super::super::node::{Entry, Mapping, Node, Scalar, Value};
use super::canonical::{boolean, mapping};
use super::short::{target, text};
use super::{Canonical, Digits, Fields, Items, Pairs, Shape, Unique, Wrong, fields, key, required};

/// Mounts of a service.
pub static VOLUMES: Items =
    Items { long: &VOLUME, short: expand, alone: false, unique: Unique::By(target) };

/// One mount.
static VOLUME: Fields = fields(
    "a mount",
    &[
        required("type", Shape::Word(&["bind", "volume", "tmpfs", "image", "npipe", "cluster"])),
        key("source", Shape::Text),
        key("target", Shape::Text),
        key("read_only", Shape::Bool),
        key("consistency", Shape::Text),
        key("bind", Shape::Fields(&BIND)),
        key("volume", Shape::Fields(&OPTIONS)),
        key("tmpfs", Shape::Fields(&TMPFS)),
        key("image", Shape::Fields(&IMAGE)),
    ],
);

static BIND: Fields = fields(
    "the options of a bind mount",
    &[
        key("propagation", Shape::Text),
        key("create_host_path", Shape::Bool),
        key("recursive", Shape::Word(&["enabled", "disabled", "writable", "readonly"])),
        key("selinux", Shape::Word(&["z", "Z"])),
    ],
);

static OPTIONS: Fields = fields(
    "the options of a volume",
    &[
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("nocopy", Shape::Bool),
        key("subpath", Shape::Text),
    ],
);

static TMPFS: Fields = Fields {
    noun: "the options of a tmpfs",
    keys: &[key("size", Shape::WholeSize), key("mode", Shape::Mode(Digits::Decimal))],
    open: true,
    then: Some(not_negative),
};

/// A tmpfs has no negative size.
fn not_negative(cx: &mut Canonical, node: &mut Node) -> bool {
    let Some(size) = node.get("size") else { return true };
    let negative = |scalar: &Scalar| scalar.text.starts_with('-');
    match &size.value {
        Value::Scalar(scalar) if negative(scalar) => {
            cx.at("size", |cx| cx.wrong(size, "a size such as 512m"))
        }
        _ => true,
    }
}

static IMAGE: Fields = fields("the options of an image", &[key("subpath", Shape::Text)]);

const PROPAGATION: [&str; 6] = ["rprivate", "private", "rshared", "shared", "rslave", "slave"];

/// Options of other systems and tools, which change nothing here.
const HARMLESS: [&str; 5] = ["cached", "delegated", "consistent", "default", "volume-nocopy"];

fn expand(cx: &mut Canonical, node: &Node, scalar: &Scalar) -> Result<Vec<Node>, Wrong> {
    let spec = text(scalar)?;
    let parts = split(spec);
    if parts.iter().any(|part| part.is_empty()) {
        return Err(match spec {
            "" => Wrong::new("a volume cannot be empty", "write SOURCE:TARGET, as in ./data:/data"),
            _ => Wrong::new(
                format!("there is nothing between two colons of `{spec}`, or at its end"),
                "write SOURCE:TARGET or SOURCE:TARGET:ro; a variable in it may be empty",
            ),
        });
    }
    let (source, target, options) = match parts.as_slice() {
        [target] => (None, *target, ""),
        [source, target] if is_options(target) => (None, *source, *target),
        [source, target] => (Some(*source), *target, ""),
        [source, target, options] => (Some(*source), *target, *options),
        _ => {
            return Err(Wrong::new(
                format!("`{spec}` has too many colons"),
                "write SOURCE:TARGET:OPTIONS, or the long form with `source` and `target`",
            ));
        }
    };
    let mut mount = Mapping::new();
    let mut put = |key: &str, node: Node| {
        mount.insert(key.to_owned(), Entry { key: None, node });
    };
    let bind = source.is_some_and(is_path);
    put("type", Node::text(if bind { "bind" } else { "volume" }));
    if let Some(source) = source {
        let at = spec.find(source).unwrap_or(0);
        let place = locate(cx.sources, node.span, spec, &(at..at + source.len()));
        put("source", Node::text(source).at(place));
    }
    put("target", Node::text(target));
    let mut parsed = Options::default();
    for option in options.split(',').filter(|option| !option.is_empty()) {
        parsed.add(cx, node, option);
    }
    if parsed.read_only {
        put("read_only", boolean(true));
    }
    let inner = |entries: Mapping| Node::mapping(entries);
    if bind || !parsed.bind.is_empty() {
        let mut entries = parsed.bind;
        if bind {
            let node = boolean(true);
            entries.insert("create_host_path".to_owned(), Entry { key: None, node });
        }
        put("bind", inner(entries));
    }
    if !bind {
        let nocopy = mapping([("nocopy", boolean(true))]);
        put("volume", if parsed.nocopy { nocopy } else { mapping([]) });
    }
    Ok(vec![Node::mapping(mount)])
}

#[derive(Default)]
struct Options {
    read_only: bool,
    nocopy: bool,
    bind: Mapping,
}

impl Options {
    fn add(&mut self, cx: &mut Canonical, node: &Node, option: &str) {
        let mut bind = |key: &str| {
            let node = Node::text(option);
            self.bind.insert(key.to_owned(), Entry { key: None, node });
        };
        match option {
            "ro" => self.read_only = true,
            "rw" => self.read_only = false,
            "nocopy" => self.nocopy = true,
            "z" | "Z" => bind("selinux"),
            _ if PROPAGATION.contains(&option) => bind("propagation"),
            _ if HARMLESS.contains(&option) => {}
            _ => {
                let text = node.as_str().unwrap_or_default();
                let from = text.rfind(option).unwrap_or(0);
                let at = from..from + option.len();
                let place = locate(cx.sources, node.span, text, &at);
                let known = ["ro", "rw", "nocopy", "z", "Z"];
                let message = format!("the volume option `{option}` is not known, and is ignored");
                cx.out
                    .warning("unknown-volume-option", place, message)
                    .suggest(option, known.into_iter().chain(PROPAGATION))
                    .note("known are ro, rw, nocopy, z, Z and kinds of propagation");
            }
        }
    }
}

/// Whether the second of two parts can only be options: `/data:ro`.
fn is_options(text: &str) -> bool {
    !text.starts_with('/')
        && text.split(',').all(|it| matches!(it, "ro" | "rw" | "z" | "Z" | "nocopy"))
}

/// Splits at colons, but not behind the letter of a Windows drive, nor inside of `${…}`.
///
/// `v:/data` is a volume with a one-letter name: a drive is a source, and has a target behind it.
fn split(spec: &str) -> Vec<&str> {
    if spec.len() <= 2 {
        return vec![spec];
    }
    let parts = split_after_drives(spec);
    let letter = spec.as_bytes()[1] == b':' && spec.as_bytes()[2] == b'/';
    let has_target = |it: &&str| it.starts_with('/') || it.as_bytes().get(1) == Some(&b':');
    if letter && parts[0].len() > 1 && !parts.get(1).is_some_and(has_target) {
        return [&spec[..1], &parts[0][2..]]
            .into_iter()
            .chain(parts[1..].iter().copied())
            .collect();
    }
    parts
}

fn split_after_drives(spec: &str) -> Vec<&str> {
    let bytes = spec.as_bytes();
    let (mut parts, mut start, mut depth) = (Vec::new(), 0, 0_usize);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'{' if at > 0 && bytes[at - 1] == b'$' => depth += 1,
            b'}' => depth = depth.saturating_sub(1),
            b':' if depth == 0 => {
                let drive = at == start + 1
                    && bytes[start].is_ascii_alphabetic()
                    && matches!(bytes.get(at + 1), Some(b'\\' | b'/'))
                    && (start == 0 || bytes.get(at + 1) == Some(&b'\\'));
                if !drive {
                    parts.push(&spec[start..at]);
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    parts.push(&spec[start..]);
    parts
}

/// A path rather than the name of a volume (Spec: 05-services.md#short-syntax-5).
fn is_path(source: &str) -> bool {
    let bytes = source.as_bytes();
    let drive = bytes.len() >= 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    source.starts_with(['.', '/', '~', '\\']) || drive
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colons_separate_but_for_drives_and_variables() {
        for (spec, parts) in [
            ("/data", vec!["/data"]),
            ("./a:/b:ro,z", vec!["./a", "/b", "ro,z"]),
            ("C:\\a:/b", vec!["C:\\a", "/b"]),
            ("c:/a:d:\\b:ro", vec!["c:/a", "d:\\b", "ro"]),
            ("${A:-x}:/b", vec!["${A:-x}", "/b"]),
            ("a::b", vec!["a", "", "b"]),
            ("v:/data", vec!["v", "/data"]),
            ("v:/data:ro", vec!["v", "/data", "ro"]),
            ("v:/data:${MODE}", vec!["v", "/data", "${MODE}"]),
            ("c:/a:/b", vec!["c:/a", "/b"]),
            ("c:/a:/b:ro", vec!["c:/a", "/b", "ro"]),
            ("x", vec!["x"]),
        ] {
            assert_eq!(split(spec), parts, "{spec}");
        }
    }
}
