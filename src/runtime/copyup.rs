//! Filling an empty volume with what the image has where it is mounted (Docker: volumes).

use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::fs::{
    AtFlags, Dir, FileType, FlockOperation, Gid, Mode, OFlags, RawMode, Stat, Timespec, Timestamps,
    Uid, XattrFlags,
};
use rustix::io::Errno;

/// Marks a volume that is being filled; one left with it by a crash is filled again.
const PARTIAL: &str = "trusted.compose.copyup";

/// How long a lock is waited for whose holder does not fill the volume. Anybody who may read a
/// volume may lock it, a program in another container as well.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often it is tried.
const PAUSE: Duration = Duration::from_millis(20);

/// Where a file with several names was copied to first: device and inode to a path below the volume.
type Links = HashMap<(u64, u64), Vec<u8>>;

/// Copies what is in the directory `image` to the root of the mount `volume`, if that is empty:
/// with owners, modes, times, extended attributes, and the directory's own. Containers that share
/// a new volume and start at once wait for each other.
///
/// # Errors
/// Those of reading the one and writing the other, such as `ENOSPC`.
pub fn fill(volume: BorrowedFd<'_>, image: BorrowedFd<'_>) -> io::Result<()> {
    if !super::root::is_directory(volume)? || !super::root::is_directory(image)? {
        return Ok(());
    }
    let volume = open_directory(volume, c".")?;
    let image = open_directory(image, c".")?;
    if !is_partial(&volume) && !is_empty(&volume)? {
        return Ok(());
    }
    lock(&volume, PATIENCE)?;
    if is_partial(&volume) {
        clear(volume.as_fd())?;
    } else if !is_empty(&volume)? {
        return Ok(());
    }
    // Volumes on file systems without such attributes go without the mark.
    let marked = rustix::fs::fsetxattr(&volume, PARTIAL, b"1", XattrFlags::empty()).is_ok();
    let mut links = Links::new();
    let mut copy = Copy { volume: volume.as_fd(), links: &mut links };
    copy.contents(image.as_fd(), volume.as_fd(), &mut Vec::new())?;
    if marked {
        rustix::fs::fremovexattr(&volume, PARTIAL)?;
    }
    Ok(())
}

/// Somebody fills it, or was killed while filling it. Only who rules the machine can set the mark.
fn is_partial(volume: &OwnedFd) -> bool {
    rustix::fs::fgetxattr(volume, PARTIAL, &mut [0; 8][..]).is_ok()
}

/// Takes the lock of those who fill volumes. One who does is waited for as long as it takes, others
/// for `patience`.
fn lock(volume: &OwnedFd, patience: Duration) -> io::Result<()> {
    let mut left = patience;
    loop {
        match rustix::fs::flock(volume, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) if is_partial(volume) => left = patience,
            Err(Errno::WOULDBLOCK) if left.is_zero() => {
                let message = "the volume is locked by a program that has it mounted (flock)";
                return Err(io::Error::other(message));
            }
            Err(Errno::WOULDBLOCK) => left = left.saturating_sub(PAUSE),
            Err(Errno::INTR) => continue,
            locked => return Ok(locked?),
        }
        std::thread::sleep(PAUSE);
    }
}

fn open_directory(at: BorrowedFd<'_>, name: &std::ffi::CStr) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
}

fn is_empty(directory: &OwnedFd) -> io::Result<bool> {
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        // What mkfs leaves in a file system of its own is not content.
        if ![&b"."[..], b"..", b"lost+found"].contains(&entry.file_name().to_bytes()) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Names in a directory.
fn names(directory: BorrowedFd<'_>) -> io::Result<Vec<std::ffi::CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if ![&b"."[..], b".."].contains(&entry.file_name().to_bytes()) {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

/// Removes everything in a directory.
fn clear(directory: BorrowedFd<'_>) -> io::Result<()> {
    for name in names(directory)? {
        match rustix::fs::unlinkat(directory, &name, AtFlags::empty()) {
            Err(Errno::ISDIR) => {
                clear(open_directory(directory, &name)?.as_fd())?;
                rustix::fs::unlinkat(directory, &name, AtFlags::REMOVEDIR)?;
            }
            result => result?,
        }
    }
    Ok(())
}

struct Copy<'a> {
    volume: BorrowedFd<'a>,
    links: &'a mut Links,
}

impl Copy<'_> {
    /// Copies all in `from` to `to`, whose path below the volume is `path`, then its own mode.
    fn contents(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        path: &mut Vec<u8>,
    ) -> io::Result<()> {
        for name in names(from)? {
            let length = path.len();
            path.extend(name.to_bytes());
            self.one(from, to, &name, path)?;
            path.truncate(length);
        }
        let stat = rustix::fs::fstat(from)?;
        attributes(from, to)?;
        finish(to, &stat)
    }

    fn one(
        &mut self,
        from: BorrowedFd<'_>,
        to: BorrowedFd<'_>,
        name: &std::ffi::CStr,
        path: &mut Vec<u8>,
    ) -> io::Result<()> {
        let stat = rustix::fs::statat(from, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind != FileType::Directory && stat.st_nlink > 1 {
            if let Some(first) = self.links.get(&(stat.st_dev, stat.st_ino)) {
                let first = std::ffi::CString::new(first.clone())?;
                return Ok(rustix::fs::linkat(self.volume, first, to, name, AtFlags::empty())?);
            }
            self.links.insert((stat.st_dev, stat.st_ino), path.clone());
        }
        match kind {
            FileType::Directory => {
                rustix::fs::mkdirat(to, name, Mode::from_raw_mode(0o700))?;
                let (from, to) = (open_directory(from, name)?, open_directory(to, name)?);
                path.push(b'/');
                self.contents(from.as_fd(), to.as_fd(), path)
            }
            FileType::RegularFile => copy_file(from, to, name, &stat),
            _ => copy_special(from, to, name, &stat, kind),
        }
    }
}

fn copy_file(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    stat: &Stat,
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let source = rustix::fs::openat(from, name, flags, Mode::empty())?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let target = rustix::fs::openat(to, name, flags, Mode::from_raw_mode(0o600))?;
    let mut source = std::fs::File::from(source);
    let mut target = std::fs::File::from(target);
    io::copy(&mut source, &mut target)?;
    attributes(source.as_fd(), target.as_fd())?;
    finish(target.as_fd(), stat)
}

/// Links, FIFOs, sockets and devices.
fn copy_special(
    from: BorrowedFd<'_>,
    to: BorrowedFd<'_>,
    name: &std::ffi::CStr,
    stat: &Stat,
    kind: FileType,
) -> io::Result<()> {
    if kind == FileType::Symlink {
        let target = rustix::fs::readlinkat(from, name, Vec::new())?;
        rustix::fs::symlinkat(&target, to, name)?;
    } else {
        // Made with its mode, not given it: by name it could be a link by then.
        let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
        let mask = rustix::process::umask(Mode::empty());
        let made = rustix::fs::mknodat(to, name, kind, mode, stat.st_rdev);
        rustix::process::umask(mask);
        made?;
    }
    let owner = (Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)));
    rustix::fs::chownat(to, name, owner.0, owner.1, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(rustix::fs::utimensat(to, name, &times(stat), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Owner, then mode (which a change of owner clears bits of), then times.
fn finish(to: BorrowedFd<'_>, stat: &Stat) -> io::Result<()> {
    rustix::fs::fchown(to, Some(Uid::from_raw(stat.st_uid)), Some(Gid::from_raw(stat.st_gid)))?;
    rustix::fs::fchmod(to, Mode::from_raw_mode(stat.st_mode & 0o7777 as RawMode))?;
    Ok(rustix::fs::futimens(to, &times(stat))?)
}

fn times(stat: &Stat) -> Timestamps {
    Timestamps {
        last_access: Timespec { tv_sec: stat.st_atime, tv_nsec: stat.st_atime_nsec as i64 },
        last_modification: Timespec { tv_sec: stat.st_mtime, tv_nsec: stat.st_mtime_nsec as i64 },
    }
}

/// Copies extended attributes, but those of overlay itself.
fn attributes(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> io::Result<()> {
    let mut list = vec![0; 4096];
    let length = match rustix::fs::flistxattr(from, &mut list[..]) {
        Err(Errno::OPNOTSUPP) => return Ok(()),
        result => result?,
    };
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        if name.starts_with(b"trusted.overlay.") {
            continue;
        }
        let mut value = vec![0; 65536];
        let length = rustix::fs::fgetxattr(from, name, &mut value[..])?;
        match rustix::fs::fsetxattr(to, name, &value[..length], XattrFlags::empty()) {
            Err(Errno::OPNOTSUPP) => {}
            result => result?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::path::Path;

    use super::*;

    fn run(volume: &Path, image: &Path) {
        let open = |path: &Path| std::fs::File::open(path).unwrap();
        fill(open(volume).as_fd(), open(image).as_fd()).unwrap();
    }

    #[test]
    fn an_empty_volume_gets_what_the_image_has() {
        let directory = tempfile::tempdir().unwrap();
        let (volume, image) = (directory.path().join("volume"), directory.path().join("image"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir_all(image.join("sub/deep")).unwrap();
        std::fs::write(image.join("sub/file"), "text").unwrap();
        std::fs::hard_link(image.join("sub/file"), image.join("sub/other")).unwrap();
        symlink("nowhere", image.join("link")).unwrap();
        std::os::unix::fs::chown(image.join("sub/file"), Some(33), Some(44)).unwrap();
        std::fs::set_permissions(image.join("sub/file"), PermissionsExt::from_mode(0o4751))
            .unwrap();
        std::fs::set_permissions(&image, PermissionsExt::from_mode(0o1777)).unwrap();

        run(&volume, &image);

        let file = volume.join("sub/file").metadata().unwrap();
        assert_eq!((file.uid(), file.gid(), file.mode() & 0o7777), (33, 44, 0o4751));
        assert_eq!((file.nlink(), volume.metadata().unwrap().mode() & 0o7777), (2, 0o1777));
        assert_eq!(std::fs::read_link(volume.join("link")).unwrap(), Path::new("nowhere"));
        assert!(volume.join("sub/deep").is_dir());
    }

    #[test]
    fn a_volume_with_content_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let (volume, image) = (directory.path().join("volume"), directory.path().join("image"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir(&image).unwrap();
        std::fs::write(volume.join("mine"), "").unwrap();
        std::fs::write(image.join("theirs"), "").unwrap();

        run(&volume, &image);

        assert_eq!(std::fs::read_dir(&volume).unwrap().count(), 1);
    }

    /// volume-flock.
    #[test]
    fn a_program_that_locks_its_volume_keeps_nobody_from_starting() {
        let directory = tempfile::tempdir().unwrap();
        let (volume, image) = (directory.path().join("volume"), directory.path().join("image"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir(&image).unwrap();
        std::fs::write(image.join("theirs"), "").unwrap();
        let theirs = std::fs::File::open(&volume).unwrap();
        theirs.lock().unwrap();
        let ours = open_directory(theirs.as_fd(), c".").unwrap();
        let error = lock(&ours, 3 * PAUSE).unwrap_err();
        assert!(error.to_string().contains("is locked by a program"), "{error}");

        std::fs::write(volume.join("mine"), "").unwrap();
        run(&volume, &image);
        assert!(!volume.join("theirs").exists());
    }

    #[test]
    fn special_files_are_made_with_their_mode() {
        let directory = tempfile::tempdir().unwrap();
        let (volume, image) = (directory.path().join("volume"), directory.path().join("image"));
        std::fs::create_dir(&volume).unwrap();
        std::fs::create_dir(&image).unwrap();
        let (pipe, mode) = (image.join("pipe"), Mode::from_raw_mode(0o666));
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, mode, 0).unwrap();
        std::fs::set_permissions(&pipe, PermissionsExt::from_mode(0o666)).unwrap();

        run(&volume, &image);

        let copied = volume.join("pipe").metadata().unwrap();
        assert_eq!(copied.mode(), 0o010_666);
    }

    #[test]
    fn filling_that_was_interrupted_starts_again() {
        let directory = tempfile::tempdir().unwrap();
        let (volume, image) = (directory.path().join("volume"), directory.path().join("image"));
        std::fs::create_dir_all(volume.join("half/way")).unwrap();
        std::fs::create_dir(&image).unwrap();
        std::fs::write(image.join("theirs"), "").unwrap();
        rustix::fs::setxattr(&volume, PARTIAL, b"1", XattrFlags::empty()).unwrap();

        run(&volume, &image);

        let left: Vec<_> = std::fs::read_dir(&volume).unwrap().flatten().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].file_name(), "theirs");
        assert!(rustix::fs::getxattr(&volume, PARTIAL, &mut [0; 8][..]).is_err());
    }
}
