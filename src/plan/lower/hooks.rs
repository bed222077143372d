//! Commands and containers that run when a service's containers start and stop.

use std::collections::BTreeMap;

use crate::base::{Error, Kind, Result};
use crate::compose::model::{Healthcheck, Hook, InitHook, Restart};
use crate::compose::{Project, Service};
use crate::resource::container::Hooks;
use crate::resource::network::NetworkMode;
use crate::resource::process::ExecSpec;
use crate::resource::{ContainerSpec, Image, labels};

use super::image_of;

/// The service's hooks (Spec: 05-services.md#post_start).
pub(super) fn of(service: &Service) -> Hooks {
    let all = |hooks: &[Hook]| hooks.iter().map(command).collect();
    Hooks { post_start: all(&service.post_start), pre_stop: all(&service.pre_stop) }
}

/// A hook as a command in the container: what it does not say is as in the container.
fn command(hook: &Hook) -> ExecSpec {
    let variables = hook.environment.iter();
    let variables =
        variables.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    ExecSpec {
        argv: hook.command.clone().unwrap_or_default(),
        env: variables.collect(),
        cwd: hook.working_dir.clone().filter(|dir| !dir.is_empty()),
        user: hook.user.clone().filter(|user| !user.is_empty()),
        tty: false,
        privileged: hook.privileged,
    }
}

/// Images that the service's `pre_start` needs besides its own.
pub(in crate::plan) fn images(service: &Service) -> impl Iterator<Item = &str> {
    service.pre_start.iter().filter_map(|hook| hook.image.as_deref())
}

/// Containers that run to their end before the service starts: like the service's own, with its
/// volumes and networks, but unknown to others and without ports.
///
/// # Errors
/// [`Kind::Invalid`] for `per_replica`, and those of lowering a service.
pub(super) fn pre_start(
    project: &Project,
    service: &Service,
    images: &BTreeMap<String, Image>,
) -> Result<Vec<ContainerSpec>> {
    let hooks = service.pre_start.iter().enumerate();
    hooks.map(|(index, hook)| init_container(project, service, images, (index, hook))).collect()
}

fn init_container(
    project: &Project,
    service: &Service,
    images: &BTreeMap<String, Image>,
    (index, hook): (usize, &InitHook),
) -> Result<ContainerSpec> {
    if hook.per_replica {
        let message = format!("pre_start[{index}]: per_replica is not yet supported");
        return Err(Error::new(Kind::Invalid, message));
    }
    let like = as_service(project, service, hook);
    let mut spec = super::container(project, &like, images, &BTreeMap::new())?;
    spec.name = format!("{}-{}-pre_start-{}", project.name, service.name, index + 1);
    spec.labels.insert(labels::ONE_OFF.to_owned(), "True".to_owned());
    spec.labels.insert(labels::HOOK.to_owned(), "pre_start".to_owned());
    // What nobody else will see need not outlive it.
    spec.mounts.retain(|mount| !mount.is_anonymous());
    if let NetworkMode::Networks(endpoints) = &mut spec.network {
        for endpoint in endpoints {
            endpoint.aliases.clear();
            (endpoint.ipv4, endpoint.ipv6, endpoint.mac) = (None, None, None);
        }
    }
    Ok(spec)
}

/// The service as the hook changes it.
fn as_service(project: &Project, service: &Service, hook: &InitHook) -> Service {
    let mut like = service.clone();
    let own = image_of(project, service);
    let image = hook.image.clone().unwrap_or_else(|| own.clone());
    if image != own {
        // What was meant for the service's image.
        (like.entrypoint, like.command, like.working_dir) = (None, None, None);
    }
    like.image = Some(image);
    like.command = hook.command.clone().or(like.command);
    like.user = hook.user.clone().or(like.user);
    like.working_dir = hook.working_dir.clone().or(like.working_dir);
    like.privileged |= hook.privileged;
    like.environment.extend(hook.environment.clone());
    like.healthcheck = Some(Healthcheck { disable: true, ..Healthcheck::default() });
    like.restart = Some(Restart::No);
    if let Some(deploy) = &mut like.deploy {
        deploy.restart_policy = None;
    }
    (like.container_name, like.ports, like.expose) = (None, Vec::new(), Vec::new());
    (like.post_start, like.pre_stop) = (Vec::new(), Vec::new());
    (like.tty, like.stdin_open) = (false, false);
    like
}
