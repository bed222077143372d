//! Where the live state of a network lies.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use crate::base::ContainerId;

/// Live state of one network, on tmpfs.
#[derive(Clone, Debug)]
pub struct NetworkDir {
    pub(super) root: PathBuf,
}

impl NetworkDir {
    /// Directory of given addresses.
    #[must_use]
    pub fn addresses(&self) -> PathBuf {
        self.root.join("ip")
    }

    /// One given address: locked by the shim that has it.
    #[must_use]
    pub fn address(&self, address: IpAddr) -> PathBuf {
        self.root.join("ip").join(address.to_string())
    }

    /// Directory of name records, one file for each endpoint.
    #[must_use]
    pub fn names(&self) -> PathBuf {
        self.root.join("dns")
    }

    /// Name record of one container in this network.
    #[must_use]
    pub fn name_record(&self, id: &ContainerId) -> PathBuf {
        self.root.join("dns").join(id.as_str())
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }
}
