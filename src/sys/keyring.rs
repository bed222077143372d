//! Session keyrings: a container gets one of its own, so that it cannot read its caller's keys.

use std::ffi::CStr;
use std::io;

/// Joins a new session keyring called `name`, so that keys of the caller's session are out of reach.
///
/// # Errors
/// `ENOSYS` without key support, `EDQUOT` when the user has too many keyrings.
pub fn join_new_session(name: &CStr) -> io::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: `name` ends in NUL and is only read during the call.
    let result =
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) };
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
