//! What is mounted: volumes, host paths, memory, and the volumes that the image asks for.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::compose::model::{MountKind, Recursive, ServiceVolume, Volume};
use crate::compose::{Project, Service, resource_hash};
use crate::plan::desired::{Desired, DesiredVolume, Owner};
use crate::plan::uses;
use crate::resource::mount::{Mount, MountSource, Submounts};
use crate::resource::{Image, ImageConfig, VolumeSpec, labels};

use super::{files, names};

/// All mounts of a service, by depth of their targets, so that none hides one before it: what it
/// says, and what its image's configuration adds. `images` has those whose files are mounted.
pub(super) fn mounts(
    project: &Project,
    service: &Service,
    (image, images): (&ImageConfig, &BTreeMap<String, Image>),
) -> Result<Vec<Mount>> {
    let written = service.volumes.iter().map(|volume| mount(project, volume, images));
    let mut mounts = written.collect::<Result<Vec<Mount>>>()?;
    for text in &service.tmpfs {
        mounts.push(tmpfs(text)?);
    }
    files::mounts(project, service, &mut mounts)?;
    for target in &image.volumes {
        let target = clean(target);
        if !mounts.iter().any(|mount| mount.target == target) {
            let source = anonymous();
            mounts.push(Mount { target, read_only: false, source });
        }
    }
    mounts.sort_by_cached_key(|mount| (mount.target.matches('/').count(), mount.target.clone()));
    Ok(mounts)
}

fn mount(
    project: &Project,
    volume: &ServiceVolume,
    images: &BTreeMap<String, Image>,
) -> Result<Mount> {
    let options = volume.volume.clone().unwrap_or_default();
    let source = match (volume.kind, &volume.source) {
        (MountKind::Volume, Some(key)) => MountSource::Volume {
            name: project.volumes.get(key).map_or(key, |volume| &volume.name).clone(),
            anonymous: false,
            no_copy: options.nocopy,
            subpath: options.subpath,
            labels: options.labels,
        },
        (MountKind::Volume, None) => MountSource::Volume {
            name: String::new(),
            anonymous: true,
            no_copy: options.nocopy,
            subpath: options.subpath,
            labels: options.labels,
        },
        (MountKind::Bind, Some(path)) => {
            let bind = volume.bind.clone().unwrap_or_default();
            let (path, create) = (PathBuf::from(path), bind.create_host_path.unwrap_or(true));
            let submounts = submounts(bind.recursive);
            let (propagation, selinux) = (bind.propagation, bind.selinux);
            MountSource::Bind { path, create, propagation, submounts, selinux }
        }
        (MountKind::Tmpfs, _) => {
            let tmpfs = volume.tmpfs.clone().unwrap_or_default();
            let size = tmpfs.size.filter(|size| size.0 > 0);
            MountSource::Tmpfs { size, mode: tmpfs.mode, options: Vec::new() }
        }
        (MountKind::Image, Some(image)) => MountSource::Image {
            image: image.clone(),
            id: images.get(image).map(|image| image.id.clone()),
            subpath: volume.image.clone().unwrap_or_default().subpath,
        },
        (kind, _) => {
            let kind = format!("{kind:?}").to_ascii_lowercase();
            let message = format!("cannot mount type `{kind}` at {}", volume.target);
            return Err(Error::new(Kind::Invalid, message).hint("use volume, bind, tmpfs or image"));
        }
    };
    Ok(Mount { target: clean(&volume.target), read_only: volume.read_only, source })
}

fn submounts(written: Option<Recursive>) -> Submounts {
    match written {
        None | Some(Recursive::Enabled) => Submounts::Enabled,
        Some(Recursive::Disabled) => Submounts::Disabled,
        Some(Recursive::Writable) => Submounts::Writable,
        Some(Recursive::Readonly) => Submounts::Readonly,
    }
}

/// A volume that gets its name when the container is planned.
fn anonymous() -> MountSource {
    MountSource::Volume {
        name: String::new(),
        anonymous: true,
        no_copy: false,
        subpath: None,
        labels: BTreeMap::new(),
    }
}

/// `PATH[:options]`, the options as `mount(8)` takes them.
///
/// # Errors
/// `Kind::Invalid` for a size or mode that is none.
pub fn tmpfs(text: &str) -> Result<Mount> {
    let (target, list) = text.split_once(':').unwrap_or((text, ""));
    let (mut size, mut mode, mut options, mut read_only) = (None, None, Vec::new(), false);
    for option in list.split(',').filter(|option| !option.is_empty()) {
        match option.split_once('=') {
            Some(("size", value)) => size = Some(value.parse()?),
            Some(("mode", value)) => {
                let invalid =
                    |_| Error::new(Kind::Invalid, format!("`{value}` is not a file mode"));
                mode = Some(u32::from_str_radix(value, 8).map_err(invalid)?);
            }
            _ if option == "ro" => read_only = true,
            _ if option == "rw" => read_only = false,
            _ => options.push(option.to_owned()),
        }
    }
    Ok(Mount {
        target: clean(target),
        read_only,
        source: MountSource::Tmpfs { size, mode, options },
    })
}

/// An absolute path without `.`, `..`, doubled or final slashes (Go: path.Clean).
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Adds the volumes that the lowered services use.
pub(super) fn volumes(project: &Project, desired: &mut Desired, all: bool) {
    let by_name: BTreeMap<&str, (&String, &Volume)> =
        project.volumes.iter().map(|(key, it)| (it.name.as_str(), (key, it))).collect();
    for service in desired.services.values() {
        for name in uses::volumes(&service.spec) {
            if let Some((key, volume)) = by_name.get(name) {
                let lowered = || lower(project, key, volume);
                desired.volumes.entry(name.to_owned()).or_insert_with(lowered);
            }
        }
    }
    for (key, volume) in project.volumes.iter().filter(|_| all) {
        let lowered = || lower(project, key, volume);
        desired.volumes.entry(volume.name.clone()).or_insert_with(lowered);
    }
}

fn lower(project: &Project, key: &str, volume: &Volume) -> DesiredVolume {
    let kind = (labels::VOLUME, key);
    let owner = if volume.external { Owner::External } else { Owner::Project };
    let spec = VolumeSpec {
        name: volume.name.clone(),
        driver: volume.driver.clone().unwrap_or_default(),
        driver_opts: volume.driver_opts.clone(),
        labels: names::resource_labels(project, &volume.labels, kind, resource_hash(volume)),
        anonymous: false,
    };
    DesiredVolume { spec, owner }
}
