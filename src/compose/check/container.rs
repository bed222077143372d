//! What a container is made from, what it is called, and how many there are.

use super::super::model::{NetworkMode, Service};
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    source(check, service);
    name(check, service);
    number(check, service);
    network_mode(check, service);
    health(check, service);
}

/// Spec: 05-services.md#image: an image, a build or a provider.
fn source(check: &mut Check, service: &Service) {
    let image = service.image.as_ref().is_some_and(|image| !image.is_empty());
    let named = image || service.build.is_some() || service.provider.is_some();
    // What it extends could not be found, and would have said it.
    let incomplete = check.has(service, &["extends"]);
    if named || incomplete || check.is_broken(&["services", &service.name]) {
        return;
    }
    let place = check.key(service, &[]);
    let message = format!("service `{}` has neither `image` nor `build`", service.name);
    let empty = check.has(service, &["image"]);
    let image = check.at(service, &["image"]).filter(|_| empty);
    let diagnostic = check.out.error("no-image", place, message);
    if empty {
        diagnostic.label(image, "this is empty");
    }
    diagnostic.hint("say what it runs: `image: NAME`, or `build: DIRECTORY`");
}

/// Docker: container names begin with a letter or digit, and have at least two characters.
fn name(check: &mut Check, service: &Service) {
    let Some(name) = &service.container_name else { return };
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    if !first || name.len() < 2 || !name.bytes().all(inner) {
        let place = check.at(service, &["container_name"]);
        check
            .out
            .error("bad-name", place, format!("`{name}` is not a name for a container"))
            .hint("it has letters, digits, `_`, `.` and `-`, begins with a letter or digit, and has at least two of them");
    }
}

fn number(check: &mut Check, service: &Service) {
    let replicas = service.deploy.as_ref().and_then(|deploy| deploy.replicas);
    if let (Some(scale), Some(replicas)) = (service.scale, replicas)
        && scale != replicas
    {
        let message = format!("`scale` is {scale}, and `deploy.replicas` is {replicas}");
        let other = check.at(service, &["deploy", "replicas"]);
        let place = check.at(service, &["scale"]);
        check
            .out
            .error("conflict", place, message)
            .label(other, "the other number")
            .hint("keep one");
    }
    if let Some(name) = &service.container_name
        && service.replicas() > 1
    {
        let message =
            format!("{} containers cannot all have the name `{name}`", service.replicas());
        let place = check.at(service, &["container_name"]);
        let scale = match service.scale {
            Some(_) => check.at(service, &["scale"]),
            None => check.at(service, &["deploy", "replicas"]),
        };
        check
            .out
            .error("conflict", place, message)
            .label(scale, "so many are asked for")
            .hint("remove `container_name`");
    }
}

fn network_mode(check: &mut Check, service: &Service) {
    let Some(mode) = &service.network_mode else { return };
    let place = check.at(service, &["network_mode"]);
    if !service.networks.is_empty() {
        let other = check.key(service, &["networks"]);
        check
            .out
            .error("conflict", place, "`network_mode` and `networks` exclude each other")
            .label(other, "the other key")
            .hint("keep one of them");
    }
    let published = !service.ports.is_empty();
    if published && matches!(mode, NetworkMode::Host | NetworkMode::None) {
        let message = format!("`ports` have no effect with `network_mode: {mode}`");
        let ports = check.key(service, &["ports"]);
        check.out.warning("no-effect", ports, message).label(place, "because of this");
    }
    if published && matches!(mode, NetworkMode::Service(_) | NetworkMode::Container(_)) {
        let ports = check.key(service, &["ports"]);
        check
            .out
            .error(
                "conflict",
                ports,
                "a container that uses another's network cannot publish ports",
            )
            .label(place, "it uses that one's network")
            .hint("publish the ports there");
    }
}

fn health(check: &mut Check, service: &Service) {
    let Some(health) = &service.healthcheck else { return };
    if health.start_interval.is_some() && health.start_period.is_none() {
        let place = check.key(service, &["healthcheck", "start_interval"]);
        check
            .out
            .warning("no-effect", place, "`start_interval` has no effect without `start_period`")
            .hint("add `start_period`: for so long `start_interval` is used");
    }
    if health.disable && !health.test.is_empty() && health.test[0] != "NONE" {
        let place = check.key(service, &["healthcheck", "test"]);
        let other = check.key(service, &["healthcheck", "disable"]);
        check
            .out
            .warning("no-effect", place, "`test` has no effect, since the health check is disabled")
            .label(other, "disabled here");
    }
}

/// No two services give their container the same name.
pub fn names(check: &mut Check) {
    let mut seen: Vec<&Service> = Vec::new();
    for service in check.project.services.values() {
        let Some(name) = &service.container_name else { continue };
        match seen.iter().find(|other| other.container_name.as_ref() == Some(name)) {
            Some(other) => {
                let message = format!(
                    "services `{}` and `{}` both name their container `{name}`",
                    other.name, service.name
                );
                let place = check.at(service, &["container_name"]);
                let first = check.at(other, &["container_name"]);
                check.out.error("duplicate-name", place, message).label(first, "the other one");
            }
            None => seen.push(service),
        }
    }
}
