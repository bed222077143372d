//! `lint`: what is allowed, and still likely to cause trouble.
//!
//! Beyond what [`super::load`] reports of every file. Findings have a stable code, so that a project
//! can decide which of them it cares for; what `up` refuses is an error, all else a warning.

use std::collections::BTreeSet;
use std::path::Path;

use crate::base::path::missing_socket;
use crate::diag::{Diagnostics, Sources, list};

use super::files::Files;
use super::model::{MountKind, Project, Service};
use super::node::{Node, Value};

/// Every code, and what it is about.
pub const RULES: [(&str, &str); 8] = [
    ("image-without-version", "an image without a version changes without notice"),
    ("unused", "a network, volume, secret or config that no service uses"),
    ("secret-in-file", "a password or key is written in the compose file"),
    ("unknown-driver", "a driver of logs, networks or volumes that `up` refuses"),
    ("missing-socket", "a socket that a service mounts is not there, as Docker's"),
    ("whole-machine", "a service can do anything to the machine"),
    ("key-as-variable", "a key of a service stands under its environment, where it has no effect"),
    ("no-restart", "a service that others need is not restarted when it fails"),
];

/// Reports what is likely to cause trouble, but for the rules in `allowed`. `files` is this machine,
/// `sources` what the project was read from.
pub fn lint(
    project: &Project,
    (files, sources): (&dyn Files, &Sources),
    allowed: &[String],
    out: &mut Diagnostics,
) {
    let on = |code: &str| !allowed.iter().any(|it| it == code);
    for service in project.services.values() {
        if on("image-without-version") {
            image(project, service, out);
        }
        if on("secret-in-file") {
            secrets(project, service, sources, out);
        }
        if on("key-as-variable") {
            keys(project, service, out);
        }
        if on("whole-machine") {
            privileges(project, service, out);
        }
        if on("missing-socket") {
            sockets(project, service, files, out);
        }
    }
    if on("unknown-driver") {
        drivers(project, out);
    }
    if on("unused") {
        unused(project, out);
    }
    if on("no-restart") {
        restarts(project, out);
    }
}

fn image(project: &Project, service: &Service, out: &mut Diagnostics) {
    let Some(image) = service.image.as_ref().filter(|_| service.build.is_none()) else { return };
    let name = image.rsplit('/').next().unwrap_or(image);
    if image.contains('@') || name.contains(':') && !name.ends_with(":latest") {
        return;
    }
    let place = project.document.place(&["services", &service.name, "image"]);
    out.warning("image-without-version", place, format!("`{image}` names no version"))
        .note("what runs depends on when it was pulled")
        .hint(format!(
            "name one, as in `{}:1.2`, or pin it with `compose lock`",
            image.trim_end_matches(":latest")
        ));
}

/// A value that is written out, under a name that says it is a secret.
fn secrets(project: &Project, service: &Service, sources: &Sources, out: &mut Diagnostics) {
    let path = ["services", &service.name, "environment"];
    let written = project.document.find(&path).and_then(Node::as_mapping);
    for (name, entry) in written.into_iter().flatten() {
        let upper = name.to_ascii_uppercase();
        let telling = ["PASSWORD", "PASSWD", "SECRET", "TOKEN", "API_KEY", "PRIVATE_KEY"];
        let secret = telling.iter().any(|word| upper.contains(word)) && !upper.ends_with("_FILE");
        let Value::Scalar(value) = &entry.node.value else { continue };
        let literal = service.environment.get(name).is_some_and(Option::is_some);
        if secret
            && literal
            && is_secret(&value.text)
            && !entry.node.span.is_some_and(|span| sources.slice(span).contains("${"))
            && !project.environment.values().any(|it| *it == value.text)
        {
            out.warning(
                "secret-in-file",
                entry.key,
                format!("the value of `{name}` is written in the file"),
            )
            .hint(format!(
                "take it from the environment, `{name}: ${{{name}:?}}`, or use `secrets`"
            ));
        }
    }
}

/// Whether a value can be a secret: switches, numbers and paths are none.
fn is_secret(value: &str) -> bool {
    let is_switch = matches!(
        value.to_ascii_lowercase().as_str(),
        "" | "true"
            | "false"
            | "yes"
            | "no"
            | "on"
            | "off"
            | "none"
            | "null"
            | "disabled"
            | "enabled"
    );
    let is_place = value.starts_with(['/', '.', '~', '$']) || value.contains("://");
    let is_number = value.trim_end_matches(char::is_alphabetic).parse::<f64>().is_ok();
    !(is_switch || is_place || is_number && value.len() < 8)
}

/// Keys that are often written one level too deep, and that nobody calls a variable.
const MISPLACED: [&str; 12] = [
    "container_name",
    "depends_on",
    "entrypoint",
    "healthcheck",
    "image",
    "network_mode",
    "networks",
    "platform",
    "ports",
    "privileged",
    "restart",
    "volumes",
];

/// What was meant for the service itself.
fn keys(project: &Project, service: &Service, out: &mut Diagnostics) {
    for name in service.environment.keys().filter(|name| MISPLACED.contains(&name.as_str())) {
        let place = project.document.key_place(&["services", &service.name, "environment", name]);
        out.warning("key-as-variable", place, format!("`{name}` is only a variable here"))
            .hint("move it one level up, beside `environment`, to make it the service's");
    }
}

fn privileges(project: &Project, service: &Service, out: &mut Diagnostics) {
    let place = |path: &[&str]| {
        project.document.key_place(&[&["services", service.name.as_str()], path].concat())
    };
    if service.privileged {
        let message = format!("service `{}` has every privilege on this machine", service.name);
        out.warning("whole-machine", place(&["privileged"]), message)
            .hint("add the capabilities and devices that it needs instead");
    }
    for (index, volume) in service.volumes.iter().enumerate() {
        let source = volume.source.as_deref().unwrap_or_default();
        let telling = matches!(
            source,
            "/var/run/docker.sock" | "/run/docker.sock" | "/" | "/etc" | "/proc" | "/sys"
        );
        if volume.kind == MountKind::Bind && telling && !volume.read_only {
            let message =
                format!("service `{}` can change `{source}` of this machine", service.name);
            out.warning(
                "whole-machine",
                place(&["volumes", &index.to_string(), "source"]),
                message,
            )
            .hint("mount less of it, or add `:ro`");
        }
    }
}

/// What `up` refuses: a socket that no program has made.
fn sockets(project: &Project, service: &Service, files: &dyn Files, out: &mut Diagnostics) {
    for (index, volume) in service.volumes.iter().enumerate() {
        let Some(path) = volume.source.as_deref().filter(|_| volume.kind == MountKind::Bind) else {
            continue;
        };
        let path = Path::new(path);
        let (is_file, is_directory) = (files.is_file(path), files.is_dir(path));
        let Some(error) = missing_socket(path, is_file || is_directory, is_directory) else {
            continue;
        };
        let name = index.to_string();
        let place =
            project.document.place(&["services", &service.name, "volumes", &name, "source"]);
        let found = out.error("missing-socket", place, error.to_string());
        for hint in error.hints() {
            found.hint(hint);
        }
    }
}

/// Drivers of logs that the engine has.
const LOG_DRIVERS: [&str; 5] = ["json-file", "local", "none", "journald", "syslog"];
/// Drivers of networks that the engine has.
const NETWORK_DRIVERS: [&str; 4] = ["default", "bridge", "macvlan", "ipvlan"];
/// Drivers of volumes that the engine has.
const VOLUME_DRIVERS: [&str; 1] = ["local"];

/// What `up` refuses: drivers that the engine does not have.
fn drivers(project: &Project, out: &mut Diagnostics) {
    let mut report = |path: &[&str], driver: Option<&str>, known: &[&str]| {
        let Some(driver) = driver.filter(|it| !it.is_empty() && !known.contains(it)) else {
            return;
        };
        out.error(
            "unknown-driver",
            project.document.place(path),
            format!("there is no driver `{driver}`"),
        )
        .hint(format!("known are {}", list(known.iter().copied())));
    };
    for (name, service) in &project.services {
        let driver = service.logging.as_ref().and_then(|it| it.driver.as_deref());
        report(&["services", name, "logging", "driver"], driver, &LOG_DRIVERS);
    }
    let used = project.used();
    for (name, network) in used.networks.iter().filter(|(_, it)| !it.external) {
        report(&["networks", name, "driver"], network.driver.as_deref(), &NETWORK_DRIVERS);
    }
    for (name, volume) in used.volumes.iter().filter(|(_, it)| !it.external) {
        report(&["volumes", name, "driver"], volume.driver.as_deref(), &VOLUME_DRIVERS);
    }
}

fn unused(project: &Project, out: &mut Diagnostics) {
    let mut all = project.clone();
    all.services.append(&mut all.disabled);
    let used = all.used();
    let kinds: [(&str, Vec<&String>, BTreeSet<&String>); 4] = [
        ("networks", all.networks.keys().collect(), used.networks.keys().collect()),
        ("volumes", all.volumes.keys().collect(), used.volumes.keys().collect()),
        ("secrets", all.secrets.keys().collect(), used.secrets.keys().collect()),
        ("configs", all.configs.keys().collect(), used.configs.keys().collect()),
    ];
    for (kind, defined, used) in kinds {
        for name in defined.into_iter().filter(|name| !used.contains(name) && *name != "default") {
            let place = project.document.key_place(&[kind, name]);
            let what = kind.trim_end_matches('s');
            out.warning("unused", place, format!("no service uses the {what} `{name}`"))
                .hint("remove it, or name it in a service");
        }
    }
}

/// A service that is waited for, and stays down after its first failure.
fn restarts(project: &Project, out: &mut Diagnostics) {
    let waited: BTreeSet<&String> = project
        .services
        .values()
        .flat_map(|it| &it.depends_on)
        .filter(|(_, it)| it.condition != super::model::Condition::CompletedSuccessfully)
        .map(|(name, _)| name)
        .collect();
    for name in waited {
        let Some(service) = project.services.get(name) else { continue };
        let set = service.restart.is_some()
            || service.deploy.as_ref().is_some_and(|it| it.restart_policy.is_some());
        if !set && service.provider.is_none() {
            let place = project.document.key_place(&["services", name]);
            out.warning(
                "no-restart",
                place,
                format!("service `{name}` is needed by others, and stays down when it fails"),
            )
            .hint("add `restart: unless-stopped`");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{LoadRequest, Memory, load};

    #[test]
    fn each_rule_finds_its_trouble_and_can_be_allowed() {
        let text = "services:\n  web:\n    image: nginx\n    privileged: true\n    depends_on: [db]\n    environment: {platform: linux/x86_64, DB_PASSWORD: hunter2, OTHER_PASSWORD: \"${P:-none}\", TOKEN_TTL: 30m, PASSWORD_RESET: yes, SECRET_KEY: /run/key}\n    logging: {driver: gelf}\n  db:\n    image: mysql:8.0\n    volumes: [/var/run/docker.sock:/d.sock:ro]\nvolumes: {old: }\n";
        let files = Memory::new().with("/p/compose.yaml", text);
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let loaded = load(&request, &files);
        let (project, sources) = (loaded.project.unwrap(), loaded.sources);
        let mut out = Diagnostics::default();
        lint(&project, (&files, &sources), &[], &mut out);
        let mut codes: Vec<&str> = out.iter().map(|it| it.code).collect();
        codes.sort_unstable();
        assert_eq!(
            codes,
            [
                "image-without-version",
                "key-as-variable",
                "missing-socket",
                "no-restart",
                "secret-in-file",
                "unknown-driver",
                "unused",
                "whole-machine"
            ]
        );
        let (all, mut out) = (RULES.map(|it| it.0.to_owned()), Diagnostics::default());
        lint(&project, (&files, &sources), &all, &mut out);
        assert!(out.is_empty());
    }
}
