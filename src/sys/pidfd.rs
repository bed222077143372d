//! Signals to processes that cannot be mistaken for others.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::ptr;

/// Sends a signal by number, real-time ones included.
///
/// # Errors
/// `ESRCH` when the process has ended, `EINVAL` for a number that is no signal.
pub fn send_signal(process: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    let (fd, info) = (process.as_raw_fd(), ptr::null::<libc::siginfo_t>());
    // SAFETY: without `info` the kernel reads no memory of ours; the descriptor is borrowed.
    let result = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, fd, number, info, 0) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The number of a signal: a name with or without `SIG`, `SIGRTMIN+3`, or the number itself.
#[must_use]
pub fn signal_number(name: &str) -> Option<i32> {
    let name = name.trim().to_ascii_uppercase();
    if let Ok(number) = name.parse::<i32>() {
        return (1..=libc::SIGRTMAX()).contains(&number).then_some(number);
    }
    let bare = name.strip_prefix("SIG").unwrap_or(&name);
    let real_time = |offset: &str| if offset.is_empty() { Some(0) } else { offset.parse().ok() };
    let number = if let Some(offset) = bare.strip_prefix("RTMIN") {
        libc::SIGRTMIN() + real_time(offset)?
    } else if let Some(offset) = bare.strip_prefix("RTMAX") {
        libc::SIGRTMAX() + real_time(offset)?
    } else {
        return format!("SIG{bare}").parse::<nix::sys::signal::Signal>().ok().map(|it| it as i32);
    };
    (libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&number).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        for (name, expected) in [
            ("SIGTERM", Some(15)),
            ("term", Some(15)),
            ("9", Some(9)),
            ("SIGRTMIN+3", Some(libc::SIGRTMIN() + 3)),
            ("RTMAX-1", Some(libc::SIGRTMAX() - 1)),
            ("SIGRTMIN+99", None),
            ("0", None),
            ("SIGNOPE", None),
        ] {
            assert_eq!(signal_number(name), expected, "{name}");
        }
    }
}
