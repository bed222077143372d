//! Secrets and configs as files in containers.
//!
//! Whatever they come from, they get the owner and mode that were asked for. Files, and what is
//! kept in the local store, are read when the container starts; what comes from the environment or
//! the compose file is known now.

use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::compose::model::FileMount;
use crate::compose::{Project, Service};
use crate::resource::mount::{self, Mount, MountSource};

use super::mounts::clean;

/// Adds the mounts of a service's secrets and configs.
pub(super) fn mounts(project: &Project, service: &Service, out: &mut Vec<Mount>) -> Result<()> {
    for file in &service.configs {
        let config = project.configs.get(&file.source).cloned().unwrap_or_default();
        let target = file.target.as_ref().unwrap_or(&file.source);
        let origin = Origin {
            kind: "config",
            name: config.name,
            file: config.file,
            variable: config.environment.filter(|_| config.value.is_none()),
            content: config.value.or(config.content),
            external: config.external,
        };
        out.push(origin.mount(project, file, &format!("/{target}"))?);
    }
    for file in &service.secrets {
        let secret = project.secrets.get(&file.source).cloned().unwrap_or_default();
        let target = file.target.as_ref().unwrap_or(&file.source);
        // A relative target is below /run/secrets, an absolute one stands for itself.
        let target = match target.starts_with('/') {
            true => target.clone(),
            false => format!("/run/secrets/{target}"),
        };
        let origin = Origin {
            kind: "secret",
            name: secret.name,
            file: secret.file,
            variable: secret.environment.filter(|_| secret.value.is_none()),
            content: secret.value,
            external: secret.external,
        };
        out.push(origin.mount(project, file, &target)?);
    }
    Ok(())
}

/// Where the content comes from.
struct Origin {
    kind: &'static str,
    /// What it is called outside the project.
    name: String,
    file: Option<String>,
    variable: Option<String>,
    content: Option<String>,
    external: bool,
}

impl Origin {
    fn mount(self, project: &Project, file: &FileMount, target: &str) -> Result<Mount> {
        let (uid, gid) = (number(file.uid.as_deref())?, number(file.gid.as_deref())?);
        let mode = file.mode.unwrap_or(0o444);
        let copy = |origin| MountSource::Copy { origin, uid, gid, mode };
        let source = match (&self.file, self.external, self.kind) {
            (Some(path), _, _) => copy(mount::Origin::File(PathBuf::from(path))),
            (None, true, "secret") => copy(mount::Origin::Secret(self.name)),
            (None, true, _) => copy(mount::Origin::Config(self.name)),
            (None, false, _) => {
                let data = self.text(project, &file.source)?.into_bytes();
                MountSource::Content { data, uid, gid, mode }
            }
        };
        Ok(Mount { target: clean(target), read_only: true, source })
    }

    /// What the environment or the compose file has.
    fn text(self, project: &Project, key: &str) -> Result<String> {
        let Some(variable) = self.variable else { return Ok(self.content.unwrap_or_default()) };
        project.environment.get(&variable).cloned().ok_or_else(|| {
            let kind = self.kind;
            let message = format!(
                "environment variable \"{variable}\" required by {kind} \"{key}\" is not set"
            );
            Error::new(Kind::Invalid, message)
        })
    }
}

/// A numeric owner; `None`: root.
fn number(text: Option<&str>) -> Result<u32> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(0) };
    text.parse().map_err(|_| Error::new(Kind::Invalid, format!("`{text}` is not a numeric id")))
}
