//! What the user configured about registries: mirrors, plain HTTP, certificates, patience.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::base::{Context, Error, Kind, Result};

/// Our configuration, below the machine's and the user's directory for such files.
const CONFIG: &str = "compose/config.json";

/// How registries are reached.
///
/// Read from `/etc/compose/config.json`, then the user's `compose/config.json`, then
/// `COMPOSE_MIRRORS`; what is read later comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// By registry: addresses to ask before it, in this order. Never pushed to.
    pub mirrors: BTreeMap<String, Vec<Url>>,
    /// Registries (`host:port`) that may be spoken to without TLS. Loopback always may.
    pub insecure: BTreeSet<String>,
    /// Directory with a directory for each registry that has certificates of its own
    /// (Docker: `/etc/docker/certs.d`).
    pub certificates: PathBuf,
    /// Directory of Docker's `config.json` with the user's credentials.
    pub docker: PathBuf,
    /// A bundle of certificates to trust besides the system's.
    pub extra_roots: Option<PathBuf>,
    /// Layers moved at the same time; at least 1.
    pub parallel: usize,
    /// How often a request is tried in all; at least 1.
    pub attempts: u32,
    /// Before the second attempt; doubles with each further one, up to 30 s.
    pub first_wait: Duration,
    /// Without a byte for so long, a connection counts as dead.
    pub stall: Duration,
    /// Blobs larger than this are uploaded in pieces of this many bytes, so that a broken upload
    /// goes on where it stopped.
    pub upload_piece: u64,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct File {
    mirrors: BTreeMap<String, Vec<String>>,
    insecure_registries: Vec<String>,
    parallel_layers: Option<usize>,
}

impl Settings {
    /// Without any file or variable; `home` is the user's home directory.
    #[must_use]
    pub fn plain(home: &Path) -> Settings {
        Settings {
            mirrors: BTreeMap::new(),
            insecure: BTreeSet::new(),
            certificates: PathBuf::from("/etc/docker/certs.d"),
            docker: home.join(".docker"),
            extra_roots: None,
            parallel: 4,
            attempts: 6,
            first_wait: Duration::from_millis(250),
            stall: Duration::from_secs(60),
            upload_piece: 64 << 20,
        }
    }

    /// What the machine and the user say. `variable` reads the environment.
    ///
    /// # Errors
    /// A file exists but cannot be read, or names something that is no address.
    pub fn load(variable: impl Fn(&str) -> Option<String>) -> Result<Settings> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = PathBuf::from(set("HOME").unwrap_or_else(|| "/root".to_owned()));
        let mut settings = Settings::plain(&home);
        if let Some(dir) = set("DOCKER_CONFIG") {
            settings.docker = PathBuf::from(dir);
        }
        settings.extra_roots = set("SSL_CERT_FILE").map(PathBuf::from);
        let user = set("XDG_CONFIG_HOME").map_or_else(|| home.join(".config"), PathBuf::from);
        for dir in [PathBuf::from("/etc"), user] {
            settings.read(&dir.join(CONFIG))?;
        }
        if let Some(mirrors) = set("COMPOSE_MIRRORS") {
            for entry in mirrors.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
                let (registry, address) = entry.split_once('=').ok_or_else(|| {
                    Error::new(Kind::Invalid, format!("`{entry}` in COMPOSE_MIRRORS is no mirror"))
                        .hint("mirrors look like docker.io=http://127.0.0.1:5000")
                })?;
                settings.add_mirrors(registry, &[address.to_owned()])?;
            }
        }
        Ok(settings)
    }

    fn read(&mut self, path: &Path) -> Result<()> {
        let text = match std::fs::read(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error).context(|| format!("cannot read {}", path.display())),
        };
        let file: File = serde_json::from_slice(&text).map_err(|error| {
            let message = format!("cannot understand {}", path.display());
            Error::new(Kind::Invalid, message).with_source(error)
        })?;
        for (registry, addresses) in &file.mirrors {
            self.add_mirrors(registry, addresses)?;
        }
        self.insecure.extend(file.insecure_registries);
        self.parallel = file.parallel_layers.unwrap_or(self.parallel).clamp(1, 32);
        Ok(())
    }

    /// Puts further mirrors of `registry` before those it has. One without `https://` or
    /// `http://` gets the former.
    ///
    /// # Errors
    /// One is no address.
    pub fn add_mirrors(&mut self, registry: &str, addresses: &[String]) -> Result<()> {
        let parse = |address: &String| -> Result<Url> {
            let whole = match address.contains("://") {
                true => address.clone(),
                false => format!("https://{address}"),
            };
            let url = Url::parse(&whole)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
            url.ok_or_else(|| {
                Error::new(Kind::Invalid, format!("`{address}` is not the address of a mirror"))
            })
        };
        let mut mirrors = addresses.iter().map(parse).collect::<Result<Vec<_>>>()?;
        let registry = if registry == "index.docker.io" { "docker.io" } else { registry };
        let entry = self.mirrors.entry(registry.to_owned()).or_default();
        mirrors.append(entry);
        *entry = mirrors;
        Ok(())
    }

    /// Whether plain HTTP may be spoken to this address.
    #[must_use]
    pub fn may_be_plain(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let with_port = url.port().map(|port| format!("{host}:{port}"));
        let listed =
            |mirrors: &Vec<Url>| mirrors.iter().any(|mirror| mirror.origin() == url.origin());
        is_loopback(host)
            || self.insecure.contains(host)
            || with_port.is_some_and(|name| self.insecure.contains(&name))
            || self.mirrors.values().any(listed)
    }
}

/// `localhost` and addresses of this machine's loopback.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host.ends_with(".localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_come_from_the_environment_and_files() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(".config/compose");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(
            dir.join("config.json"),
            r#"{"mirrors": {"docker.io": ["mirror.example"]}, "insecureRegistries": ["reg:5000"]}"#,
        )
        .unwrap();
        let settings = Settings::load(|name| match name {
            "HOME" => Some(home.path().display().to_string()),
            "COMPOSE_MIRRORS" => Some("docker.io=http://10.0.0.1:5000, ghcr.io=https://x/y".into()),
            _ => None,
        })
        .unwrap();
        let mirrors = |registry: &str| -> Vec<String> {
            settings.mirrors[registry].iter().map(Url::to_string).collect()
        };
        assert_eq!(mirrors("docker.io"), ["http://10.0.0.1:5000/", "https://mirror.example/"]);
        assert_eq!(mirrors("ghcr.io"), ["https://x/y"]);
        let plain = |url: &str| settings.may_be_plain(&url.parse().unwrap());
        assert!(plain("http://10.0.0.1:5000/v2/") && plain("http://reg:5000/"));
        assert!(
            plain("http://127.8.8.8:1/")
                && plain("http://[::1]:5000/")
                && plain("http://localhost/")
        );
        assert!(
            !plain("http://10.0.0.1/v2/")
                && !plain("http://reg/")
                && !plain("http://localhost.evil/")
        );
    }

    #[test]
    fn a_mirror_must_be_an_address() {
        for mirrors in ["docker.io", "docker.io=ftp://x", "docker.io=http://"] {
            let variable = |name: &str| (name == "COMPOSE_MIRRORS").then(|| mirrors.to_owned());
            assert!(Settings::load(variable).is_err(), "{mirrors}");
        }
    }
}
