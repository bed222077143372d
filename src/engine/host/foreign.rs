//! Which program runs a container, when that is not ours.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::resource::ContainerSpec;

/// What our own runtime is called, as when Docker is told of it.
const OWN: &str = "compose";

/// Where runtimes are besides what `PATH` says: root's programs are not on everybody's.
const MORE: [&str; 4] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin"];

/// The program of the runtime that `spec` names; `None`: ours.
///
/// # Errors
/// [`Kind::Invalid`] when there is no such program.
pub(super) fn program(spec: &ContainerSpec) -> Result<Option<PathBuf>> {
    let Some(name) = spec.runtime.as_deref().filter(|name| !name.is_empty() && *name != OWN) else {
        return Ok(None);
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(MORE.map(PathBuf::from));
    find(name, directories, is_program).map(Some)
}

fn find(
    name: &str,
    directories: impl Iterator<Item = PathBuf>,
    exists: impl Fn(&Path) -> bool,
) -> Result<PathBuf> {
    let program = plain(name);
    let found = match program.contains('/') {
        true => Some(PathBuf::from(program)).filter(|path| path.is_absolute() && exists(path)),
        false => directories.map(|it| it.join(program)).find(|path| exists(path)),
    };
    found.ok_or_else(|| {
        let hint = match program {
            "runc" => "it is what Docker runs containers with; leave `runtime` out and they run without it, or install runc",
            _ => "write the path of an OCI runtime, or a name that is on PATH; leave `runtime` out for the one built in",
        };
        let message = format!("unknown or invalid runtime name: {name}: there is no such program");
        Error::new(Kind::Invalid, message).hint(hint)
    })
}

/// The program behind what containerd calls a runtime, as in `io.containerd.runc.v2`.
fn plain(name: &str) -> &str {
    let inner = name.strip_prefix("io.containerd.").and_then(|rest| rest.rsplit_once(".v"));
    inner.map_or(name, |(program, _)| program)
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str) -> Result<PathBuf> {
        let directories = ["/usr/bin", "/usr/sbin"].map(PathBuf::from).into_iter();
        let there = ["/usr/sbin/runc", "/usr/bin/crun", "/opt/runsc"];
        find(name, directories, |path| there.iter().any(|it| Path::new(it) == path))
    }

    #[test]
    fn runtimes_are_named_by_path_by_name_or_as_containerd_does() {
        for (name, path) in [
            ("crun", "/usr/bin/crun"),
            ("/opt/runsc", "/opt/runsc"),
            ("runc", "/usr/sbin/runc"),
            ("io.containerd.runc.v2", "/usr/sbin/runc"),
        ] {
            assert_eq!(found(name).unwrap(), Path::new(path), "{name}");
        }
    }

    #[test]
    fn a_runtime_that_is_not_there_is_said_with_the_way_out() {
        for name in ["youki", "/opt/crun", "opt/runsc", "io.containerd.kata.v2"] {
            let error = found(name).unwrap_err();
            let message =
                format!("unknown or invalid runtime name: {name}: there is no such program");
            assert_eq!(error.to_string(), message);
            assert!(error.hints()[0].contains("leave `runtime` out"), "{:?}", error.hints());
        }
    }
}
