//! Records: JSON files that are whole or absent.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::base::{Context, Error, Result};

/// What a write survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// A crash of the process. For tmpfs, and where loss costs only time.
    Process,
    /// A crash of the machine: data and name are on disk when the write returns.
    Machine,
}

/// Replaces the record at `path` in one step: readers see the old one or the new one.
///
/// The file has mode 0600: specifications contain passwords.
///
/// # Errors
/// The directory is missing, or the disk is full; the old record is untouched then.
pub fn write<T: Serialize>(path: &Path, record: &T, durability: Durability) -> Result<()> {
    let text = serde_json::to_vec(record).map_err(|error| {
        Error::other(format!("cannot encode {}", path.display())).with_source(error)
    })?;
    replace(path, &text, durability).context(|| format!("cannot write {}", path.display()))
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
        (Durability::Machine, Some(parent)) => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Reads a record; `None` when it is missing, torn, or of a shape this version does not know.
///
/// # Errors
/// The file exists but cannot be read.
pub fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(text) => Ok(serde_json::from_slice(&text).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.raw_os_error() == Some(libc::ENOTDIR) => Ok(None),
        Err(error) => Err(error).context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_record_reads_as_absent() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("record.json");
        write(&path, &vec![1, 2, 3], Durability::Machine).unwrap();
        assert_eq!(read::<Vec<u8>>(&path).unwrap(), Some(vec![1, 2, 3]));

        fs::write(&path, b"[1, 2").unwrap();
        assert_eq!(read::<Vec<u8>>(&path).unwrap(), None);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
    }
}
