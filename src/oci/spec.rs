//! A configuration to begin with.

use serde_json::{Value, json};

use crate::runtime::{caps, cgroup};

use super::config::VERSION;

/// A configuration for a shell in the bundle's `rootfs`: what runc's `spec` writes, with our
/// default capabilities. `rootless` maps the caller to root, and leaves out what needs more.
///
/// Where control groups are of v1, programs see those of the host, as with runc: a namespace would
/// be listed twice by tools that add one.
#[must_use]
pub fn template(rootless: bool) -> Value {
    let capabilities: Vec<String> =
        caps::DEFAULT.iter().map(|name| format!("CAP_{name}")).collect();
    let mut kinds = vec!["pid", "ipc", "uts", "mount", if rootless { "user" } else { "network" }];
    kinds.extend(cgroup::is_v2().then_some("cgroup"));
    let namespaces: Vec<Value> = kinds.iter().map(|kind| json!({ "type": kind })).collect();
    let mut linux = json!({
        "resources": { "devices": [{ "allow": false, "access": "rwm" }] },
        "namespaces": namespaces,
        "maskedPaths": [
            "/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
            "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug", "/sys/firmware",
            "/proc/scsi",
        ],
        "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
    });
    if rootless {
        let mapping = |id: u32| json!([{ "containerID": 0, "hostID": id, "size": 1 }]);
        linux["uidMappings"] = mapping(rustix::process::getuid().as_raw());
        linux["gidMappings"] = mapping(rustix::process::getgid().as_raw());
        linux.as_object_mut().map(|linux| linux.remove("resources"));
    }
    json!({
        "ociVersion": VERSION,
        "process": {
            "terminal": true,
            "user": { "uid": 0, "gid": 0 },
            "args": ["sh"],
            "env": [
                "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm",
            ],
            "cwd": "/",
            "capabilities": {
                "bounding": capabilities, "effective": capabilities, "permitted": capabilities,
            },
            "rlimits": [{ "type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024 }],
            "noNewPrivileges": true,
        },
        "root": { "path": "rootfs", "readonly": true },
        "hostname": "compose",
        "mounts": mounts(rootless),
        "linux": linux,
    })
}

fn mounts(rootless: bool) -> Vec<Value> {
    let devpts = match rootless {
        true => json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]),
        false => json!(["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    };
    let shm = json!(["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]);
    let dev = json!(["nosuid", "strictatime", "mode=755", "size=65536k"]);
    let plain = json!(["nosuid", "noexec", "nodev"]);
    let (sysfs, sys) = match rootless {
        true => ("none", json!(["rbind", "nosuid", "noexec", "nodev", "ro"])),
        false => ("sysfs", json!(["nosuid", "noexec", "nodev", "ro"])),
    };
    let source = if rootless { "/sys" } else { "sysfs" };
    let cgroup = json!(["nosuid", "noexec", "nodev", "relatime", "ro"]);
    [
        ("/proc", "proc", "proc", json!([])),
        ("/dev", "tmpfs", "tmpfs", dev),
        ("/dev/pts", "devpts", "devpts", devpts),
        ("/dev/shm", "tmpfs", "shm", shm),
        ("/dev/mqueue", "mqueue", "mqueue", plain),
        ("/sys", sysfs, source, sys),
        ("/sys/fs/cgroup", "cgroup", "cgroup", cgroup),
    ]
    .into_iter()
    .map(|(destination, kind, source, options)| {
        json!({ "destination": destination, "type": kind, "source": source, "options": options })
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_template_is_a_configuration() {
        for rootless in [false, true] {
            let text = serde_json::to_vec(&template(rootless)).unwrap();
            let (_, warnings) = super::super::config::parse(&text).unwrap();
            assert_eq!(warnings, Vec::<String>::new());
        }
    }
}
