//! What another runtime is told: the bundle in the specification's words alone (OCI: config.md).

use std::collections::HashMap;
use std::fs;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    BoxBuilder, LinuxDeviceCgroup, LinuxNamespaceType, Mount, Process, Root, Spec, User,
};

use crate::base::{Error, Kind, Result};

use super::super::bundle::Bundle;
use super::super::caps::Sets;
use super::super::exec::merged;
use super::super::options::Options;
use super::super::seccomp::{self, Facts as SeccompFacts};
use super::super::start::{ExecSpec, Namespace, Size, capabilities, process_of};
use super::super::user;

/// Where our init lies in the container (Docker: the same).
pub(super) const INIT: &str = "/sbin/docker-init";

/// What was looked up or laid out for one start.
pub(super) struct Facts {
    /// Where the root file system is mounted.
    pub(super) root: PathBuf,
    /// Who the program runs as.
    pub(super) user: user::User,
    /// Namespaces that exist, by a path of each.
    pub(super) namespaces: Vec<(LinuxNamespaceType, PathBuf)>,
    /// Every mount, with what was laid out in place of what others cannot mount.
    pub(super) mounts: Vec<Mount>,
    /// Our init is process 1, under this argument of its own.
    pub(super) init: Option<&'static str>,
    /// The terminal's first size.
    pub(super) size: Option<Size>,
    /// Major and minor version.
    pub(super) kernel: (u32, u32),
}

/// Paths of namespaces that this process holds open.
pub(super) fn paths(namespaces: &[Namespace<'_>]) -> Vec<(LinuxNamespaceType, PathBuf)> {
    let path = |namespace: &Namespace<'_>| {
        let (process, number) = (std::process::id(), namespace.fd.as_raw_fd());
        (namespace.kind, PathBuf::from(format!("/proc/{process}/fd/{number}")))
    };
    namespaces.iter().map(path).collect()
}

/// The configuration of `bundle`, and what could not be done as asked.
///
/// # Errors
/// [`Kind::Invalid`] for a bundle without a process or with a profile that cannot be read.
pub(super) fn of(bundle: &Bundle, facts: &Facts) -> Result<(Spec, Vec<String>)> {
    let mut spec = bundle.spec.clone();
    let mut root = Root::default();
    root.set_path(facts.root.clone())
        .set_readonly(bundle.spec.root().as_ref().and_then(Root::readonly));
    spec.set_root(Some(root)).set_mounts(Some(facts.mounts.clone()));
    let (process, warnings) = process(process_of(bundle)?, facts)?;
    spec.set_process(Some(process));
    linux(&mut spec, bundle, facts)?;
    Ok((spec, warnings))
}

fn process(process: &Process, facts: &Facts) -> Result<(Process, Vec<String>)> {
    let (sets, warnings) = capabilities(process, false)?;
    let mut process = process.clone();
    process.set_capabilities(Some(sets.to_oci()));
    if let Some(word) = facts.init {
        let asked = process.args().clone().unwrap_or_default();
        let own = [INIT.to_owned(), word.to_owned()];
        process.set_args(Some(own.into_iter().chain(asked).collect()));
    }
    let env = process.env().clone().unwrap_or_default();
    dress(&mut process, env, &facts.user, facts.size);
    Ok((process, warnings))
}

/// What `exec` runs: the bundle's process with what was asked for in its place.
pub(super) fn process_of_exec(
    process: &Process,
    exec: &ExecSpec,
    user: &user::User,
    (terminal, size): (bool, Option<Size>),
) -> Result<(Process, Vec<String>)> {
    let (sets, warnings) = capabilities(process, exec.privileged)?;
    let mut process = process.clone();
    let env = merged(process.env().as_deref().unwrap_or_default(), &exec.env);
    process.set_args(Some(exec.argv.clone())).set_terminal(Some(terminal));
    process.set_capabilities(Some(sets.to_oci()));
    if let Some(cwd) = &exec.cwd {
        process.set_cwd(PathBuf::from(cwd));
    }
    if exec.privileged {
        process.set_no_new_privileges(Some(false));
    }
    dress(&mut process, env, user, size);
    Ok((process, warnings))
}

fn dress(process: &mut Process, mut env: Vec<String>, user: &user::User, size: Option<Size>) {
    let mut numbers = User::default();
    numbers.set_uid(user.uid).set_gid(user.gid).set_umask(process.user().umask());
    numbers.set_additional_gids(Some(user.groups.clone()));
    process.set_user(numbers);
    // As ours does it: from the image's accounts unless it is set.
    match env.iter_mut().find(|entry| entry.starts_with("HOME=")) {
        Some(home) if home == "HOME=" => *home = format!("HOME={}", user.home),
        Some(_) => {}
        None => env.push(format!("HOME={}", user.home)),
    }
    process.set_env(Some(env));
    let size = size
        .and_then(|size| BoxBuilder::default().height(size.rows).width(size.columns).build().ok());
    process.set_console_size(size);
}

fn linux(spec: &mut Spec, bundle: &Bundle, facts: &Facts) -> Result<()> {
    let domain = spec.domainname().clone().filter(|name| !name.is_empty());
    let capabilities = process_of(bundle)?.capabilities().clone();
    let Some(linux) = spec.linux_mut() else {
        return Err(Error::new(Kind::Invalid, "the bundle has no `linux`"));
    };
    for namespace in linux.namespaces_mut().iter_mut().flatten() {
        let joined = facts.namespaces.iter().find(|(kind, _)| *kind == namespace.typ());
        namespace.set_path(joined.map(|(_, path)| path.clone()));
    }
    linux.set_cgroups_path(Some(Path::new("/").join(bundle.cgroup()?.as_path())));
    // Ours denies what is not allowed, theirs allow what is not denied.
    if let Some(resources) = linux.resources_mut() {
        let mut deny = LinuxDeviceCgroup::default();
        deny.set_allow(false).set_access(Some("rwm".to_owned()));
        let rules = resources.devices().clone().unwrap_or_default();
        resources.set_devices(Some([deny].into_iter().chain(rules).collect()));
    }
    let masked = linux.masked_paths().clone().unwrap_or_default();
    linux.set_masked_paths(Some(masked.iter().flat_map(|path| expand(path)).collect()));
    let seccomp = SeccompFacts {
        capabilities: Sets::new(capabilities.as_ref()).bounding,
        kernel: facts.kernel,
    };
    if linux.seccomp().is_none() {
        linux.set_seccomp(seccomp::for_others(&bundle.seccomp, &seccomp)?);
    }
    if let Some(name) = domain {
        // Runtimes before OCI 1.1 do not know `domainname` (Docker does the same).
        let mut parameters: HashMap<String, String> = linux.sysctl().clone().unwrap_or_default();
        parameters.entry("kernel.domainname".to_owned()).or_insert(name);
        linux.set_sysctl(Some(parameters));
    }
    if linux.rootfs_propagation().is_none() {
        linux.set_rootfs_propagation(propagation(&facts.mounts));
    }
    Ok(())
}

/// How the root must propagate so that its mounts can (Docker: the same).
fn propagation(mounts: &[Mount]) -> Option<String> {
    let asked = mounts
        .iter()
        .map(|mount| Options::parse(mount.options().as_deref().unwrap_or_default()).propagation);
    let asked: Vec<u64> = asked.collect();
    if asked.contains(&libc::MS_SHARED) {
        return Some("rshared".to_owned());
    }
    asked.contains(&libc::MS_SLAVE).then(|| "rslave".to_owned())
}

/// Replaces a `*` at the end of one component by what the host has: `/proc` and `/sys` are the
/// same in all containers.
fn expand(path: &str) -> Vec<String> {
    let Some((before, after)) = path.split_once('*') else { return vec![path.to_owned()] };
    let (parent, prefix) = before.rsplit_once('/').unwrap_or(("", before));
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.filter(|name| name.starts_with(prefix)).collect();
    names.sort();
    names.into_iter().map(|name| format!("{parent}/{name}{after}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::Seccomp;

    fn facts() -> Facts {
        Facts {
            root: PathBuf::from("/run/b/rootfs"),
            user: user::User {
                uid: 33,
                gid: 44,
                groups: vec![44, 55],
                home: "/var/www".to_owned(),
            },
            namespaces: vec![(LinuxNamespaceType::Network, PathBuf::from("/proc/9/fd/4"))],
            mounts: Vec::new(),
            init: Some("__init"),
            size: Some(Size { rows: 24, columns: 80 }),
            kernel: (6, 1),
        }
    }

    fn bundle(seccomp: Seccomp) -> Bundle {
        let spec = serde_json::from_value(serde_json::json!({
            "ociVersion": "1.2.1",
            "process": {"args": ["nginx"], "cwd": "/", "env": ["A=b"], "user": {"uid": 0, "gid": 0}},
            "domainname": "example",
            "linux": {
                "cgroupsPath": "compose/1",
                "namespaces": [{"type": "network"}, {"type": "pid"}],
                "resources": {"devices": [{"allow": true, "type": "c", "major": 10, "minor": 200}]},
                "maskedPaths": ["/proc/kcore", "/nowhere*/x"],
            },
        }));
        Bundle { spec: spec.unwrap(), seccomp, ..Bundle::default() }
    }

    #[test]
    fn a_bundle_is_said_in_the_specifications_words() {
        let (spec, _) = of(&bundle(Seccomp::Unconfined), &facts()).unwrap();
        let json = serde_json::to_value(&spec).unwrap();
        assert_eq!(json["root"]["path"], "/run/b/rootfs");
        let process = &json["process"];
        assert_eq!(process["args"], serde_json::json!([INIT, "__init", "nginx"]));
        assert_eq!(process["env"], serde_json::json!(["A=b", "HOME=/var/www"]));
        assert_eq!(process["user"]["additionalGids"], serde_json::json!([44, 55]));
        assert_eq!(process["consoleSize"], serde_json::json!({"height": 24, "width": 80}));
        let linux = &json["linux"];
        assert_eq!(linux["cgroupsPath"], "/compose/1");
        assert_eq!(linux["namespaces"][0]["path"], "/proc/9/fd/4");
        assert!(linux["namespaces"][1].get("path").is_none());
        assert_eq!(linux["resources"]["devices"][0]["allow"], false);
        assert_eq!(linux["resources"]["devices"][1]["minor"], 200);
        assert_eq!(linux["maskedPaths"], serde_json::json!(["/proc/kcore"]));
        assert_eq!(linux["sysctl"]["kernel.domainname"], "example");
        assert!(linux.get("seccomp").is_none());
    }

    #[test]
    fn conditions_of_the_default_filter_are_decided() {
        let (spec, _) = of(&bundle(Seccomp::Default), &facts()).unwrap();
        let json = serde_json::to_value(&spec).unwrap();
        let seccomp = &json["linux"]["seccomp"];
        assert_eq!(seccomp["defaultAction"], "SCMP_ACT_ERRNO");
        let names = |call: &str| {
            let calls = seccomp["syscalls"].as_array().unwrap();
            calls.iter().any(|entry| entry["names"].as_array().unwrap().contains(&call.into()))
        };
        // It has no capability, so what takes CAP_SYS_ADMIN is not allowed.
        assert!(names("read") && !names("mount"), "{seccomp}");
    }
}
