//! Locks that die with their holder.

use std::fmt;
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use crate::base::{Context, Result};

/// A held `flock(2)`; dropping it, or dying, releases it.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Waits for the lock on the file at `path`, which is made when missing.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn wait(path: &Path) -> Result<Lock> {
        let file = open(path)?;
        file.lock().context(|| format!("cannot lock {}", path.display()))?;
        Ok(Lock { file })
    }

    /// Waits for the lock on the directory at `path`. It stays on the directory where that is
    /// renamed.
    ///
    /// # Errors
    /// The directory cannot be opened.
    pub fn of_directory(path: &Path) -> Result<Lock> {
        let file = File::open(path).context(|| format!("cannot open {}", path.display()))?;
        file.lock().context(|| format!("cannot lock {}", path.display()))?;
        Ok(Lock { file })
    }

    /// Waits for a lock that others may share.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn wait_shared(path: &Path) -> Result<Lock> {
        let file = open(path)?;
        file.lock_shared().context(|| format!("cannot lock {}", path.display()))?;
        Ok(Lock { file })
    }

    /// Takes the lock if nobody has it; `None` if somebody has.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn try_take(path: &Path) -> Result<Option<Lock>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock { file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => {
                Err(error).context(|| format!("cannot lock {}", path.display()))
            }
        }
    }

    /// Writes into the lock's file who holds it, for those who wait: see [`holder`].
    ///
    /// # Errors
    /// The file cannot be written to.
    pub fn sign(&self, holder: &Holder) -> Result<()> {
        let text = format!("{} {}\n", holder.pid, holder.command);
        let written =
            self.file.set_len(0).and_then(|()| self.file.write_all_at(text.as_bytes(), 0));
        written.context(|| "cannot write who holds a lock".to_owned())
    }

    /// Lets go of it, also for processes that inherited the descriptor.
    ///
    /// # Errors
    /// None that the kernel documents.
    pub fn release(self) -> Result<()> {
        self.file.unlock().context(|| "cannot release a lock".to_owned())
    }

    /// The locked file, so that its descriptor can be handed on.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// The process that took a lock last, as it signed for it: see [`Lock::sign`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Its id, in its own PID namespace.
    pub pid: u32,
    /// What it does, as in `compose up`.
    pub command: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "process {} ({})", self.pid, self.command)
    }
}

/// Who signed last for the lock on the file at `path`; `None` when nobody has, or is just doing so.
#[must_use]
pub fn holder(path: &Path) -> Option<Holder> {
    let text = std::fs::read_to_string(path).ok()?;
    let (pid, command) = text.strip_suffix('\n')?.split_once(' ')?;
    Some(Holder { pid: pid.parse().ok()?, command: command.to_owned() })
}

/// Whether a living process holds the lock on the file at `path`. A missing file is not held.
///
/// # Errors
/// The file exists but cannot be opened.
pub fn is_held(path: &Path) -> Result<bool> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error).context(|| format!("cannot open {}", path.display())),
    };
    // A shared attempt: two commands that look at the same time must not see each other.
    match file.try_lock_shared() {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => {
            Err(error).context(|| format!("cannot test the lock on {}", path.display()))
        }
    }
}

/// Waits until no living process holds the lock on the file at `path`, or the file is gone.
///
/// # Errors
/// The file exists but cannot be opened.
pub fn await_free(path: &Path) -> Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error).context(|| format!("cannot open {}", path.display())),
    };
    file.lock_shared().context(|| format!("cannot wait for the lock on {}", path.display()))
}

/// Opens or makes a lock file; the descriptor is not inherited by programs we start.
fn open(path: &Path) -> Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    options.open(path).context(|| format!("cannot open lock {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert!(!is_held(&path).unwrap());

        let lock = Lock::try_take(&path).unwrap().expect("nobody has it");
        assert!(is_held(&path).unwrap());
        assert!(Lock::try_take(&path).unwrap().is_none());

        drop(lock);
        assert!(!is_held(&path).unwrap());
    }
}
