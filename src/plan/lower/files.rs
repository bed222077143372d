//! Secrets and configs as files in containers.
//!
//! What comes from a file of the host is that file, read-only, with the host's permissions; what
//! comes from the environment or the compose file gets the owner and mode that were asked for.

use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::compose::model::FileMount;
use crate::compose::{Project, Service};
use crate::resource::mount::{Mount, MountSource};

use super::mounts::clean;

/// Adds the mounts of a service's secrets and configs.
pub(super) fn mounts(project: &Project, service: &Service, out: &mut Vec<Mount>) -> Result<()> {
    for file in &service.configs {
        let config = project.configs.get(&file.source).cloned().unwrap_or_default();
        let target = file.target.as_ref().unwrap_or(&file.source);
        let origin = Origin {
            kind: "config",
            file: config.file,
            variable: config.environment,
            content: config.content,
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
            file: secret.file,
            variable: secret.environment,
            content: None,
            external: secret.external,
        };
        out.push(origin.mount(project, file, &target)?);
    }
    Ok(())
}

/// Where the content comes from.
struct Origin {
    kind: &'static str,
    file: Option<String>,
    variable: Option<String>,
    content: Option<String>,
    external: bool,
}

impl Origin {
    fn mount(self, project: &Project, file: &FileMount, target: &str) -> Result<Mount> {
        let (kind, name) = (self.kind, &file.source);
        if self.external {
            let message = format!("unsupported external {kind} {name}");
            return Err(Error::new(Kind::Invalid, message));
        }
        let source = if let Some(path) = self.file {
            MountSource::Bind { path: PathBuf::from(path), create: false, propagation: None }
        } else {
            let data = match (self.variable, self.content) {
                (Some(variable), _) => {
                    project.environment.get(&variable).cloned().ok_or_else(|| {
                        let message = format!(
                            "environment variable \"{variable}\" required by {kind} \"{name}\" is not set"
                        );
                        Error::new(Kind::Invalid, message)
                    })?
                }
                (None, content) => content.unwrap_or_default(),
            };
            MountSource::Content {
                data: data.into_bytes(),
                uid: number(file.uid.as_deref())?,
                gid: number(file.gid.as_deref())?,
                mode: file.mode.unwrap_or(0o444),
            }
        };
        Ok(Mount { target: clean(target), read_only: true, source })
    }
}

/// A numeric owner; `None`: root.
fn number(text: Option<&str>) -> Result<u32> {
    let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(0) };
    text.parse().map_err(|_| Error::new(Kind::Invalid, format!("`{text}` is not a numeric id")))
}
