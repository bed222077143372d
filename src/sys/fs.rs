//! Paths that others chose, resolved below a directory and never outside of it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, ResolveFlags};

/// How often a resolution that lost a race against a rename is tried again.
const ATTEMPTS: usize = 16;

/// Opens the directory `path` as seen from inside `root`: absolute paths and links begin at
/// `root`, `..` ends there, and links of procfs lead nowhere. Needs Linux 5.6.
///
/// # Errors
/// It does not exist or is not a directory; `EAGAIN` when somebody keeps renaming around it.
pub fn open_dir_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::DIRECTORY | OFlags::CLOEXEC;
    open_in(root, path, flags)
}

/// Opens `path` as seen from inside `root`, as [`open_dir_in`] does.
///
/// # Errors
/// Those of `openat2(2)`.
pub fn open_in(root: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> io::Result<OwnedFd> {
    let path = if path.is_empty() { b"." } else { path };
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let mut result = Err(rustix::io::Errno::AGAIN);
    for _ in 0..ATTEMPTS {
        result = rustix::fs::openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve);
        if !matches!(result, Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR)) {
            break;
        }
    }
    result.map_err(io::Error::from)
}

/// Gives what has the name `name` in `dir` the mode `mode`; a link is left alone, and so is what it
/// leads to. For what was just made where others can rename and link (CVE-2021-41089), and cannot
/// be opened for reading. Needs procfs.
///
/// # Errors
/// Those of `openat(2)` and `chmod(2)`.
pub fn set_mode_at(dir: BorrowedFd<'_>, name: &[u8], mode: u32) -> io::Result<()> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(dir, name, flags, Mode::empty())?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind == rustix::fs::FileType::Symlink {
        return Ok(());
    }
    // What was opened, whatever has its name now.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::chmod(path, Mode::from_raw_mode(mode))?)
}

/// Opens for reading what was opened as a place (`O_PATH`), if it is a regular file. Layers and
/// contexts may have devices in them, and to open one can be all that an attack needs: a watchdog's
/// reboots the machine. A pipe would make its reader wait. Needs procfs.
///
/// # Errors
/// `EISDIR` for a directory, `InvalidInput` for anything else that is no file.
pub fn open_file(place: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    use rustix::fs::FileType;
    match FileType::from_raw_mode(rustix::fs::fstat(place)?.st_mode) {
        FileType::RegularFile => {
            let path = format!("/proc/self/fd/{}", place.as_raw_fd());
            Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
        }
        FileType::Directory => Err(rustix::io::Errno::ISDIR.into()),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is neither a file nor a link to one",
        )),
    }
}

/// Reads a file that a user named, of at most `most` bytes. It never waits for another process to
/// open the other end of a pipe that has a name; a pipe without one (`<(…)` of a shell) is read to
/// its end.
///
/// # Errors
/// `InvalidInput` for a pipe that has a name, `FileTooLarge` for more than `most` bytes.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    use std::io::Read;
    /// `PIPEFS_MAGIC` of `linux/magic.h`.
    const PIPEFS_MAGIC: u64 = 0x5049_5045;
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    let kind = rustix::fs::FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode);
    if kind == rustix::fs::FileType::Fifo {
        if rustix::fs::fstatfs(&file)?.f_type as u64 != PIPEFS_MAGIC {
            let message = "it is a named pipe, and must be a file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    }
    if rustix::termios::isatty(&file) {
        rustix::fs::fcntl_setfl(&file, OFlags::empty())?;
    }
    let mut bytes = Vec::new();
    std::fs::File::from(file).take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::ErrorKind::FileTooLarge.into()),
        false => Ok(bytes),
    }
}

/// As [`read_bounded`], for text.
///
/// # Errors
/// As there, and `InvalidData` for what is not UTF-8.
pub fn read_text_bounded(path: &Path, most: u64) -> io::Result<String> {
    let bytes = read_bounded(path, most)?;
    String::from_utf8(bytes).map_err(|_| {
        io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8")
    })
}

/// Has the kernel begin to write back what was written to `file`, and does not wait for it: a sync
/// that follows finds less to do.
///
/// # Errors
/// Those of `sync_file_range(2)`: `EIO`, `ENOSPC`, `ESPIPE` for what is no file.
pub fn begin_write_back(file: BorrowedFd<'_>) -> io::Result<()> {
    let fd = file.as_raw_fd();
    // SAFETY: the call takes numbers only, and `file` keeps the descriptor open meanwhile.
    match unsafe { libc::sync_file_range(fd, 0, 0, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The process's umask, without changing it on the way as `umask(2)` would.
///
/// # Errors
/// procfs is not mounted.
pub fn umask() -> io::Result<u32> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let field = status.lines().find_map(|line| line.strip_prefix("Umask:"));
    let octal = field.and_then(|digits| u32::from_str_radix(digits.trim(), 8).ok());
    octal.ok_or_else(|| io::Error::other("no umask in /proc/thread-self/status"))
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn nothing_but_a_file_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let place = |name: &str| {
            let flags = OFlags::PATH | OFlags::NOFOLLOW;
            rustix::fs::open(dir.path().join(name), flags, Mode::empty()).unwrap()
        };
        std::fs::write(dir.path().join("file"), "text").unwrap();
        let (cwd, mode) = (rustix::fs::CWD, Mode::from_raw_mode(0o666));
        let device = rustix::fs::makedev(240, 77);
        for (name, kind) in [
            ("pipe", rustix::fs::FileType::Fifo),
            ("device", rustix::fs::FileType::CharacterDevice),
            ("disk", rustix::fs::FileType::BlockDevice),
        ] {
            rustix::fs::mknodat(cwd, dir.path().join(name), kind, mode, device).unwrap();
            // Not `ENXIO`, which whoever opens a device that there is not gets.
            let error = open_file(place(name).as_fd()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput, "{name}: {error}");
        }
        assert!(open_file(place(".").as_fd()).is_err());
        let file = open_file(place("file").as_fd()).unwrap();
        assert_eq!(std::io::read_to_string(std::fs::File::from(file)).unwrap(), "text");
    }

    /// named-pipe-input.
    #[test]
    fn what_a_user_names_is_read_without_waiting_and_without_end() {
        let dir = tempfile::tempdir().unwrap();
        let pipe = dir.path().join("pipe");
        let mode = Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        assert_eq!(read_bounded(&pipe, 9).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        let endless = read_bounded(Path::new("/dev/zero"), 9).unwrap_err();
        assert_eq!(endless.kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(dir.path().join("file"), "123456789").unwrap();
        assert_eq!(read_bounded(&dir.path().join("file"), 9).unwrap(), b"123456789");
        assert!(read_bounded(&dir.path().join("file"), 8).is_err());
        let (reader, mut writer) = std::io::pipe().unwrap();
        std::io::Write::write_all(&mut writer, b"text").unwrap();
        drop(writer);
        let nameless = format!("/dev/fd/{}", reader.as_raw_fd());
        assert_eq!(read_text_bounded(Path::new(&nameless), 9).unwrap(), "text");
    }

    #[test]
    fn cve_2021_41089_a_mode_never_goes_through_a_link() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
        symlink(&file, dir.path().join("link")).unwrap();
        let open = std::fs::File::open(dir.path()).unwrap();
        let mode = || file.metadata().unwrap().permissions().mode() & 0o7777;

        set_mode_at(open.as_fd(), b"link", 0o666).unwrap();
        assert_eq!(mode(), 0o600);
        set_mode_at(open.as_fd(), b"file", 0o4755).unwrap();
        assert_eq!(mode(), 0o4755);
    }
}
