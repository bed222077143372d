//! From what is wanted to what the kernel is told: a [`ContainerSpec`] becomes a [`Bundle`].
//!
//! Pure: what has to be looked up on the host (paths, device numbers) comes in with [`Host`].

pub mod cdi;
mod limits;
mod mounts;
mod security;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use oci_spec::runtime::{Linux, LinuxNamespace, LinuxNamespaceType, Process, Root, Spec};

use crate::base::{ContainerId, Digest, Result};
use crate::resource::ContainerSpec;
use crate::resource::container::Sharing;
use crate::resource::limits::Security;
use crate::resource::network::NetworkMode;
use crate::runtime::{Bundle, Rootfs, Seccomp, UserSpec};

/// Where a program is looked for when neither image nor user says (Docker's default).
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What the host has for a container.
pub struct Host<'a> {
    /// The container's id.
    pub id: &'a ContainerId,
    /// Layers of its image, topmost first.
    pub lowers: Vec<PathBuf>,
    /// Its writable layer.
    pub upper: PathBuf,
    /// Overlay's work directory beside that.
    pub work: PathBuf,
    /// The writable layer may be lost when the host crashes (`--rm`).
    pub volatile: bool,
    /// Generated files to be mounted: target, as in `/etc/hosts`, and path on the host.
    pub files: Vec<(String, PathBuf)>,
    /// Its cgroup's path, as in `compose/<id>`.
    pub cgroup: PathBuf,
    /// Where the content of a named volume is.
    pub volume: &'a dyn Fn(&str) -> VolumeContent,
    /// Layers of an image whose files are mounted, topmost first.
    pub image: &'a dyn Fn(&Digest) -> Vec<PathBuf>,
    /// The program of the OCI runtime that runs it; `None`: ours does.
    pub runtime: Option<PathBuf>,
    /// The device nodes at a path or below it; none: there are none.
    pub devices: &'a dyn Fn(&str) -> Vec<(PathBuf, HostDevice)>,
}

/// Where the content of a volume is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VolumeContent {
    /// In a directory of the host.
    Directory(PathBuf),
    /// In a file system that each container mounts for itself (driver options of `local`).
    FileSystem {
        /// As in `nfs` or `tmpfs`.
        kind: String,
        /// What is mounted, as in `:/export`.
        device: String,
        /// As `mount(8)` takes them.
        options: Vec<String>,
    },
}

/// A device node of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostDevice {
    /// A block device, not a character device.
    pub block: bool,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

/// Makes the bundle of `spec` on `host`.
///
/// # Errors
/// [`crate::base::Kind::Invalid`] for a capability, option, limit or device that cannot be.
pub fn bundle(spec: &ContainerSpec, host: &Host<'_>) -> Result<Bundle> {
    let privileges = security::Privileges::of(&spec.security)?;
    let mut oci = Spec::default();
    let mut root = Root::default();
    root.set_path(PathBuf::from("rootfs")).set_readonly(Some(spec.read_only));
    oci.set_root(Some(root))
        .set_hostname(hostname(spec, host))
        .set_domainname(spec.domainname.clone())
        .set_annotations(annotations(spec))
        .set_mounts(Some(mounts::of(spec, host)))
        .set_process(Some(process(spec, host, &privileges)?))
        .set_linux(Some(linux(spec, host, &privileges)?));
    Ok(Bundle {
        spec: oci,
        rootfs: Rootfs::Overlay {
            lowers: host.lowers.clone(),
            upper: Some(host.upper.clone()),
            work: Some(host.work.clone()),
            volatile: host.volatile,
        },
        user: Some(UserSpec {
            user: spec.process.user.clone(),
            groups: spec.process.groups.clone(),
        }),
        runtime: host.runtime.clone(),
        init: spec.init,
        seccomp: match spec.security.privileged {
            true => Seccomp::Unconfined,
            false => privileges.seccomp.clone(),
        },
        contents: mounts::contents(spec),
        copy_up: mounts::copy_up(spec, host),
    })
}

/// Paths that are hidden from a container, and paths that are read-only in it.
///
/// # Errors
/// As [`bundle`].
pub fn protected_paths(security: &Security) -> Result<(Vec<String>, Vec<String>)> {
    let privileges = security::Privileges::of(security)?;
    Ok((privileges.masked, privileges.read_only))
}

/// In a UTS namespace of its own, the short id unless a name was asked for.
fn hostname(spec: &ContainerSpec, host: &Host<'_>) -> Option<String> {
    let own = || host.id.short().to_owned();
    (spec.namespaces.uts == Sharing::Private).then(|| spec.hostname.clone().unwrap_or_else(own))
}

fn annotations(spec: &ContainerSpec) -> Option<HashMap<String, String>> {
    let annotations: HashMap<_, _> = spec.annotations.clone().into_iter().collect();
    (!annotations.is_empty()).then_some(annotations)
}

fn process(
    spec: &ContainerSpec,
    host: &Host<'_>,
    privileges: &security::Privileges,
) -> Result<Process> {
    let wanted = &spec.process;
    let cwd = if wanted.cwd.is_empty() { "/" } else { wanted.cwd.as_str() };
    let mut process = Process::default();
    process
        .set_terminal(Some(wanted.tty))
        .set_args(Some(wanted.argv.clone()))
        .set_env(Some(environment(spec, host)))
        .set_cwd(PathBuf::from(cwd))
        .set_capabilities(Some(privileges.capabilities.clone()))
        .set_no_new_privileges(Some(privileges.no_new_privileges))
        .set_rlimits(Some(limits::rlimits(&spec.limits)?))
        .set_oom_score_adj(spec.limits.oom_score_adj);
    Ok(process)
}

/// Docker's order: `PATH`, `HOSTNAME`, `TERM` with a terminal, then what image and user say.
fn environment(spec: &ContainerSpec, host: &Host<'_>) -> Vec<String> {
    let hostname = hostname(spec, host).or_else(|| spec.hostname.clone());
    let mut environment = vec![PATH.to_owned()];
    environment.extend(hostname.map(|name| format!("HOSTNAME={name}")));
    if spec.process.tty {
        environment.push("TERM=xterm".to_owned());
    }
    let name = |entry: &str| entry.split('=').next().unwrap_or_default().to_owned();
    environment.retain(|entry| spec.process.env.iter().all(|other| name(other) != name(entry)));
    environment.extend(spec.process.env.iter().cloned());
    environment
}

fn linux(
    spec: &ContainerSpec,
    host: &Host<'_>,
    privileges: &security::Privileges,
) -> Result<Linux> {
    let resources = limits::resources(&spec.limits, &spec.security, host.devices)?;
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces(spec)))
        .set_cgroups_path(Some(host.cgroup.clone()))
        .set_resources(Some(resources))
        .set_devices(Some(limits::devices(&spec.security, host.devices)?))
        .set_sysctl(Some(sysctls(spec)))
        .set_seccomp(None)
        .set_masked_paths(Some(privileges.masked.clone()))
        .set_readonly_paths(Some(privileges.read_only.clone()));
    Ok(linux)
}

/// Those that are not the host's. Another container's are given by whoever starts this one; if
/// nobody does, it gets its own rather than the host's.
fn namespaces(spec: &ContainerSpec) -> Vec<LinuxNamespace> {
    let not_host = |sharing: &Sharing| *sharing != Sharing::Host;
    let shared = &spec.namespaces;
    let kinds = [
        (LinuxNamespaceType::Mount, true),
        (LinuxNamespaceType::Pid, not_host(&shared.pid)),
        (LinuxNamespaceType::Ipc, not_host(&shared.ipc)),
        (LinuxNamespaceType::Uts, not_host(&shared.uts)),
        (LinuxNamespaceType::Cgroup, not_host(&shared.cgroup)),
        (LinuxNamespaceType::Network, spec.network != NetworkMode::Host),
    ];
    let own = kinds.into_iter().filter(|(_, own)| *own);
    own.map(|(kind, _)| {
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(kind);
        namespace
    })
    .collect()
}

/// In a network namespace of its own anybody may ping and listen on low ports (Docker too).
fn sysctls(spec: &ContainerSpec) -> HashMap<String, String> {
    let own_network = matches!(spec.network, NetworkMode::Networks(_) | NetworkMode::None);
    let mut sysctls = BTreeMap::new();
    if own_network {
        for (name, value) in [
            ("net.ipv4.ping_group_range", "0 2147483647"),
            ("net.ipv4.ip_unprivileged_port_start", "0"),
        ] {
            sysctls.insert(name.to_owned(), value.to_owned());
        }
    }
    sysctls.extend(spec.sysctls.clone());
    sysctls.into_iter().collect()
}
