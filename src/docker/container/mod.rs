//! A container as Docker's Engine API shows it (API 1.50: `GET /containers/{id}/json`).
//!
//! Pure: everything comes in with an [`Inspection`]. Fields stand in Docker's order; those that
//! have no meaning here have the value that Docker gives them when they are not used.

mod host_config;
mod network;

pub use network::endpoint_id;

use serde_json::{Map, Value as Json, json};

use jiff::Timestamp;

use crate::resource::container::{ContainerSpec, Health, State, Status, Stop};
use crate::resource::inspection::Inspection;
use crate::resource::mount::{Mount, MountSource, Origin};
use crate::resource::process::HealthCheck;

use super::status::health_word;

/// Go's zero time.
const NEVER: &str = "0001-01-01T00:00:00Z";

/// The whole object.
#[must_use]
pub fn shape(inspection: &Inspection) -> Json {
    let container = &inspection.container;
    let (spec, status) = (&container.spec, &container.status);
    let path = |path: &std::path::Path| path.display().to_string();
    let argv = &spec.process.argv;
    let mut shape = json!({
        "Id": container.id.as_str(),
        "Created": container.created_at.to_string(),
        "Path": argv.first().map_or("", String::as_str),
        "Args": argv.get(1..).unwrap_or_default(),
        "State": state(status),
        "Image": spec.image_id.as_ref().map(ToString::to_string).unwrap_or_default(),
        "ResolvConfPath": path(&inspection.files.resolv_conf),
        "HostnamePath": path(&inspection.files.hostname),
        "HostsPath": path(&inspection.files.hosts),
        "LogPath": log_path(inspection),
        "Name": format!("/{}", spec.name),
        "RestartCount": status.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": inspection.profile,
        "ExecIDs": or_null(&inspection.commands),
        "HostConfig": host_config::shape(inspection),
        "GraphDriver": graph_driver(inspection),
        "Mounts": spec.all_mounts().into_iter().map(|it| mount(it, inspection)).collect::<Vec<_>>(),
        "Config": config(inspection),
        "NetworkSettings": network::settings(inspection),
    });
    if let (Some(size), Json::Object(fields)) = (inspection.size, &mut shape) {
        fields.insert("SizeRw".to_owned(), json!(size.writable));
        fields.insert("SizeRootFs".to_owned(), json!(size.total));
    }
    shape
}

fn log_path(inspection: &Inspection) -> String {
    match inspection.container.spec.log.driver.as_str() {
        "json-file" => inspection.files.log.display().to_string(),
        _ => String::new(),
    }
}

fn state(status: &Status) -> Json {
    let time = |time: Option<Timestamp>| time.map_or(NEVER.to_owned(), |time| time.to_string());
    let mut shape = json!({
        "Status": status.state.as_str(),
        // Docker: a container that waits for its restart counts as running.
        "Running": status.state.is_active(),
        "Paused": status.state == State::Paused,
        "Restarting": status.state == State::Restarting,
        "OOMKilled": status.oom_killed,
        "Dead": status.state == State::Dead,
        "Pid": status.pid.unwrap_or(0),
        "ExitCode": status.exit_code.unwrap_or(0),
        "Error": status.error,
        "StartedAt": time(status.started_at),
        "FinishedAt": time(status.finished_at),
    });
    if let (Some(health), Json::Object(fields)) = (&status.health, &mut shape) {
        fields.insert("Health".to_owned(), probes(health, health_word(status)));
    }
    shape
}

fn probes(health: &Health, word: &str) -> Json {
    let log = health.log.iter().map(|probe| {
        json!({
            "Start": probe.start.to_string(),
            "End": probe.end.to_string(),
            "ExitCode": probe.exit_code,
            "Output": probe.output,
        })
    });
    json!({
        "Status": word,
        "FailingStreak": health.failing_streak,
        "Log": log.collect::<Vec<_>>(),
    })
}

fn graph_driver(inspection: &Inspection) -> Json {
    let layers = &inspection.layers;
    let lowers: Vec<String> = layers.lowers.iter().map(|it| it.display().to_string()).collect();
    json!({
        "Data": {
            "ID": inspection.container.id.as_str(),
            "LowerDir": lowers.join(":"),
            // Overlay is mounted in the container's own mount namespace only.
            "MergedDir": "",
            "UpperDir": layers.upper.display().to_string(),
            "WorkDir": layers.work.display().to_string(),
        },
        "Name": "overlay2",
    })
}

/// Docker: the MountPoint object.
fn mount(mount: &Mount, inspection: &Inspection) -> Json {
    let (kind, name, source, propagation) = match &mount.source {
        MountSource::Bind { path, propagation, .. } => {
            let propagation = propagation.as_deref().unwrap_or("rprivate");
            ("bind", None, path.display().to_string(), propagation)
        }
        MountSource::Volume { name, .. } => {
            let path = inspection.volumes.get(name);
            let path = path.map(|path| path.display().to_string()).unwrap_or_default();
            ("volume", Some(name), path, "")
        }
        MountSource::Copy { origin: Origin::File(path), .. } => {
            ("bind", None, path.display().to_string(), "rprivate")
        }
        MountSource::Image { image, .. } => ("image", None, image.clone(), ""),
        _ => ("tmpfs", None, String::new(), ""),
    };
    let mut shape = Map::new();
    shape.insert("Type".to_owned(), json!(kind));
    shape.extend(name.map(|name| ("Name".to_owned(), json!(name))));
    shape.insert("Source".to_owned(), json!(source));
    shape.insert("Destination".to_owned(), json!(mount.target));
    shape.extend(name.map(|_| ("Driver".to_owned(), json!("local"))));
    shape.insert("Mode".to_owned(), json!(mode(mount)));
    shape.insert("RW".to_owned(), json!(!mount.read_only));
    shape.insert("Propagation".to_owned(), json!(propagation));
    Json::Object(shape)
}

/// The words behind a volume's last colon.
fn mode(mount: &Mount) -> String {
    let read_only = mount.read_only.then_some("ro");
    let words = match &mount.source {
        MountSource::Bind { propagation, selinux, .. } => {
            [read_only, selinux.as_deref(), propagation.as_deref()]
        }
        // Docker: by default a volume may be used by several containers.
        MountSource::Volume { no_copy: false, .. } if !mount.read_only => return "z".to_owned(),
        MountSource::Volume { no_copy, .. } => [read_only, no_copy.then_some("nocopy"), None],
        MountSource::Copy { .. } => [read_only, None, None],
        _ => [None; 3],
    };
    words.into_iter().flatten().collect::<Vec<_>>().join(",")
}

/// What the image and the user said about the program.
fn config(inspection: &Inspection) -> Json {
    let container = &inspection.container;
    let spec = &container.spec;
    let process = &spec.process;
    let (entrypoint, cmd) = process.argv.split_at(process.entrypoint_len.min(process.argv.len()));
    let mut shape = Map::new();
    let mut set = |field: &str, value: Json| drop(shape.insert(field.to_owned(), value));
    set("Hostname", json!(spec.hostname.as_deref().unwrap_or_else(|| container.id.short())));
    set("Domainname", json!(spec.domainname.as_deref().unwrap_or_default()));
    set("User", json!(process.user));
    set("AttachStdin", json!(false));
    set("AttachStdout", json!(true));
    set("AttachStderr", json!(true));
    let exposed = network::exposed(spec);
    if !exposed.is_empty() {
        set("ExposedPorts", Json::Object(exposed));
    }
    set("Tty", json!(process.tty));
    set("OpenStdin", json!(process.stdin_open));
    set("StdinOnce", json!(false));
    set("Env", json!(process.env));
    set("Cmd", or_null(cmd));
    if let Some(check) = &spec.health {
        set("Healthcheck", health_check(check));
    }
    set("Image", json!(spec.image));
    set("Volumes", volumes(spec));
    set("WorkingDir", json!(process.cwd));
    set("Entrypoint", or_null(entrypoint));
    set("OnBuild", Json::Null);
    set("Labels", json!(spec.labels));
    // Docker: only what image or user say, which is what differs from the defaults.
    let default = Stop::default();
    if spec.stop.signal != default.signal {
        set("StopSignal", json!(spec.stop.written.as_ref().unwrap_or(&spec.stop.signal)));
    }
    if let Some(grace) = spec.stop.grace.filter(|_| spec.stop.grace != default.grace) {
        set("StopTimeout", json!(grace.as_secs()));
    }
    Json::Object(shape)
}

fn or_null(words: &[String]) -> Json {
    if words.is_empty() { Json::Null } else { json!(words) }
}

/// Targets of anonymous volumes.
fn volumes(spec: &ContainerSpec) -> Json {
    let anonymous = spec
        .mounts
        .iter()
        .filter(|mount| matches!(mount.source, MountSource::Volume { anonymous: true, .. }));
    let targets: Map<String, Json> =
        anonymous.map(|mount| (mount.target.clone(), json!({}))).collect();
    if targets.is_empty() { Json::Null } else { Json::Object(targets) }
}

fn health_check(check: &HealthCheck) -> Json {
    let nanos =
        |duration: std::time::Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let test = match check.argv.as_slice() {
        [shell, flag, line] if shell == "/bin/sh" && flag == "-c" => {
            vec!["CMD-SHELL".to_owned(), line.clone()]
        }
        argv => [&["CMD".to_owned()], argv].concat(),
    };
    json!({
        "Test": test,
        "Interval": nanos(check.interval),
        "Timeout": nanos(check.timeout),
        "StartPeriod": nanos(check.start_period),
        "StartInterval": nanos(check.start_interval),
        "Retries": check.retries,
    })
}

#[cfg(test)]
mod tests;
