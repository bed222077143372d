//! What a container uses, as counted by the kernel at one moment.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// One reading of a container's counters. All zero for one that does not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// When they were read.
    pub read_at: Timestamp,
    /// Processor time used, in nanoseconds.
    pub cpu_nanos: u64,
    /// Of that in user mode.
    pub cpu_user_nanos: u64,
    /// Of that in kernel mode.
    pub cpu_kernel_nanos: u64,
    /// Processor time that went by on the whole machine, idle time included, in nanoseconds.
    pub system_nanos: u64,
    /// Processors of the machine.
    pub online_cpus: u32,
    /// Bytes of memory in use, page cache included.
    pub memory: u64,
    /// Of that page cache that nobody has used for a while.
    pub memory_inactive_file: u64,
    /// Most bytes of memory it can get: its limit, or all that the machine has.
    pub memory_limit: u64,
    /// Processes and threads.
    pub pids: u64,
    /// Most of them; `None`: unlimited.
    pub pids_limit: Option<u64>,
    /// Bytes read from block devices.
    pub io_read: u64,
    /// Bytes written to block devices.
    pub io_written: u64,
    /// What went over each of its interfaces but the loopback, by name.
    pub networks: BTreeMap<String, Traffic>,
}

/// Counters of a network interface, as the container sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes in.
    pub received: u64,
    /// Packets in.
    pub received_packets: u64,
    /// Bytes out.
    pub sent: u64,
    /// Packets out.
    pub sent_packets: u64,
}

impl Stats {
    /// Percent of one processor that was used since `before`, as in 150.0 for one and a half
    /// (Docker: the share of the machine's time, times its processors).
    #[must_use]
    pub fn cpu_percent(&self, before: &Stats) -> f64 {
        let used = self.cpu_nanos.saturating_sub(before.cpu_nanos);
        let passed = self.system_nanos.saturating_sub(before.system_nanos);
        match passed {
            0 => 0.0,
            passed => used as f64 / passed as f64 * f64::from(self.online_cpus) * 100.0,
        }
    }

    /// Bytes of memory in use, without the cache that can be given back (Docker: the same).
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        match self.memory_inactive_file < self.memory {
            true => self.memory - self.memory_inactive_file,
            false => self.memory,
        }
    }

    /// Percent of what memory it can get.
    #[must_use]
    pub fn memory_percent(&self) -> f64 {
        match self.memory_limit {
            0 => 0.0,
            limit => self.memory_used() as f64 / limit as f64 * 100.0,
        }
    }

    /// Bytes in and out over all its interfaces.
    #[must_use]
    pub fn traffic(&self) -> (u64, u64) {
        let all = self.networks.values();
        all.fold((0, 0), |(received, sent), it| (received + it.received, sent + it.sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_are_computed_as_docker_does() {
        let before = Stats { cpu_nanos: 1_000, system_nanos: 10_000, ..Stats::default() };
        let now = Stats {
            cpu_nanos: 1_500,
            system_nanos: 12_000,
            online_cpus: 4,
            memory: 300,
            memory_inactive_file: 100,
            memory_limit: 800,
            ..Stats::default()
        };
        assert!((now.cpu_percent(&before) - 100.0).abs() < 1e-9);
        assert!((now.memory_percent() - 25.0).abs() < 1e-9);
        assert!(before.cpu_percent(&now).abs() < 1e-9, "a container that was started anew");
        assert!(Stats::default().memory_percent().abs() < 1e-9);
    }
}
