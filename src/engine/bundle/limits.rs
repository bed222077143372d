//! Limits and devices, in the OCI specification's words.

use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    LinuxBlockIo, LinuxCpu, LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType, LinuxMemory,
    LinuxPids, LinuxResources, LinuxThrottleDevice, LinuxThrottleDeviceBuilder,
    LinuxWeightDeviceBuilder, PosixRlimit, PosixRlimitBuilder, PosixRlimitType,
};

use crate::base::{Error, Kind, Result};
use crate::resource::limits::{Limits, Security};

use super::HostDevice;

/// Processes and threads when nobody says: enough for any service, too few for a fork bomb.
const PIDS: i64 = 4096;

/// Length of the period in which `cpus` is a quota, in microseconds (Docker's).
const CPU_PERIOD: u64 = 100_000;

type Lookup<'a> = &'a dyn Fn(&str) -> Vec<(PathBuf, HostDevice)>;

/// What the cgroup limits.
pub(super) fn resources(
    limits: &Limits,
    security: &Security,
    device: Lookup<'_>,
) -> Result<LinuxResources> {
    let mut pids = LinuxPids::default();
    pids.set_limit(limits.pids.unwrap_or(PIDS));
    let mut resources = LinuxResources::default();
    resources
        .set_memory(memory(limits))
        .set_cpu(Some(cpu(limits)))
        .set_pids(Some(pids))
        .set_block_io(block_io(limits, device)?)
        .set_devices(Some(device_rules(security, device)?));
    Ok(resources)
}

fn memory(limits: &Limits) -> Option<LinuxMemory> {
    let signed = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
    let limit = limits.memory.map(|bytes| signed(bytes.0));
    let mut memory = LinuxMemory::default();
    memory
        .set_limit(limit)
        .set_reservation(limits.memory_reservation.map(|bytes| signed(bytes.0)))
        // Docker: as much swap as memory, if only memory is limited.
        .set_swap(
            limits
                .memory_swap
                .filter(|swap| *swap != 0)
                .or(limit.map(|limit| limit.saturating_mul(2))),
        )
        .set_swappiness(limits.memory_swappiness)
        .set_disable_oom_killer(limits.oom_kill_disable.then_some(true));
    (memory != LinuxMemory::default()).then_some(memory)
}

fn cpu(limits: &Limits) -> LinuxCpu {
    let from_cpus = limits
        .cpus
        .filter(|cpus| *cpus > 0.0)
        .map(|cpus| ((cpus * CPU_PERIOD as f64).round() as i64, CPU_PERIOD));
    let mut cpu = LinuxCpu::default();
    cpu.set_shares(limits.cpu_shares.filter(|shares| *shares != 0))
        .set_quota(from_cpus.map(|(quota, _)| quota).or(limits.cpu_quota))
        .set_period(from_cpus.map(|(_, period)| period).or(limits.cpu_period))
        .set_realtime_runtime(limits.cpu_rt_runtime)
        .set_realtime_period(limits.cpu_rt_period)
        .set_cpus(limits.cpuset.clone())
        .set_mems(limits.cpuset_mems.clone());
    cpu
}

fn block_io(limits: &Limits, device: Lookup<'_>) -> Result<Option<LinuxBlockIo>> {
    if limits.blkio_weight.is_none() && limits.blkio_devices.is_empty() {
        return Ok(None);
    }
    let mut io = LinuxBlockIo::default();
    io.set_weight(limits.blkio_weight);
    let throttles = |what: &str| -> Result<Option<Vec<LinuxThrottleDevice>>> {
        let devices = limits.blkio_devices.iter().filter(|limit| limit.what == what);
        let made = devices.map(|limit| {
            let node = found(&limit.path, device)?;
            LinuxThrottleDeviceBuilder::default()
                .major(node.major)
                .minor(node.minor)
                .rate(limit.rate)
                .build()
                .map_err(|error| Error::other("cannot limit a device").with_source(error))
        });
        let made = made.collect::<Result<Vec<_>>>()?;
        Ok((!made.is_empty()).then_some(made))
    };
    io.set_throttle_read_bps_device(throttles("read_bps")?)
        .set_throttle_write_bps_device(throttles("write_bps")?)
        .set_throttle_read_iops_device(throttles("read_iops")?)
        .set_throttle_write_iops_device(throttles("write_iops")?);
    let mut weights = Vec::new();
    for limit in limits.blkio_devices.iter().filter(|limit| limit.what == "weight") {
        let node = found(&limit.path, device)?;
        let weight = LinuxWeightDeviceBuilder::default()
            .major(node.major)
            .minor(node.minor)
            .weight(u16::try_from(limit.rate).unwrap_or(u16::MAX))
            .build();
        weights.push(
            weight.map_err(|error| Error::other("cannot weigh a device").with_source(error))?,
        );
    }
    io.set_weight_device((!weights.is_empty()).then_some(weights));
    Ok(Some(io))
}

/// The one node at `path`.
fn found(path: &str, devices: Lookup<'_>) -> Result<HostDevice> {
    let nodes = all_found(path, devices)?;
    let exact = nodes.iter().find(|(node, _)| node == Path::new(path)).or(nodes.first());
    exact.map(|(_, node)| *node).ok_or_else(|| no_device(path))
}

/// The nodes at `path`, or below it if it is a directory (Docker: the same).
fn all_found(path: &str, devices: Lookup<'_>) -> Result<Vec<(PathBuf, HostDevice)>> {
    let nodes = devices(path);
    match nodes.is_empty() {
        true => Err(no_device(path)),
        false => Ok(nodes),
    }
}

fn no_device(path: &str) -> Error {
    let message = format!(
        "error gathering device information while adding custom device \"{path}\": \
         not a device node"
    );
    Error::new(Kind::Invalid, message)
}

/// Who may use which device: everything when privileged, else what is asked for (the usual nodes
/// are always allowed by the runtime).
fn device_rules(security: &Security, device: Lookup<'_>) -> Result<Vec<LinuxDeviceCgroup>> {
    if security.privileged {
        return Ok(vec![rule(None, None, None, "rwm")]);
    }
    let mut rules = Vec::new();
    for wanted in &security.devices {
        for (_, node) in all_found(&wanted.source, device)? {
            let (major, minor) = (Some(node.major.into()), Some(node.minor.into()));
            rules.push(rule(Some(kind(node)), major, minor, &wanted.permissions));
        }
    }
    for text in &security.device_cgroup_rules {
        rules.push(parse_rule(text)?);
    }
    Ok(rules)
}

fn rule(
    kind: Option<LinuxDeviceType>,
    major: Option<i64>,
    minor: Option<i64>,
    access: &str,
) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::default();
    rule.set_allow(true)
        .set_typ(kind)
        .set_major(major)
        .set_minor(minor)
        .set_access(Some(access.to_owned()));
    rule
}

/// As in `c 189:* rwm` (Docker: `--device-cgroup-rule`).
fn parse_rule(text: &str) -> Result<LinuxDeviceCgroup> {
    let invalid = || Error::new(Kind::Invalid, format!("invalid device cgroup rule: '{text}'"));
    let words: Vec<&str> = text.split_whitespace().collect();
    let &[kind, numbers, access] = &words[..] else { return Err(invalid()) };
    let kind = match kind {
        "a" => LinuxDeviceType::A,
        "b" => LinuxDeviceType::B,
        "c" => LinuxDeviceType::C,
        _ => return Err(invalid()),
    };
    let number = |text: &str| match text {
        "*" => Ok(None),
        text => text.parse::<u32>().map(|number| Some(i64::from(number))).map_err(|_| invalid()),
    };
    let (major, minor) = numbers.split_once(':').ok_or_else(invalid)?;
    if access.is_empty() || !access.chars().all(|letter| "rwm".contains(letter)) {
        return Err(invalid());
    }
    Ok(rule(Some(kind), number(major)?, number(minor)?, access))
}

/// Nodes to be made: those asked for, and all of the host's for a privileged container.
pub(super) fn devices(security: &Security, devices: Lookup<'_>) -> Result<Vec<LinuxDevice>> {
    let mut made = Vec::new();
    if security.privileged {
        made.extend(devices("/dev").into_iter().map(|(path, node)| one_device(path, node)));
    }
    for wanted in &security.devices {
        for (path, node) in all_found(&wanted.source, devices)? {
            let below = path.strip_prefix(&wanted.source).unwrap_or(Path::new(""));
            let target = match below.as_os_str().is_empty() {
                true => PathBuf::from(&wanted.target),
                false => Path::new(&wanted.target).join(below),
            };
            made.retain(|other: &LinuxDevice| *other.path() != target);
            made.push(one_device(target, node));
        }
    }
    Ok(made)
}

fn kind(node: HostDevice) -> LinuxDeviceType {
    if node.block { LinuxDeviceType::B } else { LinuxDeviceType::C }
}

fn one_device(target: PathBuf, node: HostDevice) -> LinuxDevice {
    let mut made = LinuxDevice::default();
    made.set_path(target)
        .set_typ(kind(node))
        .set_major(node.major.into())
        .set_minor(node.minor.into())
        .set_file_mode(Some(node.mode))
        .set_uid(Some(node.uid))
        .set_gid(Some(node.gid));
    made
}

/// `ulimits`; none that is not asked for, so that the host's are inherited.
pub(super) fn rlimits(limits: &Limits) -> Result<Vec<PosixRlimit>> {
    let value = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    let one = |(name, limit): (&String, &crate::resource::limits::Ulimit)| {
        let invalid = || Error::new(Kind::Invalid, format!("invalid ulimit type: {name}"));
        let kind: PosixRlimitType =
            format!("RLIMIT_{}", name.to_uppercase()).parse().map_err(|_| invalid())?;
        PosixRlimitBuilder::default()
            .typ(kind)
            .soft(value(limit.soft))
            .hard(value(limit.hard))
            .build()
            .map_err(|error| invalid().with_source(error))
    };
    limits.ulimits.iter().map(one).collect()
}
