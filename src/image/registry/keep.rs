//! Keeping credentials as `docker login` does: in `config.json`, or with a helper program.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::base::{Context, Error, Kind, Result};

use super::credentials::{Credentials, keys, run_helper};

/// Where credentials were put.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    /// A helper program has them.
    Helper(String),
    /// They stand in this file, readable to its owner.
    File(PathBuf),
}

/// Keeps the credentials for `registry` in `dir/config.json`, or with the helper that it names.
/// What else stands in the file stays. May run a helper program, so it blocks.
///
/// # Errors
/// The file cannot be understood or written; the helper fails; `credentials` are a token for
/// registries, which Docker has no place for.
pub fn keep(dir: &Path, registry: &str, credentials: &Credentials) -> Result<Kept> {
    let path = file(dir);
    let mut config = read(&path)?;
    let key = keys(registry).swap_remove(0);
    let (user, secret) = match credentials {
        Credentials::Password { user, password } => (user.as_str(), password.as_str()),
        Credentials::Identity(token) => ("<token>", token.as_str()),
        Credentials::Registry(_) => {
            return Err(Error::new(Kind::Invalid, "a registry token cannot be kept"));
        }
    };
    let helper = helper(&config, registry);
    let entry = match (&helper, credentials) {
        (Some(helper), _) => {
            let input = json!({"ServerURL": key, "Username": user, "Secret": secret}).to_string();
            let answer = run_helper(helper, "store", input.as_bytes())?;
            if !answer.status.success() {
                let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
                let message = format!("credential helper `{helper}` failed: {said}");
                return Err(Error::other(message));
            }
            json!({})
        }
        (None, Credentials::Identity(token)) => json!({"auth": "", "identitytoken": token}),
        (None, _) => json!({"auth": STANDARD.encode(format!("{user}:{secret}"))}),
    };
    let auths = config.entry("auths").or_insert_with(|| json!({}));
    auths.as_object_mut().ok_or_else(|| strange(&path))?.insert(key, entry);
    write(&path, &config)?;
    Ok(helper.map_or(Kept::File(path), Kept::Helper))
}

/// Forgets the credentials for `registry`; whether there were any.
///
/// # Errors
/// The file cannot be understood or written.
pub fn forget(dir: &Path, registry: &str) -> Result<bool> {
    let path = file(dir);
    let mut config = read(&path)?;
    let mut found = false;
    if let Some(helper) = helper(&config, registry) {
        let answer = run_helper(&helper, "erase", keys(registry)[0].as_bytes())?;
        found |= answer.status.success();
    }
    let mut listed = false;
    if let Some(auths) = config.get_mut("auths").and_then(Value::as_object_mut) {
        for key in keys(registry) {
            listed |= auths.shift_remove(&key).is_some();
        }
    }
    if listed {
        write(&path, &config)?;
    }
    Ok(found || listed)
}

/// The file, behind the links that people keep such files with.
fn file(dir: &Path) -> PathBuf {
    let path = dir.join("config.json");
    fs::canonicalize(&path).unwrap_or(path)
}

fn read(path: &Path) -> Result<Map<String, Value>> {
    match fs::read(path) {
        Ok(text) => match serde_json::from_slice(&text) {
            Ok(Value::Object(config)) => Ok(config),
            _ => Err(strange(path)),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Map::new()),
        Err(error) => Err(error).context(|| format!("cannot read {}", path.display())),
    }
}

fn strange(path: &Path) -> Error {
    Error::new(Kind::Invalid, format!("cannot understand {}", path.display()))
}

/// The helper that has the registry's credentials; `None`: the file itself.
fn helper(config: &Map<String, Value>, registry: &str) -> Option<String> {
    let helpers = config.get("credHelpers");
    let own = keys(registry).into_iter().find_map(|key| helpers?.get(key)?.as_str());
    let helper = own.or_else(|| config.get("credsStore")?.as_str())?;
    (!helper.is_empty()).then(|| helper.to_owned())
}

/// Replaces the file in one step; it is its owner's alone.
fn write(path: &Path, config: &Map<String, Value>) -> Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if let Some(dir) = path.parent() {
        fs::create_dir_all(dir).context(failed)?;
    }
    let mut text = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"\t");
    let mut serializer = serde_json::Serializer::with_formatter(&mut text, formatter);
    serde::Serialize::serialize(config, &mut serializer)
        .map_err(std::io::Error::other)
        .context(failed)?;
    let temporary = path.with_extension(format!("new{}", std::process::id()));
    (|| {
        let mut options = File::options();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(&text)?;
        file.sync_data()?;
        fs::rename(&temporary, path)
    })()
    .context(failed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::registry::credentials::find;

    #[test]
    fn what_is_kept_is_found_until_it_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        fs::write(&path, r#"{"HttpHeaders": {"A": "b"}, "auths": {"other": {"auth": "eA=="}}}"#)
            .unwrap();
        for registry in ["docker.io", "reg:5000"] {
            let login = Credentials::Password { user: "u".into(), password: "p:w".into() };
            assert_eq!(keep(dir.path(), registry, &login).unwrap(), Kept::File(path.clone()));
            assert_eq!(find(dir.path(), registry).unwrap(), Some(login));
            assert!(forget(dir.path(), registry).unwrap());
            assert!(!forget(dir.path(), registry).unwrap());
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("HttpHeaders") && text.contains("\t\t\"other\""), "{text}");
        let mode = std::os::unix::fs::MetadataExt::mode(&path.metadata().unwrap());
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("config.json"), "{").unwrap();
        let login = Credentials::Identity("t".into());
        assert!(keep(dir.path(), "r", &login).is_err());
        assert_eq!(fs::read_to_string(dir.path().join("config.json")).unwrap(), "{");
    }
}
