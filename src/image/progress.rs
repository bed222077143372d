//! What a pull or push tells while it runs. Nothing is printed here.

use crate::base::Digest;

/// What happens to one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// It is known about, and waits for its turn.
    Waiting,
    /// Bytes are arriving; those that have arrived are unpacked at the same time.
    Downloading,
    /// All bytes have arrived; the last ones are being unpacked.
    Extracting,
    /// Unpacked and verified.
    Pulled,
    /// It was here, or at the registry, already.
    Exists,
    /// Bytes are going out.
    Pushing,
    /// At the registry.
    Pushed,
    /// Taken from another repository of the registry.
    Mounted,
}

/// Something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// What a name stands for: the digest of its manifest or index.
    Resolved(Digest),
    /// A layer got on.
    Layer {
        /// Digest of its archive.
        digest: Digest,
        /// What happens.
        phase: Phase,
        /// Bytes moved so far.
        bytes: u64,
        /// Bytes in all.
        total: u64,
    },
}

/// Listens to a pull or push; called from several threads, often, and must not block.
pub trait Progress: Send + Sync {
    /// Something happened.
    fn event(&self, event: &Event);
}

/// Listens to nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Progress for Quiet {
    fn event(&self, _event: &Event) {}
}

/// One layer's line.
#[derive(Clone)]
pub(super) struct Line<'a> {
    pub progress: &'a dyn Progress,
    pub digest: Digest,
    pub total: u64,
}

impl Line<'_> {
    pub fn say(&self, phase: Phase, bytes: u64) {
        let event = Event::Layer { digest: self.digest.clone(), phase, bytes, total: self.total };
        self.progress.event(&event);
    }
}
