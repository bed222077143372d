//! Layers: compressed archives become directories that overlay can stack.
//!
//! Two threads: one inflates, the other hashes what came out and writes files. When one ends, so does
//! the other, and the first cause is the error. Each archive is taken for hostile: see [`archive`] for what is read, [`extract`] for where it is written, and
//! [`Limits`] for how much. Whiteouts become overlay's own: a character device 0:0 for a name,
//! `trusted.overlay.opaque` for a directory.

pub(super) mod archive;
mod directories;
mod extract;
mod header;
pub(super) mod inflate;
mod limits;
mod metadata;
mod path;
mod pax;

use std::io::{self, BufRead, Read};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use sha2::{Digest as _, Sha256};

use crate::base::{Context, Digest, Error, Result};

pub use extract::Placement;
pub use inflate::{Compression, inflating};
pub use limits::Limits;

use archive::Archive;

/// A piece of the inflated archive.
type Piece = Vec<u8>;

/// Bytes of a piece.
const PIECE: usize = 256 << 10;

/// Pieces that may wait between the two threads.
const WAITING: usize = 8;

/// An unpacked layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// Digest of the inflated archive.
    pub diff_id: Digest,
    /// Bytes of the inflated archive.
    pub archive_size: u64,
    /// Bytes of the files.
    pub size: u64,
    /// How the archive was compressed.
    pub compression: Compression,
}

/// Unpacks the archive that `source` yields into the empty directory `root`. `each` sees every
/// piece of the inflated archive, in order. `source` is read to its end, except after an error.
///
/// # Errors
/// The archive is damaged, hostile or over the limits; `source` or the disk fails; a thread is
/// refused. What was written until then stays.
pub fn unpack<R: Read + Send>(
    source: &mut R,
    root: &Path,
    limits: &Limits,
    each: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<Unpacked> {
    let (sender, receiver) = sync_channel(WAITING);
    std::thread::scope(|scope| {
        let inflater = std::thread::Builder::new().name("inflate".to_owned());
        let inflater = inflater
            .spawn_scoped(scope, move || inflate_into(source, limits, &sender))
            .context(|| "cannot start a thread".to_owned())?;
        let mut pieces = Pieces {
            receiver,
            current: Piece::new(),
            used: 0,
            hash: Sha256::new(),
            length: 0,
            each,
        };
        let written = extract::extract(&mut Archive::new(&mut pieces), root, limits);
        let finished = written.and_then(|written| {
            // What follows the archive's end belongs to its digest all the same.
            io::copy(&mut pieces, &mut io::sink())
                .context(|| "cannot read the archive".to_owned())?;
            Ok(written)
        });
        let Pieces { hash, length, receiver, .. } = pieces;
        // After an error pieces are left: the other thread waits for room until this is closed.
        drop(receiver);
        let compression = inflater.join();
        let written = finished?;
        let ended_early = || Error::other("the thread that inflates an archive ended early");
        let compression = compression.ok().flatten().ok_or_else(ended_early)?;
        let diff_id = Digest::from_sha256(&hash.finalize());
        Ok(Unpacked { diff_id, archive_size: length, size: written.bytes, compression })
    })
}

/// Unpacks the archive that `source` yields, compressed or not, where `placement` says, as seen
/// from the directory `root`. Returns the bytes of the files.
///
/// Decompression is our own work, in this process: no program of the tree is run
/// (CVE-2026-41567, CVE-2019-14271).
///
/// # Errors
/// As [`unpack`].
pub fn unpack_into<R: Read + Send>(
    source: R,
    root: std::os::fd::OwnedFd,
    placement: &Placement,
) -> Result<u64> {
    let (reader, _) =
        inflate::inflating(source).context(|| "cannot read the archive".to_owned())?;
    let mut archive = Archive::new(io::BufReader::with_capacity(PIECE, reader));
    let written = extract::extract_into(&mut archive, root, placement, &Limits::default())?;
    Ok(written.bytes)
}

/// The first thread: sends pieces until the end, an error, or nobody listens any more.
fn inflate_into<R: Read + Send>(
    source: &mut R,
    limits: &Limits,
    sender: &SyncSender<io::Result<Piece>>,
) -> Option<Compression> {
    let input = AtomicU64::new(0);
    let counting = Counting { inner: source, count: &input };
    let (mut reader, compression) = match inflate::inflating(counting) {
        Ok(opened) => opened,
        Err(error) => {
            // Nobody listens: the other side failed first and says so.
            let _ = sender.send(Err(error));
            return None;
        }
    };
    let mut output = 0;
    loop {
        let piece = fill_piece(&mut reader).and_then(|piece| {
            output += piece.len() as u64;
            let checked = limits.check_inflated(input.load(Ordering::Relaxed), output);
            checked.map_err(io::Error::other).map(|()| piece)
        });
        match piece {
            Ok(piece) if piece.is_empty() => return Some(compression),
            Ok(piece) => sender.send(Ok(piece)).ok()?,
            Err(error) => {
                // As above.
                let _ = sender.send(Err(error));
                return None;
            }
        }
    }
}

/// As much as fits into a piece; empty at the end.
fn fill_piece(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::with_capacity(PIECE);
    reader.take(PIECE as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

/// The second thread's view: a reader that hashes each piece as it arrives.
struct Pieces<F> {
    receiver: Receiver<io::Result<Piece>>,
    current: Piece,
    used: usize,
    hash: Sha256,
    length: u64,
    each: F,
}

impl<F: FnMut(&[u8]) -> io::Result<()>> BufRead for Pieces<F> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.used == self.current.len() {
            // The sender is gone: that was all.
            let Ok(piece) = self.receiver.recv() else { return Ok(&[]) };
            let piece = piece?;
            self.hash.update(&piece[..]);
            self.length += piece.len() as u64;
            (self.each)(&piece)?;
            (self.current, self.used) = (piece, 0);
        }
        Ok(&self.current[self.used..])
    }

    fn consume(&mut self, count: usize) {
        self.used += count;
    }
}

impl<F: FnMut(&[u8]) -> io::Result<()>> Read for Pieces<F> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        self.consume(count);
        Ok(count)
    }
}

/// Counts what is read through it.
struct Counting<'a, R> {
    inner: R,
    count: &'a AtomicU64,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.count.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
