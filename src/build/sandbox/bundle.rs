//! The bundle of a `RUN`: what containers have by default, and nothing that outlives the step.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    Capabilities, Linux, LinuxCapabilities, LinuxNamespace, LinuxNamespaceType, LinuxPids,
    LinuxResources, Mount, PosixRlimit, PosixRlimitBuilder, PosixRlimitType, Process, Root, Spec,
};

use crate::runtime::{Bundle, Content, Rootfs, Seccomp, UserSpec, caps, masks};

/// What a step wants.
#[derive(Debug)]
pub struct Wanted<'a> {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// `NAME=value`.
    pub env: Vec<String>,
    /// Working directory; made when missing.
    pub cwd: &'a str,
    /// `user[:group]`.
    pub user: &'a str,
    /// The root file system.
    pub rootfs: Rootfs,
    /// Its own network namespace.
    pub own_network: bool,
    /// All privileges.
    pub insecure: bool,
    /// AppArmor profile.
    pub profile: Option<String>,
    /// Bytes of `/dev/shm`.
    pub shm_size: u64,
    /// Name, soft and hard value.
    pub ulimits: &'a [(String, u64, u64)],
    /// Path of its cgroup.
    pub cgroup: PathBuf,
    /// Further mounts.
    pub mounts: Vec<Mount>,
    /// Files in memory.
    pub contents: Vec<Content>,
}

/// Makes the bundle.
#[must_use]
pub fn bundle(wanted: Wanted<'_>) -> Bundle {
    let mut spec = Spec::default();
    let mut root = Root::default();
    root.set_path(PathBuf::from("rootfs")).set_readonly(Some(false));
    let mut mounts = own_mounts(&wanted);
    mounts.extend(wanted.mounts.iter().cloned());
    spec.set_root(Some(root))
        .set_hostname(Some("buildkitsandbox".to_owned()))
        .set_mounts(Some(mounts))
        .set_process(Some(process(&wanted)))
        .set_linux(Some(linux(&wanted)));
    Bundle {
        spec,
        rootfs: wanted.rootfs,
        user: Some(UserSpec { user: wanted.user.to_owned(), groups: Vec::new() }),
        runtime: None,
        init: false,
        seccomp: if wanted.insecure { Seccomp::Unconfined } else { Seccomp::Default },
        contents: wanted.contents,
        copy_up: Vec::new(),
    }
}

fn process(wanted: &Wanted<'_>) -> Process {
    let mut process = Process::default();
    let cwd = if wanted.cwd.is_empty() { "/" } else { wanted.cwd };
    process
        .set_terminal(Some(false))
        .set_args(Some(wanted.argv.clone()))
        .set_env(Some(wanted.env.clone()))
        .set_cwd(PathBuf::from(cwd))
        .set_no_new_privileges(Some(false))
        .set_apparmor_profile(wanted.profile.clone())
        .set_capabilities(Some(capabilities(wanted.insecure)))
        .set_rlimits(Some(wanted.ulimits.iter().filter_map(limit).collect()));
    process
}

fn capabilities(insecure: bool) -> LinuxCapabilities {
    let some: Capabilities = match insecure {
        true => caps::all(),
        false => caps::DEFAULT.iter().filter_map(|name| caps::named(name)).collect(),
    };
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(some.clone()))
        .set_effective(Some(some.clone()))
        .set_permitted(Some(some))
        .set_inheritable(Some(HashSet::new()))
        .set_ambient(Some(HashSet::new()));
    sets
}

fn limit((name, soft, hard): &(String, u64, u64)) -> Option<PosixRlimit> {
    let name = format!("RLIMIT_{}", name.to_ascii_uppercase());
    let kind: PosixRlimitType = serde_json::from_value(serde_json::Value::String(name)).ok()?;
    PosixRlimitBuilder::default().typ(kind).soft(*soft).hard(*hard).build().ok()
}

fn linux(wanted: &Wanted<'_>) -> Linux {
    let kinds = [
        (LinuxNamespaceType::Mount, true),
        (LinuxNamespaceType::Pid, true),
        (LinuxNamespaceType::Ipc, true),
        (LinuxNamespaceType::Uts, true),
        (LinuxNamespaceType::Cgroup, true),
        (LinuxNamespaceType::Network, wanted.own_network),
    ];
    let namespaces = kinds.into_iter().filter(|(_, own)| *own).map(|(kind, _)| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(kind);
        namespace
    });
    let paths = |paths: &[&str]| match wanted.insecure {
        true => Vec::new(),
        false => paths.iter().map(|path| (*path).to_owned()).collect(),
    };
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces.collect()))
        .set_cgroups_path(Some(wanted.cgroup.clone()))
        .set_sysctl(Some(sysctls(wanted)))
        .set_seccomp(None)
        .set_resources(Some(resources()))
        .set_masked_paths(Some(paths(masks::HIDDEN)))
        .set_readonly_paths(Some(paths(masks::READ_ONLY)));
    linux
}

/// Processes and threads of a step: enough for any compiler, too few to take the machine's.
const PROCESSES: i64 = 16_384;

fn resources() -> LinuxResources {
    let (mut resources, mut pids) = (LinuxResources::default(), LinuxPids::default());
    pids.set_limit(PROCESSES);
    resources.set_pids(Some(pids));
    resources
}

/// As containers have them: without `NET_RAW`, it is what lets programs ping.
fn sysctls(wanted: &Wanted<'_>) -> HashMap<String, String> {
    let all: &[(&str, &str)] = match wanted.own_network {
        true => &[
            ("net.ipv4.ping_group_range", "0 2147483647"),
            ("net.ipv4.ip_unprivileged_port_start", "0"),
        ],
        false => &[],
    };
    all.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// A mount as OCI bundles have it.
#[must_use]
pub fn mount(target: &str, kind: &str, source: &Path, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(PathBuf::from(target))
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(source.to_owned()))
        .set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}

fn own_mounts(wanted: &Wanted<'_>) -> Vec<Mount> {
    let lock = if wanted.insecure { "rw" } else { "ro" };
    let plain = ["nosuid", "noexec", "nodev"];
    let size = format!("size={}", wanted.shm_size);
    let one =
        |target: &str, kind: &str, options: &[&str]| mount(target, kind, Path::new(kind), options);
    let pts = ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"];
    vec![
        one("/proc", "proc", &plain),
        one("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        one("/dev/pts", "devpts", &pts),
        one("/dev/mqueue", "mqueue", &plain),
        one("/dev/shm", "tmpfs", &[&plain[..], &["mode=1777", size.as_str()]].concat()),
        one("/sys", "sysfs", &[&plain[..], &[lock]].concat()),
        one("/sys/fs/cgroup", "cgroup", &[&plain[..], &[lock]].concat()),
    ]
}
