//! Keys of steps: equal keys, equal results.

use sha2::{Digest as _, Sha256};

use crate::base::Digest;

/// Collects what decides a step's result. Every part is written with its length, so that two
/// different lists of parts never give the same bytes.
#[derive(Clone, Debug)]
pub struct Key(Sha256);

impl Key {
    /// A key of this kind of step. The number changes when steps of old builds are no longer
    /// what this program would make.
    #[must_use]
    pub fn new(kind: &str) -> Key {
        let mut key = Key(Sha256::new());
        key.part("compose-build-1").part(kind);
        key
    }

    /// Adds a part.
    pub fn part(&mut self, part: impl AsRef<[u8]>) -> &mut Key {
        let part = part.as_ref();
        self.0.update((part.len() as u64).to_le_bytes());
        self.0.update(part);
        self
    }

    /// Adds a list; an empty one counts too.
    pub fn list<T: AsRef<[u8]>>(&mut self, parts: impl IntoIterator<Item = T>) -> &mut Key {
        let mut count = 0_u64;
        for part in parts {
            self.part(part);
            count += 1;
        }
        self.part(count.to_le_bytes())
    }

    /// Adds the layers a step is built on.
    pub fn layers(&mut self, layers: &[Digest]) -> &mut Key {
        self.list(layers.iter().map(Digest::hex))
    }

    /// The key.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest::from_sha256(&self.0.finalize())
    }
}
