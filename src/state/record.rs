//! Records: JSON files that are whole, absent, or damaged. The three are told apart everywhere: a
//! record that cannot be read must never pass for one that was never written.
//!
//! Each record says the format it was written in. Older ones load; one of a newer format is
//! damaged to this version, which does not know what else it says.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::base::{Context, Error, Result};

/// The newest format that this version reads, and the one it writes. Records from before formats
/// were written have none.
const FORMAT: u32 = 1;

/// What a write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process. For tmpfs, and where loss costs only time.
    Process,
    /// A crash of the machine: data and name are on disk when the write returns.
    Machine,
}

/// What is found where a record should be.
#[derive(Clone, Debug, PartialEq)]
pub enum Found<T> {
    /// There is no file.
    Absent,
    /// There is one that cannot be used; why, in a few words, as in `it is empty`.
    Damaged(String),
    /// It was read.
    Record(T),
}

/// Replaces the record at `path` in one step: readers see the old one or the new one.
///
/// The file has mode 0600: specifications contain passwords.
///
/// # Errors
/// The directory is missing, or the disk is full; the old record is untouched then.
pub fn write<T: Serialize>(path: &Path, record: &T, durability: Durability) -> Result<()> {
    let text = encode(path, record)?;
    replace(path, &text, durability).context(|| format!("cannot write {}", path.display()))
}

/// As [`write`], for what must not be lost to a full disk: the file `reserve` is given up for it.
///
/// # Errors
/// As [`write`], when the reserve is not enough or was used up before.
pub fn write_last<T: Serialize>(path: &Path, record: &T, reserve: &Path) -> Result<()> {
    let text = encode(path, record)?;
    let mut written = replace(path, &text, Durability::Machine);
    let full = |error: &std::io::Error| {
        matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
    };
    if written.as_ref().is_err_and(full) && fs::remove_file(reserve).is_ok() {
        written = replace(path, &text, Durability::Machine);
    }
    written.context(|| format!("cannot write {}", path.display()))
}

/// The record as JSON; an object says its format first.
fn encode<T: Serialize>(path: &Path, record: &T) -> Result<Vec<u8>> {
    let text = serde_json::to_vec(record).map_err(|error| {
        Error::other(format!("cannot encode {}", path.display())).with_source(error)
    })?;
    let stamp = format!("{{\"format\":{FORMAT}");
    match text.strip_prefix(b"{") {
        Some(rest) if !text.starts_with(b"{\"format\":") && rest != b"}" => {
            Ok([stamp.as_bytes(), b",", rest].concat())
        }
        _ => Ok(text),
    }
}

/// Writes beside `path`, then renames.
fn replace(path: &Path, text: &[u8], durability: Durability) -> std::io::Result<()> {
    // One writer a file: the process id keeps two processes' temporary files apart.
    let temporary = path.with_extension(format!("new{}", std::process::id()));
    let written = (|| {
        let mut file =
            File::options().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text)?;
        if durability == Durability::Machine {
            file.sync_data()?;
        }
        fs::rename(&temporary, path)
    })();
    if let Err(error) = written {
        // The write's own error matters more than a left-over, which the next write replaces.
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    match (durability, path.parent()) {
        (Durability::Machine, Some(parent)) => sync_directory(parent),
        _ => Ok(()),
    }
}

/// Sees that the names in a directory survive a crash of the machine.
///
/// # Errors
/// The directory is gone, or the disk fails.
pub fn sync_directory(path: &Path) -> std::io::Result<()> {
    File::open(path)?.sync_all()
}

/// Looks for a record. Never fails: what keeps it from being read is its damage.
pub fn look<T: DeserializeOwned>(path: &Path) -> Found<T> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Found::Absent,
        Err(error) if error.raw_os_error() == Some(libc::ENOTDIR) => return Found::Absent,
        Err(error) => return Found::Damaged(error.to_string()),
    };
    match decode(&text) {
        Ok(record) => Found::Record(record),
        Err(why) => Found::Damaged(why),
    }
}

/// The text of a record, or why it is none.
fn decode<T: DeserializeOwned>(text: &[u8]) -> std::result::Result<T, String> {
    /// What all records have in common.
    #[derive(Deserialize)]
    struct Head {
        #[serde(default)]
        format: u32,
    }
    if text.iter().all(|byte| *byte == 0 || byte.is_ascii_whitespace()) {
        return Err("it is empty".to_owned());
    }
    if text.trim_ascii() == b"{}" {
        return Err("it says nothing".to_owned());
    }
    // Some records are no objects, and have no format.
    let head = text.starts_with(b"{").then(|| serde_json::from_slice::<Head>(text)).transpose();
    match head.map_err(|error| error.to_string())? {
        Some(head) if head.format > FORMAT => Err(format!(
            "it has format {}, and this version reads up to {FORMAT}: use the version that wrote \
             it, or a newer one",
            head.format
        )),
        _ => serde_json::from_slice(text).map_err(|error| error.to_string()),
    }
}

/// Reads a record; `None` when there is none.
///
/// # Errors
/// It is damaged: the file cannot be read, is torn, or has a newer format.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match look(path) {
        Found::Record(record) => Ok(Some(record)),
        Found::Absent => Ok(None),
        Found::Damaged(why) => Err(Error::other(format!("{} is damaged: {why}", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Default, Serialize, Deserialize)]
    #[serde(default)]
    struct Thing {
        name: String,
    }

    fn found(text: &[u8]) -> Found<Thing> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        fs::write(&path, text).unwrap();
        look(&path)
    }

    #[test]
    fn a_record_says_its_format_and_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        let thing = Thing { name: "web".to_owned() };
        assert_eq!(look::<Thing>(&path), Found::Absent);

        write(&path, &thing, Durability::Machine).unwrap();

        assert_eq!(fs::read_to_string(&path).unwrap(), r#"{"format":1,"name":"web"}"#);
        assert_eq!(look(&path), Found::Record(thing));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }

    #[test]
    fn a_record_from_before_formats_loads() {
        assert_eq!(found(br#"{"name":"web"}"#), Found::Record(Thing { name: "web".to_owned() }));
    }

    #[test]
    fn what_cannot_be_read_is_damaged_and_not_absent() {
        for text in
            [&b""[..], b"\0\0\0\0", b"{}", b"{\"name\":\"we", b"[1]", b"\xff\xfe", b"{\"name\":1}"]
        {
            let found = found(text);
            assert!(matches!(found, Found::Damaged(_)), "{text:?}: {found:?}");
        }
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("record.json");
        fs::create_dir(&directory).unwrap();
        assert!(matches!(look::<Thing>(&directory), Found::Damaged(_)));
        assert!(read::<Thing>(&directory).is_err());
    }

    #[test]
    fn a_record_of_a_newer_format_is_refused_with_what_to_do() {
        let Found::Damaged(why) = found(br#"{"format":2,"name":"web"}"#) else {
            panic!("it was read");
        };
        assert!(why.contains("format 2") && why.contains("use the version that wrote it"), "{why}");
    }
}
