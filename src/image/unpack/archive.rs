//! Reads a tar archive entry by entry, trusting nothing in it.
//!
//! Where dialects contradict each other, or two readers could see different entries, the archive
//! is refused (CVE-2025-62518 and its kin): an extended header's size counts for the data that
//! follows, whatever the plain header says.

use std::io::{self, BufRead};

use crate::base::{Context, Result};

use super::header::{BLOCK, Header, gnu_sparse_more, invalid};
use super::pax::{MAX_EXTENDED, Pax, PaxSparse};

/// Most regions a sparse file may have (CVE-2017-14992: memory).
const MAX_REGIONS: usize = 65_536;

/// What an entry becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    File,
    HardLink,
    Symlink,
    CharDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// One file, directory or link.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: Vec<u8>,
    pub kind: EntryKind,
    /// What a link points to.
    pub link: Vec<u8>,
    /// Permission bits with set-id and sticky.
    pub mode: u32,
    pub uid: u32,
    pub gid: u32,
    /// Seconds and nanoseconds.
    pub mtime: (i64, u32),
    /// Bytes of the file, holes included.
    pub size: u64,
    pub device: (u32, u32),
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Offset and length of what is not a hole; `None`: the file is stored whole.
    pub regions: Option<Vec<(u64, u64)>>,
}

/// An archive being read.
#[derive(Debug)]
pub struct Archive<R> {
    input: R,
    /// Of the current entry's data, what nobody read yet.
    unread: u64,
    /// After the data, up to the next block.
    padding: u64,
    global: Pax,
}

impl<R: BufRead> Archive<R> {
    pub fn new(input: R) -> Archive<R> {
        Archive { input, unread: 0, padding: 0, global: Pax::default() }
    }

    /// The next entry; `None` at the archive's end, where everything is read up to the input's.
    ///
    /// # Errors
    /// The archive is damaged, cut off or ambiguous; the input fails.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.skip_rest()?;
        let mut pax: Option<Pax> = None;
        let (mut long_name, mut long_link) = (None, None);
        loop {
            let Some(block) = self.header_block()? else {
                return match pax.is_some() || long_name.is_some() || long_link.is_some() {
                    true => Err(invalid("archive ends after an extended header")),
                    false => Ok(None),
                };
            };
            let header = Header::read(&block)?;
            match header.kind() {
                b'x' if pax.is_none() => {
                    let mut local = self.global.clone();
                    local.read(&self.extension(&header)?)?;
                    pax = Some(local);
                }
                b'g' => {
                    let records = self.extension(&header)?;
                    self.global.read_global(&records)?;
                }
                b'L' if long_name.is_none() => long_name = Some(self.long_text(&header)?),
                b'K' if long_link.is_none() => long_link = Some(self.long_text(&header)?),
                b'x' | b'L' | b'K' => return Err(invalid("two extended headers for one entry")),
                // A volume's label is no file.
                b'V' => self.begin_data(0)?,
                _ => {
                    let pax = pax.unwrap_or_else(|| self.global.clone());
                    return self.entry(&header, pax, long_name, long_link).map(Some);
                }
            }
        }
    }

    /// The next piece of the current entry's data; empty at its end.
    ///
    /// # Errors
    /// The archive is cut off, or the input fails.
    pub fn data(&mut self) -> Result<&[u8]> {
        if self.unread == 0 {
            return Ok(&[]);
        }
        let limit = usize::try_from(self.unread).unwrap_or(usize::MAX);
        let piece = self.input.fill_buf().context(|| "cannot read the archive".to_owned())?;
        match piece.len() {
            0 => Err(cut_off()),
            length => Ok(&piece[..length.min(limit)]),
        }
    }

    /// Says that this much of [`Archive::data`] was used.
    pub fn used(&mut self, count: usize) {
        self.input.consume(count);
        self.unread -= count as u64;
    }

    /// A header; `None` at the end mark, or where the input ends without one (some writers leave
    /// it out).
    fn header_block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let mut block = [0; BLOCK];
        match self.fill(&mut block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(cut_off()),
        }
        if block.iter().any(|byte| *byte != 0) {
            return Ok(Some(block));
        }
        let second = self.fill(&mut block)?;
        if block[..second].iter().any(|byte| *byte != 0) {
            return Err(invalid("archive goes on after half an end mark"));
        }
        let mut rest = [0; 16 * BLOCK];
        while self.fill(&mut rest)? > 0 {}
        Ok(None)
    }

    /// Reads until `buffer` is full or the input ends; says how much it was.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let mut count = 0;
        while count < buffer.len() {
            match self.input.read(&mut buffer[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context(|| "cannot read the archive".to_owned()),
            }
        }
        Ok(count)
    }

    fn begin_data(&mut self, size: u64) -> Result<()> {
        self.unread = size;
        self.padding = size.next_multiple_of(BLOCK as u64) - size;
        Ok(())
    }

    /// Passes over what is left of the current entry.
    fn skip_rest(&mut self) -> Result<()> {
        let mut left = self.unread + self.padding;
        (self.unread, self.padding) = (0, 0);
        while left > 0 {
            let piece = self.input.fill_buf().context(|| "cannot read the archive".to_owned())?;
            let count = piece.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            if count == 0 {
                return Err(cut_off());
            }
            self.input.consume(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// Content of an extended header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = unsigned(header.size()?)?;
        if size > MAX_EXTENDED {
            return Err(invalid("extended header in the archive is larger than 1 MiB"));
        }
        self.begin_data(size)?;
        let mut content = vec![0; size as usize];
        if self.fill(&mut content)? < content.len() {
            return Err(cut_off());
        }
        self.unread = 0;
        self.skip_rest()?;
        Ok(content)
    }

    /// A GNU long name: up to its NUL.
    fn long_text(&mut self, header: &Header) -> Result<Vec<u8>> {
        let mut text = self.extension(header)?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        text.truncate(end);
        Ok(text)
    }

    fn entry(
        &mut self,
        header: &Header,
        mut pax: Pax,
        long_name: Option<Vec<u8>>,
        long_link: Option<Vec<u8>>,
    ) -> Result<Entry> {
        if (pax.path.is_some() && long_name.is_some())
            || (pax.link.is_some() && long_link.is_some())
        {
            return Err(invalid("entry has two long names"));
        }
        let path =
            pax.sparse.name.take().or(pax.path).or(long_name).unwrap_or_else(|| header.path());
        let link = pax.link.or(long_link).unwrap_or_else(|| header.link());
        let kind = entry_kind(header.kind(), &path)?;
        let stored = unsigned(pax.size.map_or_else(|| header.size(), Ok)?)?;
        let is_file = kind == EntryKind::File;
        if stored > 0 && !is_file && kind != EntryKind::HardLink {
            let name = String::from_utf8_lossy(&path);
            return Err(invalid(format!("`{name}` in the archive has content, but is no file")));
        }
        // Old programs wrote the file's size into hard links, without data (Go: archive/tar).
        self.begin_data(if is_file { stored } else { 0 })?;
        let mut entry = Entry {
            path,
            kind,
            link,
            mode: unsigned(header.mode()?)? as u32 & 0o7777,
            uid: id(pax.uid.map_or_else(|| header.uid(), Ok)?)?,
            gid: id(pax.gid.map_or_else(|| header.gid(), Ok)?)?,
            mtime: pax.mtime.map_or_else(|| header.mtime().map(|seconds| (seconds, 0)), Ok)?,
            size: if is_file { stored } else { 0 },
            device: (0, 0),
            xattrs: pax.xattrs,
            regions: None,
        };
        if matches!(kind, EntryKind::CharDevice | EntryKind::BlockDevice) {
            let (major, minor) = header.device()?;
            entry.device = (id(major)?, id(minor)?);
        }
        match (header.kind(), pax.sparse.is_sparse()) {
            (b'S', false) => self.gnu_sparse(header, &mut entry)?,
            (b'S', true) => return Err(invalid("entry is sparse in two ways")),
            (_, true) if is_file => self.pax_sparse(&pax.sparse, &mut entry)?,
            _ => {}
        }
        Ok(entry)
    }

    /// Old GNU sparse files: the map goes on in blocks after the header.
    fn gnu_sparse(&mut self, header: &Header, entry: &mut Entry) -> Result<()> {
        let stored = self.unread;
        let (mut pairs, mut more, real_size) = header.gnu_sparse()?;
        while more {
            let mut block = [0; BLOCK];
            if self.fill(&mut block)? < BLOCK {
                return Err(cut_off());
            }
            let (further, again) = gnu_sparse_more(&block)?;
            pairs.extend(further);
            more = again;
            if pairs.len() > MAX_REGIONS {
                return Err(invalid("sparse file has more than 65536 regions"));
            }
        }
        set_regions(entry, &pairs, real_size, stored)
    }

    /// Sparse files described by an extended header; format 1.0 has the map before the data.
    fn pax_sparse(&mut self, sparse: &PaxSparse, entry: &mut Entry) -> Result<()> {
        let flat = match sparse.map_in_data {
            true => self.sparse_map()?,
            false => sparse.map.clone(),
        };
        if !flat.len().is_multiple_of(2) || flat.len() > 2 * MAX_REGIONS {
            return Err(invalid("damaged map of a sparse file"));
        }
        let pairs: Vec<_> = flat.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
        let real_size = sparse.real_size.ok_or_else(|| invalid("sparse file without a size"))?;
        set_regions(entry, &pairs, real_size, self.unread)
    }

    /// Decimal lines: how many pairs, then the pairs; padded to a block.
    fn sparse_map(&mut self) -> Result<Vec<i64>> {
        let mut numbers = Vec::new();
        let mut wanted = None;
        let (mut line, mut consumed) = (0i64, 0u64);
        while wanted.is_none_or(|wanted| numbers.len() < wanted) {
            let byte = *self.data()?.first().ok_or_else(cut_off)?;
            self.used(1);
            consumed += 1;
            match (byte, wanted) {
                (b'0'..=b'9', _) => {
                    let next = line.checked_mul(10).map(|line| line + i64::from(byte - b'0'));
                    line = next.filter(|n| *n >= 0).ok_or_else(|| invalid("damaged sparse map"))?;
                }
                (b'\n', None) if line <= MAX_REGIONS as i64 => {
                    (wanted, line) = (Some(2 * line as usize), 0);
                }
                (b'\n', Some(_)) => numbers.push(std::mem::take(&mut line)),
                _ => return Err(invalid("damaged map of a sparse file")),
            }
        }
        let mut padding = consumed.next_multiple_of(BLOCK as u64) - consumed;
        while padding > 0 {
            let count = (self.data()?.len() as u64).min(padding);
            if count == 0 {
                return Err(cut_off());
            }
            self.used(count as usize);
            padding -= count;
        }
        Ok(numbers)
    }
}

/// Checks that the regions are in order, inside the file, and exactly what is stored.
fn set_regions(entry: &mut Entry, pairs: &[(i64, i64)], real_size: i64, stored: u64) -> Result<()> {
    let real_size = unsigned(real_size)?;
    let (mut end, mut sum, mut regions) = (0u64, 0u64, Vec::with_capacity(pairs.len()));
    for (offset, length) in pairs {
        let (offset, length) = (unsigned(*offset)?, unsigned(*length)?);
        let after = offset.saturating_add(length);
        if offset < end || after > real_size {
            return Err(invalid("regions of a sparse file overlap or lie outside of it"));
        }
        (end, sum) = (after, sum + length);
        regions.push((offset, length));
    }
    if sum != stored {
        return Err(invalid("sparse file has another size than its map"));
    }
    (entry.size, entry.regions) = (real_size, Some(regions));
    Ok(())
}

fn entry_kind(letter: u8, path: &[u8]) -> Result<EntryKind> {
    Ok(match letter {
        // Before there was a letter for directories, a slash marked them.
        0 | b'0' if path.ends_with(b"/") => EntryKind::Directory,
        0 | b'0' | b'7' | b'S' => EntryKind::File,
        b'1' => EntryKind::HardLink,
        b'2' => EntryKind::Symlink,
        b'3' => EntryKind::CharDevice,
        b'4' => EntryKind::BlockDevice,
        b'5' => EntryKind::Directory,
        b'6' => EntryKind::Fifo,
        other => {
            let letter = char::from(other).escape_default();
            return Err(invalid(format!("unknown kind `{letter}` of entry in the archive")));
        }
    })
}

fn unsigned(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| invalid("a size in the archive is negative"))
}

/// Owners and device numbers; the highest value means "unchanged" to chown.
fn id(number: i64) -> Result<u32> {
    let id = u32::try_from(number).ok().filter(|id| *id != u32::MAX);
    id.ok_or_else(|| invalid(format!("{number} in the archive is no user, group or device number")))
}

fn cut_off() -> crate::base::Error {
    invalid("archive is cut off")
}
