//! How the kernel treats a program: scheduling, I/O priority, personality, memory, CPUs.

use std::io;

use oci_spec::runtime::{
    IOPriorityClass, Linux, LinuxMemoryPolicy, LinuxPersonality, LinuxPersonalityDomain,
    LinuxSchedulerFlag, LinuxSchedulerPolicy, MemoryPolicyFlagType, MemoryPolicyModeType, Process,
    Scheduler,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::base::{Context, Error, Kind, Result};
use crate::sys::schedule::{self, Schedule};

/// Applies what `process` and `linux` say to this process, while it still may.
///
/// # Errors
/// What the kernel refuses, named.
pub fn apply(process: &Process, linux: Option<&Linux>) -> Result<()> {
    if let Some(scheduler) = process.scheduler() {
        schedule::set_schedule(&schedule_of(scheduler))
            .context(|| format!("cannot set the scheduler to {}", scheduler.policy()))?;
    }
    if let Some(priority) = process.io_priority() {
        let class = match priority.class() {
            IOPriorityClass::IoprioClassRt => 1,
            IOPriorityClass::IoprioClassBe => 2,
            IOPriorityClass::IoprioClassIdle => 3,
        };
        let level = u16::try_from(priority.priority()).ok().filter(|level| *level < 8);
        let level = level
            .ok_or_else(|| Error::new(Kind::Invalid, "an I/O priority must be between 0 and 7"))?;
        schedule::set_io_priority(class, level)
            .context(|| "cannot set the I/O priority".to_owned())?;
    }
    if let Some(policy) = linux.and_then(|linux| linux.memory_policy().as_ref()) {
        set_memory_policy(policy)?;
    }
    match linux.and_then(|linux| linux.personality().as_ref()) {
        Some(personality) => set_personality(personality),
        None => Ok(()),
    }
}

/// Runs this process on `cpus` only, as in `0-1,3`.
///
/// # Errors
/// [`Kind::Invalid`] for what is no list; none of them exists.
pub fn use_cpus(cpus: &str) -> Result<()> {
    let mut set = CpuSet::new();
    for number in numbers(cpus, CpuSet::MAX_CPU)? {
        set.set(number);
    }
    sched_setaffinity(None, &set)
        .map_err(io::Error::from)
        .context(|| format!("cannot run on CPUs {cpus}"))
}

fn schedule_of(scheduler: &Scheduler) -> Schedule {
    let policy = match scheduler.policy() {
        LinuxSchedulerPolicy::SchedOther => libc::SCHED_OTHER,
        LinuxSchedulerPolicy::SchedFifo => libc::SCHED_FIFO,
        LinuxSchedulerPolicy::SchedRr => libc::SCHED_RR,
        LinuxSchedulerPolicy::SchedBatch => libc::SCHED_BATCH,
        // Reserved by the kernel, which says so.
        LinuxSchedulerPolicy::SchedIso => 4,
        LinuxSchedulerPolicy::SchedIdle => libc::SCHED_IDLE,
        LinuxSchedulerPolicy::SchedDeadline => libc::SCHED_DEADLINE,
    };
    let flags = scheduler.flags().iter().flatten().fold(0, |flags, flag| {
        // SCHED_FLAG_* of linux/sched.h.
        flags
            | match flag {
                LinuxSchedulerFlag::SchedResetOnFork => 0x01,
                LinuxSchedulerFlag::SchedFlagReclaim => 0x02,
                LinuxSchedulerFlag::SchedFlagDLOverrun => 0x04,
                LinuxSchedulerFlag::SchedFlagKeepPolicy => 0x08,
                LinuxSchedulerFlag::SchedFlagKeepParams => 0x10,
                LinuxSchedulerFlag::SchedFlagUtilClampMin => 0x20,
                LinuxSchedulerFlag::SchedFlagUtilClampMax => 0x40,
            }
    });
    Schedule {
        policy: policy as u32,
        flags,
        nice: scheduler.nice().unwrap_or(0),
        priority: scheduler.priority().unwrap_or(0).max(0) as u32,
        runtime: scheduler.runtime().unwrap_or(0),
        deadline: scheduler.deadline().unwrap_or(0),
        period: scheduler.period().unwrap_or(0),
    }
}

fn set_personality(personality: &LinuxPersonality) -> Result<()> {
    if personality.flags().as_ref().is_some_and(|flags| !flags.is_empty()) {
        return Err(Error::new(Kind::Invalid, "flags of linux.personality are not supported"));
    }
    let domain = match personality.domain() {
        LinuxPersonalityDomain::PerLinux => 0,
        LinuxPersonalityDomain::PerLinux32 => 8,
    };
    schedule::set_personality(domain).context(|| "cannot set the personality".to_owned())
}

fn set_memory_policy(policy: &LinuxMemoryPolicy) -> Result<()> {
    // MPOL_* of linux/mempolicy.h.
    let mode = match policy.mode() {
        MemoryPolicyModeType::MpolDefault => 0,
        MemoryPolicyModeType::MpolPreferred => 1,
        MemoryPolicyModeType::MpolBind => 2,
        MemoryPolicyModeType::MpolInterleave => 3,
        MemoryPolicyModeType::MpolLocal => 4,
        MemoryPolicyModeType::MpolPreferredMany => 5,
        MemoryPolicyModeType::MpolWeightedInterleave => 6,
    };
    let flags = policy.flags().iter().flatten().fold(0, |flags, flag| {
        flags
            | match flag {
                MemoryPolicyFlagType::MpolFStaticNodes => 1 << 15,
                MemoryPolicyFlagType::MpolFRelativeNodes => 1 << 14,
                MemoryPolicyFlagType::MpolFNumaBalancing => 1 << 13,
            }
    });
    const MAX_NODES: usize = 1024;
    let mut nodes = Vec::new();
    for node in numbers(policy.nodes().as_deref().unwrap_or_default(), MAX_NODES)? {
        nodes.resize(nodes.len().max(node / 64 + 1), 0u64);
        nodes[node / 64] |= 1 << (node % 64);
    }
    schedule::set_memory_policy(mode | flags, &nodes)
        .context(|| "cannot set the memory policy".to_owned())
}

/// The numbers of a list such as `0-3,7`, all below `limit`.
fn numbers(list: &str, limit: usize) -> Result<Vec<usize>> {
    let wrong = || Error::new(Kind::Invalid, format!("`{list}` is no list such as 0-3,7"));
    let mut found = Vec::new();
    for range in list.split(',').map(str::trim).filter(|range| !range.is_empty()) {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) =
            (first.trim().parse().map_err(|_| wrong())?, last.trim().parse().map_err(|_| wrong())?);
        if first > last || last >= limit {
            return Err(wrong());
        }
        found.extend(first..=last);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_bounded() {
        assert_eq!(numbers("0-2, 7", 8).unwrap(), [0, 1, 2, 7]);
        for list in ["0-99999999999", "3-1", "a", "-1", "8"] {
            assert!(numbers(list, 8).is_err(), "{list}");
        }
    }
}
