//! Resource limits, capabilities and devices.

use crate::base::{Bytes, Result};
use crate::compose::model::{self, BlkioConfig, BlkioRate, DeviceCount, SwapLimit};
use crate::compose::{Project, Service};
use crate::resource::limits::{BlkioLimit, Device, DeviceRequest, Limits, Security, Ulimit};

pub(super) fn limits(service: &Service) -> Result<Limits> {
    // Zero means unset wherever the kernel has no use for it (Docker: the same).
    let bytes = |value: Option<Bytes>| value.filter(|bytes| bytes.0 > 0);
    let positive =
        |value: Option<i64>| value.and_then(|it| u64::try_from(it).ok()).filter(|it| *it > 0);
    let ulimits = service.ulimits.iter();
    let ulimits = ulimits.map(|(name, it)| (name.clone(), Ulimit { soft: it.soft, hard: it.hard }));
    let memory_swap = match service.memswap_limit {
        Some(SwapLimit::Unlimited) => Some(-1),
        Some(SwapLimit::Limit(bytes)) if bytes.0 > 0 => Some(bytes.0 as i64),
        _ => None,
    };
    let pids = service.pids().and_then(|pids| i64::try_from(pids).ok());
    let unlimited_pids = service.pids_limit.filter(|limit| *limit < 0).map(|_| -1);
    let size = service.storage_opt.get("size");
    Ok(Limits {
        memory: service.memory_limit(),
        memory_swap,
        memory_reservation: service.memory_reservation(),
        memory_swappiness: service.mem_swappiness.map(|it| it.0),
        cpus: service.cpu_limit(),
        cpu_shares: positive(service.cpu_shares),
        cpu_quota: service.cpu_quota.filter(|it| *it != 0),
        cpu_period: positive(service.cpu_period),
        cpu_rt_runtime: service.cpu_rt_runtime.filter(|it| *it != 0),
        cpu_rt_period: positive(service.cpu_rt_period),
        cpuset: service.cpuset.clone().filter(|it| !it.is_empty()),
        // No key of the specification: only `container run` sets it.
        cpuset_mems: None,
        pids: pids.or(unlimited_pids),
        blkio_weight: service.blkio_config.as_ref().and_then(|it| it.weight),
        blkio_devices: service.blkio_config.as_ref().map(blkio).unwrap_or_default(),
        ulimits: ulimits.collect(),
        shm_size: bytes(service.shm_size),
        oom_score_adj: service.oom_score_adj.and_then(|it| i32::try_from(it).ok()),
        oom_kill_disable: service.oom_kill_disable,
        storage_size: size.map(|size| size.parse()).transpose()?,
    })
}

fn blkio(config: &BlkioConfig) -> Vec<BlkioLimit> {
    let limit = |path: &str, what: &str, rate| BlkioLimit {
        path: path.to_owned(),
        what: what.to_owned(),
        rate,
    };
    let rates: [(&str, &[BlkioRate]); 4] = [
        ("read_bps", &config.device_read_bps),
        ("write_bps", &config.device_write_bps),
        ("read_iops", &config.device_read_iops),
        ("write_iops", &config.device_write_iops),
    ];
    let weights = config.weight_device.iter();
    let weights = weights.map(|it| limit(&it.path, "weight", u64::from(it.weight)));
    let rates = rates
        .into_iter()
        .flat_map(|(what, devices)| devices.iter().map(move |it| limit(&it.path, what, it.rate.0)));
    weights.chain(rates).collect()
}

pub(super) fn security(project: &Project, service: &Service) -> Security {
    let capabilities = |names: &[String]| names.iter().map(|name| capability(name)).collect();
    let (cdi, nodes): (Vec<_>, Vec<_>) =
        service.devices.iter().partition(|device| is_cdi_name(&device.source));
    let device = |it: &model::Device| Device {
        source: it.source.clone(),
        target: if it.target.is_empty() { it.source.clone() } else { it.target.clone() },
        permissions: if it.permissions.is_empty() { "rwm".into() } else { it.permissions.clone() },
    };
    let options = service.security_opt.iter().map(|option| security_option(project, option));
    Security {
        privileged: service.privileged,
        cap_add: capabilities(&service.cap_add),
        cap_drop: capabilities(&service.cap_drop),
        options: options.collect(),
        devices: nodes.into_iter().map(device).collect(),
        cdi_devices: cdi.into_iter().map(|it| it.source.clone()).collect(),
        device_requests: device_requests(service),
        device_cgroup_rules: service.device_cgroup_rules.clone(),
    }
}

/// As in `vendor.com/class=name` (CDI: SPEC.md#kind).
fn is_cdi_name(source: &str) -> bool {
    let kind = source.split_once('=').map(|(kind, _)| kind);
    !source.starts_with('/') && kind.is_some_and(|kind| kind.contains('/'))
}

/// GPUs, and what `deploy` reserves; those without capabilities of their own are GPUs.
fn device_requests(service: &Service) -> Vec<DeviceRequest> {
    let reserved = service.deploy.iter().filter_map(|it| it.resources.reservations.as_ref());
    let reserved = reserved.flat_map(|reservations| &reservations.devices);
    let request = |it: &model::DeviceRequest| {
        let gpu = || vec!["gpu".to_owned()];
        DeviceRequest {
            driver: it.driver.clone().unwrap_or_default(),
            count: match it.count {
                Some(DeviceCount::Number(count)) => Some(count),
                Some(DeviceCount::All) | None => None,
            },
            ids: it.device_ids.clone(),
            capabilities: if it.capabilities.is_empty() { gpu() } else { it.capabilities.clone() },
        }
    };
    service.gpus.iter().chain(reserved).map(request).collect()
}

/// The path of a seccomp profile starts at the project's directory.
fn security_option(project: &Project, option: &str) -> String {
    let profile = option.strip_prefix("seccomp=").or_else(|| option.strip_prefix("seccomp:"));
    match profile {
        None | Some("" | "unconfined" | "default" | "builtin" | "docker") => option.to_owned(),
        Some(path) => format!("seccomp={}", project.working_dir.join(path).display()),
    }
}

/// Upper case, without `CAP_`.
pub(in crate::plan) fn capability(name: &str) -> String {
    let upper = name.to_ascii_uppercase();
    upper.strip_prefix("CAP_").map_or_else(|| upper.clone(), str::to_owned)
}
