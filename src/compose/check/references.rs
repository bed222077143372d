//! Names of networks, volumes, secrets, configs and models that are used are defined.

use super::super::model::{FileMount, MountKind, NamespaceMode, NetworkMode, Service};
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    let project = check.project;
    for name in service.networks.keys() {
        let known = || project.networks.keys().map(String::as_str).collect();
        named(
            check,
            service,
            &["networks", name],
            name,
            "network",
            project.networks.contains_key(name),
            known,
        );
    }
    for (index, volume) in service.volumes.iter().enumerate() {
        if let (MountKind::Volume, Some(name)) = (volume.kind, &volume.source) {
            let index = index.to_string();
            let known = || project.volumes.keys().map(String::as_str).collect();
            let defined = project.volumes.contains_key(name);
            named(check, service, &["volumes", &index, "source"], name, "volume", defined, known);
        }
    }
    for name in service.models.keys() {
        let known = || project.models.keys().map(String::as_str).collect();
        named(
            check,
            service,
            &["models", name],
            name,
            "model",
            project.models.contains_key(name),
            known,
        );
    }
    files(check, service, &["secrets"], &service.secrets, "secret");
    files(check, service, &["configs"], &service.configs, "config");
    if let Some(build) = &service.build {
        files(check, service, &["build", "secrets"], &build.secrets, "secret");
    }
    namespaces(check, service);
}

fn files(check: &mut Check, service: &Service, path: &[&str], mounts: &[FileMount], kind: &str) {
    let project = check.project;
    for (index, mount) in mounts.iter().enumerate() {
        let index = index.to_string();
        let path = [path, &[&index, "source"]].concat();
        let (defined, known): (bool, Vec<&str>) = match kind {
            "secret" => (
                project.secrets.contains_key(&mount.source),
                project.secrets.keys().map(String::as_str).collect(),
            ),
            _ => (
                project.configs.contains_key(&mount.source),
                project.configs.keys().map(String::as_str).collect(),
            ),
        };
        named(check, service, &path, &mount.source, kind, defined, || known);
    }
}

/// Reports a name that no definition at the top level has.
fn named<'a>(
    check: &mut Check,
    service: &Service,
    path: &[&str],
    name: &str,
    kind: &str,
    defined: bool,
    known: impl FnOnce() -> Vec<&'a str>,
) {
    let section = format!("{kind}s");
    if defined {
        return;
    }
    if check.is_broken(&[&section]) {
        return;
    }
    let place = check.at(service, path);
    let message =
        format!("service `{}` uses the {kind} `{name}`, which is not defined", service.name);
    let diagnostic = check.out.error("undefined", place, message);
    let before = diagnostic.hints.len();
    diagnostic.suggest(name, known());
    if diagnostic.hints.len() == before {
        match kind {
            "volume" => diagnostic.hint(format!(
                "define it at the top level: `volumes: {{{name}: }}`; for a directory write `./{name}`"
            )),
            _ => diagnostic.hint(format!("define it at the top level, under `{section}:`")),
        };
    }
}

/// A container cannot use its own namespace. That others exist is checked with dependencies.
fn namespaces(check: &mut Check, service: &Service) {
    let mut used: Vec<(&str, &str)> = Vec::new();
    if let Some(NetworkMode::Service(name)) = &service.network_mode {
        used.push(("network_mode", name));
    }
    for (key, mode) in [("ipc", &service.ipc), ("pid", &service.pid), ("uts", &service.uts)] {
        if let Some(NamespaceMode::Service(name)) = mode {
            used.push((key, name));
        }
    }
    for (key, name) in used.into_iter().filter(|(_, name)| *name == service.name) {
        let place = check.at(service, &[key]);
        let message = format!("service `{name}` cannot use its own namespace");
        check.out.error("conflict", place, message);
    }
}
