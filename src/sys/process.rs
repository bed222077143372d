//! Processes: clone into namespaces, fork, execute, leave.

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;

use rustix::process::Pid;

/// Of `linux/sched.h`; libc's constant of this name has a type that is too small for it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// The process id that a file of the kernel or of another program has; `None` for what no process
/// has: 0 stands for one outside this PID namespace, -1 for one that is gone.
#[must_use]
pub fn pid(text: &str) -> Option<Pid> {
    text.trim().parse().ok().filter(|pid| *pid > 0).and_then(Pid::from_raw)
}

/// Which side of a fork this is.
#[derive(Debug)]
pub enum Fork {
    /// The caller.
    Parent {
        /// The child's id as the caller sees it.
        pid: Pid,
        /// The child, safe from reuse of its id.
        pidfd: OwnedFd,
    },
    /// The new process.
    Child,
}

/// Clones the calling process into new namespaces (`CLONE_NEW*` in `flags`), and into the cgroup
/// v2 directory `cgroup` if there is one. The child shares nothing.
///
/// Call it with one thread alive: the child is a copy of the calling thread only, so a lock that
/// another thread held would stay locked in it forever.
///
/// # Errors
/// Those of `clone3(2)`: `EPERM` without `CAP_SYS_ADMIN`, `ENOSPC` at a limit of namespaces,
/// `EAGAIN` at a limit of processes.
pub fn clone(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    clone_as(flags, cgroup, libc::SIGCHLD)
}

/// As [`clone`], but the new process is a child of the caller's parent, who reaps it.
///
/// # Errors
/// As [`clone`]; `EINVAL` in a process 1.
pub fn clone_sibling(flags: u64, cgroup: Option<BorrowedFd<'_>>) -> io::Result<Fork> {
    // The signal at its end is the caller's own (clone(2), CLONE_PARENT).
    clone_as(flags | libc::CLONE_PARENT as u64, cgroup, 0)
}

fn clone_as(flags: u64, cgroup: Option<BorrowedFd<'_>>, end: libc::c_int) -> io::Result<Fork> {
    let mut pidfd: libc::c_int = -1;
    let into = if cgroup.is_some() { CLONE_INTO_CGROUP } else { 0 };
    let arguments = libc::clone_args {
        flags: flags | libc::CLONE_PIDFD as u64 | into,
        pidfd: (&raw mut pidfd) as u64,
        child_tid: 0,
        parent_tid: 0,
        exit_signal: end as u64,
        stack: 0,
        stack_size: 0,
        tls: 0,
        set_tid: 0,
        set_tid_size: 0,
        cgroup: cgroup.map_or(0, |fd| fd.as_raw_fd() as u64),
    };
    // SAFETY: `arguments` is a valid `clone_args` of the size given, `pidfd` outlives the call.
    // Without CLONE_VM and with no stack the child runs on its own copy of this stack, like fork.
    let result = unsafe {
        libc::syscall(libc::SYS_clone3, &raw const arguments, size_of::<libc::clone_args>())
    };
    match result {
        0 => Ok(Fork::Child),
        -1 => Err(io::Error::last_os_error()),
        id => {
            // SAFETY: the kernel stored a new descriptor that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = Pid::from_raw(id as i32).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Fork::Parent { pid, pidfd })
        }
    }
}

/// Forks the old way, which the default system call filter lets programs do. The new process is a
/// child of the caller's parent, who reaps it, and is born in the PID namespace that the caller
/// joined for its children. The same rule as for [`clone`] holds: one thread.
///
/// # Errors
/// `EAGAIN` at a limit of processes; `ENOMEM` when process 1 of that namespace has ended.
pub fn fork_sibling() -> io::Result<Fork> {
    let flags = libc::CLONE_PARENT | libc::CLONE_PIDFD;
    let mut pidfd: libc::c_int = -1;
    let stack = ptr::null_mut::<libc::c_void>();
    // SAFETY: `pidfd` outlives the call. Without CLONE_VM and with no stack the child runs on its
    // own copy of this stack, like fork; the caller has one thread.
    let result = unsafe { libc::syscall(libc::SYS_clone, flags, stack, &raw mut pidfd) };
    match result {
        0 => Ok(Fork::Child),
        -1 => Err(io::Error::last_os_error()),
        id => {
            // SAFETY: the kernel stored a new descriptor that nothing else owns.
            let pidfd = unsafe { OwnedFd::from_raw_fd(pidfd) };
            let pid = Pid::from_raw(id as i32).ok_or(io::ErrorKind::InvalidData)?;
            Ok(Fork::Parent { pid, pidfd })
        }
    }
}

/// Forks the old way, which the default system call filter lets programs do. `None` in the child.
/// The same rule as for [`clone`] holds: one thread.
///
/// # Errors
/// `EAGAIN` at a limit of processes.
pub fn fork() -> io::Result<Option<Pid>> {
    // SAFETY: only one thread is alive, so the child's copy of the memory is consistent.
    let result = unsafe { libc::fork() };
    match result {
        -1 => Err(io::Error::last_os_error()),
        id => Ok(Pid::from_raw(id)),
    }
}

/// Replaces the calling process by the program at `path`; returns only on failure.
///
/// # Errors
/// Those of `execve(2)`, `E2BIG` and `ENOEXEC` among them.
#[must_use]
pub fn execute(path: &CStr, arguments: &[CString], environment: &[CString]) -> io::Error {
    let arguments = pointers(arguments);
    let environment = pointers(environment);
    // SAFETY: `path` ends in NUL; both arrays end in a null pointer, hold pointers to strings that
    // end in NUL, and outlive the call.
    unsafe { libc::execve(path.as_ptr(), arguments.as_ptr(), environment.as_ptr()) };
    io::Error::last_os_error()
}

/// The null-terminated array that `execve` wants.
fn pointers(strings: &[CString]) -> Vec<*const libc::c_char> {
    strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect()
}

/// Moves the calling process's children to come into a new time namespace; its clocks can be set
/// in `/proc/self/timens_offsets` until the first of them is born.
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` before Linux 5.6.
pub fn unshare_time() -> io::Result<()> {
    // SAFETY: takes a number only, and changes nothing that memory safety rests on.
    match unsafe { libc::unshare(libc::CLONE_NEWTIME) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Ends the calling process at once: no destructor, no buffer, no exit handler runs.
pub fn exit(code: i32) -> ! {
    // SAFETY: ends the process; nothing of it is used afterwards.
    unsafe { libc::_exit(code) }
}

/// A copy of `from` with the number `to`; what had that number is closed. `execve` closes it.
///
/// # Errors
/// Those of `dup3(2)`: `EBADF` for a number beyond the limit of open files.
pub fn move_descriptor(from: &OwnedFd, to: u32) -> io::Result<OwnedFd> {
    let to = libc::c_int::try_from(to).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: takes numbers only; `from` is open.
    let result = unsafe { libc::dup3(from.as_raw_fd(), to, libc::O_CLOEXEC) };
    if result == -1 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the number is open, and the caller says that nothing else uses it from here on.
    Ok(unsafe { OwnedFd::from_raw_fd(to) })
}

/// Marks every descriptor from `first` on to be closed by `execve`.
///
/// # Errors
/// `ENOSYS` or `EINVAL` before Linux 5.11.
pub fn close_on_exec_from(first: u32) -> io::Result<()> {
    close_range(first, libc::CLOSE_RANGE_CLOEXEC)
}

/// Closes every descriptor from `first` on. Whoever still holds one as an [`OwnedFd`] must not
/// drop it: call this only where the process goes on to a loop of its own or ends.
///
/// # Errors
/// `ENOSYS` before Linux 5.9.
pub fn close_from(first: u32) -> io::Result<()> {
    close_range(first, 0)
}

fn close_range(first: u32, flags: libc::c_uint) -> io::Result<()> {
    // SAFETY: takes numbers only.
    let result = unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) };
    match result {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Gives every signal its default action, and unblocks all: a program starts with neither what
/// its parent ignored (Rust ignores `SIGPIPE`) nor what it blocked.
pub fn reset_signals() {
    /// `struct sigaction` as the kernel has it: handler, flags, restorer, mask.
    #[repr(C)]
    struct Action([usize; 4]);
    let default = Action([libc::SIG_DFL, 0, 0, 0]);
    for signal in 1..=64 {
        // Not by libc, which keeps two signals to itself that an ignoring parent hands down.
        // SAFETY: reads one action, which is at least as long as the kernel's on every
        // architecture, and sets no handler. It fails for SIGKILL and SIGSTOP, as it should.
        unsafe {
            libc::syscall(
                libc::SYS_rt_sigaction,
                signal,
                &raw const default,
                ptr::null_mut::<Action>(),
                size_of::<u64>(),
            )
        };
    }
    unblock_signals();
}

/// Lets the program that `command` starts find signals as [`reset_signals`] leaves them, and no
/// descriptor of ours but its three streams. From any thread of any process.
pub fn isolate(command: &mut std::process::Command) {
    use std::os::unix::process::CommandExt;
    // SAFETY: the closure makes system calls only, and touches neither locks nor the heap, which
    // other threads may have held when the child was made.
    unsafe {
        command.pre_exec(|| {
            reset_signals();
            close_on_exec_from(3)
        });
    }
}

/// Unblocks all signals.
pub fn unblock_signals() {
    let none = nix::sys::signal::SigSet::empty();
    // Fails only for an invalid `how`.
    let _ = none.thread_set_mask();
}

/// Overwrites what `/proc/<pid>/cmdline` shows of this process, with `title` (cut to the room
/// there is) and zeros. For a child that goes on as something else than its parent.
///
/// # Errors
/// `/proc/self/stat` cannot be read or parsed; nothing was changed.
pub fn set_title(title: &[u8]) -> io::Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (start, end) = argument_range(&stat).ok_or(io::ErrorKind::InvalidData)?;
    let room = end.saturating_sub(start);
    let mut text = title[..title.len().min(room.saturating_sub(1))].to_vec();
    text.resize(room, 0);
    // SAFETY: the kernel says that the argument strings lie in this range of our stack, which is
    // writable memory; `text` is exactly as long. Nobody reads arguments in this child again.
    unsafe { ptr::copy_nonoverlapping(text.as_ptr(), start as *mut u8, room) };
    Ok(())
}

/// Overwrites what `/proc/<pid>/environ` shows of this process with zeros. For a child that will be
/// seen from inside of a container before it executes a program: its environment is its parent's.
///
/// # Errors
/// `/proc/self/stat` cannot be read or parsed; nothing was changed.
pub fn hide_environment() -> io::Result<()> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let (start, end) = environment_range(&stat).ok_or(io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel says that the environment's strings lie in this range of our stack, which
    // is writable memory. Zeros end each string that libc's table points to at once.
    unsafe { ptr::write_bytes(start as *mut u8, 0, end.saturating_sub(start)) };
    Ok(())
}

/// `arg_start` and `arg_end` of proc_pid_stat(5), fields 48 and 49.
fn argument_range(stat: &str) -> Option<(usize, usize)> {
    range(stat, 48)
}

/// `env_start` and `env_end` of proc_pid_stat(5), fields 50 and 51.
fn environment_range(stat: &str) -> Option<(usize, usize)> {
    range(stat, 50)
}

/// The addresses in `field` and the next one; fields count from 1.
fn range(stat: &str, field: usize) -> Option<(usize, usize)> {
    let after_name = stat.rsplit_once(')')?.1;
    let mut fields = after_name.split_ascii_whitespace().skip(field - 3);
    let start = fields.next()?.parse().ok()?;
    let end = fields.next()?.parse().ok()?;
    (start != 0).then_some((start, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_lie_where_the_kernel_says() {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let (start, end) = argument_range(&stat).unwrap();
        let length = std::fs::read("/proc/self/cmdline").unwrap().len();
        assert_eq!(end - start, length);
        let (start, end) = environment_range(&stat).unwrap();
        assert_eq!(end - start, std::fs::read("/proc/self/environ").unwrap().len());
    }

    #[test]
    fn only_positive_numbers_are_processes() {
        assert_eq!(pid("\t17\n").map(Pid::as_raw_pid), Some(17));
        for nobody in ["0", "-1", "", "1 2", "99999999999"] {
            assert_eq!(pid(nobody), None, "{nobody:?}");
        }
    }
}
