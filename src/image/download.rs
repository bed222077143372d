//! One layer's way from the registry into the store.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::state::Lock;
use crate::sys;

use super::hash::Hashing;
use super::manifest::Descriptor;
use super::progress::{Line, Phase};
use super::registry::{BlobSink, Registry, blocking};
use super::store::{Begun, LayerBlob, LayerRecord, NewLayer, Store};
use super::unpack::{Limits, Unpacked, unpack};

/// What arrived is handed on in pieces of at least so many bytes: each wakes a thread up.
const PIECE: usize = 128 << 10;

/// Pieces on their way from the connection to the disk: with four layers at once a few MiB.
const WAITING: usize = 8;

/// The disk is asked to take a blob in steps of so many bytes, while the rest still arrives.
const WRITE_BACK: u64 = 8 << 20;

/// A layer to fetch.
pub(super) struct Job<'a> {
    pub registry: Arc<Registry>,
    pub layer: Wanted,
    pub line: Line<'a>,
}

/// What it should become.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub store: Store,
    /// The archive.
    pub descriptor: Descriptor,
    /// The archive inflated.
    pub diff_id: Digest,
}

/// Fetches and unpacks one layer, unless somebody has done so.
///
/// # Errors
/// The download fails, or what arrived is not what was promised.
pub(super) async fn fetch_layer(job: Job<'_>) -> Result<()> {
    let (store, diff_id) = (job.layer.store.clone(), job.layer.diff_id.clone());
    let layer = match blocking(move || store.begin_layer(&diff_id)).await? {
        Begun::Present(_) => {
            job.line.say(Phase::Exists, job.line.total);
            return Ok(());
        }
        Begun::New(layer) => Arc::new(layer),
    };
    let mut attempt = download(&job, &layer).await;
    if let Ok(Outcome::StalePart) = attempt {
        // The part left by an earlier pull was damaged; it is gone now.
        attempt = download(&job, &layer).await;
    }
    match attempt? {
        Outcome::Done => {
            job.line.say(Phase::Pulled, job.line.total);
            Ok(())
        }
        Outcome::StalePart => Err(wrong_digest(&job.layer.descriptor.digest)),
    }
}

/// How a download ended.
enum Outcome {
    Done,
    /// What it went on from was not the beginning of this blob.
    StalePart,
}

async fn download(job: &Job<'_>, layer: &Arc<NewLayer>) -> Result<Outcome> {
    let part = {
        let (store, digest) = (job.layer.store.clone(), job.layer.descriptor.digest.clone());
        let size = job.layer.descriptor.size;
        blocking(move || Part::open(&store, &digest, size)).await?
    };
    let start = part.length;
    let (sender, receiver) = channel(WAITING);
    let unpacking = {
        let (wanted, layer) = (job.layer.clone(), Arc::clone(layer));
        blocking(move || unpack_part(&wanted, &layer, part, receiver))
    };
    let fetching = async {
        let mut sink = Pieces { sender, piece: Vec::new(), line: &job.line, done: start };
        let Descriptor { digest, size, .. } = &job.layer.descriptor;
        let fetched = job.registry.blob(digest, *size, start, &mut sink).await;
        // Also after a failure: the next pull goes on behind it.
        let fetched = fetched.and(sink.hand_on().await);
        if fetched.is_ok() {
            job.line.say(Phase::Extracting, *size);
        }
        fetched
    };
    let (fetched, unpacked) = tokio::join!(fetching, unpacking);
    match (fetched, unpacked) {
        // What stopped because the other side did is no reason.
        (Err(error), Err(cause)) if cause.kind() == Kind::Interrupted => Err(error),
        (Err(_), Err(cause)) => Err(cause),
        (Err(error), Ok(_)) => Err(error),
        (Ok(()), Err(error)) => Err(error),
        (Ok(()), Ok(Verdict::Right)) => Ok(Outcome::Done),
        (Ok(()), Ok(Verdict::Wrong(_))) if start > 0 => Ok(Outcome::StalePart),
        (Ok(()), Ok(Verdict::Wrong(error))) => Err(error),
    }
}

/// The connection's side of the way.
struct Pieces<'a> {
    sender: Sender<Vec<u8>>,
    /// Not handed on yet.
    piece: Vec<u8>,
    line: &'a Line<'a>,
    done: u64,
}

impl Pieces<'_> {
    async fn hand_on(&mut self) -> Result<()> {
        let gone = |_| Error::new(Kind::Interrupted, "the layer cannot be unpacked");
        match std::mem::take(&mut self.piece) {
            piece if piece.is_empty() => Ok(()),
            piece => self.sender.send(piece).await.map_err(gone),
        }
    }
}

impl BlobSink for Pieces<'_> {
    async fn take(&mut self, bytes: &[u8]) -> Result<()> {
        if self.piece.is_empty() {
            self.piece.reserve(PIECE + bytes.len());
        }
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.hand_on().await?;
        }
        self.done += bytes.len() as u64;
        self.line.say(Phase::Downloading, self.done);
        Ok(())
    }
}

/// A partly downloaded blob: ours alone as long as it is open.
struct Part {
    path: PathBuf,
    file: File,
    /// Bytes an earlier pull left.
    length: u64,
    _lock: Lock,
}

impl Part {
    fn open(store: &Store, digest: &Digest, size: u64) -> Result<Part> {
        let lock = Lock::wait(&store.staging_lock(&format!("blob-{}", digest.hex())))?;
        let path = store.partial(digest);
        let mut options = File::options();
        options.read(true).append(true).create(true);
        let failed = || format!("cannot open {}", path.display());
        let file = options.open(&path).context(failed)?;
        let mut length = file.metadata().context(failed)?.len();
        if length > size {
            file.set_len(0).context(failed)?;
            length = 0;
        }
        Ok(Part { path, file, length, _lock: lock })
    }
}

/// What was found at the end.
enum Verdict {
    Right,
    Wrong(Error),
}

/// The disk's side: writes, hashes and unpacks what arrives; at the end, compares and keeps it.
fn unpack_part(
    wanted: &Wanted,
    layer: &NewLayer,
    part: Part,
    receiver: Receiver<Vec<u8>>,
) -> Result<Verdict> {
    let files = layer.empty_files()?;
    let old = part.file.try_clone().context(|| "cannot read the part".to_owned())?;
    let path = part.path.clone();
    let part_length = part.length;
    let arriving = Arriving {
        old: old.take(part_length),
        receiver,
        part,
        piece: Vec::new(),
        used: 0,
        missing: wanted.descriptor.size - part_length,
        unsettled: 0,
        given_up: false,
    };
    let mut source = Hashing::new(arriving);
    let unpacked = unpack(&mut source, &files, &Limits::for_disk(&files), |_| Ok(()));
    if unpacked.is_err() {
        if source.get_ref().given_up {
            return Err(Error::new(Kind::Interrupted, "the download was given up"));
        }
        // Garbage may fail to unpack before its digest is known to be wrong: see which it is.
        let drained = io::copy(&mut source, &mut io::sink());
        if drained.is_err() {
            return unpacked.map(|_| Verdict::Right);
        }
    }
    let (_, digest, size) = source.finish();
    let error = match unpacked {
        _ if digest != wanted.descriptor.digest => wrong_digest(&wanted.descriptor.digest),
        Ok(unpacked) if unpacked.diff_id == wanted.diff_id => {
            keep(wanted, layer, &path, &unpacked, size)?;
            return Ok(Verdict::Right);
        }
        Ok(_) => {
            let message = format!(
                "layer {} does not contain what the configuration says",
                wanted.descriptor.digest.short()
            );
            Error::new(Kind::Invalid, message)
        }
        Err(error) => return Err(error),
    };
    // It would only be wrong again.
    std::fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
    Ok(Verdict::Wrong(error))
}

fn keep(
    wanted: &Wanted,
    layer: &NewLayer,
    path: &std::path::Path,
    unpacked: &Unpacked,
    size: u64,
) -> Result<()> {
    let blob = LayerBlob {
        digest: wanted.descriptor.digest.clone(),
        size,
        media_type: wanted.descriptor.media_type.clone(),
    };
    wanted.store.keep_layer_blob(path, &blob.digest)?;
    let record = LayerRecord { size: unpacked.size, blob: Some(blob) };
    wanted.store.add_layer(layer, &wanted.diff_id, &record)
}

fn wrong_digest(digest: &Digest) -> Error {
    let message = format!("layer {} is not what its digest says", digest.short());
    Error::new(Kind::Invalid, message).hint("the registry, or something on the way, is broken")
}

/// A blob as it arrives: first what an earlier pull left, then new pieces, which are written down.
struct Arriving {
    old: io::Take<File>,
    receiver: Receiver<Vec<u8>>,
    part: Part,
    piece: Vec<u8>,
    used: usize,
    /// Bytes of the blob that did not arrive yet.
    missing: u64,
    /// Bytes that the disk was not asked to take yet.
    unsettled: u64,
    /// The connection's side ended before the blob did.
    given_up: bool,
}

impl Read for Arriving {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.old.limit() > 0 {
            return self.old.read(buffer);
        }
        if self.used == self.piece.len() {
            if self.missing == 0 {
                return Ok(0);
            }
            // What arrived so far is no wrong blob, only not all of it.
            let Some(piece) = self.receiver.blocking_recv() else {
                self.given_up = true;
                return Err(io::Error::other("the download was given up"));
            };
            self.part.file.write_all(&piece)?;
            self.missing -= piece.len() as u64;
            self.unsettled += piece.len() as u64;
            if self.unsettled >= WRITE_BACK || self.missing == 0 {
                self.unsettled = 0;
                // A hint: what cannot be written is told when the layer is settled.
                let _ = sys::fs::begin_write_back(self.part.file.as_fd());
            }
            (self.piece, self.used) = (piece, 0);
        }
        let piece = &self.piece[self.used..];
        let count = piece.len().min(buffer.len());
        buffer[..count].copy_from_slice(&piece[..count]);
        self.used += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::hash::sha256;
    use crate::image::manifest::media;
    use crate::image::store::tests::world;

    /// stuck-layer: what does not fit between the threads must not keep them, nor their locks.
    #[test]
    fn a_layer_that_cannot_be_unpacked_ends_the_download_with_the_cause() {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Link);
        header.set_size(0);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        let mut builder = tar::Builder::new(Vec::new());
        builder.append_link(&mut header, "link", "missing").unwrap();
        let mut archive = builder.into_inner().unwrap();
        archive.resize(20 << 20, 0);

        let world = world();
        let (digest, size) = (sha256(&archive), archive.len() as u64);
        let (store, diff_id) = (world.store.clone(), digest.clone());
        let descriptor = Descriptor {
            media_type: media::OCI_LAYER.to_owned(),
            digest: digest.clone(),
            size,
            platform: None,
            annotations: std::collections::BTreeMap::new(),
        };
        let wanted = Wanted { store, descriptor, diff_id };
        let (done, ends) = std::sync::mpsc::channel();
        let (sender, receiver) = channel(WAITING);
        let given = archive.clone();
        std::thread::spawn(move || {
            let sent = given.chunks(PIECE).all(|it| sender.blocking_send(it.to_vec()).is_ok());
            drop(sender);
            sent
        });
        std::thread::spawn(move || {
            let Begun::New(layer) = wanted.store.begin_layer(&wanted.diff_id).unwrap() else {
                panic!("the layer is there")
            };
            let part = Part::open(&wanted.store, &wanted.descriptor.digest, size).unwrap();
            done.send(unpack_part(&wanted, &layer, part, receiver).map(drop).unwrap_err())
        });
        let error = ends.recv_timeout(std::time::Duration::from_secs(60)).expect("it hangs");
        assert!(error.to_string().contains("a link to /missing"), "{error}");
        let lock = world.store.staging_lock(&format!("blob-{}", digest.hex()));
        assert!(!crate::state::lock::is_held(&lock).unwrap());
    }
}
