//! From a project and its images' configurations to containers with nothing left to decide.
//!
//! One file a topic: [`process`], [`mounts`], [`network`], [`health`], [`limits`], [`names`].
//! What a service does not say comes from its image, and then from Docker's defaults.

mod files;
mod health;
mod hooks;
mod limits;
mod mounts;
mod names;
mod network;
mod process;
mod shared;
mod signal;
mod single;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Context, Error, Kind, Result};
use crate::compose::model::Restart;
use crate::compose::{Project, Service};
use crate::resource::container::{ExposedPort, LogConfig, PublishedPort, RestartPolicy, Stop};
use crate::resource::{ContainerSpec, Image, ImageConfig};

use super::desired::{Dependency, Desired, DesiredService};

pub(super) use hooks::images as pre_start_images;
pub(super) use limits::capability;
pub use mounts::tmpfs;
pub use signal::name as signal_name;
pub use single::single;

/// What the command line adds to a project.
#[derive(Clone, Debug, Default)]
pub struct LowerOptions {
    /// All services of the compose files, as of [`known_services`]; containers of these are no
    /// orphans although the project may have been reduced to a selection.
    pub known: BTreeSet<String>,
    /// How many containers, by service (`--scale`).
    pub scale: BTreeMap<String, u32>,
    /// Dependencies neither order nor delay anything (`--no-deps`).
    pub no_deps: bool,
    /// Networks and volumes that no service uses come too (`--all-resources`).
    pub all_resources: bool,
}

/// Names of all services that the compose files have, those of inactive profiles included.
#[must_use]
pub fn known_services(project: &Project) -> BTreeSet<String> {
    project.services.keys().chain(project.disabled.keys()).cloned().collect()
}

/// The image of a service, as users write it: its own, or the one that is built for it.
#[must_use]
pub fn image_of(project: &Project, service: &Service) -> String {
    service.image.clone().unwrap_or_else(|| format!("{}-{}", project.name, service.name))
}

/// Lowers every service of `project`; `images` has its images by [`image_of`].
///
/// # Errors
/// `Kind::NotFound` for an image that is not there; `Kind::Invalid` for what only becomes wrong
/// together with the image or the environment, as a container without a command.
pub fn lower(
    project: &Project,
    images: &BTreeMap<String, Image>,
    options: &LowerOptions,
) -> Result<Desired> {
    let mut desired = Desired { project: project.name.clone(), ..Desired::default() };
    let on = |name: &&String| !project.services.contains_key(*name);
    desired.others = options.known.iter().filter(on).cloned().collect();
    for (name, service) in project.services.iter().filter(|(_, it)| it.provider.is_none()) {
        let lowered = lower_service(project, service, images, options)
            .context(|| format!("service {name}"))?;
        desired.services.insert(name.clone(), lowered);
    }
    network::networks(project, &mut desired, options.all_resources)?;
    mounts::volumes(project, &mut desired, options.all_resources);
    Ok(desired)
}

fn lower_service(
    project: &Project,
    service: &Service,
    images: &BTreeMap<String, Image>,
    options: &LowerOptions,
) -> Result<DesiredService> {
    let dependency = |it: &crate::compose::model::Dependency| Dependency {
        condition: it.condition,
        restart: it.restart,
        required: it.required,
    };
    let needs = service.depends_on.iter().map(|(name, it)| (name.clone(), dependency(it)));
    let depends_on: BTreeMap<String, Dependency> = needs.collect();
    let spec = container(project, service, images, &depends_on)?;
    let replicas = options.scale.get(&service.name).copied().unwrap_or_else(|| service.replicas());
    let depends_on = if options.no_deps { BTreeMap::new() } else { depends_on };
    Ok(DesiredService {
        pre_start: hooks::pre_start(project, service, images)?,
        spec,
        replicas,
        depends_on,
        parents: shared::parents(service),
        volume_parents: shared::volume_parents(service),
    })
}

/// An image that has been fetched.
fn found<'a>(images: &'a BTreeMap<String, Image>, name: &str) -> Result<&'a Image> {
    images.get(name).ok_or_else(|| {
        Error::new(Kind::NotFound, format!("image {name} is not there"))
            .hint("`compose pull` fetches images")
    })
}

/// The service's first container.
fn container(
    project: &Project,
    service: &Service,
    images: &BTreeMap<String, Image>,
    depends_on: &BTreeMap<String, Dependency>,
) -> Result<ContainerSpec> {
    let image = found(images, &image_of(project, service))?;
    let config = &image.config;
    Ok(ContainerSpec {
        name: names::first_container(project, &service.name),
        image: image_of(project, service),
        image_id: Some(image.id.clone()),
        labels: names::container_labels(project, service, image, depends_on),
        annotations: service.annotations.clone(),
        process: process::process(service, config)?,
        hostname: service.hostname.clone(),
        domainname: service.domainname.clone(),
        read_only: service.read_only,
        mounts: mounts::mounts(project, service, (config, images))?,
        volumes_from: shared::volumes_from(project, service)?,
        inherited: Vec::new(),
        network: network::mode(project, service)?,
        ports: ports(service),
        expose: expose(service, config)?,
        dns: network::dns(service)?,
        links: network::links(project, service),
        extra_hosts: extra_hosts(service),
        limits: limits::limits(service)?,
        cgroup_parent: service.cgroup_parent.clone().filter(|parent| !parent.is_empty()),
        security: limits::security(project, service),
        namespaces: shared::namespaces(project, service)?,
        runtime: service.runtime.clone().filter(|name| !name.is_empty()),
        init: service.init.unwrap_or(false),
        sysctls: service.sysctls.clone(),
        stop: stop(service, config)?,
        restart: restart(service),
        health: health::health(service.healthcheck.as_ref(), config),
        hooks: hooks::of(service),
        log: log(service),
        publish_all: false,
        auto_remove: false,
    })
}

fn ports(service: &Service) -> Vec<PublishedPort> {
    let port = |port: &crate::compose::model::Port| PublishedPort {
        host_ip: port.host_ip,
        // Port 0 means any free one, as in bind(2).
        host: port.published.filter(|range| range.last != 0),
        container: crate::base::PortRange::one(port.target),
        protocol: port.protocol,
    };
    service.ports.iter().map(port).collect()
}

/// Ports that image and service name, each once.
fn expose(service: &Service, config: &ImageConfig) -> Result<Vec<ExposedPort>> {
    let mut ports: BTreeSet<ExposedPort> = config.exposed_ports.iter().copied().collect();
    for text in &service.expose {
        let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        ports.insert(ExposedPort { ports: range.parse()?, protocol: protocol.parse()? });
    }
    Ok(ports.into_iter().collect())
}

fn extra_hosts(service: &Service) -> Vec<(String, String)> {
    service.extra_hosts.iter().map(|it| (it.name.clone(), it.address.clone())).collect()
}

fn stop(service: &Service, config: &ImageConfig) -> Result<Stop> {
    let default = Stop::default();
    let written = service.stop_signal.as_ref().or(config.stop_signal.as_ref());
    let signal = match written {
        Some(signal) => signal::name(signal)?,
        None => default.signal,
    };
    let written = written.filter(|written| **written != signal).cloned();
    Ok(Stop { signal, written, grace: service.stop_grace_period.or(default.grace) })
}

fn restart(service: &Service) -> RestartPolicy {
    restart_policy(service.restart_policy())
}

/// What a service's policy means to its containers.
#[must_use]
pub fn restart_policy(written: Restart) -> RestartPolicy {
    match written {
        Restart::No => RestartPolicy::No,
        Restart::Always => RestartPolicy::Always,
        Restart::UnlessStopped => RestartPolicy::UnlessStopped,
        Restart::OnFailure { max_attempts } => {
            RestartPolicy::OnFailure { max_retries: max_attempts.unwrap_or(0) }
        }
    }
}

fn log(service: &Service) -> LogConfig {
    let default = LogConfig::default();
    let Some(logging) = &service.logging else { return default };
    let driver = logging.driver.clone().unwrap_or(default.driver);
    LogConfig { driver, options: logging.options.clone() }
}
