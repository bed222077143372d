//! What a group uses now, from the files of either kind of hierarchy.

use std::fs;
use std::path::Path;

use super::{Cgroup, Group};

/// What a container uses now. Zero where the kernel does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// CPU time used, in nanoseconds.
    pub cpu_nanos: u64,
    /// Of that in user mode, in nanoseconds.
    pub cpu_user_nanos: u64,
    /// Of that in kernel mode, in nanoseconds.
    pub cpu_system_nanos: u64,
    /// Bytes of memory in use, page cache included.
    pub memory: u64,
    /// Of that inactive page cache, which Docker subtracts.
    pub memory_inactive_file: u64,
    /// Limit in bytes; `None`: unlimited.
    pub memory_limit: Option<u64>,
    /// Processes and threads.
    pub pids: u64,
    /// Limit; `None`: unlimited.
    pub pids_limit: Option<u64>,
    /// Bytes read from block devices.
    pub io_read: u64,
    /// Bytes written to block devices.
    pub io_written: u64,
}

impl Cgroup {
    /// What it uses now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        for group in &self.groups {
            match group.unified {
                true if self.groups.len() > 1 => {}
                true => unified(&group.path, &mut stats),
                false => legacy(group, &mut stats),
            }
        }
        stats
    }

    /// How many processes were killed for lack of memory so far.
    #[must_use]
    pub fn oom_kills(&self) -> u64 {
        let counts = self.counting_memory();
        counts.map(|(group, file)| keyed(&group.path.join(file), "oom_kill")).sum()
    }
}

impl Cgroup {
    /// The groups that may know of memory, each with the file that counts what was killed.
    pub(super) fn counting_memory(&self) -> impl Iterator<Item = (&Group, &'static str)> {
        self.groups.iter().filter_map(|group| {
            let has_memory = group.controllers.iter().any(|name| name == "memory");
            match group.unified {
                // Of this one `controllers` are those that its root offers, now.
                true => Some((group, "memory.events")),
                false => has_memory.then_some((group, "memory.oom_control")),
            }
        })
    }
}

fn legacy(group: &Group, stats: &mut Stats) {
    for controller in &group.controllers {
        let number = |file: &str| number(&group.path.join(file));
        match controller.as_str() {
            "cpuacct" => {
                stats.cpu_nanos = number("cpuacct.usage").unwrap_or(0);
                stats.cpu_user_nanos = number("cpuacct.usage_user").unwrap_or(0);
                stats.cpu_system_nanos = number("cpuacct.usage_sys").unwrap_or(0);
            }
            "memory" => {
                stats.memory = number("memory.usage_in_bytes").unwrap_or(0);
                let inactive = keyed(&group.path.join("memory.stat"), "total_inactive_file");
                stats.memory_inactive_file = inactive;
                // "Unlimited" is the largest number of whole pages.
                let limit = number("memory.limit_in_bytes");
                stats.memory_limit = limit.filter(|limit| *limit < i64::MAX as u64 - 0xffff);
            }
            "pids" => {
                stats.pids = number("pids.current").unwrap_or(0);
                stats.pids_limit = number("pids.max");
            }
            "blkio" => {
                let file = group.path.join("blkio.throttle.io_service_bytes_recursive");
                (stats.io_read, stats.io_written) = (sum(&file, "Read "), sum(&file, "Write "));
            }
            _ => {}
        }
    }
}

fn unified(path: &Path, stats: &mut Stats) {
    const NANOS: u64 = 1000;
    let number = |file: &str| number(&path.join(file));
    stats.cpu_nanos = keyed(&path.join("cpu.stat"), "usage_usec") * NANOS;
    stats.cpu_user_nanos = keyed(&path.join("cpu.stat"), "user_usec") * NANOS;
    stats.cpu_system_nanos = keyed(&path.join("cpu.stat"), "system_usec") * NANOS;
    stats.memory = number("memory.current").unwrap_or(0);
    stats.memory_inactive_file = keyed(&path.join("memory.stat"), "inactive_file");
    stats.memory_limit = number("memory.max");
    stats.pids = number("pids.current").unwrap_or(0);
    stats.pids_limit = number("pids.max");
    stats.io_read = sum(&path.join("io.stat"), "rbytes=");
    stats.io_written = sum(&path.join("io.stat"), "wbytes=");
}

/// The file's only number; `None` for `max` or no file.
fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number after `key` at the start of a line; 0 if there is none.
fn keyed(file: &Path, key: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    value.and_then(|value| value.trim().parse().ok()).unwrap_or(0)
}

/// The sum of all numbers that stand directly behind `mark`.
fn sum(file: &Path, mark: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let words = text.split(mark).skip(1);
    words.filter_map(|rest| rest.split_whitespace().next()?.parse::<u64>().ok()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_the_unified_hierarchy_are_read() {
        let directory = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("cpu.stat", "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n"),
            ("memory.current", "4096\n"),
            ("memory.stat", "anon 1\ninactive_file 1024\n"),
            ("memory.max", "max\n"),
            ("pids.current", "3\n"),
            ("pids.max", "4096\n"),
            ("io.stat", "8:0 rbytes=10 wbytes=20 rios=1\n8:16 rbytes=5 wbytes=0 rios=1\n"),
            ("memory.events", "low 0\noom 2\noom_kill 1\n"),
        ] {
            fs::write(directory.path().join(file), text).unwrap();
        }
        let cgroup = Cgroup::unified_at(directory.path());

        let expected = Stats {
            cpu_nanos: 1_500_000,
            cpu_user_nanos: 1_000_000,
            cpu_system_nanos: 500_000,
            memory: 4096,
            memory_inactive_file: 1024,
            memory_limit: None,
            pids: 3,
            pids_limit: Some(4096),
            io_read: 15,
            io_written: 20,
        };
        assert_eq!((cgroup.stats(), cgroup.oom_kills()), (expected, 1));
    }
}
