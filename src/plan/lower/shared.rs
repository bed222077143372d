//! What a container shares with others: namespaces and volumes.

use std::collections::BTreeSet;

use crate::base::{Error, Kind, Result};
use crate::compose::model::{CgroupMode, NamespaceMode, NetworkMode};
use crate::compose::{Project, Service};
use crate::resource::container::{Namespaces, Sharing, VolumesFrom};

use super::names;

/// Whose namespaces it uses.
///
/// # Errors
/// [`Kind::Invalid`] for a mode that there is not.
pub(super) fn namespaces(project: &Project, service: &Service) -> Result<Namespaces> {
    user(service)?;
    let sharing = |key: &str, mode: &Option<NamespaceMode>| -> Result<Sharing> {
        Ok(match mode {
            None | Some(NamespaceMode::Private) => Sharing::Private,
            Some(NamespaceMode::Shareable) if key == "ipc" => Sharing::Shareable,
            Some(NamespaceMode::None) if key == "ipc" => Sharing::None,
            Some(NamespaceMode::Host) => Sharing::Host,
            Some(NamespaceMode::Service(name)) => {
                Sharing::Container(names::first_container(project, name))
            }
            Some(NamespaceMode::Container(name)) => Sharing::Container(name.clone()),
            Some(other) => {
                let message = format!("invalid {} mode: {other}", key.to_uppercase());
                let hint = "use host, service:NAME or container:NAME";
                return Err(Error::new(Kind::Invalid, message).hint(hint));
            }
        })
    };
    let cgroup = match service.cgroup {
        Some(CgroupMode::Host) => Sharing::Host,
        _ => Sharing::Private,
    };
    Ok(Namespaces {
        pid: sharing("pid", &service.pid)?,
        ipc: sharing("ipc", &service.ipc)?,
        uts: sharing("uts", &service.uts)?,
        cgroup,
    })
}

/// Containers run in the host's user namespace; another one cannot be had.
fn user(service: &Service) -> Result<()> {
    match &service.userns_mode {
        None | Some(NamespaceMode::Host) => Ok(()),
        Some(mode) => {
            let message = format!("userns_mode `{mode}` is not supported");
            Err(Error::new(Kind::Invalid, message).hint(
                "containers run in the host's user namespace: write `host`, or remove the key",
            ))
        }
    }
}

/// Services whose namespaces it uses.
pub(super) fn parents(service: &Service) -> BTreeSet<String> {
    let network = match &service.network_mode {
        Some(NetworkMode::Service(name)) => Some(name.clone()),
        _ => None,
    };
    let modes = [&service.pid, &service.ipc, &service.uts];
    let others = modes.into_iter().filter_map(|mode| match mode {
        Some(NamespaceMode::Service(name)) => Some(name.clone()),
        _ => None,
    });
    network.into_iter().chain(others).collect()
}

/// Services whose volumes it uses.
pub(super) fn volume_parents(service: &Service) -> BTreeSet<String> {
    let name = |text: &String| text.split(':').next().unwrap_or_default().to_owned();
    let services = service.volumes_from.iter().filter(|text| !text.starts_with("container:"));
    services.map(name).collect()
}

/// `SERVICE[:ro|rw]` or `container:NAME[:ro|rw]`: the service's first container, or that one.
///
/// # Errors
/// [`Kind::Invalid`] for another mode.
pub(super) fn volumes_from(project: &Project, service: &Service) -> Result<Vec<VolumesFrom>> {
    let one = |text: &String| -> Result<VolumesFrom> {
        let (container, rest) = match text.strip_prefix("container:") {
            Some(rest) => {
                let (name, mode) = rest.split_once(':').unwrap_or((rest, "rw"));
                (name.to_owned(), mode)
            }
            None => {
                let (name, mode) = text.split_once(':').unwrap_or((text, "rw"));
                (names::first_container(project, name), mode)
            }
        };
        // SELinux labels do nothing where there is no SELinux.
        match rest {
            "ro" | "rw" | "z" | "Z" => Ok(VolumesFrom { container, read_only: rest == "ro" }),
            mode => {
                let message = format!("`{mode}` in volumes_from `{text}` is no mode");
                Err(Error::new(Kind::Invalid, message).hint("use ro or rw"))
            }
        }
    };
    service.volumes_from.iter().map(one).collect()
}
