//! The bundle: everything the kernel is told about one container, resolved.

use std::path::PathBuf;

use oci_spec::runtime::Spec;
use serde::{Deserialize, Serialize};

use crate::base::{Error, Kind, Result};

use super::CgroupPath;

/// An OCI runtime specification and the few things it has no words for.
///
/// Written to disk as JSON. `spec` alone is what another OCI runtime gets as `config.json`, with
/// `root.path` replaced by a directory on which the root file system was mounted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Bundle {
    /// Process, mounts, namespaces, limits. `linux.cgroupsPath` is relative to the root of each
    /// hierarchy, as in `compose/<id>`. A namespace that is not listed is shared with the caller.
    pub spec: Spec,
    /// Where the root file system comes from; `spec.root.readonly` says whether it may be written.
    pub rootfs: Rootfs,
    /// Who the program runs as, as written: resolved inside the image, by the child.
    /// `None`: `spec.process.user` holds numbers already (`compose oci`).
    pub user: Option<UserSpec>,
    /// The program of another OCI runtime that runs the container; `None`: ours does.
    pub runtime: Option<PathBuf>,
    /// Run our init as process 1: it reaps orphans and forwards signals.
    pub init: bool,
    /// The system call filter, unless `spec.linux.seccomp` names one.
    pub seccomp: Seccomp,
    /// Files with given content (secrets, configs), kept in memory of the container's own.
    pub contents: Vec<Content>,
    /// Destinations of `spec.mounts` whose empty source directory is filled from the image first.
    pub copy_up: Vec<PathBuf>,
}

/// Where the root file system comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Rootfs {
    /// Layers under a writable directory.
    Overlay {
        /// Layer directories, topmost first; at least one.
        lowers: Vec<PathBuf>,
        /// The writable layer. `None`: there is none, the root is read-only.
        upper: Option<PathBuf>,
        /// Overlay's work directory, empty, on the file system of `upper`.
        work: Option<PathBuf>,
        /// Skip syncing: for an upper directory that is thrown away when the host crashes.
        volatile: bool,
    },
    /// A directory as it is (`compose oci`, builds).
    Directory {
        /// Its path.
        path: PathBuf,
    },
}

impl Default for Rootfs {
    fn default() -> Rootfs {
        Rootfs::Directory { path: PathBuf::from("rootfs") }
    }
}

/// Who a program runs as, before `/etc/passwd` and `/etc/group` of the image were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct UserSpec {
    /// `uid|name[:gid|group]`; empty: root.
    pub user: String,
    /// Further groups, by name or number.
    pub groups: Vec<String>,
}

/// Which system calls are filtered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Seccomp {
    /// Docker's default profile with fewer socket families and old system calls removed.
    #[default]
    Default,
    /// Docker's default profile as it is.
    Docker,
    /// No filter.
    Unconfined,
    /// A profile in Docker's format.
    Profile {
        /// Its JSON text.
        json: String,
    },
}

/// A file with given content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Absolute path in the container; made when missing.
    pub target: PathBuf,
    /// The file's bytes.
    pub data: Vec<u8>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

impl Content {
    /// Somebody may execute it: it is a script, not a secret.
    #[must_use]
    pub fn is_executable(&self) -> bool {
        self.mode & 0o111 != 0
    }
}

impl Bundle {
    /// Its control group.
    ///
    /// # Errors
    /// [`Kind::Invalid`] when it names none, or the root of all groups.
    pub fn cgroup(&self) -> Result<CgroupPath> {
        let linux = self.spec.linux().as_ref();
        let path = linux.and_then(|linux| linux.cgroups_path().as_deref());
        let path = path.ok_or_else(|| Error::new(Kind::Invalid, "it names no control group"))?;
        CgroupPath::new(path)
    }

    /// Limits for the cgroup; none when the specification has none.
    #[must_use]
    pub fn resources(&self) -> oci_spec::runtime::LinuxResources {
        let linux = self.spec.linux().as_ref();
        linux.and_then(|linux| linux.resources().clone()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_that_lost_its_content_names_no_group_to_be_killed() {
        for text in [
            "{}",
            r#"{"spec":{"ociVersion":"1.2.1","linux":{"cgroupsPath":""}}}"#,
            r#"{"spec":{"ociVersion":"1.2.1","linux":{"cgroupsPath":"/"}}}"#,
            r#"{"spec":{"ociVersion":"1.2.1","linux":{"cgroupsPath":"compose/.."}}}"#,
        ] {
            let bundle: Bundle = serde_json::from_str(text).unwrap();
            assert_eq!(bundle.cgroup().unwrap_err().kind(), Kind::Invalid, "{text}");
        }
    }
}
