//! System call filters: installs a compiled program for this process and all it starts.

use std::io;
use std::os::fd::{FromRawFd, OwnedFd};

/// One instruction of classic BPF, as `seccomp(2)` takes it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions to skip when a comparison holds.
    pub if_true: u8,
    /// How many instructions to skip when it does not.
    pub if_false: u8,
    /// The operand.
    pub value: u32,
}

/// Installs `program`. It cannot be removed again, and stays across `execve`. With
/// `SECCOMP_FILTER_FLAG_NEW_LISTENER` among the flags it returns the descriptor on which calls are
/// reported.
///
/// # Errors
/// `EACCES` with neither `no_new_privs` nor `CAP_SYS_ADMIN`; `EINVAL` for a program that the
/// kernel's checker refuses or that has no instruction or more than 4096.
pub fn install(program: &[Instruction], flags: u64) -> io::Result<Option<OwnedFd>> {
    let length = u16::try_from(program.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
    // SAFETY: `Instruction` has the layout of `sock_filter`, `filter` says how many there are, and
    // the kernel copies them before it returns.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const filter)
    };
    let listens = flags & libc::SECCOMP_FILTER_FLAG_NEW_LISTENER != 0;
    match result {
        -1 => Err(io::Error::last_os_error()),
        fd if listens => {
            // SAFETY: the kernel made this descriptor for us, and nothing else owns it.
            Ok(Some(unsafe { OwnedFd::from_raw_fd(fd as i32) }))
        }
        0 => Ok(None),
        // With TSYNC: the id of a thread that could not be synchronised.
        _ => Err(io::ErrorKind::ResourceBusy.into()),
    }
}
