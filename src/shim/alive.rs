//! The lock that says that a container's shim lives.

use std::os::unix::fs::MetadataExt;

use crate::base::{Context, Result};
use crate::state::lock::is_held;
use crate::state::roots::make_dir;
use crate::state::{ContainerDir, Lock};

/// Takes the lock; `None` when another shim lives. The container's directory on tmpfs is there
/// then: a shim that ends takes it away together with the lock's file, so a lock counts only on
/// the file that has the name now.
///
/// # Errors
/// The directory cannot be made.
pub fn take(dir: &ContainerDir) -> Result<Option<Lock>> {
    loop {
        make_dir(dir.run())?;
        let lock = match Lock::try_take(&dir.alive()) {
            Ok(Some(lock)) => lock,
            // Who only looks whether a shim lives shares the lock for a moment, and does not count.
            Ok(None) if !is_held(&dir.alive())? => continue,
            Ok(None) => return Ok(None),
            // Between our two steps, another shim took the directory away.
            Err(_) if !dir.run().exists() => continue,
            Err(error) => return Err(error),
        };
        let mine = lock.file().metadata().context(|| "cannot look at a lock".to_owned())?;
        match std::fs::metadata(dir.alive()) {
            Ok(current) if (current.dev(), current.ino()) == (mine.dev(), mine.ino()) => {
                return Ok(Some(lock));
            }
            // The file was taken away, and perhaps made anew.
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_has_one_shim_and_the_next_one_after_that() {
        let root = tempfile::tempdir().unwrap();
        let dir = ContainerDir::new(root.path().join("data"), root.path().join("run"));
        let first = take(&dir).unwrap().expect("nobody lives");
        assert!(take(&dir).unwrap().is_none());
        std::fs::remove_dir_all(dir.run()).unwrap();
        let second = take(&dir).unwrap().expect("the first one's file is gone");
        drop(first);
        assert!(take(&dir).unwrap().is_none());
        drop(second);
    }

    #[test]
    fn who_looks_whether_a_shim_lives_keeps_none_from_living() {
        let root = tempfile::tempdir().unwrap();
        let dir = ContainerDir::new(root.path().join("data"), root.path().join("run"));
        drop(take(&dir).unwrap());
        let looks = Lock::wait_shared(&dir.alive()).unwrap();
        std::thread::scope(|scope| {
            let taken = scope.spawn(|| take(&dir).unwrap().is_some());
            drop(looks);
            assert!(taken.join().unwrap());
        });
    }
}
