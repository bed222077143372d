//! The Container Device Interface: what a device's own description adds to a container
//! (CDI: SPEC.md). Pure: the descriptions come in as text.

use std::collections::BTreeSet;
use std::path::PathBuf;

use oci_spec::runtime::{
    Hook, HookBuilder, LinuxDevice, LinuxDeviceCgroup, LinuxDeviceType, Mount as OciMount,
};
use serde::Deserialize;

use crate::base::{Error, Kind, Result};
use crate::resource::limits::{DeviceRequest, Security};
use crate::runtime::Bundle;

use super::HostDevice;

/// One file of descriptions: devices of one vendor and class.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Description {
    /// As in `vendor.com/class`.
    kind: String,
    devices: Vec<Described>,
    /// For containers with any of the devices.
    container_edits: Edits,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Described {
    name: String,
    container_edits: Edits,
}

/// What is added to a container.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Edits {
    env: Vec<String>,
    device_nodes: Vec<Node>,
    mounts: Vec<Bind>,
    hooks: Vec<Command>,
    #[serde(rename = "additionalGIDs", alias = "additionalGids")]
    additional_gids: Vec<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Node {
    path: String,
    host_path: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    major: Option<u32>,
    minor: Option<u32>,
    file_mode: Option<u32>,
    permissions: Option<String>,
    uid: Option<u32>,
    gid: Option<u32>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Bind {
    host_path: String,
    container_path: String,
    options: Vec<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Command {
    hook_name: String,
    path: PathBuf,
    args: Vec<String>,
    env: Vec<String>,
}

/// Reads a description in JSON or YAML.
///
/// # Errors
/// [`Kind::Invalid`] for what is neither, or has no kind.
pub fn parse(text: &str) -> Result<Description> {
    let invalid =
        |what: String| Error::new(Kind::Invalid, format!("no device description: {what}"));
    let parsed: Description =
        serde_yaml::from_str(text).map_err(|error| invalid(error.to_string()))?;
    match parsed.kind.split_once('/') {
        Some((vendor, class)) if !vendor.is_empty() && !class.is_empty() => Ok(parsed),
        _ => Err(invalid(format!("`{}` is no vendor and class", parsed.kind))),
    }
}

/// Whether devices are asked for that only descriptions know.
#[must_use]
pub fn is_wanted(security: &Security) -> bool {
    !security.cdi_devices.is_empty() || !security.device_requests.is_empty()
}

/// What the devices that `security` asks for add; of two descriptions of a device the later counts.
///
/// # Errors
/// [`Kind::NotFound`] for a device that no description has.
pub fn select(descriptions: &[Description], security: &Security) -> Result<Edits> {
    let mut names = security.cdi_devices.clone();
    for request in &security.device_requests {
        names.extend(requested(descriptions, request)?);
    }
    let (mut edits, mut used) = (Edits::default(), BTreeSet::new());
    for name in names.iter().collect::<BTreeSet<_>>() {
        let (index, device) = find(descriptions, name).ok_or_else(|| unknown(name))?;
        if used.insert(index) {
            edits.add(&descriptions[index].container_edits);
        }
        edits.add(&device.container_edits);
    }
    Ok(edits)
}

fn find<'a>(descriptions: &'a [Description], name: &str) -> Option<(usize, &'a Described)> {
    let (kind, device) = name.split_once('=')?;
    let of_kind = descriptions.iter().enumerate().rev().filter(|(_, it)| it.kind == kind);
    of_kind
        .filter_map(|(index, it)| Some((index, it.devices.iter().find(|it| it.name == device)?)))
        .next()
}

fn unknown(name: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("CDI device injection failed: unresolvable CDI devices {name}"),
    )
    .hint("devices are described in files of /etc/cdi and /var/run/cdi")
}

/// Full names of the devices that fit a request.
fn requested(descriptions: &[Description], request: &DeviceRequest) -> Result<Vec<String>> {
    if request.driver == "cdi" {
        return Ok(request.ids.clone());
    }
    let fits = |description: &&Description| {
        let (vendor, class) = description.kind.split_once('/').unwrap_or_default();
        let by_vendor = vendor.split('.').next() == Some(&request.driver);
        let classes = request.capabilities.iter();
        (request.driver.is_empty() || by_vendor) && classes.into_iter().any(|it| it == class)
    };
    let Some(description) = descriptions.iter().rev().find(fits) else {
        return Err(no_driver(request));
    };
    let all = description.devices.iter().map(|device| device.name.as_str());
    let single: BTreeSet<&str> = all.clone().filter(|name| *name != "all").collect();
    let chosen: Vec<&str> = match (&request.ids[..], request.count) {
        ([], None) => match all.clone().find(|name| *name == "all") {
            Some(all) => vec![all],
            None => single.into_iter().collect(),
        },
        ([], Some(count)) if single.len() < count as usize => {
            let message = format!("{count} devices are wanted, and there are {}", single.len());
            return Err(Error::new(Kind::NotFound, message));
        }
        ([], Some(count)) => single.into_iter().take(count as usize).collect(),
        (ids, _) => ids.iter().map(String::as_str).collect(),
    };
    Ok(chosen.into_iter().map(|name| format!("{}={name}", description.kind)).collect())
}

/// Docker: the same words.
fn no_driver(request: &DeviceRequest) -> Error {
    let capabilities = request.capabilities.join(" ");
    let message = format!(
        "could not select device driver \"{}\" with capabilities: [[{capabilities}]]",
        request.driver
    );
    Error::new(Kind::NotFound, message)
        .hint("no file in /etc/cdi or /var/run/cdi describes such devices")
}

impl Edits {
    fn add(&mut self, more: &Edits) {
        self.env.extend(more.env.iter().cloned());
        self.device_nodes.extend(more.device_nodes.iter().cloned());
        self.mounts.extend(more.mounts.iter().cloned());
        self.hooks.extend(more.hooks.iter().cloned());
        self.additional_gids.extend(&more.additional_gids);
    }

    /// Makes the additions. `device` finds a node of the host, whose numbers are used where the
    /// description has none.
    ///
    /// # Errors
    /// [`Kind::NotFound`] for a node that neither has.
    pub fn apply(
        &self,
        bundle: &mut Bundle,
        device: &dyn Fn(&str) -> Option<HostDevice>,
    ) -> Result<()> {
        self.apply_to_process(bundle);
        for node in &self.device_nodes {
            let (made, rule) = node.resolve(device)?;
            let Some(linux) = bundle.spec.linux_mut() else { continue };
            let mut devices = linux.devices().clone().unwrap_or_default();
            devices.push(made);
            linux.set_devices(Some(devices));
            let mut resources = linux.resources().clone().unwrap_or_default();
            let mut rules = resources.devices().clone().unwrap_or_default();
            rules.push(rule);
            resources.set_devices(Some(rules));
            linux.set_resources(Some(resources));
        }
        let mut mounts = bundle.spec.mounts().clone().unwrap_or_default();
        mounts.extend(self.mounts.iter().map(Bind::resolve));
        bundle.spec.set_mounts(Some(mounts));
        self.apply_hooks(bundle)
    }

    fn apply_to_process(&self, bundle: &mut Bundle) {
        if let Some(user) = &mut bundle.user {
            user.groups.extend(self.additional_gids.iter().map(ToString::to_string));
        }
        let Some(process) = bundle.spec.process_mut() else { return };
        let mut env = process.env().clone().unwrap_or_default();
        for entry in &self.env {
            let name = entry.split('=').next().unwrap_or_default();
            env.retain(|other| other.split('=').next() != Some(name));
            env.push(entry.clone());
        }
        process.set_env(Some(env));
    }

    fn apply_hooks(&self, bundle: &mut Bundle) -> Result<()> {
        let mut hooks = bundle.spec.hooks().clone().unwrap_or_default();
        for command in &self.hooks {
            let hook = command.resolve()?;
            let added = |list: &Option<Vec<Hook>>| {
                Some(list.iter().flatten().cloned().chain([hook.clone()]).collect::<Vec<_>>())
            };
            match command.hook_name.as_str() {
                "createRuntime" => hooks.set_create_runtime(added(hooks.create_runtime())),
                "createContainer" => hooks.set_create_container(added(hooks.create_container())),
                "startContainer" => hooks.set_start_container(added(hooks.start_container())),
                "poststart" => hooks.set_poststart(added(hooks.poststart())),
                "poststop" => hooks.set_poststop(added(hooks.poststop())),
                other => {
                    let message = format!("`{other}` in a device description is no hook");
                    return Err(Error::new(Kind::Invalid, message));
                }
            };
        }
        if !self.hooks.is_empty() {
            bundle.spec.set_hooks(Some(hooks));
        }
        Ok(())
    }
}

impl Node {
    fn resolve(
        &self,
        device: &dyn Fn(&str) -> Option<HostDevice>,
    ) -> Result<(LinuxDevice, LinuxDeviceCgroup)> {
        let path = self.host_path.as_deref().unwrap_or(&self.path);
        let host = device(path);
        let block = self.kind.as_deref().map(|kind| kind == "b").or(host.map(|host| host.block));
        let (Some(block), Some(major), Some(minor)) = (
            block,
            self.major.or(host.map(|host| host.major)),
            self.minor.or(host.map(|host| host.minor)),
        ) else {
            let message = format!("device {path} of a device description does not exist");
            return Err(Error::new(Kind::NotFound, message));
        };
        let kind = if block { LinuxDeviceType::B } else { LinuxDeviceType::C };
        let mut made = LinuxDevice::default();
        made.set_path(self.path.clone().into())
            .set_typ(kind)
            .set_major(major.into())
            .set_minor(minor.into())
            .set_file_mode(self.file_mode.or(host.map(|host| host.mode)))
            .set_uid(self.uid.or(host.map(|host| host.uid)))
            .set_gid(self.gid.or(host.map(|host| host.gid)));
        let access = self.permissions.clone().unwrap_or_else(|| "rwm".to_owned());
        let mut rule = LinuxDeviceCgroup::default();
        rule.set_allow(true)
            .set_typ(Some(kind))
            .set_major(Some(major.into()))
            .set_minor(Some(minor.into()))
            .set_access(Some(access));
        Ok((made, rule))
    }
}

impl Bind {
    fn resolve(&self) -> OciMount {
        let mut options = self.options.clone();
        if !options.iter().any(|option| option == "bind" || option == "rbind") {
            options.push("rbind".to_owned());
        }
        let mut mount = OciMount::default();
        mount
            .set_destination(self.container_path.clone().into())
            .set_typ(Some("bind".to_owned()))
            .set_source(Some(self.host_path.clone().into()))
            .set_options(Some(options));
        mount
    }
}

impl Command {
    fn resolve(&self) -> Result<Hook> {
        HookBuilder::default()
            .path(self.path.clone())
            .args(self.args.clone())
            .env(self.env.clone())
            .build()
            .map_err(|error| Error::other("cannot use a hook").with_source(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPUS: &str = r#"{"cdiVersion": "0.6.0", "kind": "nvidia.com/gpu",
        "containerEdits": {"env": ["DRIVER=1"]},
        "devices": [
            {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}]}},
            {"name": "1", "containerEdits": {"env": ["SECOND=1"]}},
            {"name": "all", "containerEdits": {"env": ["ALL=1"]}}]}"#;

    fn environment(security: &Security) -> String {
        let selected = parse(GPUS).and_then(|gpus| select(&[gpus], security));
        selected.map_or_else(|error| error.to_string(), |edits| edits.env.join(" "))
    }

    fn request(driver: &str, count: Option<u32>, ids: &[&str]) -> Security {
        let request = DeviceRequest {
            driver: driver.to_owned(),
            count,
            ids: ids.iter().map(|id| (*id).to_owned()).collect(),
            capabilities: vec!["gpu".to_owned()],
        };
        Security { device_requests: vec![request], ..Security::default() }
    }

    #[test]
    fn devices_are_found_by_name_and_by_what_is_asked_of_them() {
        let named =
            |name: &str| Security { cdi_devices: vec![name.to_owned()], ..Security::default() };
        assert_eq!(environment(&named("nvidia.com/gpu=1")), "DRIVER=1 SECOND=1");
        assert_eq!(environment(&request("", None, &[])), "DRIVER=1 ALL=1");
        assert_eq!(environment(&request("nvidia", Some(2), &[])), "DRIVER=1 SECOND=1");
        assert_eq!(environment(&request("nvidia", None, &["1"])), "DRIVER=1 SECOND=1");
        assert_eq!(environment(&request("cdi", None, &["nvidia.com/gpu=all"])), "DRIVER=1 ALL=1");
    }

    #[test]
    fn what_is_not_described_is_named() {
        assert_eq!(
            environment(&request("amd", None, &[])),
            "could not select device driver \"amd\" with capabilities: [[gpu]]"
        );
        assert_eq!(
            environment(&request("nvidia", Some(3), &[])),
            "3 devices are wanted, and there are 2"
        );
        assert_eq!(
            environment(&request("nvidia", None, &["7"])),
            "CDI device injection failed: unresolvable CDI devices nvidia.com/gpu=7"
        );
    }
}
