//! Where the OCI command line keeps its containers: a directory each, below the root it is given.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::base::{Context, Error, Kind, Result};

/// The directory of all containers, as in `/run/compose-oci`.
#[derive(Clone, Debug)]
pub struct OciRoot(PathBuf);

/// What is kept of one container; without disk under it, since nothing of it survives the machine.
#[derive(Clone, Debug)]
pub struct OciDir(PathBuf);

impl OciRoot {
    /// The root at `path`, which need not exist.
    #[must_use]
    pub fn new(path: PathBuf) -> OciRoot {
        OciRoot(path)
    }

    /// Where a container's directory is, or would be.
    #[must_use]
    pub fn container(&self, id: &str) -> OciDir {
        OciDir(self.0.join(id))
    }

    /// Makes the directory of a new container.
    ///
    /// # Errors
    /// [`Kind::Conflict`] when there is one.
    pub fn add(&self, id: &str) -> Result<OciDir> {
        let mut builder = fs::DirBuilder::new();
        let made = builder.recursive(true).mode(0o711).create(&self.0);
        made.context(|| format!("cannot make {}", self.0.display()))?;
        let dir = self.container(id);
        match fs::DirBuilder::new().mode(0o700).create(&dir.0) {
            Ok(()) => Ok(dir),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(Error::new(Kind::Conflict, "container with given ID already exists"))
            }
            Err(error) => Err(error).context(|| format!("cannot make {}", dir.0.display())),
        }
    }

    /// Ids of all containers, sorted; none when there is no root.
    ///
    /// # Errors
    /// The root cannot be read.
    pub fn ids(&self) -> Result<Vec<String>> {
        let failed = || format!("cannot read {}", self.0.display());
        let entries = match fs::read_dir(&self.0) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.context(failed)?,
        };
        let mut ids = Vec::new();
        for entry in entries {
            let entry = entry.context(failed)?;
            if entry.path().is_dir() {
                ids.extend(entry.file_name().into_string().ok());
            }
        }
        ids.sort();
        Ok(ids)
    }
}

impl OciDir {
    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What is known of the container besides its configuration.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.0.join("record.json")
    }

    /// The configuration as it was when the container was created.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("configuration.json")
    }

    /// Held by whoever changes the container.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("container.lock")
    }

    /// Held by the container's process until it executes its program.
    #[must_use]
    pub fn waiting(&self) -> PathBuf {
        self.0.join("waiting")
    }

    /// The name of the socket on which the container's process waits to be started.
    #[must_use]
    pub fn gate_name(&self) -> &'static str {
        "start.sock"
    }

    /// Removes it; fine if it is gone.
    ///
    /// # Errors
    /// A file in it cannot be removed.
    pub fn remove(&self) -> Result<()> {
        match fs::remove_dir_all(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).context(|| format!("cannot remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}
