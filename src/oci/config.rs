//! `config.json`: read, checked, and turned into what our runtime takes.

use std::fs;
use std::path::{Component, Path, PathBuf};

use oci_spec::runtime::{
    Linux, LinuxDevice, LinuxDeviceCgroup, LinuxNamespaceType, LinuxResources, Spec,
};
use serde_json::Value;

use crate::base::{Context, Error, Kind, Result};
use crate::runtime::{Bundle, Rootfs, Seccomp, caps};

/// The newest version of the specification that is followed.
pub(super) const VERSION: &str = "1.2.1";

/// A configuration that was read.
#[derive(Debug)]
pub(super) struct Config {
    /// For the runtime.
    pub(super) bundle: Bundle,
    /// Its text, to be kept.
    pub(super) text: Vec<u8>,
    /// What was passed over.
    pub(super) warnings: Vec<String>,
}

impl Config {
    /// Reads the configuration of the bundle in `directory` for a container called `id`. With
    /// `systemd`, `cgroupsPath` is written `slice:prefix:name`.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for what the specification forbids or this runtime does not do.
    pub(super) fn read(directory: &Path, id: &str, systemd: bool) -> Result<Config> {
        let path = directory.join("config.json");
        let text = fs::read(&path).context(|| format!("cannot read {}", path.display()))?;
        let (mut spec, warnings) = parse(&text).context(|| path.display().to_string())?;
        check(&spec)?;
        let root = spec.root().as_ref().ok_or_else(|| invalid("root must be specified"))?;
        let rootfs = directory.join(root.path());
        if !rootfs.is_dir() {
            let message =
                format!("rootfs ({}) does not exist or is no directory", rootfs.display());
            return Err(Error::new(Kind::Invalid, message));
        }
        let mut linux = spec.linux().clone().unwrap_or_else(nothing);
        linux.set_cgroups_path(Some(cgroup(linux.cgroups_path().as_deref(), id, systemd)?));
        linux.set_resources(Some(with_devices(&linux)));
        spec.set_linux(Some(linux));
        let rootfs = Rootfs::Directory { path: rootfs };
        let bundle = Bundle { spec, rootfs, seccomp: Seccomp::Unconfined, ..Bundle::default() };
        Ok(Config { bundle, text, warnings })
    }
}

/// Reads a configuration; capabilities that no kernel has are passed over (runc: the same).
///
/// # Errors
/// What is wrong where.
pub(super) fn parse(text: &[u8]) -> Result<(Spec, Vec<String>)> {
    if let Ok(spec) = serde_json::from_slice(text) {
        return Ok((spec, Vec::new()));
    }
    let wrong = |error: serde_json::Error| Error::new(Kind::Invalid, error.to_string());
    let mut value: Value = serde_json::from_slice(text).map_err(wrong)?;
    let mut warnings = Vec::new();
    if let Some(process) = value.get_mut("process") {
        forgive(process, &mut warnings);
    }
    Ok((serde_json::from_value(value).map_err(wrong)?, warnings))
}

/// Mends what may be left out of a process, or not known.
pub(super) fn forgive(process: &mut Value, warnings: &mut Vec<String>) {
    if process.get("user").is_none_or(Value::is_null) {
        process["user"] = Value::Object(serde_json::Map::new());
    }
    let sets = process.get_mut("capabilities").and_then(Value::as_object_mut);
    for list in sets.into_iter().flat_map(|sets| sets.values_mut()).filter_map(Value::as_array_mut)
    {
        list.retain(|name| {
            let known = name.as_str().is_some_and(|name| caps::number(name).is_some());
            if !known {
                warnings.push(format!("ignoring unknown capability {name}"));
            }
            known
        });
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(Kind::Invalid, message)
}

/// Without `linux` nothing is isolated and nothing hidden.
fn nothing() -> Linux {
    let mut linux = Linux::default();
    linux.set_namespaces(None).set_masked_paths(None).set_readonly_paths(None);
    linux
}

/// What the specification calls an error, as far as the runtime does not find it itself.
fn check(spec: &Spec) -> Result<()> {
    let version = spec.version();
    if !version.starts_with("1.") {
        return Err(invalid(format!("ociVersion `{version}` is not supported, but {VERSION}")));
    }
    let Some(process) = spec.process() else {
        return Err(invalid("process must be specified"));
    };
    if process.args().as_ref().is_none_or(Vec::is_empty) {
        return Err(invalid("process.args must not be empty"));
    }
    if !process.cwd().is_absolute() {
        return Err(invalid("process.cwd must be an absolute path"));
    }
    match spec.linux() {
        Some(linux) => check_linux(spec, linux),
        None => check_linux(spec, &nothing()),
    }
}

fn check_linux(spec: &Spec, linux: &Linux) -> Result<()> {
    let has = |kind| linux.namespaces().iter().flatten().any(|namespace| namespace.typ() == kind);
    let new = |kind| {
        let is = |it: &&oci_spec::runtime::LinuxNamespace| it.typ() == kind && it.path().is_none();
        linux.namespaces().iter().flatten().any(|it| is(&it))
    };
    let mapped = linux.uid_mappings().as_ref().is_some_and(|mappings| !mappings.is_empty());
    let listed = |paths: &Option<Vec<String>>| paths.as_ref().is_some_and(|it| !it.is_empty());
    for (wrong, message) in [
        (linux.intel_rdt().is_some(), "linux.intelRdt is not supported"),
        (
            linux.net_devices().as_ref().is_some_and(|devices| !devices.is_empty()),
            "linux.netDevices is not supported",
        ),
        (
            linux.mount_label().as_ref().is_some_and(|label| !label.is_empty())
                && !crate::runtime::label::has_selinux(),
            "linux.mountLabel needs SELinux, which this kernel has not enabled",
        ),
        (
            spec.hostname().as_ref().is_some_and(|name| !name.is_empty())
                && !has(LinuxNamespaceType::Uts),
            "unable to set hostname without a private UTS namespace",
        ),
        (
            spec.domainname().as_ref().is_some_and(|name| !name.is_empty())
                && !has(LinuxNamespaceType::Uts),
            "unable to set domainname without a private UTS namespace",
        ),
        (
            (listed(linux.masked_paths()) || listed(linux.readonly_paths()))
                && !has(LinuxNamespaceType::Mount),
            "unable to restrict sys entries without a private MNT namespace",
        ),
        (mapped && !has(LinuxNamespaceType::User), "uidMappings are given, but no user namespace"),
        (
            !mapped && new(LinuxNamespaceType::User),
            "a new user namespace needs uidMappings and gidMappings",
        ),
        (
            linux.time_offsets().as_ref().is_some_and(|offsets| !offsets.is_empty())
                && !new(LinuxNamespaceType::Time),
            "timeOffsets are given, but no new time namespace",
        ),
    ] {
        if wrong {
            return Err(invalid(message));
        }
    }
    let relative = |path: &Path| !path.as_os_str().is_empty() && !path.is_absolute();
    let paths = linux.namespaces().iter().flatten().filter_map(|it| it.path().as_deref());
    match paths.into_iter().find(|path| relative(path)) {
        Some(path) => Err(invalid(format!("namespace path {} must be absolute", path.display()))),
        None => Ok(()),
    }
}

/// The path of the control group below each hierarchy.
fn cgroup(path: Option<&Path>, id: &str, systemd: bool) -> Result<PathBuf> {
    let path = path.filter(|path| !path.as_os_str().is_empty());
    let Some(path) = path else { return Ok(Path::new("compose-oci").join(id)) };
    let text = path.to_string_lossy();
    if systemd {
        let mut parts = text.splitn(3, ':');
        return match (parts.next(), parts.next(), parts.next()) {
            (Some(slice), Some(prefix), Some(name)) => Ok(scope(slice, prefix, name)),
            _ => Err(invalid(format!("expected cgroupsPath to be `slice:prefix:name`: {text}"))),
        };
    }
    // `..` ends at the root of the hierarchy.
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => drop(clean.pop()),
            _ => {}
        }
    }
    match clean.as_os_str().is_empty() {
        true => Err(invalid("cgroupsPath must not be the root of all groups")),
        false => Ok(clean),
    }
}

/// Where systemd has the scope `prefix-name` in `slice`; `a-b.slice` lies in `a.slice`
/// (systemd.slice(5)).
fn scope(slice: &str, prefix: &str, name: &str) -> PathBuf {
    let mut path = PathBuf::new();
    let slice = if slice.is_empty() { "system.slice" } else { slice };
    let bare = slice.strip_suffix(".slice").unwrap_or(slice);
    let mut grown = String::new();
    for part in bare.split('-').filter(|part| !part.is_empty()) {
        if !grown.is_empty() {
            grown.push('-');
        }
        grown.push_str(part);
        path.push(format!("{grown}.slice"));
    }
    match (prefix.is_empty(), name.ends_with(".slice")) {
        (_, true) => path.join(name),
        (true, _) => path.join(format!("{name}.scope")),
        (false, _) => path.join(format!("{prefix}-{name}.scope")),
    }
}

/// The container's limits; nodes that are made for it may be made.
fn with_devices(linux: &Linux) -> LinuxResources {
    let mut resources = linux.resources().clone().unwrap_or_default();
    let mut rules = resources.devices().clone().unwrap_or_default();
    for device in linux.devices().iter().flatten() {
        if device.typ() != oci_spec::runtime::LinuxDeviceType::P {
            rules.push(may_be_made(device));
        }
    }
    resources.set_devices(Some(rules));
    resources
}

fn may_be_made(device: &LinuxDevice) -> LinuxDeviceCgroup {
    let mut rule = LinuxDeviceCgroup::from(device);
    rule.set_access(Some("m".to_owned()));
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_groups_stay_below_the_root() {
        let path = |text: &str, systemd| {
            cgroup(Some(Path::new(text)), "c1", systemd).map(|path| path.display().to_string())
        };
        assert_eq!(path("/a/../../b/c", false).unwrap(), "b/c");
        assert_eq!(path("a/b", false).unwrap(), "a/b");
        assert_eq!(cgroup(None, "c1", false).unwrap(), Path::new("compose-oci/c1"));
        assert!(path("/..", false).is_err());
        assert_eq!(
            path("machine-x.slice:libpod:abc", true).unwrap(),
            "machine.slice/machine-x.slice/libpod-abc.scope"
        );
        assert_eq!(path(":runc:abc", true).unwrap(), "system.slice/runc-abc.scope");
        assert!(path("/a/b", true).is_err());
    }

    #[test]
    fn what_no_kernel_has_is_passed_over_and_told() {
        let text = r#"{"ociVersion": "1.0.2", "process": {"cwd": "/", "args": ["a"],
            "capabilities": {"bounding": ["CAP_KILL", "CAP_FLY"]}}}"#;
        let (spec, warnings) = parse(text.as_bytes()).unwrap();
        assert_eq!(warnings, [r#"ignoring unknown capability "CAP_FLY""#]);
        let process = spec.process().as_ref().unwrap();
        let bounding = process.capabilities().as_ref().unwrap().bounding().clone();
        assert_eq!(bounding.unwrap().len(), 1);
        assert!(parse(b"{").is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (change, expected) in [
            (r#""ociVersion": "0.9.0""#, "ociVersion `0.9.0` is not supported"),
            (r#""hostname": "h""#, "unable to set hostname without"),
            (r#""linux": {"intelRdt": {}}"#, "linux.intelRdt is not supported"),
            (r#""linux": {"namespaces": [{"type": "user"}]}"#, "needs uidMappings"),
            (r#""linux": {"namespaces": [{"type": "pid", "path": "x"}]}"#, "must be absolute"),
            (r#""process": {"user": {}, "cwd": "x", "args": ["a"]}"#, "cwd must be an absolute"),
            (r#""process": {"user": {}, "cwd": "/", "args": []}"#, "args must not be empty"),
        ] {
            let mut value: Value = serde_json::from_str(
                r#"{"ociVersion": "1.0.2", "process": {"user": {}, "cwd": "/", "args": ["a"]}}"#,
            )
            .unwrap();
            let change: Value = serde_json::from_str(&format!("{{{change}}}")).unwrap();
            for (key, new) in change.as_object().unwrap() {
                value[key] = new.clone();
            }
            let spec: Spec = serde_json::from_value(value).unwrap();
            let error = check(&spec).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
