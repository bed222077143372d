//! What a path says by its words alone; nothing looks at a disk.

use std::path::{Component, Path, PathBuf};

use crate::base::{Error, Kind};

/// Whether a relative path stays within the directory that it starts from (Go: `filepath.IsLocal`).
/// An empty or absolute one does not.
#[must_use]
pub fn stays_within(path: &str) -> bool {
    let mut depth = 0_usize;
    for part in Path::new(path).components() {
        match part {
            Component::Normal(_) => depth += 1,
            Component::CurDir => {}
            Component::ParentDir if depth > 0 => depth -= 1,
            Component::ParentDir | Component::RootDir | Component::Prefix(_) => return false,
        }
    }
    !path.is_empty()
}

/// Sockets whose names do not end in `.sock` or `.socket`.
const SOCKETS: [&str; 3] = ["/dev/log", "/run/dbus/system_bus_socket", "/run/systemd/notify"];

/// Whether a path of the host is by its name that of a socket: a directory made there would keep
/// the program that belongs to it from starting.
#[must_use]
pub fn names_socket(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str());
    let below = |directory: &str| path.parent() == Some(Path::new(directory));
    let well_known = SOCKETS.iter().any(|known| Path::new(known) == current(path));
    matches!(ending, Some("sock" | "socket")) || well_known || below("/tmp/.X11-unix")
}

/// Whether a path of the host is where programs look for Docker's API.
#[must_use]
pub fn names_docker(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name == "docker.sock")
}

/// Why what a path names cannot be mounted, if it names a socket and none is there.
#[must_use]
pub fn missing_socket(path: &Path, exists: bool, is_directory: bool) -> Option<Error> {
    let shown = path.display();
    if !names_socket(path) {
        return None;
    }
    if is_directory
        && (names_docker(path) || path.starts_with("/run") || path.starts_with("/var/run"))
    {
        let message = format!("{shown} is a directory where a socket belongs");
        let hint =
            format!("remove it (`rmdir {shown}`), and start the program that makes the socket");
        return Some(Error::new(Kind::Invalid, message).hint(hint));
    }
    let missing = |why: &str| Error::new(Kind::NotFound, format!("{shown} is {why}"));
    match exists {
        true => None,
        false if names_docker(path) => Some(
            missing("the socket of Docker's API, and no Docker runs on this machine")
                .hint("compose does not serve that API: leave out what needs it"),
        ),
        false => Some(
            missing("a socket by its name, and does not exist")
                .hint("start the program that makes it first"),
        ),
    }
}

/// `/var/run` is `/run` on every system that has both.
fn current(path: &Path) -> PathBuf {
    path.strip_prefix("/var/run")
        .map_or_else(|_| path.to_owned(), |rest| Path::new("/run").join(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_stays_within_its_directory_or_not() {
        for path in ["a", "a/b/..", "./a", "a/../b", ".", "..a"] {
            assert!(stays_within(path), "{path}");
        }
        for path in ["", "/", "/a", "..", "../a", "a/../..", "../../"] {
            assert!(!stays_within(path), "{path}");
        }
    }

    #[test]
    fn sockets_are_known_by_their_names() {
        for path in [
            "/var/run/docker.sock",
            "/run/user/1000/podman/podman.sock",
            "/run/containerd/containerd.sock",
            "/var/run/dbus/system_bus_socket",
            "/tmp/.X11-unix/X0",
            "/dev/log",
        ] {
            assert!(names_socket(Path::new(path)), "{path}");
        }
        for path in ["/var/run", "/tmp/.X11-unix", "/srv/sock", "/srv/socket"] {
            assert!(!names_socket(Path::new(path)), "{path}");
        }
    }
}
