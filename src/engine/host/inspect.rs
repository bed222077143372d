//! What there is to know and to count about one container.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use jiff::Timestamp;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::bundle;
use crate::resource::container::{Container, Status};
use crate::resource::inspection::{DiskUse, GeneratedFiles, Inspection, LayerDirs};
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::resource::stats::{Stats, Traffic};
use crate::runtime::{Bundle, Cgroup};
use crate::shim::client;
use crate::shim::protocol::{Reply, Request};
use crate::state::ContainerDir;
use crate::{network, state};

use super::Host;
use super::containers::missing;
use super::observe::{self, Record};

/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;

/// Everything about a container; `size` asks for what it takes on disk, too.
pub(super) fn inspect(host: &Host, id: &ContainerId, size: bool) -> Result<Inspection> {
    let roots = host.roots();
    let dir = roots.container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let Record { created_at, spec, .. } = record.ok_or_else(|| missing(id))?;
    let mut networks = BTreeMap::new();
    if let NetworkMode::Networks(endpoints) = &spec.network {
        for endpoint in endpoints {
            // Removed by force since: the rest is worth knowing all the same.
            if let Ok(network) = network::get(roots, &endpoint.network) {
                networks.insert(endpoint.network.clone(), network);
            }
        }
    }
    let all = spec.all_mounts();
    let volumes = all.iter().filter_map(|mount| match &mount.source {
        MountSource::Volume { name, .. } => Some((name.clone(), roots.volume_data(name))),
        _ => None,
    });
    let volumes = volumes.collect();
    let (masked, read_only) = bundle::protected_paths(&spec.security)?;
    let layers =
        LayerDirs { lowers: image_dirs(host, &spec)?, upper: dir.upper(), work: dir.work() };
    let size = if size { Some(disk_use(&layers)?) } else { None };
    let files = GeneratedFiles {
        resolv_conf: dir.etc("resolv.conf"),
        hostname: dir.etc("hostname"),
        hosts: dir.etc("hosts"),
        log: dir.log(),
    };
    let status = observe::status(&dir)?;
    let container = Container { id: id.clone(), spec, created_at, status };
    let commands = commands(&dir, &container.status)?;
    let bundle: Option<Bundle> = state::read(&dir.bundle())?;
    let process = bundle.as_ref().and_then(|bundle| bundle.spec.process().as_ref());
    let profile = process.and_then(|process| process.apparmor_profile().clone());
    Ok(Inspection {
        container,
        networks,
        volumes,
        files,
        layers,
        profile: profile.unwrap_or_default(),
        masked,
        read_only,
        commands,
        size,
    })
}

/// Ids of the commands that run in a container, as its shim knows them.
fn commands(dir: &ContainerDir, status: &Status) -> Result<Vec<String>> {
    if !status.state.is_active() {
        return Ok(Vec::new());
    }
    match client::request(dir, &Request::Commands) {
        Ok(Reply::Commands(ids)) => Ok(ids),
        // It has ended since.
        Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::other("the container's shim answers something else")),
    }
}

/// Layer directories of the container's image, topmost first; none if the image is gone.
pub(super) fn image_dirs(
    host: &Host,
    spec: &crate::resource::ContainerSpec,
) -> Result<Vec<std::path::PathBuf>> {
    let Some(image) = &spec.image_id else { return Ok(Vec::new()) };
    let image = host.store().find(&image.to_string())?;
    Ok(image.map(|image| host.store().lower_dirs(&image)).unwrap_or_default())
}

fn disk_use(layers: &LayerDirs) -> Result<DiskUse> {
    let writable = bytes_below(&layers.upper)?;
    let mut total = writable;
    for lower in &layers.lowers {
        total += bytes_below(lower)?;
    }
    Ok(DiskUse { writable, total })
}

/// Bytes of all files below a directory; a file with several names counts once.
///
/// # Errors
/// A directory cannot be read.
pub fn bytes_below(root: &Path) -> Result<u64> {
    let (mut bytes, mut seen) = (0, BTreeSet::new());
    let mut waiting = vec![root.to_owned()];
    while let Some(dir) = waiting.pop() {
        let failed = || format!("cannot read {}", dir.display());
        for entry in fs::read_dir(&dir).context(failed)? {
            let entry = entry.context(failed)?;
            // A running container may have removed it in between.
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else if metadata.nlink() < 2 || seen.insert((metadata.dev(), metadata.ino())) {
                bytes += metadata.len();
            }
        }
    }
    Ok(bytes)
}

/// The container's counters now; all zero if it does not run.
pub(super) fn stats(host: &Host, id: &ContainerId) -> Result<Stats> {
    let dir = host.roots().container(id);
    if !dir.spec().exists() {
        return Err(missing(id));
    }
    let status = observe::status(&dir)?;
    let mut stats = Stats { read_at: Timestamp::now(), ..Stats::default() };
    if !status.state.is_active() {
        return Ok(stats);
    }
    let machine = Machine::look()?;
    (stats.system_nanos, stats.online_cpus) = (machine.nanos, machine.cpus);
    let bundle: Option<Bundle> = state::read(&dir.bundle())?;
    let cgroup = bundle.map(|bundle| Cgroup::open(&bundle.cgroup()?)).transpose()?.flatten();
    if let Some(cgroup) = cgroup {
        let used = cgroup.stats();
        stats.cpu_nanos = used.cpu_nanos;
        stats.cpu_user_nanos = used.cpu_user_nanos;
        stats.cpu_kernel_nanos = used.cpu_system_nanos;
        stats.memory = used.memory;
        stats.memory_inactive_file = used.memory_inactive_file;
        stats.memory_limit = used.memory_limit.unwrap_or(machine.memory).min(machine.memory);
        (stats.pids, stats.pids_limit) = (used.pids, used.pids_limit);
        (stats.io_read, stats.io_written) = (used.io_read, used.io_written);
    }
    let record: Option<Record> = state::read(&dir.spec())?;
    // Docker: the host's own interfaces are not the container's to count.
    if record.is_some_and(|record| record.spec.network != NetworkMode::Host) {
        stats.networks = networks(&status);
    }
    Ok(stats)
}

/// Counters of the interfaces in the namespace of the container's first process.
fn networks(status: &Status) -> BTreeMap<String, Traffic> {
    // Without a process there is nothing to count; it may end at any time.
    let text = status.pid.map(|pid| fs::read_to_string(format!("/proc/{pid}/net/dev")));
    traffic(&text.and_then(std::io::Result::ok).unwrap_or_default())
}

/// From `/proc/<pid>/net/dev`, proc_pid_net(5): two lines of headings, then one per interface.
fn traffic(text: &str) -> BTreeMap<String, Traffic> {
    let interface = |line: &str| {
        let (name, counters) = line.split_once(':')?;
        let counters: Vec<u64> =
            counters.split_ascii_whitespace().filter_map(|word| word.parse().ok()).collect();
        let at = |index: usize| counters.get(index).copied();
        let traffic = Traffic {
            received: at(0)?,
            received_packets: at(1)?,
            sent: at(8)?,
            sent_packets: at(9)?,
        };
        Some((name.trim().to_owned(), traffic)).filter(|(name, _)| name != "lo")
    };
    text.lines().skip(2).filter_map(interface).collect()
}

/// What shares are measured against.
struct Machine {
    /// Time of all processors since boot.
    nanos: u64,
    cpus: u32,
    /// Bytes.
    memory: u64,
}

impl Machine {
    fn look() -> Result<Machine> {
        let read = |path: &str| fs::read_to_string(path).context(|| format!("cannot read {path}"));
        Ok(Machine::parse(
            &read("/proc/stat")?,
            &read("/proc/meminfo")?,
            rustix::param::clock_ticks_per_second(),
        ))
    }

    /// From proc_stat(5) and proc_meminfo(5). Docker counts the first seven kinds of time: guests'
    /// are in the user's already.
    fn parse(stat: &str, memory: &str, ticks_per_second: u64) -> Machine {
        let total = stat.lines().find_map(|line| line.strip_prefix("cpu "));
        let ticks: u64 = total
            .unwrap_or_default()
            .split_ascii_whitespace()
            .take(7)
            .filter_map(|word| word.parse::<u64>().ok())
            .sum();
        let is_cpu = |line: &&str| {
            let number = line.strip_prefix("cpu");
            number.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        };
        let kib = memory.lines().find_map(|line| line.strip_prefix("MemTotal:"));
        let kib = kib.and_then(|text| text.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
        Machine {
            nanos: ticks * (SECOND / ticks_per_second.max(1)),
            cpus: stat.lines().filter(is_cpu).count() as u32,
            memory: kib.unwrap_or(0) * 1024,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_counted_but_the_loopback() {
        let text = "Inter-|   Receive  |  Transmit\n face |bytes packets\n    \
                    lo:     100  1 0 0 0 0 0 0  100  1 0 0 0 0 0 0\n  \
                    eth0:1234567 12 0 0 0 0 0 0   42  3 0 0 0 0 0 0\n";
        let expected =
            Traffic { received: 1_234_567, received_packets: 12, sent: 42, sent_packets: 3 };
        assert_eq!(traffic(text), BTreeMap::from([("eth0".to_owned(), expected)]));
    }

    #[test]
    fn the_machines_time_is_without_that_of_guests() {
        let stat = "cpu  1 2 3 4 5 6 7 100 100 100\ncpu0 1 1 1 1\ncpu1 1 1 1 1\nctxt 5\n";
        let machine = Machine::parse(stat, "MemTotal:  2048 kB\nMemFree: 1 kB\n", 100);
        assert_eq!((machine.nanos, machine.cpus, machine.memory), (280_000_000, 2, 2 << 20));
    }

    #[test]
    fn a_file_with_two_names_takes_its_place_once() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("d")).unwrap();
        fs::write(dir.path().join("d/a"), [0; 100]).unwrap();
        fs::hard_link(dir.path().join("d/a"), dir.path().join("b")).unwrap();
        fs::write(dir.path().join("c"), [0; 11]).unwrap();
        assert_eq!(bytes_below(dir.path()).unwrap(), 111);
    }
}
