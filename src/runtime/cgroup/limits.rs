//! Limits as the kernel's files want them: pure, one list for v1 and one for v2.

use std::fmt::Display;

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

use crate::base::{Error, Kind, Result};

/// One value to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// The controller that has the file.
    pub controller: &'static str,
    /// The file.
    pub file: String,
    /// What is written.
    pub value: String,
    /// File and value for a kernel that has no `file`.
    pub instead: Option<(&'static str, String)>,
}

#[derive(Default)]
struct Writes(Vec<Write>);

impl Writes {
    fn add(&mut self, controller: &'static str, file: impl Into<String>, value: impl Display) {
        let (file, value) = (file.into(), format!("{value}"));
        self.0.push(Write { controller, file, value, instead: None });
    }

    /// Adds `first`, or `second` for kernels without its file.
    fn add_either<A: Display, B: Display>(
        &mut self,
        controller: &'static str,
        first: (&'static str, Option<A>),
        second: (&'static str, Option<B>),
    ) {
        if let (Some(value), Some(other)) = (first.1, second.1) {
            let (file, value) = (first.0.to_owned(), value.to_string());
            let instead = Some((second.0, other.to_string()));
            self.0.push(Write { controller, file, value, instead });
        }
    }

    fn add_some(
        &mut self,
        controller: &'static str,
        file: impl Into<String>,
        value: Option<impl Display>,
    ) {
        if let Some(value) = value {
            self.add(controller, file, value);
        }
    }
}

/// Files of v1 controllers.
///
/// # Errors
/// [`Kind::Invalid`] for `unified` values, which v1 does not have.
pub fn v1(resources: &LinuxResources) -> Result<Vec<Write>> {
    let mut writes = Writes::default();
    if let Some(memory) = resources.memory() {
        v1_memory(&mut writes, memory);
    }
    if let Some(cpu) = resources.cpu() {
        v1_cpu(&mut writes, cpu);
    }
    if let Some(pids) = resources.pids() {
        writes.add("pids", "pids.max", max(pids.limit()));
    }
    if let Some(io) = resources.block_io() {
        v1_io(&mut writes, io);
    }
    for page in resources.hugepage_limits().iter().flatten() {
        let file = format!("hugetlb.{}.limit_in_bytes", page.page_size());
        writes.add("hugetlb", file, page.limit());
    }
    if let Some(network) = resources.network() {
        writes.add_some("net_cls", "net_cls.classid", network.class_id().filter(|id| *id != 0));
        for interface in network.priorities().iter().flatten() {
            let value = format!("{} {}", interface.name(), interface.priority());
            writes.add("net_prio", "net_prio.ifpriomap", value);
        }
    }
    add_rdma(&mut writes, resources);
    if resources.unified().as_ref().is_some_and(|unified| !unified.is_empty()) {
        let message = "invalid configuration: `unified` resources need cgroup v2, which this machine does not use";
        return Err(Error::new(Kind::Invalid, message));
    }
    Ok(writes.0)
}

/// The same file in both versions.
fn add_rdma(writes: &mut Writes, resources: &LinuxResources) {
    let mut devices: Vec<_> = resources.rdma().iter().flatten().collect();
    devices.sort_by_key(|(name, _)| *name);
    for (name, limit) in devices {
        let part = |key: &str, value: Option<u32>| {
            value.map(|value| format!(" {key}={value}")).unwrap_or_default()
        };
        let handles = part("hca_handle", limit.hca_handles());
        let objects = part("hca_object", limit.hca_objects());
        writes.add("rdma", "rdma.max", format!("{name}{handles}{objects}"));
    }
}

/// Zero stands for a value that was not given (runc: the same).
fn set<T: Default + PartialEq>(value: Option<T>) -> Option<T> {
    value.filter(|value| *value != T::default())
}

fn v1_memory(writes: &mut Writes, memory: &LinuxMemory) {
    writes.add_some("memory", "memory.limit_in_bytes", set(memory.limit()));
    writes.add_some("memory", "memory.memsw.limit_in_bytes", set(memory.swap()));
    writes.add_some("memory", "memory.soft_limit_in_bytes", set(memory.reservation()));
    writes.add_some("memory", "memory.swappiness", memory.swappiness());
    writes.add_some("memory", "memory.kmem.tcp.limit_in_bytes", set(memory.kernel_tcp()));
    if memory.disable_oom_killer() == Some(true) {
        writes.add("memory", "memory.oom_control", 1);
    }
}

fn v1_cpu(writes: &mut Writes, cpu: &LinuxCpu) {
    writes.add_some("cpu", "cpu.shares", set(cpu.shares()));
    writes.add_some("cpu", "cpu.cfs_period_us", set(cpu.period()));
    writes.add_some("cpu", "cpu.cfs_quota_us", set(cpu.quota()));
    writes.add_some("cpu", "cpu.cfs_burst_us", cpu.burst());
    writes.add_some("cpu", "cpu.rt_period_us", set(cpu.realtime_period()));
    writes.add_some("cpu", "cpu.rt_runtime_us", set(cpu.realtime_runtime()));
    writes.add_some("cpu", "cpu.idle", cpu.idle());
    writes.add_some("cpuset", "cpuset.cpus", cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()));
    writes.add_some("cpuset", "cpuset.mems", cpu.mems().as_ref().filter(|mems| !mems.is_empty()));
}

fn v1_io(writes: &mut Writes, io: &LinuxBlockIo) {
    let weight = set(io.weight());
    writes.add_either("blkio", ("blkio.weight", weight), ("blkio.bfq.weight", weight));
    writes.add_some("blkio", "blkio.leaf_weight", set(io.leaf_weight()));
    for device in io.weight_device().iter().flatten() {
        let value =
            device.weight().map(|weight| format!("{}:{} {weight}", device.major(), device.minor()));
        let (usual, bfq) = ("blkio.weight_device", "blkio.bfq.weight_device");
        writes.add_either("blkio", (usual, value.as_ref()), (bfq, value.as_ref()));
        let leaf = device.leaf_weight();
        let leaf = leaf.map(|leaf| format!("{}:{} {leaf}", device.major(), device.minor()));
        writes.add_some("blkio", "blkio.leaf_weight_device", leaf);
    }
    for (file, devices) in throttles(io) {
        for device in devices {
            let value = format!("{}:{} {}", device.major(), device.minor(), device.rate());
            writes.add("blkio", format!("blkio.throttle.{file}_device"), value);
        }
    }
}

fn throttles(io: &LinuxBlockIo) -> [(&'static str, &[LinuxThrottleDevice]); 4] {
    [
        ("read_bps", io.throttle_read_bps_device().as_deref().unwrap_or_default()),
        ("write_bps", io.throttle_write_bps_device().as_deref().unwrap_or_default()),
        ("read_iops", io.throttle_read_iops_device().as_deref().unwrap_or_default()),
        ("write_iops", io.throttle_write_iops_device().as_deref().unwrap_or_default()),
    ]
}

/// Files of the unified hierarchy.
///
/// # Errors
/// [`Kind::Invalid`] for a swap limit below the memory limit.
pub fn v2(resources: &LinuxResources) -> Result<Vec<Write>> {
    let mut writes = Writes::default();
    if let Some(memory) = resources.memory() {
        v2_memory(&mut writes, memory)?;
    }
    if let Some(cpu) = resources.cpu() {
        v2_cpu(&mut writes, cpu);
    }
    if let Some(pids) = resources.pids() {
        writes.add("pids", "pids.max", max(pids.limit()));
    }
    if let Some(io) = resources.block_io() {
        v2_io(&mut writes, io);
    }
    for page in resources.hugepage_limits().iter().flatten() {
        writes.add("hugetlb", format!("hugetlb.{}.max", page.page_size()), max(page.limit()));
    }
    add_rdma(&mut writes, resources);
    let mut unified: Vec<(&String, &String)> = resources.unified().iter().flatten().collect();
    unified.sort();
    for (file, value) in unified {
        if file.contains('/') || !file.contains('.') {
            return Err(Error::new(Kind::Invalid, format!("`{file}` is not a cgroup file")));
        }
        writes.add("", file.as_str(), value);
    }
    Ok(writes.0)
}

fn v2_memory(writes: &mut Writes, memory: &LinuxMemory) -> Result<()> {
    let limit = set(memory.limit());
    writes.add_some("memory", "memory.max", limit.map(max));
    let swap = match (set(memory.swap()), limit) {
        (Some(swap), _) if swap < 0 => Some("max".to_owned()),
        // v1 counts memory and swap together, v2 swap alone.
        (Some(swap), Some(limit)) if limit >= 0 => {
            let alone = swap.checked_sub(limit).filter(|alone| *alone >= 0).ok_or_else(|| {
                Error::new(Kind::Invalid, "memory+swap limit should be at least the memory limit")
            })?;
            Some(alone.to_string())
        }
        _ => None,
    };
    writes.add_some("memory", "memory.swap.max", swap);
    writes.add_some("memory", "memory.low", set(memory.reservation()).map(max));
    // What v2 does not have is missed when it is written.
    writes.add_some("memory", "memory.swappiness", memory.swappiness());
    if memory.disable_oom_killer() == Some(true) {
        writes.add("memory", "memory.oom_control", 1);
    }
    Ok(())
}

fn v2_cpu(writes: &mut Writes, cpu: &LinuxCpu) {
    if let Some(shares) = cpu.shares().filter(|shares| *shares != 0) {
        writes.add("cpu", "cpu.weight", weight_of_shares(shares));
    }
    let quota = set(cpu.quota()).map(max);
    match set(cpu.period()) {
        Some(period) => {
            let quota = quota.unwrap_or_else(|| "max".to_owned());
            writes.add("cpu", "cpu.max", format!("{quota} {period}"));
        }
        // The period stays as it is.
        None => writes.add_some("cpu", "cpu.max", quota),
    }
    writes.add_some("cpu", "cpu.max.burst", cpu.burst());
    // What v2 does not have is missed when it is written.
    writes.add_some("cpu", "cpu.rt_period_us", set(cpu.realtime_period()));
    writes.add_some("cpu", "cpu.rt_runtime_us", set(cpu.realtime_runtime()));
    writes.add_some("cpu", "cpu.idle", cpu.idle());
    writes.add_some("cpuset", "cpuset.cpus", cpu.cpus().as_ref().filter(|cpus| !cpus.is_empty()));
    writes.add_some("cpuset", "cpuset.mems", cpu.mems().as_ref().filter(|mems| !mems.is_empty()));
}

fn v2_io(writes: &mut Writes, io: &LinuxBlockIo) {
    let weights = [(None, set(io.weight()))].into_iter();
    let devices = io.weight_device().iter().flatten();
    let devices = devices.map(|device| (Some((device.major(), device.minor())), device.weight()));
    for (device, weight) in weights.chain(devices) {
        let name = device.map(|(major, minor)| format!("{major}:{minor} ")).unwrap_or_default();
        // The BFQ scheduler has the numbers of v1 (runc: the same).
        let bfq = weight.map(|weight| format!("{name}{weight}"));
        let usual = weight.map(|weight| format!("{name}{}", weight_of_blkio(weight)));
        writes.add_either("io", ("io.bfq.weight", bfq), ("io.weight", usual));
    }
    let names = ["rbps", "wbps", "riops", "wiops"];
    for ((_, devices), name) in throttles(io).into_iter().zip(names) {
        for device in devices {
            let rate =
                if device.rate() == 0 { "max".to_owned() } else { device.rate().to_string() };
            writes.add(
                "io",
                "io.max",
                format!("{}:{} {name}={rate}", device.major(), device.minor()),
            );
        }
    }
}

/// Not positive is unlimited.
fn max(limit: i64) -> String {
    match limit > 0 {
        true => limit.to_string(),
        false => "max".to_owned(),
    }
}

/// 2..=262144 to 1..=10000 (runc, crun: the same line).
fn weight_of_shares(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9999 / 262_142
}

/// 10..=1000 to 1..=10000.
fn weight_of_blkio(weight: u16) -> u64 {
    1 + (u64::from(weight.clamp(10, 1000)) - 10) * 9999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resources() -> LinuxResources {
        serde_json::from_str(
            r#"{
                "memory": {"limit": 67108864, "swap": 134217728, "reservation": 1048576},
                "cpu": {"shares": 1024, "quota": 150000, "period": 100000, "cpus": "0-1"},
                "pids": {"limit": -1},
                "blockIO": {"weight": 500, "throttleReadBpsDevice":
                    [{"major": 8, "minor": 0, "rate": 1048576}]}
            }"#,
        )
        .unwrap()
    }

    fn shown(writes: &[Write]) -> Vec<String> {
        let other = |write: &Write| {
            let instead = write.instead.as_ref();
            instead.map(|(file, value)| format!(" or {file}={value}")).unwrap_or_default()
        };
        let shown = |write: &Write| format!("{}={}{}", write.file, write.value, other(write));
        writes.iter().map(shown).collect()
    }

    #[test]
    fn files_of_v1() {
        assert_eq!(
            shown(&v1(&resources()).unwrap()),
            [
                "memory.limit_in_bytes=67108864",
                "memory.memsw.limit_in_bytes=134217728",
                "memory.soft_limit_in_bytes=1048576",
                "cpu.shares=1024",
                "cpu.cfs_period_us=100000",
                "cpu.cfs_quota_us=150000",
                "cpuset.cpus=0-1",
                "pids.max=max",
                "blkio.weight=500 or blkio.bfq.weight=500",
                "blkio.throttle.read_bps_device=8:0 1048576",
            ]
        );
    }

    #[test]
    fn files_of_v2() {
        assert_eq!(
            shown(&v2(&resources()).unwrap()),
            [
                "memory.max=67108864",
                "memory.swap.max=67108864",
                "memory.low=1048576",
                "cpu.weight=39",
                "cpu.max=150000 100000",
                "cpuset.cpus=0-1",
                "pids.max=max",
                "io.bfq.weight=500 or io.weight=4950",
                "io.max=8:0 rbps=1048576",
            ]
        );
    }

    #[test]
    fn what_v2_lacks_is_tried_and_zero_is_nothing() {
        let resources: LinuxResources = serde_json::from_str(
            r#"{
                "memory": {"limit": 0, "swap": 0, "reservation": 0, "swappiness": 10,
                    "disableOOMKiller": true},
                "cpu": {"quota": 20000, "period": 0, "realtimeRuntime": 950}
            }"#,
        )
        .unwrap();
        assert_eq!(
            shown(&v2(&resources).unwrap()),
            [
                "memory.swappiness=10",
                "memory.oom_control=1",
                "cpu.max=20000",
                "cpu.rt_runtime_us=950",
            ]
        );
    }

    #[test]
    fn weights_keep_their_ends() {
        assert_eq!((weight_of_shares(2), weight_of_shares(262_144)), (1, 10_000));
        assert_eq!((weight_of_blkio(10), weight_of_blkio(1000)), (1, 10_000));
    }
}
