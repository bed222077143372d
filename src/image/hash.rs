//! Digests of what passes by.

use std::io::{self, Read, Write};

use sha2::{Digest as _, Sha256};

use crate::base::Digest;

/// The digest of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> Digest {
    Digest::from_sha256(&Sha256::digest(bytes))
}

/// Computes digest and length of what is read or written through it.
#[derive(Debug)]
pub struct Hashing<T> {
    inner: T,
    state: Sha256,
    /// Bytes so far.
    pub length: u64,
}

impl<T> Hashing<T> {
    /// Around `inner`, with nothing seen yet.
    pub fn new(inner: T) -> Hashing<T> {
        Hashing { inner, state: Sha256::new(), length: 0 }
    }

    /// What is inside.
    pub(super) fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What is inside, the digest and the number of bytes.
    pub fn finish(self) -> (T, Digest, u64) {
        (self.inner, Digest::from_sha256(&self.state.finalize()), self.length)
    }

    fn see(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.length += bytes.len() as u64;
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.see(&buffer[..count]);
        Ok(count)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.see(&bytes[..count]);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
