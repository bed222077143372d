//! Credentials as `docker login` keeps them: in `config.json`, or with a helper program.

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use crate::base::{Context, Error, Kind, Result};

/// Docker Hub's name in Docker's files.
const HUB: &str = "https://index.docker.io/v1/";

/// The user name that says "the secret is an identity token".
const TOKEN_USER: &str = "<token>";

/// Who the user is to a registry.
#[derive(Clone, PartialEq, Eq)]
pub enum Credentials {
    /// A user and a password.
    Password {
        /// User name.
        user: String,
        /// Password.
        password: String,
    },
    /// A token that buys access tokens.
    Identity(String),
    /// An access token as it is.
    Registry(String),
}

/// Secrets do not get into messages.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Credentials::Password { user, .. } => write!(f, "password of {user}"),
            Credentials::Identity(_) => f.write_str("identity token"),
            Credentials::Registry(_) => f.write_str("registry token"),
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Config {
    auths: BTreeMap<String, Auth>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

/// What a helper answers (docker-credential-helpers).
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// The credentials for `registry` in `dir/config.json`; `None`: there are none. May run a helper
/// program, so it blocks.
///
/// # Errors
/// The file cannot be read, or its helper fails.
pub fn find(dir: &Path, registry: &str) -> Result<Option<Credentials>> {
    let path = dir.join("config.json");
    let text = match std::fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).context(|| format!("cannot read {}", path.display())),
    };
    let config: Config = serde_json::from_slice(&text).map_err(|error| {
        let message = format!("cannot understand {}", path.display());
        Error::new(Kind::Invalid, message).with_source(error)
    })?;
    let keys = keys(registry);
    let helper =
        keys.iter().find_map(|key| config.cred_helpers.get(key)).or(config.creds_store.as_ref());
    if let Some(helper) = helper.filter(|helper| !helper.is_empty())
        && let Some(found) = ask(helper, &keys[0])?
    {
        return Ok(Some(found));
    }
    let entry = config.auths.iter().find(|(key, _)| keys.contains(&host_of(key)));
    Ok(entry.and_then(|(_, auth)| decode(auth)))
}

/// How Docker's files may name a registry, the usual one first.
pub(super) fn keys(registry: &str) -> Vec<String> {
    match registry {
        "docker.io" => [HUB, "index.docker.io", "docker.io", "registry-1.docker.io"]
            .map(str::to_owned)
            .to_vec(),
        other => vec![other.to_owned()],
    }
}

/// Old files have addresses for keys (Docker: ConvertToHostname).
fn host_of(key: &str) -> String {
    if key == HUB {
        return key.to_owned();
    }
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    bare.split('/').next().unwrap_or(bare).to_owned()
}

fn decode(auth: &Auth) -> Option<Credentials> {
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(token) = some(&auth.identitytoken) {
        return Some(Credentials::Identity(token));
    }
    if let Some(token) = some(&auth.registrytoken) {
        return Some(Credentials::Registry(token));
    }
    let (user, password) = match some(&auth.auth) {
        Some(encoded) => {
            let bytes = STANDARD.decode(encoded.trim()).ok()?;
            let text = String::from_utf8(bytes).ok()?;
            let (user, password) = text.split_once(':')?;
            (user.to_owned(), password.trim_end_matches('\0').to_owned())
        }
        None => (some(&auth.username)?, some(&auth.password)?),
    };
    Some(Credentials::Password { user, password })
}

/// Runs `docker-credential-HELPER get`; `None`: it knows nothing.
fn ask(helper: &str, key: &str) -> Result<Option<Credentials>> {
    let answer = run_helper(helper, "get", key.as_bytes())?;
    if !answer.status.success() {
        let said = String::from_utf8_lossy(&answer.stdout).trim().to_owned();
        return match said.contains("credentials not found") {
            true => Ok(None),
            false => Err(Error::other(format!("credential helper `{helper}` failed: {said}"))),
        };
    }
    let answer: HelperAnswer = serde_json::from_slice(&answer.stdout).map_err(|error| {
        Error::other(format!("cannot understand credential helper `{helper}`")).with_source(error)
    })?;
    Ok(Some(match answer.username.as_str() {
        TOKEN_USER => Credentials::Identity(answer.secret),
        _ => Credentials::Password { user: answer.username, password: answer.secret },
    }))
}

/// Runs a helper program, which the user configured, with `input` on its standard input.
pub(super) fn run_helper(helper: &str, verb: &str, input: &[u8]) -> Result<std::process::Output> {
    let named = helper.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    if !named {
        return Err(Error::new(Kind::Invalid, format!("`{helper}` is not a credential helper")));
    }
    let program = format!("docker-credential-{helper}");
    (|| {
        let mut child = Command::new(&program)
            .arg(verb)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            pipe.write_all(input)?;
        }
        child.wait_with_output()
    })()
    .context(|| format!("cannot run {program}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(config: &str, registry: &str) -> Option<Credentials> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("config.json"), config).unwrap();
        find(dir.path(), registry).unwrap()
    }

    #[test]
    fn credentials_are_found_under_every_name_of_the_registry() {
        let password = Credentials::Password { user: "u".into(), password: "p:w".into() };
        let encoded = STANDARD.encode("u:p:w");
        for (key, registry) in [
            ("https://index.docker.io/v1/", "docker.io"),
            ("docker.io", "docker.io"),
            ("reg:5000", "reg:5000"),
            ("https://reg:5000/v1/", "reg:5000"),
        ] {
            let config = format!(r#"{{"auths": {{"{key}": {{"auth": "{encoded}"}}}}, "x": 1}}"#);
            assert_eq!(found(&config, registry), Some(password.clone()), "{key}");
            assert_eq!(found(&config, "other"), None);
        }
        let token = r#"{"auths": {"r": {"auth": "", "identitytoken": "t"}}}"#;
        assert_eq!(found(token, "r"), Some(Credentials::Identity("t".into())));
        assert_eq!(found(r#"{"auths": {"r": {}}}"#, "r"), None);
    }

    #[test]
    fn secrets_stay_out_of_messages() {
        let secret = Credentials::Password { user: "me".into(), password: "hunter2".into() };
        assert_eq!(format!("{secret:?}"), "password of me");
    }

    #[test]
    fn a_helper_is_a_plain_name() {
        assert!(run_helper("../../bin/sh", "get", b"").is_err());
    }
}
