//! Projects and snapshots for tests, from one line a service.
//!
//! `web nginx:2 x2 needs:db:healthy` is a service `web` with that image, two replicas, and a
//! dependency. Words: `xN` replicas · `needs:SERVICE[:started|healthy|completed][:restart][:optional]`
//! · `health` · `job` (its program ends at once) · `vol:KEY:/path` · `anon:/path` · `net:KEY` ·
//! `env:NAME=VALUE` · `join:SERVICE` (network_mode) · `from:SERVICE` (volumes_from) · `port:HOST:CONTAINER` · `name:CONTAINER`.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::base::{Digest, PortRange};
use crate::compose::model::{
    Dependency, Healthcheck, MountKind, Network, NetworkMode, Port, ServiceNetwork, ServiceVolume,
    Volume,
};
use crate::compose::{Project, Service};
use crate::resource::container::{Health, HealthStatus, State, Status};
use crate::resource::{Container, Image, ImageConfig, Observed};

use super::{Condition, Desired, LowerOptions, lower};

/// A project `p` with these services, as loading would make it.
pub(crate) fn project(lines: &[&str]) -> Project {
    let mut project = Project { name: "p".into(), working_dir: "/p".into(), ..Project::default() };
    for line in lines {
        let service = service(line);
        for key in service.networks.keys() {
            let network = Network { name: format!("p_{key}"), ..Network::default() };
            project.networks.insert(key.clone(), network);
        }
        for key in service.volumes.iter().filter_map(|volume| volume.source.as_ref()) {
            let volume = Volume { name: format!("p_{key}"), ..Volume::default() };
            project.volumes.insert(key.clone(), volume);
        }
        project.services.insert(service.name.clone(), service);
    }
    project
}

/// One line as a service.
fn service(line: &str) -> Service {
    let mut words = line.split(' ');
    let name = words.next().expect("a name").to_owned();
    let image = words.next().expect("an image").to_owned();
    let mut service = Service { name, image: Some(image), ..Service::default() };
    words.for_each(|word| add(&mut service, word));
    if service.networks.is_empty() && service.network_mode.is_none() {
        service.networks.insert("default".into(), ServiceNetwork::default());
    }
    service
}

fn add(service: &mut Service, word: &str) {
    let (kind, rest) = word.split_once(':').unwrap_or((word, ""));
    match kind {
        "needs" => service.depends_on.extend([dependency(rest)]),
        "health" => {
            let test = vec!["CMD".to_owned(), "check".to_owned()];
            service.healthcheck = Some(Healthcheck { test, ..Healthcheck::default() });
        }
        "job" => service.command = Some(vec!["true".into()]),
        "vol" => {
            let (key, target) = rest.split_once(':').expect("vol:KEY:/path");
            service.volumes.push(volume(Some(key), target));
        }
        "anon" => service.volumes.push(volume(None, rest)),
        "net" => drop(service.networks.insert(rest.into(), ServiceNetwork::default())),
        "env" => {
            let (name, value) = rest.split_once('=').expect("env:NAME=VALUE");
            service.environment.insert(name.into(), Some(value.into()));
        }
        "join" => {
            service.network_mode = Some(NetworkMode::Service(rest.into()));
            service.depends_on.extend([dependency(&format!("{rest}:restart"))]);
        }
        "from" => {
            service.volumes_from.push(rest.into());
            service.depends_on.extend([dependency(rest)]);
        }
        "port" => {
            let (host, target) = rest.split_once(':').expect("port:HOST:CONTAINER");
            let published = host.parse::<PortRange>().ok();
            let target = target.parse().expect("a port");
            service.ports.push(Port { published, target, ..Port::default() });
        }
        "name" => service.container_name = Some(rest.into()),
        _ => {
            let replicas = word.strip_prefix('x').and_then(|number| number.parse().ok());
            service.scale = Some(replicas.unwrap_or_else(|| panic!("unknown word `{word}`")));
        }
    }
}

fn dependency(text: &str) -> (String, Dependency) {
    let mut words = text.split(':');
    let name = words.next().expect("a service").to_owned();
    let mut dependency = Dependency { required: true, ..Dependency::default() };
    for word in words {
        match word {
            "started" => {}
            "healthy" => dependency.condition = Condition::Healthy,
            "completed" => dependency.condition = Condition::CompletedSuccessfully,
            "restart" => dependency.restart = true,
            "optional" => dependency.required = false,
            _ => panic!("unknown word `{word}`"),
        }
    }
    (name, dependency)
}

fn volume(source: Option<&str>, target: &str) -> ServiceVolume {
    let (kind, source) = (MountKind::Volume, source.map(str::to_owned));
    ServiceVolume { kind, source, target: target.into(), ..ServiceVolume::default() }
}

/// An image that serves, with an id that its name decides.
pub(crate) fn image(name: &str) -> Image {
    let config = ImageConfig { cmd: vec!["serve".into()], ..ImageConfig::default() };
    Image {
        id: Digest::from_sha256(&Sha256::digest(name.as_bytes())),
        tags: vec![name.to_owned()],
        digests: Vec::new(),
        created_at: None,
        size: 0,
        tagged_at: None,
        diff_ids: Vec::new(),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        config,
    }
}

/// All images of a project.
pub(crate) fn images(project: &Project) -> BTreeMap<String, Image> {
    let names = super::image_names(project);
    names.into_iter().map(|name| (name.clone(), image(&name))).collect()
}

/// What a project asks for.
pub(crate) fn desired(lines: &[&str]) -> Desired {
    let project = project(lines);
    lower(&project, &images(&project), &LowerOptions::default())
        .expect("a project that can be lowered")
}

/// A snapshot in which all of it exists, runs and is healthy, and jobs have ended.
pub(crate) fn running(lines: &[&str]) -> Observed {
    let desired = desired(lines);
    let (time, mut observed) = (Timestamp::UNIX_EPOCH, Observed::default());
    for (name, network) in &desired.networks {
        let network = crate::resource::Network {
            id: format!("{:064x}", 1),
            spec: network.spec.clone(),
            bridge: "br0".into(),
            created_at: time,
        };
        observed.networks.insert(name.clone(), network);
    }
    for (name, volume) in &desired.volumes {
        let volume = crate::resource::Volume { spec: volume.spec.clone(), created_at: time };
        observed.volumes.insert(name.clone(), volume);
    }
    for service in desired.services.values() {
        for number in 1..=service.replicas {
            let spec = service.replica(number);
            let id = format!("{:064x}", observed.containers.len() + 1).parse().expect("an id");
            let status = status(&spec);
            observed.containers.push(Container { id, spec, created_at: time, status });
        }
    }
    observed
}

fn status(spec: &crate::resource::ContainerSpec) -> Status {
    if spec.process.argv == ["true"] {
        return Status { state: State::Exited, exit_code: Some(0), ..Status::default() };
    }
    let health = Health { status: HealthStatus::Healthy, ..Health::default() };
    let health = spec.health.as_ref().map(|_| health);
    Status { state: State::Running, health, ..Status::default() }
}
