//! Extended headers: names, sizes and attributes that do not fit into a ustar header.

use crate::base::Result;

use super::header::invalid;

/// Longest extended header, GNU name or sparse map we read (CVE-2025-58183: memory).
pub const MAX_EXTENDED: u64 = 1 << 20;

/// What an extended header says about the next entry. `None`: the header's own field counts.
#[derive(Clone, Debug, Default)]
pub struct Pax {
    pub path: Option<Vec<u8>>,
    pub link: Option<Vec<u8>>,
    pub size: Option<i64>,
    pub uid: Option<i64>,
    pub gid: Option<i64>,
    /// Seconds and nanoseconds.
    pub mtime: Option<(i64, u32)>,
    /// Names and values, the last of a name counts.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub sparse: PaxSparse,
}

/// The three ways in which GNU tar writes sparse files with extended headers.
#[derive(Clone, Debug, Default)]
pub struct PaxSparse {
    /// 1.0: the map stands before the data.
    pub map_in_data: bool,
    /// 0.0 and 0.1: offsets and lengths in turn.
    pub map: Vec<i64>,
    pub name: Option<Vec<u8>>,
    pub real_size: Option<i64>,
}

impl PaxSparse {
    /// Whether the entry is a sparse file.
    pub fn is_sparse(&self) -> bool {
        self.map_in_data || !self.map.is_empty() || self.real_size.is_some()
    }
}

impl Pax {
    /// Adds the records of one extended header.
    ///
    /// # Errors
    /// A record is malformed: two readers could see different entries then (CVE-2025-62518).
    pub fn read(&mut self, mut records: &[u8]) -> Result<()> {
        while !records.is_empty() {
            let (key, value, rest) = split_record(records)
                .ok_or_else(|| invalid("damaged extended header in the archive"))?;
            self.set(key, value)?;
            records = rest;
        }
        Ok(())
    }

    /// A global header: it may say little, and nothing about sizes.
    ///
    /// # Errors
    /// It is malformed, or says what only makes sense for one entry.
    pub fn read_global(&mut self, records: &[u8]) -> Result<()> {
        let mut global = Pax::default();
        global.read(records)?;
        if global.size.is_some()
            || global.path.is_some()
            || global.link.is_some()
            || global.sparse.is_sparse()
        {
            return Err(invalid("global extended header gives all entries one name or size"));
        }
        self.uid = global.uid.or(self.uid);
        self.gid = global.gid.or(self.gid);
        self.mtime = global.mtime.or(self.mtime);
        Ok(())
    }

    /// An empty value takes a setting back (POSIX: pax Extended Header).
    fn set(&mut self, key: &[u8], value: &[u8]) -> Result<()> {
        if let Some(name) = key.strip_prefix(b"SCHILY.xattr.") {
            self.xattrs.retain(|(known, _)| known != name);
            self.xattrs.push((name.to_vec(), value.to_vec()));
            return Ok(());
        }
        let text = || (!value.is_empty()).then(|| value.to_vec());
        match key {
            b"path" => self.path = name(value)?,
            b"linkpath" => self.link = name(value)?,
            b"size" => self.size = number(value)?,
            b"uid" => self.uid = number(value)?,
            b"gid" => self.gid = number(value)?,
            b"mtime" => self.mtime = time(value)?,
            b"GNU.sparse.name" => self.sparse.name = name(value)?,
            b"GNU.sparse.major" => self.sparse.map_in_data = text().as_deref() == Some(b"1"),
            b"GNU.sparse.realsize" | b"GNU.sparse.size" => self.sparse.real_size = number(value)?,
            b"GNU.sparse.offset" | b"GNU.sparse.numbytes" => {
                self.sparse.map.push(number(value)?.unwrap_or(0));
            }
            b"GNU.sparse.map" if value.is_empty() => self.sparse.map.clear(),
            b"GNU.sparse.map" => {
                let numbers = value.split(|byte| *byte == b',');
                let numbers = numbers.map(|part| Ok(number(part)?.unwrap_or(0)));
                self.sparse.map = numbers.collect::<Result<_>>()?;
            }
            // Access times, comments, character sets and other programs' keys say nothing to us.
            _ => {}
        }
        Ok(())
    }
}

/// `LENGTH KEY=VALUE\n`, where the length counts everything.
fn split_record(records: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let space = records.iter().take(20).position(|byte| *byte == b' ')?;
    let digits = &records[..space];
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let length: usize = plain.then(|| std::str::from_utf8(digits).ok()?.parse().ok())??;
    let (record, rest) = records.split_at_checked(length)?;
    let body = record.get(space + 1..)?.strip_suffix(b"\n")?;
    let equals = body.iter().position(|byte| *byte == b'=')?;
    (equals > 0).then(|| (&body[..equals], &body[equals + 1..], rest))
}

fn name(value: &[u8]) -> Result<Option<Vec<u8>>> {
    match value.contains(&0) {
        true => Err(invalid("a name in the archive contains NUL")),
        false => Ok((!value.is_empty()).then(|| value.to_vec())),
    }
}

fn number(value: &[u8]) -> Result<Option<i64>> {
    let bad = || invalid("damaged extended header in the archive: not a number");
    match value {
        b"" => Ok(None),
        digits if digits.iter().all(u8::is_ascii_digit) => {
            let digits = std::str::from_utf8(digits).map_err(|_| bad())?;
            digits.parse().map(Some).map_err(|_| bad())
        }
        _ => Err(bad()),
    }
}

/// Decimal seconds, possibly negative and with a fraction, cut to nanoseconds.
fn time(value: &[u8]) -> Result<Option<(i64, u32)>> {
    let bad = || invalid("damaged extended header in the archive: not a time");
    if value.is_empty() {
        return Ok(None);
    }
    let text = std::str::from_utf8(value).map_err(|_| bad())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().map_err(|_| bad())?;
    if !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(bad());
    }
    let digits: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let nanoseconds: u32 = digits.parse().map_err(|_| bad())?;
    match (whole.starts_with('-'), nanoseconds) {
        // -1.25 is 0.75 after -2.
        (true, 1..) => {
            Ok(Some((seconds.checked_sub(1).ok_or_else(bad)?, 1_000_000_000 - nanoseconds)))
        }
        _ => Ok(Some((seconds, nanoseconds))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read() {
        let mut pax = Pax::default();
        pax.read(b"12 path=a/b\n13 mtime=1.5\n11 size=12\n").unwrap();
        assert_eq!(pax.path.as_deref(), Some(&b"a/b"[..]));
        assert_eq!((pax.mtime, pax.size), (Some((1, 500_000_000)), Some(12)));
        pax.read(b"8 size=\n15 mtime=-1.25\n28 SCHILY.xattr.user.a=x=\ny\n").unwrap();
        assert_eq!((pax.mtime, pax.size), (Some((-2, 750_000_000)), None));
        assert_eq!(pax.xattrs, [(b"user.a".to_vec(), b"x=\ny".to_vec())]);
    }

    #[test]
    fn malformed_records_are_refused() {
        for records in [
            &b"12 path=a/c"[..],
            b"5 a\n",
            b"999 path=a\n",
            b" path=a\n",
            b"-1 path=a\n",
            b"+9 path=a\n",
            b"11 path=a\0b\n",
            b"9 size=x\n",
            b"10 size=-1\n",
            b"5 =a\n",
            b"0 a=b\n",
        ] {
            assert!(
                Pax::default().read(records).is_err(),
                "{:?}",
                String::from_utf8_lossy(records)
            );
        }
        assert!(Pax::default().read_global(b"11 size=12\n").is_err());
    }
}
