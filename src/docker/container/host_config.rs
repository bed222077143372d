//! Docker's HostConfig object: everything about a container that is the machine's affair.

use serde_json::{Map, Value as Json, json};

use crate::resource::container::{ContainerSpec, RestartPolicy, Sharing, VolumesFrom};
use crate::resource::inspection::Inspection;
use crate::resource::limits::{BlkioLimit, Limits};
use crate::resource::mount::{Mount, MountSource};

use super::network;

/// Size of `/dev/shm` when nobody says, in bytes.
const SHM_SIZE: u64 = 64 << 20;

/// The whole object. Clients index its fields, so all are there.
pub(super) fn shape(inspection: &Inspection) -> Json {
    let spec = &inspection.container.spec;
    let mut shape = outside(spec);
    shape.extend(privileges(spec));
    let mut set = |field: &str, value: Json| drop(shape.insert(field.to_owned(), value));
    set("ShmSize", json!(spec.limits.shm_size.map_or(SHM_SIZE, |size| size.0)));
    if !spec.annotations.is_empty() {
        set("Annotations", json!(spec.annotations));
    }
    if !spec.sysctls.is_empty() {
        set("Sysctls", json!(spec.sysctls));
    }
    set("Runtime", json!(spec.runtime.as_deref().unwrap_or("compose")));
    set("Isolation", json!(""));
    shape.extend(resources(spec));
    let mut set = |field: &str, value: Json| drop(shape.insert(field.to_owned(), value));
    set("MaskedPaths", json!(inspection.masked));
    set("ReadonlyPaths", json!(inspection.read_only));
    if spec.init {
        set("Init", json!(true));
    }
    Json::Object(shape)
}

/// How it is connected, and what happens when it ends.
fn outside(spec: &ContainerSpec) -> Map<String, Json> {
    let shape = json!({
        "Binds": or_null(&spec.mounts.iter().filter_map(bind).collect::<Vec<_>>()),
        "ContainerIDFile": "",
        "LogConfig": {"Type": spec.log.driver, "Config": spec.log.options},
        "NetworkMode": network::mode(&spec.network),
        "PortBindings": network::bindings(spec),
        "RestartPolicy": restart(spec.restart),
        "AutoRemove": spec.auto_remove,
        "VolumeDriver": "",
        "VolumesFrom": or_null(&volumes_from(spec)),
        "ConsoleSize": [0, 0],
    });
    object(shape)
}

/// As written for `--volumes-from`.
fn volumes_from(spec: &ContainerSpec) -> Vec<String> {
    let text = |source: &VolumesFrom| match source.read_only {
        true => format!("{}:ro", source.container),
        false => source.container.clone(),
    };
    spec.volumes_from.iter().map(text).collect()
}

/// What it may do, and whose namespaces it has.
fn privileges(spec: &ContainerSpec) -> Map<String, Json> {
    let security = &spec.security;
    let dns: Vec<String> = spec.dns.servers.iter().map(ToString::to_string).collect();
    let hosts = spec.extra_hosts.iter().map(|(name, address)| format!("{name}:{address}"));
    let mut shape = object(json!({
        "CapAdd": or_null(&security.cap_add),
        "CapDrop": or_null(&security.cap_drop),
        "CgroupnsMode": sharing(&spec.namespaces.cgroup, "private"),
        "Dns": dns,
        "DnsOptions": spec.dns.options,
        "DnsSearch": spec.dns.search,
        "ExtraHosts": or_null(&hosts.collect::<Vec<_>>()),
        "GroupAdd": or_null(&spec.process.groups),
        "IpcMode": sharing(&spec.namespaces.ipc, "private"),
        "Cgroup": "",
        "Links": network::links_of_bridge(spec),
        "OomScoreAdj": spec.limits.oom_score_adj.unwrap_or(0),
        "PidMode": sharing(&spec.namespaces.pid, ""),
        "Privileged": security.privileged,
        "PublishAllPorts": spec.publish_all,
        "ReadonlyRootfs": spec.read_only,
        "SecurityOpt": or_null(&security.options),
        "UTSMode": sharing(&spec.namespaces.uts, ""),
        "UsernsMode": "",
    }));
    if let Some(size) = spec.limits.storage_size {
        shape.insert("StorageOpt".to_owned(), json!({"size": size.0.to_string()}));
    }
    let tmpfs = spec.mounts.iter().filter_map(tmpfs);
    let tmpfs: Map<String, Json> = tmpfs.collect();
    if !tmpfs.is_empty() {
        shape.insert("Tmpfs".to_owned(), Json::Object(tmpfs));
    }
    shape
}

/// Docker: the Resources object, which is part of this one.
fn resources(spec: &ContainerSpec) -> Map<String, Json> {
    let limits = &spec.limits;
    let bytes = |bytes: Option<crate::base::Bytes>| bytes.map_or(0, |bytes| bytes.0);
    // Docker: as much swap as memory, when only memory is limited.
    let swap = limits
        .memory
        .map_or(0, |memory| i64::try_from(memory.0.saturating_mul(2)).unwrap_or(i64::MAX));
    let devices = spec.security.devices.iter().map(|device| {
        json!({
            "PathOnHost": device.source,
            "PathInContainer": device.target,
            "CgroupPermissions": device.permissions,
        })
    });
    object(json!({
        "CpuShares": limits.cpu_shares.unwrap_or(0),
        "Memory": bytes(limits.memory),
        "NanoCpus": limits.cpus.map_or(0, |cpus| (cpus * 1e9).round() as i64),
        "CgroupParent": spec.cgroup_parent.as_deref().unwrap_or_default(),
        "BlkioWeight": limits.blkio_weight.unwrap_or(0),
        "BlkioWeightDevice": block_devices(limits, "weight", "Weight"),
        "BlkioDeviceReadBps": block_devices(limits, "read_bps", "Rate"),
        "BlkioDeviceWriteBps": block_devices(limits, "write_bps", "Rate"),
        "BlkioDeviceReadIOps": block_devices(limits, "read_iops", "Rate"),
        "BlkioDeviceWriteIOps": block_devices(limits, "write_iops", "Rate"),
        "CpuPeriod": limits.cpu_period.unwrap_or(0),
        "CpuQuota": limits.cpu_quota.unwrap_or(0),
        "CpuRealtimePeriod": limits.cpu_rt_period.unwrap_or(0),
        "CpuRealtimeRuntime": limits.cpu_rt_runtime.unwrap_or(0),
        "CpusetCpus": limits.cpuset.as_deref().unwrap_or_default(),
        "CpusetMems": limits.cpuset_mems.as_deref().unwrap_or_default(),
        "Devices": devices.collect::<Vec<_>>(),
        "DeviceCgroupRules": or_null(&spec.security.device_cgroup_rules),
        "DeviceRequests": null,
        "MemoryReservation": bytes(limits.memory_reservation),
        "MemorySwap": limits.memory_swap.filter(|swap| *swap != 0).unwrap_or(swap),
        "MemorySwappiness": limits.memory_swappiness,
        "OomKillDisable": limits.oom_kill_disable,
        "PidsLimit": limits.pids,
        "Ulimits": ulimits(limits),
        "CpuCount": 0,
        "CpuPercent": 0,
        "IOMaximumIOps": 0,
        "IOMaximumBandwidth": 0,
    }))
}

fn block_devices(limits: &Limits, what: &str, field: &str) -> Json {
    let fits = |limit: &&BlkioLimit| limit.what == what;
    let devices = limits.blkio_devices.iter().filter(fits);
    let devices = devices.map(|limit| json!({"Path": limit.path, field: limit.rate}));
    Json::Array(devices.collect())
}

fn ulimits(limits: &Limits) -> Json {
    let all = limits.ulimits.iter();
    let all = all.map(|(name, it)| json!({"Name": name, "Hard": it.hard, "Soft": it.soft}));
    Json::Array(all.collect())
}

fn restart(policy: RestartPolicy) -> Json {
    let (name, count) = match policy {
        RestartPolicy::No => ("no", 0),
        RestartPolicy::Always => ("always", 0),
        RestartPolicy::UnlessStopped => ("unless-stopped", 0),
        RestartPolicy::OnFailure { max_retries } => ("on-failure", max_retries),
    };
    json!({"Name": name, "MaximumRetryCount": count})
}

fn sharing(sharing: &Sharing, own: &str) -> String {
    match sharing {
        Sharing::Private => own.to_owned(),
        Sharing::Shareable => "shareable".to_owned(),
        Sharing::None => "none".to_owned(),
        Sharing::Host => "host".to_owned(),
        Sharing::Container(name) => format!("container:{name}"),
    }
}

/// `SOURCE:TARGET:MODE` of bind mounts and named volumes.
fn bind(mount: &Mount) -> Option<String> {
    let source = match &mount.source {
        MountSource::Bind { path, .. } => path.display().to_string(),
        MountSource::Volume { name, anonymous: false, .. } => name.clone(),
        _ => return None,
    };
    let access = if mount.read_only { "ro" } else { "rw" };
    let selinux = match &mount.source {
        MountSource::Bind { selinux: Some(label), .. } => format!(",{label}"),
        _ => String::new(),
    };
    Some(format!("{source}:{}:{access}{selinux}", mount.target))
}

fn tmpfs(mount: &Mount) -> Option<(String, Json)> {
    let MountSource::Tmpfs { size, mode, options } = &mount.source else { return None };
    let mut words: Vec<String> = options.clone();
    words.extend(size.map(|size| format!("size={}", size.0)));
    words.extend(mode.map(|mode| format!("mode={mode:o}")));
    Some((mount.target.clone(), json!(words.join(","))))
}

fn or_null(words: &[String]) -> Json {
    if words.is_empty() { Json::Null } else { json!(words) }
}

fn object(shape: Json) -> Map<String, Json> {
    match shape {
        Json::Object(fields) => fields,
        _ => Map::new(),
    }
}
