//! Which machine a command line is for: this one, or an error.
//!
//! Docker's client is sent to other machines by an option, a variable or a context. What is meant
//! for another machine must not happen here.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use crate::base::{Digest, Error, Kind, Result};
use crate::cli::app::environment::Environment;

/// The context of Docker's that stands for no context.
const DEFAULT: &str = "default";

/// What Docker's own options say about the engine's place.
#[derive(Clone, Debug, Default)]
pub struct Address {
    /// `--host`: addresses.
    pub hosts: Vec<String>,
    /// `--context`: the name of an address.
    pub context: Option<String>,
    /// `--config`: the directory of the client's configuration.
    pub config: Option<PathBuf>,
}

impl Address {
    /// Refuses to go on if another machine is meant. The order is Docker's: option, `DOCKER_HOST`,
    /// `DOCKER_CONTEXT`, `currentContext` in `config.json`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for another machine's address, [`Kind::NotFound`] for an unknown context.
    pub fn check(&self, environment: &Environment) -> Result<()> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        if let Some(context) = &self.context {
            return self.check_context(environment, context, "leave `--context` out");
        }
        if !self.hosts.is_empty() {
            return self.hosts.iter().try_for_each(|host| check(host, "leave `--host` out"));
        }
        if let Some(host) = variable("DOCKER_HOST") {
            return check(host, "unset DOCKER_HOST");
        }
        if let Some(context) = variable("DOCKER_CONTEXT") {
            return self.check_context(environment, context, "unset DOCKER_CONTEXT");
        }
        let Some(directory) = self.directory(environment) else { return Ok(()) };
        let file = directory.join("config.json");
        // A file that is missing or broken names no context; who needs it complains.
        let current =
            read(&file).and_then(|it| Some(it.get("currentContext")?.as_str()?.to_owned()));
        match current {
            None => Ok(()),
            Some(context) => {
                let hint = format!("set DOCKER_CONTEXT=default, or edit {}", file.display());
                self.check_context(environment, &context, &hint)
            }
        }
    }

    fn check_context(&self, environment: &Environment, name: &str, hint: &str) -> Result<()> {
        if matches!(name, "" | DEFAULT) {
            return Ok(());
        }
        let file = self.directory(environment).map(|it| metadata(&it, name));
        let Some(context) = file.and_then(|file| read(&file)) else {
            let message = format!("context {name:?}: context not found");
            return Err(
                Error::new(Kind::NotFound, message).hint(format!("to use this machine, {hint}"))
            );
        };
        let host = context.pointer("/Endpoints/docker/Host").and_then(Json::as_str);
        check(host.unwrap_or_default(), hint)
    }

    /// Where the configuration of Docker's client is; `None`: the user has no home.
    fn directory(&self, environment: &Environment) -> Option<PathBuf> {
        let variable = |name: &str| environment.get(name).filter(|value| !value.is_empty());
        let home = || Some(Path::new(variable("HOME")?).join(".docker"));
        self.config.clone().or_else(|| variable("DOCKER_CONFIG").map(PathBuf::from)).or_else(home)
    }
}

/// Where the description of a context is (Docker: named after the digest of its name).
fn metadata(directory: &Path, name: &str) -> PathBuf {
    let digest = Digest::from_sha256(&Sha256::digest(name));
    directory.join("contexts/meta").join(digest.hex()).join("meta.json")
}

fn read(file: &Path) -> Option<Json> {
    serde_json::from_slice(&std::fs::read(file).ok()?).ok()
}

fn check(address: &str, hint: &str) -> Result<()> {
    if is_here(address) {
        return Ok(());
    }
    let message =
        format!("{address} is another machine's engine, and compose works on this one only");
    Err(Error::new(Kind::Invalid, message)
        .hint(format!("run compose on that machine; to use this one, {hint}")))
}

/// Whether an address is this machine's (Docker: an address without a protocol is TCP).
fn is_here(address: &str) -> bool {
    let (protocol, place) = address.split_once("://").unwrap_or(("tcp", address));
    if matches!(protocol, "unix" | "npipe" | "fd") || place.is_empty() || address.starts_with('/') {
        return true;
    }
    let authority = place.split('/').next().unwrap_or(place);
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.rsplit_once(':').map_or(authority, |(host, _)| host),
    };
    let loopback = host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    matches!(protocol, "tcp" | "http" | "https")
        && (loopback || host.is_empty() || host.eq_ignore_ascii_case("localhost"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_this_machines_or_not() {
        for here in [
            "",
            "unix:///var/run/docker.sock",
            "/var/run/docker.sock",
            "fd://",
            "npipe:////./pipe/docker_engine",
            "tcp://127.0.0.1:2375",
            "tcp://localhost:2375/",
            "http://[::1]:2375",
            ":2375",
        ] {
            assert!(is_here(here), "{here}");
        }
        for away in [
            "ssh://prod",
            "ssh://me@localhost",
            "tcp://docker:2375",
            "tcp://10.0.0.7",
            "https://[fd00::7]:2376",
            "prod:2375",
            "localhost.example:2375",
        ] {
            assert!(!is_here(away), "{away}");
        }
    }
}
