//! Walls that somebody takes away are put up again.
//!
//! A reload of firewalld, or `nft flush ruleset`, deletes every table, ours too: then networks would
//! be open to each other and to the neighbours of this machine, until the next command brings one up
//! (CVE-2025-54410). So each container's shim listens, and all of them put up what is theirs; the
//! first one makes the table.

use std::os::fd::{AsFd, BorrowedFd};

use crate::base::{Context, Result};
use crate::state::Roots;
use crate::sys::netlink::Deletions;

use super::address::Lease;
use super::bridge;
use super::firewall::Firewall;
use super::ports::Publisher;

/// Notices that rules were deleted, for a poll loop: wait until [`fd`](Walls::fd) is readable, then
/// call [`restore`](Walls::restore).
#[derive(Debug)]
pub struct Walls {
    deletions: Deletions,
    roots: Roots,
}

impl Walls {
    /// Listens from now on, in the calling thread's network namespace.
    ///
    /// # Errors
    /// As [`Deletions::open`].
    pub fn watch(roots: &Roots) -> Result<Walls> {
        let deletions = Deletions::open().context(|| "cannot watch nftables".to_owned())?;
        Ok(Walls { deletions, roots: roots.clone() })
    }

    /// Readable when somebody deleted rules.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.deletions.as_fd()
    }

    /// Puts up what is missing of the rules of these networks and ports. A table that is there
    /// stays as it is, also one of another version of this program.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn restore(&self, leases: &[Lease], publisher: Option<&Publisher>) -> Result<()> {
        if !self.deletions.heard() {
            return Ok(());
        }
        if Firewall::open(&self.roots)?.is_current()?.is_none() {
            for lease in leases {
                bridge::ensure(&self.roots, &lease.network)?;
            }
        }
        publisher.map_or(Ok(()), Publisher::renew)
    }
}
