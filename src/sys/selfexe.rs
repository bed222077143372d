//! Our own executable, out of reach for whoever runs below us.
//!
//! A container's process can open `/proc/<pid>/exe` of a process of ours that it can see. If that
//! led to the file on disk, it could be overwritten as soon as it is not running (CVE-2019-5736).
//! So what runs beside or inside a container is executed through a detached read-only mount of
//! the file: every path to it that a container can get says "read-only file system", and, unlike a
//! copy in memory, all processes share the file's pages.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use rustix::fs::{CWD, MemfdFlags, Mode, OFlags, SealFlags};

use super::mount;

/// A descriptor of our executable that cannot be opened for writing. Execute it by the path
/// `/proc/self/fd/<number>`.
///
/// # Errors
/// Neither a read-only mount nor a copy in memory can be made.
pub fn protected() -> io::Result<OwnedFd> {
    match already_protected()? {
        Some(executable) => Ok(executable),
        None => read_only_mount().or_else(|_| sealed_copy()),
    }
}

/// Our executable if this process itself was executed through a read-only mount or a sealed copy.
fn already_protected() -> io::Result<Option<OwnedFd>> {
    let executable =
        rustix::fs::open("/proc/self/exe", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let read_only =
        rustix::fs::fstatvfs(&executable)?.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY);
    let in_memory = rustix::fs::fstat(&executable)?.st_nlink == 0;
    Ok((read_only || in_memory).then_some(executable))
}

fn read_only_mount() -> io::Result<OwnedFd> {
    let executable = mount::copy(CWD, "/proc/self/exe", false)?;
    let attributes = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    mount::change(executable.as_fd(), false, mount::Attributes::set(attributes))?;
    Ok(executable)
}

/// For users who may not mount: a copy in memory, sealed against every change.
fn sealed_copy() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let copy = rustix::fs::memfd_create("compose", flags)?;
    let mut file = std::fs::File::from(copy);
    io::copy(&mut std::fs::File::open("/proc/self/exe")?, &mut file)?;
    let seals = SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    // The writable descriptor must be gone before the file can be executed.
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Runs the test binary through `executable`; its `/proc/<pid>/exe` must not open for writing.
    fn check(executable: &OwnedFd) {
        let path = format!("/proc/self/fd/{}", executable.as_raw_fd());
        let mut child = Command::new(&path)
            .args(["--exact", "sys::selfexe::tests::waits_for_a_line", "--ignored"])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .spawn()
            .expect("it can be executed");
        let link = format!("/proc/{}/exe", child.id());
        let write = |path: &str| {
            let file = std::fs::OpenOptions::new().write(true).open(path);
            file.and_then(|mut file| io::Write::write_all(&mut file, b"x"))
        };
        let running = write(&link);
        drop(child.stdin.take());
        child.wait().unwrap();
        running.expect_err("nobody writes to our executable while it runs");
        write(&path).expect_err("nor when it does not");
    }

    #[test]
    #[ignore = "the child of the tests below"]
    fn waits_for_a_line() {
        io::stdin().read_line(&mut String::new()).unwrap();
    }

    #[test]
    fn the_read_only_mount_cannot_be_written_to() {
        let executable = read_only_mount().expect("tests run as root");
        // The file itself is busy as long as this test runs; what counts is the mount.
        let path = format!("/proc/self/fd/{}", executable.as_raw_fd());
        let access = rustix::fs::access(path, rustix::fs::Access::WRITE_OK);
        assert_eq!(access.unwrap_err(), rustix::io::Errno::ROFS);
        check(&executable);
    }

    #[test]
    fn the_sealed_copy_cannot_be_written_to() {
        check(&sealed_copy().unwrap());
    }
}
