//! Compressed streams, told apart by their first bytes as Docker does, whatever their media type.

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::GzDecoder;

use crate::image::manifest::media;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, possibly of several members.
    Gzip,
    /// zstd, possibly of several frames.
    Zstd,
    /// xz, possibly of several streams.
    Xz,
    /// bzip2, possibly of several streams.
    Bzip2,
}

/// zstd may not ask for more memory than this to look back (2^27 bytes).
const ZSTD_WINDOW_LOG: u32 = 27;

/// xz may not ask for more memory than this to look back, in KiB (`xz -9` needs 64 MiB).
const XZ_MEMORY: u32 = 256 << 10;

/// How much is read at once.
const READ: usize = 256 << 10;

impl Compression {
    /// Sees it from the first bytes.
    #[must_use]
    pub fn of(start: &[u8]) -> Compression {
        match start {
            [0x1f, 0x8b, ..] => Compression::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Compression::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Compression::Xz,
            [b'B', b'Z', b'h', ..] => Compression::Bzip2,
            _ => Compression::Plain,
        }
    }

    /// The layer media type of an archive compressed so; `None`: images have no such layers, and
    /// the archive must be compressed in another way first (OCI: layer.md#layer-media-types).
    #[must_use]
    pub fn media_type(self) -> Option<&'static str> {
        match self {
            Compression::Plain => Some(media::OCI_LAYER),
            Compression::Gzip => Some(media::OCI_LAYER_GZIP),
            Compression::Zstd => Some(media::OCI_LAYER_ZSTD),
            Compression::Xz | Compression::Bzip2 => None,
        }
    }
}

/// A reader of the inflated archive, and how it was compressed.
///
/// # Errors
/// The stream cannot be read, or is compressed in a way we do not know.
pub fn inflating<'a, R: Read + Send + 'a>(
    mut input: R,
) -> io::Result<(Box<dyn Read + Send + 'a>, Compression)> {
    let mut start = [0; 6];
    let mut length = 0;
    while length < start.len() {
        match input.read(&mut start[length..])? {
            0 => break,
            count => length += count,
        }
    }
    let compression = Compression::of(&start[..length]);
    let whole = io::Cursor::new(start[..length].to_vec()).chain(input);
    let reader: Box<dyn Read + Send + 'a> = match compression {
        Compression::Plain => Box::new(whole),
        Compression::Gzip => Box::new(Members::new(BufReader::with_capacity(READ, whole))),
        Compression::Zstd => {
            let buffered = BufReader::with_capacity(READ, whole);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let buffered = BufReader::with_capacity(READ, whole);
            Box::new(lzma_rust2::XzReader::new_mem_limit(buffered, true, XZ_MEMORY))
        }
        Compression::Bzip2 => {
            Box::new(bzip2::bufread::MultiBzDecoder::new(BufReader::with_capacity(READ, whole)))
        }
    };
    Ok((reader, compression))
}

/// gzip members one after another, up to the end or to the zeros that tapes and block devices leave
/// behind it (gzip(1): they are ignored).
struct Members<R> {
    /// `None`: everything was read.
    current: Option<GzDecoder<R>>,
}

impl<R: BufRead> Members<R> {
    fn new(input: R) -> Members<R> {
        Members { current: Some(GzDecoder::new(input)) }
    }
}

impl<R: BufRead> Read for Members<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.current {
            let count = member.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            let Some(mut input) = self.current.take().map(GzDecoder::into_inner) else { break };
            let padded = skip_zeros(&mut input)?;
            match (input.fill_buf()?.is_empty(), padded) {
                (true, _) => {}
                (false, false) => self.current = Some(GzDecoder::new(input)),
                (false, true) => return Err(io::Error::other("gzip stream goes on after its end")),
            }
        }
        Ok(0)
    }
}

/// Passes over zeros; says whether there were any.
fn skip_zeros(input: &mut impl BufRead) -> io::Result<bool> {
    let mut any = false;
    loop {
        let piece = input.fill_buf()?;
        let zeros = piece.iter().take_while(|byte| **byte == 0).count();
        let ends = zeros < piece.len() || piece.is_empty();
        input.consume(zeros);
        any |= zeros > 0;
        if ends {
            return Ok(any);
        }
    }
}
