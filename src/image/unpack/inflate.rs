//! Compressed streams, told apart by their first bytes as Docker does, whatever their media type.

use std::io::{self, BufReader, Read};

use crate::base::Result;
use crate::image::manifest::media;

use super::header::invalid;

/// How an archive is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    Plain,
    /// gzip, possibly of several members.
    Gzip,
    /// zstd, possibly of several frames.
    Zstd,
}

/// zstd may not ask for more memory than this to look back (2^27 bytes).
const ZSTD_WINDOW_LOG: u32 = 27;

/// How much is read at once.
const READ: usize = 256 << 10;

impl Compression {
    /// Sees it from the first bytes.
    ///
    /// # Errors
    /// It is one we cannot read.
    pub fn of(start: &[u8]) -> Result<Compression> {
        let other =
            |name: &str| Err(invalid(format!("archives compressed with {name} are not supported")));
        match start {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => {
                Ok(Compression::Zstd)
            }
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => other("xz"),
            [b'B', b'Z', b'h', ..] => other("bzip2"),
            _ => Ok(Compression::Plain),
        }
    }

    /// The layer media type of an archive compressed so.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Compression::Plain => media::OCI_LAYER,
            Compression::Gzip => media::OCI_LAYER_GZIP,
            Compression::Zstd => media::OCI_LAYER_ZSTD,
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
    let compression = Compression::of(&start[..length]).map_err(io::Error::other)?;
    let whole = io::Cursor::new(start[..length].to_vec()).chain(input);
    let reader: Box<dyn Read + Send + 'a> = match compression {
        Compression::Plain => Box::new(whole),
        Compression::Gzip => {
            Box::new(flate2::bufread::MultiGzDecoder::new(BufReader::with_capacity(READ, whole)))
        }
        Compression::Zstd => {
            let buffered = BufReader::with_capacity(READ, whole);
            let mut decoder = zstd::stream::read::Decoder::with_buffer(buffered)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
    };
    Ok((reader, compression))
}
