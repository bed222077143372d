//! Short forms that people type for ports, volumes and commands (`-p`, `-v`, `--entrypoint`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, PortRange, Result};
use crate::resource::container::PublishedPort;
use crate::resource::mount::{Mount, MountSource, Submounts};

/// `[ADDRESS:][HOST]:CONTAINER[/PROTOCOL]`; host and container may be ranges (Docker: `-p`).
///
/// # Errors
/// [`Kind::Invalid`] for what is none of these.
pub fn published(text: &str) -> Result<PublishedPort> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (outside, container) = match ports.rsplit_once(':') {
        Some((outside, container)) => (Some(outside), container),
        None => (None, ports),
    };
    let container: PortRange = container.parse()?;
    let (address, host) = match outside.map(|outside| outside.rsplit_once(':')) {
        Some(Some((address, host))) => (address, host),
        Some(None) => ("", outside.unwrap_or_default()),
        None => ("", ""),
    };
    let address = address.trim_start_matches('[').trim_end_matches(']');
    let host_ip = match address {
        "" => None,
        address => Some(address.parse().map_err(|_| {
            Error::new(Kind::Invalid, format!("`{address}` in `{text}` is not an IP address"))
        })?),
    };
    let host: Option<PortRange> =
        Some(host).filter(|it| !it.is_empty()).map(str::parse).transpose()?;
    if host.is_some_and(|host| host.count() != container.count() && container.count() > 1) {
        let message = format!("`{text}` publishes ranges of different length");
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(PublishedPort { host_ip, host, container, protocol: protocol.parse()? })
}

/// `[SOURCE:]TARGET[:OPTIONS]` (Docker: `-v`). A source with a slash is a path on the host, below
/// `directory` if it is relative; any other is a volume, whose real name `volume` knows.
///
/// # Errors
/// [`Kind::Invalid`] for a target that is no absolute path, or an unknown option.
pub fn mounted(text: &str, directory: &Path, volume: impl Fn(&str) -> String) -> Result<Mount> {
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return Err(Error::new(Kind::Invalid, format!("`{text}` has too many colons"))),
    };
    if !target.starts_with('/') {
        let message = format!("`{target}` in `{text}` is not an absolute path");
        return Err(Error::new(Kind::Invalid, message).hint("write SOURCE:/path/in/container"));
    }
    let (mut read_only, mut no_copy) = (false, false);
    let (mut propagation, mut selinux) = (None, None);
    for option in options.split(',').filter(|option| !option.is_empty()) {
        match option {
            "ro" | "readonly" => read_only = true,
            "nocopy" => no_copy = true,
            "z" | "Z" => selinux = Some(option.to_owned()),
            "rw" | "cached" | "delegated" | "consistent" => {}
            "shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate" => {
                propagation = Some(option.to_owned());
            }
            other => {
                let message = format!("unknown option `{other}` in `{text}`");
                return Err(Error::new(Kind::Invalid, message).hint("known are ro, rw and nocopy"));
            }
        }
    }
    let source = match source {
        Some(path) if path.contains('/') || path == "." || path == "~" => {
            let (path, submounts) = (absolute(path, directory), Submounts::default());
            MountSource::Bind { path, create: true, propagation, submounts, selinux }
        }
        name => MountSource::Volume {
            name: name.map(volume).unwrap_or_default(),
            anonymous: name.is_none(),
            no_copy,
            subpath: None,
            labels: BTreeMap::new(),
        },
    };
    Ok(Mount { target: target.to_owned(), read_only, source })
}

fn absolute(path: &str, directory: &Path) -> PathBuf {
    let home = || std::env::var_os("HOME").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let path = match path.strip_prefix('~') {
        Some(rest) => home().join(rest.trim_start_matches('/')),
        None => directory.join(path),
    };
    // `./data` reads better in every message as what it is.
    path.components().collect()
}

/// Words as a shell would split them: blanks, quotes and backslashes, nothing else.
///
/// # Errors
/// [`Kind::Invalid`] for a quote without an end.
pub fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('\\', None | Some('"')) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (letter, Some(open)) if letter == open => quote = None,
            (letter, Some(_)) => word.get_or_insert_default().push(letter),
            ('"' | '\'', None) => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, None) => word.get_or_insert_default().push(letter),
        }
    }
    if let Some(quote) = quote {
        return Err(Error::new(Kind::Invalid, format!("{quote} without an end in `{text}`")));
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Protocol;

    #[test]
    fn ports_in_all_their_forms() {
        for (text, address, host, container) in [
            ("80", None, None, "80"),
            ("8080:80", None, Some("8080"), "80"),
            ("127.0.0.1:8080:80", Some("127.0.0.1"), Some("8080"), "80"),
            ("127.0.0.1::80", Some("127.0.0.1"), None, "80"),
            ("[::1]:8080:80", Some("::1"), Some("8080"), "80"),
            ("8000-8002:80-82", None, Some("8000-8002"), "80-82"),
            ("8000-8010:80", None, Some("8000-8010"), "80"),
        ] {
            let port = published(text).unwrap();
            assert_eq!(port.host_ip.map(|ip| ip.to_string()).as_deref(), address, "{text}");
            assert_eq!(port.host.map(|host| host.to_string()).as_deref(), host, "{text}");
            assert_eq!(port.container.to_string(), container, "{text}");
        }
        assert_eq!(published("53:53/udp").unwrap().protocol, Protocol::Udp);
        for text in ["", "x:80", "80-81:80-85", "1.2.3:80:80", "80/icmp"] {
            assert!(published(text).is_err(), "{text}");
        }
    }

    #[test]
    fn volumes_in_all_their_forms() {
        let mount = |text: &str| mounted(text, Path::new("/p"), |name| format!("demo_{name}"));
        let bind = |path: &str| MountSource::Bind {
            path: path.into(),
            create: true,
            propagation: None,
            submounts: Submounts::default(),
            selinux: None,
        };
        assert_eq!(mount("./x:/x").unwrap().source, bind("/p/x"));
        assert_eq!(mount("/a:/x:ro").unwrap().source, bind("/a"));
        assert!(mount("/a:/x:ro").unwrap().read_only);
        let named = mount("data:/x").unwrap().source;
        assert!(matches!(named, MountSource::Volume { name, .. } if name == "demo_data"));
        let own = mount("/x").unwrap().source;
        assert!(matches!(own, MountSource::Volume { anonymous: true, .. }));
        for text in ["data", "data:x", "a:/b:c", "a:/b:ro:x"] {
            assert!(mount(text).is_err(), "{text}");
        }
    }

    #[test]
    fn words_as_a_shell_splits_them() {
        assert_eq!(
            words(r#"sh -c 'a "b"' c\ d "e f""#).unwrap(),
            ["sh", "-c", "a \"b\"", "c d", "e f"]
        );
        assert_eq!(words("''").unwrap(), [""]);
        assert!(words("'a").is_err());
    }
}
