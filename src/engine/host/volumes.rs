//! Volumes: a directory with a record beside it.

mod options;

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};

use jiff::Timestamp;

use crate::base::{Context, Error, Kind, Result};
use crate::engine::bundle::VolumeContent;
use crate::resource::event::{Event, EventKind};
use crate::resource::mount::MountSource;
use crate::resource::{ContainerSpec, Volume, VolumeSpec};
use crate::state::{self, Durability, Lock, Roots, roots::make_dir};

use super::containers::{delete, random_id};
use super::{Host, observe};

/// Makes a volume; an existing one of that name stays as it is. Without a name it gets one of 64
/// random digits.
pub(super) fn create(host: &Host, spec: &VolumeSpec) -> Result<Volume> {
    let roots = host.roots();
    let mut spec = spec.clone();
    if spec.name.is_empty() {
        spec.name = random_id()?.to_string();
    }
    check(&spec)?;
    let _lock = Lock::wait(&roots.lock("volumes"))?;
    if let Some(volume) = state::read(&roots.volume_record(&spec.name))? {
        return Ok(volume);
    }
    let data = roots.volume_data(&spec.name);
    make_dir(&roots.volumes().join(&spec.name))?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(&data);
    made.context(|| format!("cannot make volume {}", spec.name))?;
    // The creator's umask must not decide who may read a volume's root.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(&data, open).context(|| format!("cannot make volume {}", spec.name))?;
    let volume = Volume { spec, created_at: Timestamp::now() };
    let record = roots.volume_record(&volume.spec.name);
    state::write(&record, &volume, Durability::Machine)?;
    host.announce(&event("create", &volume.spec.name));
    Ok(volume)
}

/// Every volume that has a record.
pub(super) fn list(roots: &Roots) -> Result<Vec<Volume>> {
    let mut volumes = Vec::new();
    let entries = fs::read_dir(roots.volumes()).context(|| "cannot list volumes".to_owned())?;
    for entry in entries {
        let entry = entry.context(|| "cannot list volumes".to_owned())?;
        if let Some(name) = entry.file_name().to_str() {
            // A damaged one is told of by `system check`, and by whoever uses it.
            let volume = state::read::<Volume>(&roots.volume_record(name)).unwrap_or_default();
            volumes.extend(volume.filter(|volume| volume.spec.name == name));
        }
    }
    Ok(volumes)
}

/// Removes a volume and the data in it.
pub(super) fn remove(host: &Host, name: &str) -> Result<()> {
    let roots = host.roots();
    let _lock = Lock::wait(&roots.lock("volumes"))?;
    let (specs, damaged) = observe::specs(roots)?;
    if let Some(id) = damaged.first() {
        let message = format!(
            "remove {name}: container {} may use it, and its record is damaged",
            id.short()
        );
        return Err(Error::new(Kind::Conflict, message)
            .hint(format!("remove that container: compose container rm -f {}", id.short())));
    }
    let user = specs.into_iter().find(|(_, spec)| uses(spec, name));
    if let Some((id, _)) = user {
        return Err(Error::new(
            Kind::Conflict,
            format!("remove {name}: volume is in use - [{id}]"),
        ));
    }
    let gone = roots.gc().join(format!("volume-{name}-{}", std::process::id()));
    match fs::rename(roots.volume_dir(name)?, &gone) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).context(|| format!("cannot remove volume {name}")),
        Ok(()) => {
            host.announce(&event("destroy", name));
            delete(&gone).context(|| format!("cannot delete volume {name}"))
        }
    }
}

fn event(action: &str, name: &str) -> Event {
    Event::now(EventKind::Volume, action, name).with("driver", "local")
}

/// Where the content of the volume `name` is.
///
/// # Errors
/// The record cannot be read, or its options cannot be.
pub(super) fn content(roots: &Roots, name: &str) -> Result<VolumeContent> {
    let volume: Option<Volume> = state::read(&roots.volume_record(name))?;
    // Without its record it is not known to be a directory at all.
    let volume = volume.ok_or_else(|| {
        Error::new(Kind::NotFound, format!("volume {name} has no record"))
            .hint("remove the container and make it again")
    })?;
    match options::mount(&volume.spec)? {
        Some(mount) => Ok(mount),
        None => Ok(VolumeContent::Directory(roots.volume_data(name))),
    }
}

/// Whether a container mounts the volume `name`.
fn uses(spec: &ContainerSpec, name: &str) -> bool {
    spec.all_mounts().iter().any(
        |mount| matches!(&mount.source, MountSource::Volume { name: used, .. } if used == name),
    )
}

/// Names become directories (Docker: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`).
fn check(spec: &VolumeSpec) -> Result<()> {
    let mut letters = spec.name.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    if !(first && spec.name.len() <= 255 && letters.all(inner)) {
        let message = format!("`{}` is not a volume name", spec.name);
        return Err(Error::new(Kind::Invalid, message)
            .hint("volume names have letters, digits, `_`, `.` and `-` only"));
    }
    match spec.driver.as_str() {
        "" | "local" => options::mount(spec).map(drop),
        driver => Err(Error::new(
            Kind::Invalid,
            format!("volume {}: there is no driver `{driver}`, only `local`", spec.name),
        )),
    }
}
