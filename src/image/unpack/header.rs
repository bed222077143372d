//! One 512-byte header of a tar archive: ustar, GNU, star or older.

use crate::base::{Error, Kind, Result};

/// Everything in a tar archive is padded to this many bytes.
pub const BLOCK: usize = 512;

/// Which dialect a header speaks; they disagree on what its last bytes mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dialect {
    Old,
    Ustar,
    Star,
    Gnu,
}

/// A header whose checksum is right.
#[derive(Debug)]
pub struct Header<'a> {
    block: &'a [u8; BLOCK],
    dialect: Dialect,
}

/// Offset and length of a part of a sparse file that is no hole.
pub type Region = (i64, i64);

/// Positions of the fields (POSIX: pax, ustar Interchange Format; GNU tar: tar.h).
mod at {
    use std::ops::Range;
    pub const NAME: Range<usize> = 0..100;
    pub const MODE: Range<usize> = 100..108;
    pub const UID: Range<usize> = 108..116;
    pub const GID: Range<usize> = 116..124;
    pub const SIZE: Range<usize> = 124..136;
    pub const MTIME: Range<usize> = 136..148;
    pub const CHECKSUM: Range<usize> = 148..156;
    pub const TYPE: usize = 156;
    pub const LINK: Range<usize> = 157..257;
    pub const MAGIC: Range<usize> = 257..265;
    pub const MAJOR: Range<usize> = 329..337;
    pub const MINOR: Range<usize> = 337..345;
    pub const PREFIX: Range<usize> = 345..500;
    pub const STAR_PREFIX: Range<usize> = 345..476;
    pub const STAR_TRAILER: Range<usize> = 508..512;
    pub const GNU_SPARSE: Range<usize> = 386..482;
    pub const GNU_SPARSE_MORE: usize = 482;
    pub const GNU_REAL_SIZE: Range<usize> = 483..495;
}

impl<'a> Header<'a> {
    /// Checks the checksum and sees which dialect it is.
    ///
    /// # Errors
    /// This is not a header.
    pub fn read(block: &'a [u8; BLOCK]) -> Result<Header<'a>> {
        let stated = number(&block[at::CHECKSUM]).ok();
        let spaces = at::CHECKSUM.len() as i64 * i64::from(b' ');
        let others = || block[..148].iter().chain(&block[156..]);
        let unsigned: i64 = others().map(|byte| i64::from(*byte)).sum::<i64>() + spaces;
        // Some old programs added signed bytes.
        let signed: i64 = others().map(|byte| i64::from(*byte as i8)).sum::<i64>() + spaces;
        if stated != Some(unsigned) && stated != Some(signed) {
            return Err(invalid("not a tar archive, or a damaged one: wrong header checksum"));
        }
        let dialect = match &block[at::MAGIC] {
            b"ustar  \0" => Dialect::Gnu,
            magic if magic.starts_with(b"ustar\0") => match &block[at::STAR_TRAILER] {
                b"tar\0" => Dialect::Star,
                _ => Dialect::Ustar,
            },
            _ => Dialect::Old,
        };
        Ok(Header { block, dialect })
    }

    /// Name with the prefix some dialects have.
    pub fn path(&self) -> Vec<u8> {
        let name = text(&self.block[at::NAME]);
        let prefix = match self.dialect {
            Dialect::Ustar => text(&self.block[at::PREFIX]),
            Dialect::Star => text(&self.block[at::STAR_PREFIX]),
            Dialect::Old | Dialect::Gnu => b"",
        };
        match prefix {
            b"" => name.to_vec(),
            prefix => [prefix, b"/", name].concat(),
        }
    }

    /// What links point to.
    pub fn link(&self) -> Vec<u8> {
        text(&self.block[at::LINK]).to_vec()
    }

    /// Type letter.
    pub fn kind(&self) -> u8 {
        self.block[at::TYPE]
    }

    pub fn mode(&self) -> Result<i64> {
        number(&self.block[at::MODE])
    }

    pub fn uid(&self) -> Result<i64> {
        number(&self.block[at::UID])
    }

    pub fn gid(&self) -> Result<i64> {
        number(&self.block[at::GID])
    }

    pub fn size(&self) -> Result<i64> {
        number(&self.block[at::SIZE])
    }

    pub fn mtime(&self) -> Result<i64> {
        number(&self.block[at::MTIME])
    }

    /// Major and minor number of a device.
    pub fn device(&self) -> Result<(i64, i64)> {
        match self.dialect {
            Dialect::Old => Ok((0, 0)),
            _ => Ok((number(&self.block[at::MAJOR])?, number(&self.block[at::MINOR])?)),
        }
    }

    /// Of an old GNU sparse file: its first regions, whether more blocks of them follow, and the
    /// file's real size.
    pub fn gnu_sparse(&self) -> Result<(Vec<Region>, bool, i64)> {
        if self.dialect != Dialect::Gnu {
            return Err(invalid("sparse file in an archive that is not GNU tar's"));
        }
        let regions = sparse_regions(&self.block[at::GNU_SPARSE])?;
        let more = self.block[at::GNU_SPARSE_MORE] != 0;
        Ok((regions, more, number(&self.block[at::GNU_REAL_SIZE])?))
    }
}

/// A further block of an old GNU sparse map: 21 regions, and whether another block follows.
pub fn gnu_sparse_more(block: &[u8; BLOCK]) -> Result<(Vec<Region>, bool)> {
    Ok((sparse_regions(&block[..504])?, block[504] != 0))
}

/// Pairs of 12-byte offset and length; an empty one ends the list.
fn sparse_regions(fields: &[u8]) -> Result<Vec<Region>> {
    let used = fields.chunks_exact(24).take_while(|pair| pair[0] != 0);
    used.map(|pair| Ok((number(&pair[..12])?, number(&pair[12..])?))).collect()
}

/// Up to the first NUL.
fn text(field: &[u8]) -> &[u8] {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    &field[..end]
}

/// Octal digits, or big-endian two's complement when the first bit is set (GNU).
fn number(field: &[u8]) -> Result<i64> {
    let bad = || invalid("damaged tar header: a field is not a number");
    if field[0] & 0x80 != 0 {
        let negative = field[0] & 0x40 != 0;
        // The first bit is a mark; the second is the sign.
        let first = if negative { field[0] | 0x80 } else { field[0] & 0x7f };
        let start = i64::from(first as i8);
        return field[1..].iter().try_fold(start, |sum, byte| {
            sum.checked_mul(256).map(|sum| sum | i64::from(*byte)).ok_or_else(bad)
        });
    }
    let digits = text(field).trim_ascii();
    let octal = |sum: i64, byte: &u8| match byte {
        b'0'..=b'7' => sum.checked_mul(8).map(|sum| sum | i64::from(byte - b'0')),
        _ => None,
    };
    digits.iter().try_fold(0, octal).ok_or_else(bad)
}

/// Something in the archive is wrong.
pub fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_binary() {
        for (field, value) in [
            (&b"0000644\0"[..], 0o644),
            (b"   644 \0", 0o644),
            (b"\0\0\0\0\0\0\0\0", 0),
            (b"\x80\0\0\0\0\0\x01\0", 256),
            (b"\xff\xff\xff\xff\xff\xff\xff\xfe", -2),
            (b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MAX),
        ] {
            assert_eq!(number(field).unwrap(), value, "{field:?}");
        }
        for field in
            [&b"00x\0"[..], b"8\0", b"-1\0", b"\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"]
        {
            assert!(number(field).is_err(), "{field:?}");
        }
    }
}
