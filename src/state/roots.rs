//! Where everything lies on disk.

use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::base::{ContainerId, Context, Error, Kind, Result};

use super::{ImageStore, NetworkDir};

/// Room for the records of ends of a few dozen containers: most take one block of 4 KiB.
const RESERVE_BYTES: usize = 256 << 10;

/// The data root and the run root of this user.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Roots {
    data: PathBuf,
    run: PathBuf,
}

impl Roots {
    /// The roots named by `COMPOSE_DATA_ROOT` and `COMPOSE_RUN_ROOT`, or else `/var/lib/compose` and
    /// `/run/compose`.
    ///
    /// Makes missing directories, with mode 0700: other users must not reach setuid files in
    /// layers (CVE-2021-41091).
    ///
    /// # Errors
    /// The caller is not root; a root belongs to someone else, or cannot be made.
    pub fn open(variable: impl Fn(&str) -> Option<PathBuf>) -> Result<Roots> {
        if !rustix::process::geteuid().is_root() {
            let message = "containers, images, networks and volumes belong to root on this machine";
            return Err(Error::other(message)
                .hint("run it with `sudo`; what only reads files, as `config`, `lint` and `fmt`, works without"));
        }
        let data = variable("COMPOSE_DATA_ROOT").unwrap_or_else(|| "/var/lib/compose".into());
        let run = variable("COMPOSE_RUN_ROOT").unwrap_or_else(|| "/run/compose".into());
        let roots = Roots { data, run };
        private_dir(&roots.data)?;
        private_dir(&roots.run)?;
        for part in
            ["containers/names", "images", "networks", "volumes", "secrets", "configs", "gc", "tmp"]
        {
            make_dir(&roots.data.join(part))?;
        }
        for part in ["containers", "events", "networks", "locks"] {
            make_dir(&roots.run.join(part))?;
        }
        roots.keep_reserve();
        Ok(roots)
    }

    /// A file that is given up when the disk is full, so that ends of containers can be recorded.
    #[must_use]
    pub fn reserve(&self) -> PathBuf {
        self.data.join("reserve")
    }

    /// Makes the reserve anew if it was used.
    fn keep_reserve(&self) {
        let path = self.reserve();
        if !path.exists() && std::fs::write(&path, vec![0u8; RESERVE_BYTES]).is_err() {
            // The disk is still full: a part of it would be there for nobody.
            let _ = std::fs::remove_file(&path);
        }
    }

    /// The data root.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The run root.
    #[must_use]
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// Directory of all containers' persistent directories.
    #[must_use]
    pub fn containers(&self) -> PathBuf {
        self.data.join("containers")
    }

    /// Directory of all containers' live state.
    #[must_use]
    pub fn containers_live(&self) -> PathBuf {
        self.run.join("containers")
    }

    /// The directories of one container.
    #[must_use]
    pub fn container(&self, id: &ContainerId) -> ContainerDir {
        ContainerDir {
            data: self.data.join("containers").join(id.as_str()),
            run: self.run.join("containers").join(id.as_str()),
        }
    }

    /// Directory in which a container's name is reserved: a symbolic link `NAME → id`.
    #[must_use]
    pub fn container_names(&self) -> PathBuf {
        self.data.join("containers").join("names")
    }

    /// The image store.
    #[must_use]
    pub fn images(&self) -> ImageStore {
        ImageStore { root: self.data.join("images") }
    }

    /// Record of the network with this name. Names come from users and may have any letters but
    /// `/`, which the Compose language and the command line refuse.
    #[must_use]
    pub fn network_record(&self, name: &str) -> PathBuf {
        self.data.join("networks").join(format!("{name}.json"))
    }

    /// Directory of all network records.
    #[must_use]
    pub fn networks(&self) -> PathBuf {
        self.data.join("networks")
    }

    /// Live state of the network with this id.
    #[must_use]
    pub fn network(&self, id: &str) -> NetworkDir {
        NetworkDir { root: self.run.join("networks").join(id) }
    }

    /// Directory of all networks' live state.
    #[must_use]
    pub fn networks_live(&self) -> PathBuf {
        self.run.join("networks")
    }

    /// Directory of all volumes.
    #[must_use]
    pub fn volumes(&self) -> PathBuf {
        self.data.join("volumes")
    }

    /// Directory of the volume with this name, to be removed.
    ///
    /// # Errors
    /// [`Kind::Invalid`]: the name is not one entry of the directory of volumes. A damaged record
    /// may say so, and all volumes or what is beside them would go.
    pub fn volume_dir(&self, name: &str) -> Result<PathBuf> {
        let mut parts = Path::new(name).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(only)), None) if only == name => {
                Ok(self.data.join("volumes").join(name))
            }
            _ => Err(Error::new(Kind::Invalid, format!("`{name}` is not a volume name"))),
        }
    }

    /// Record of the volume with this name.
    #[must_use]
    pub fn volume_record(&self, name: &str) -> PathBuf {
        self.data.join("volumes").join(name).join("volume.json")
    }

    /// Content of the volume with this name.
    #[must_use]
    pub fn volume_data(&self, name: &str) -> PathBuf {
        self.data.join("volumes").join(name).join("_data")
    }

    /// What happened since the machine was booted; the journal before it lies beside it.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.run.join("events").join("journal")
    }

    /// The local store's file of an external secret.
    #[must_use]
    pub fn secret(&self, name: &str) -> PathBuf {
        self.data.join("secrets").join(name)
    }

    /// The local store's file of an external config.
    #[must_use]
    pub fn config(&self, name: &str) -> PathBuf {
        self.data.join("configs").join(name)
    }

    /// Path of a lock file.
    #[must_use]
    pub fn lock(&self, name: &str) -> PathBuf {
        self.run.join("locks").join(name)
    }

    /// Locked by the command that changes the project with this name.
    #[must_use]
    pub fn project_lock(&self, project: &str) -> PathBuf {
        // A label may hold any text; what no file name can hold becomes `%`.
        let fit = |letter: char| if letter == '/' || letter == '\0' { '%' } else { letter };
        let name: String = project.chars().map(fit).collect();
        self.lock(&format!("project-{name}"))
    }

    /// Directory for things on their way in; emptied by garbage collection.
    #[must_use]
    pub fn tmp(&self) -> PathBuf {
        self.data.join("tmp")
    }

    /// Where a container is made before it is put in place, locked by its maker.
    #[must_use]
    pub fn container_staging(&self, id: &ContainerId) -> PathBuf {
        self.tmp().join(id.as_str())
    }

    /// Directory for things on their way out: renamed here, then deleted.
    #[must_use]
    pub fn gc(&self) -> PathBuf {
        self.data.join("gc")
    }
}

/// The two directories of one container.
#[derive(Clone, Debug)]
pub struct ContainerDir {
    data: PathBuf,
    run: PathBuf,
}

impl ContainerDir {
    /// From the two directories themselves, as the shim gets them.
    #[must_use]
    pub fn new(data: PathBuf, run: PathBuf) -> ContainerDir {
        ContainerDir { data, run }
    }

    /// The roots these directories lie below.
    ///
    /// # Errors
    /// They do not lie as [`Roots::container`] says.
    pub fn roots(&self) -> Result<Roots> {
        let root = |path: &Path| path.parent()?.parent().map(Path::to_owned);
        match (root(&self.data), root(&self.run)) {
            (Some(data), Some(run)) => Ok(Roots { data, run }),
            _ => {
                let message = format!("{} is not a container's directory", self.data.display());
                Err(Error::new(Kind::Invalid, message))
            }
        }
    }

    /// The persistent directory.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The directory on tmpfs; exists while a shim may be alive.
    #[must_use]
    pub fn run(&self) -> &Path {
        &self.run
    }

    /// What was asked for: a `ContainerSpec`. Written once, by `create`.
    #[must_use]
    pub fn spec(&self) -> PathBuf {
        self.data.join("spec.json")
    }

    /// What the kernel is told: a `Bundle`. Written by `start`.
    #[must_use]
    pub fn bundle(&self) -> PathBuf {
        self.data.join("bundle.json")
    }

    /// The last run's `Status`, written when it ended.
    #[must_use]
    pub fn exit(&self) -> PathBuf {
        self.data.join("exit.json")
    }

    /// Log file of the json-file driver; rotated ones have `.1`, `.2`, … appended.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.data.join("log").join("json.log")
    }

    /// Log file that was rotated `age` times, at least once; the oldest has the highest number.
    #[must_use]
    pub fn rotated_log(&self, age: usize, compressed: bool) -> PathBuf {
        let suffix = if compressed { ".gz" } else { "" };
        self.data.join("log").join(format!("json.log.{age}{suffix}"))
    }

    /// Directory of log files.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.data.join("log")
    }

    /// Writable layer.
    #[must_use]
    pub fn upper(&self) -> PathBuf {
        self.data.join("upper")
    }

    /// Overlay's work directory.
    #[must_use]
    pub fn work(&self) -> PathBuf {
        self.data.join("work")
    }

    /// Generated files: `hosts`, `hostname`, `resolv.conf`.
    #[must_use]
    pub fn etc(&self, file: &str) -> PathBuf {
        self.data.join("etc").join(file)
    }

    /// Files with given content (secrets, configs), in memory.
    #[must_use]
    pub fn content(&self, index: usize) -> PathBuf {
        self.run.join("content").join(index.to_string())
    }

    /// The shim's live `Status`.
    #[must_use]
    pub fn status(&self) -> PathBuf {
        self.run.join("status.json")
    }

    /// Locked by the shim as long as it lives.
    #[must_use]
    pub fn alive(&self) -> PathBuf {
        self.run.join("alive.lock")
    }

    /// What another OCI runtime is told, and what it remembers.
    #[must_use]
    pub fn foreign(&self) -> PathBuf {
        self.run.join("oci")
    }

    /// The shim's control socket.
    #[must_use]
    pub fn control(&self) -> PathBuf {
        self.run.join("ctl.sock")
    }
}

/// Makes a directory and its parents with mode 0700; fine if it exists.
///
/// # Errors
/// It cannot be made.
pub fn make_dir(path: &Path) -> Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.context(|| format!("cannot make directory {}", path.display()))
}

/// A root: ours, and closed to others.
fn private_dir(path: &Path) -> Result<()> {
    make_dir(path)?;
    let metadata =
        path.symlink_metadata().context(|| format!("cannot look at {}", path.display()))?;
    let owner = metadata.uid();
    if !metadata.is_dir() || owner != rustix::process::geteuid().as_raw() {
        let message = format!("{} is not a directory of this user", path.display());
        return Err(Error::new(Kind::Invalid, message)
            .hint("set COMPOSE_DATA_ROOT and COMPOSE_RUN_ROOT to directories of your own"));
    }
    if metadata.mode() & 0o077 != 0 {
        let closed = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(path, closed)
            .context(|| format!("cannot close {} to other users", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_single_name_is_the_directory_of_a_volume() {
        let roots = Roots { data: "/data".into(), run: "/run".into() };
        assert_eq!(roots.volume_dir("a").unwrap(), Path::new("/data/volumes/a"));
        for name in ["", ".", "..", "/", "/etc", "a/b", "a/", "../containers"] {
            assert!(roots.volume_dir(name).is_err(), "{name}");
        }
    }
}
