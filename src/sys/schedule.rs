//! How the kernel treats the calling process: scheduling, priority of I/O, personality, memory
//! policy.

use std::io;

/// What `sched_setattr(2)` is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Schedule {
    /// `SCHED_OTHER` and its like.
    pub policy: u32,
    /// `SCHED_FLAG_*`.
    pub flags: u64,
    /// For `SCHED_OTHER` and `SCHED_BATCH`.
    pub nice: i32,
    /// For `SCHED_FIFO` and `SCHED_RR`: 1 to 99.
    pub priority: u32,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub runtime: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub deadline: u64,
    /// For `SCHED_DEADLINE`, in nanoseconds.
    pub period: u64,
}

/// Sets how the calling process is scheduled.
///
/// # Errors
/// `EPERM` without `CAP_SYS_NICE`, `EINVAL` for values that do not fit the policy.
pub fn set_schedule(schedule: &Schedule) -> io::Result<()> {
    let attributes = libc::sched_attr {
        size: size_of::<libc::sched_attr>() as u32,
        sched_policy: schedule.policy,
        sched_flags: schedule.flags,
        sched_nice: schedule.nice,
        sched_priority: schedule.priority,
        sched_runtime: schedule.runtime,
        sched_deadline: schedule.deadline,
        sched_period: schedule.period,
    };
    // SAFETY: the kernel reads as many bytes as the structure says it has, and keeps no pointer.
    let result = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    check(result)
}

/// Sets the class (`IOPRIO_CLASS_*`) and priority in it of the calling process's I/O.
///
/// # Errors
/// `EPERM` for the real-time class without `CAP_SYS_ADMIN`, `EINVAL`.
pub fn set_io_priority(class: u16, priority: u16) -> io::Result<()> {
    const WHO_PROCESS: libc::c_int = 1;
    const CLASS_SHIFT: u32 = 13;
    let value = libc::c_int::from(class) << CLASS_SHIFT | libc::c_int::from(priority);
    // SAFETY: takes numbers only.
    check(unsafe { libc::syscall(libc::SYS_ioprio_set, WHO_PROCESS, 0, value) })
}

/// Sets the execution domain of the calling process (`PER_*`).
///
/// # Errors
/// `EINVAL`.
pub fn set_personality(personality: u32) -> io::Result<()> {
    // SAFETY: takes a number only.
    check(unsafe { libc::syscall(libc::SYS_personality, libc::c_ulong::from(personality)) })
}

/// Sets where the calling process's memory is taken from: `MPOL_*` with its flags, and one bit a
/// node.
///
/// # Errors
/// `EINVAL` for nodes that there are not, or that do not fit the mode.
pub fn set_memory_policy(mode: u32, nodes: &[u64]) -> io::Result<()> {
    // The kernel takes one bit less than it is told (set_mempolicy(2), notes of libnuma).
    let bits = if nodes.is_empty() { 0 } else { nodes.len() * 64 + 1 };
    // SAFETY: the kernel reads `bits` - 1 bits of `nodes`, which has as many.
    check(unsafe { libc::syscall(libc::SYS_set_mempolicy, mode, nodes.as_ptr(), bits) })
}

fn check(result: libc::c_long) -> io::Result<()> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}
