//! Shapes that clients of Docker's API index.

use super::*;
use crate::base::{Bytes, PortRange, Protocol};
use crate::docker::tests::container;
use crate::resource::Network;
use crate::resource::container::{
    AttachedEndpoint, BoundPort, ExposedPort, HealthStatus, Link, PublishedPort, RestartPolicy,
};
use crate::resource::inspection::{DiskUse, GeneratedFiles, LayerDirs};
use crate::resource::network::{Endpoint, NetworkMode, NetworkSpec};

fn inspection() -> Inspection {
    let mut web = container("demo-web-1", State::Running);
    web.spec.process.argv = ["/entry", "nginx", "-g"].map(str::to_owned).to_vec();
    web.spec.process.entrypoint_len = 1;
    web.spec.image = "nginx:1".to_owned();
    web.spec.restart = RestartPolicy::OnFailure { max_retries: 3 };
    web.spec.limits.memory = Some(Bytes(1 << 20));
    web.spec.limits.cpus = Some(1.5);
    let endpoint = Endpoint { network: "demo_default".to_owned(), ..Endpoint::default() };
    web.spec.network = NetworkMode::Networks(vec![endpoint]);
    let ports = PortRange::one(80);
    let published =
        PublishedPort { host_ip: None, host: None, container: ports, protocol: Protocol::Tcp };
    web.spec.ports = vec![published];
    web.spec.expose = vec![ExposedPort { ports: PortRange::one(443), protocol: Protocol::Tcp }];
    web.spec.mounts = vec![Mount {
        target: "/data".to_owned(),
        read_only: true,
        source: MountSource::Volume {
            name: "demo_data".to_owned(),
            anonymous: false,
            no_copy: false,
            subpath: None,
            labels: Default::default(),
        },
    }];
    web.spec.links = vec![Link { target: "demo-db-1".to_owned(), alias: "db".to_owned() }];
    web.status.pid = Some(42);
    web.status.health = Some(Health { status: HealthStatus::Healthy, ..Health::default() });
    web.status.ports = vec![BoundPort {
        host_ip: "0.0.0.0".parse().unwrap(),
        host: 8080,
        container: 80,
        protocol: Protocol::Tcp,
    }];
    web.status.endpoints = vec![AttachedEndpoint {
        network: "demo_default".to_owned(),
        ipv4: Some("172.18.0.2".parse().unwrap()),
        ipv4_prefix: 16,
        ..AttachedEndpoint::default()
    }];
    let network = Network {
        id: "ab".repeat(32),
        spec: NetworkSpec::default(),
        bridge: String::new(),
        created_at: Timestamp::UNIX_EPOCH,
    };
    Inspection {
        container: web,
        networks: [("demo_default".to_owned(), network)].into(),
        volumes: [("demo_data".to_owned(), "/volumes/demo_data".into())].into(),
        files: GeneratedFiles::default(),
        layers: LayerDirs { lowers: vec!["/b".into(), "/a".into()], ..LayerDirs::default() },
        profile: "compose-default".to_owned(),
        masked: Vec::new(),
        read_only: Vec::new(),
        commands: vec!["c0".repeat(32)],
        size: None,
    }
}

fn fields(value: &Json) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn the_object_has_dockers_fields() {
    let mut inspection = inspection();
    let top = shape(&inspection);
    assert_eq!(
        fields(&top),
        [
            "Id",
            "Created",
            "Path",
            "Args",
            "State",
            "Image",
            "ResolvConfPath",
            "HostnamePath",
            "HostsPath",
            "LogPath",
            "Name",
            "RestartCount",
            "Driver",
            "Platform",
            "MountLabel",
            "ProcessLabel",
            "AppArmorProfile",
            "ExecIDs",
            "HostConfig",
            "GraphDriver",
            "Mounts",
            "Config",
            "NetworkSettings",
        ]
    );
    assert_eq!(
        fields(&top["State"]),
        [
            "Status",
            "Running",
            "Paused",
            "Restarting",
            "OOMKilled",
            "Dead",
            "Pid",
            "ExitCode",
            "Error",
            "StartedAt",
            "FinishedAt",
            "Health",
        ]
    );
    assert_eq!((&top["Name"], &top["Path"]), (&json!("/demo-web-1"), &json!("/entry")));
    assert_eq!(top["AppArmorProfile"], "compose-default");
    assert_eq!(top["State"]["StartedAt"], "0001-01-01T00:00:00Z");
    inspection.size = Some(DiskUse { writable: 1, total: 2 });
    assert_eq!(shape(&inspection)["SizeRootFs"], 2);
}

#[test]
fn a_network_namespace_has_a_name_from_start_to_end() {
    let mut inspection = inspection();
    inspection.container.status.started_at = Some(Timestamp::UNIX_EPOCH);
    let id = |inspection: &Inspection| {
        let shape = shape(inspection);
        shape["NetworkSettings"]["SandboxID"].as_str().unwrap().to_owned()
    };
    let first = id(&inspection);
    assert_eq!((first.len(), id(&inspection)), (64, first.clone()));
    inspection.container.status.started_at = Some(Timestamp::from_second(1).unwrap());
    assert_ne!(id(&inspection), first);
    inspection.container.status.state = State::Exited;
    assert_eq!(id(&inspection), "");
}

/// Docker's fields (API 1.50), a line each: its path, with `[]` for the items of a list, `*` for
/// names that anybody chose and `?` behind one that may be missing; then the types it may have.
const DOCKER: &str = include_str!("docker.shape");

/// Objects whose fields are names that anybody chose.
const FREE: [&str; 12] = [
    "Config.ExposedPorts",
    "Config.Labels",
    "Config.Volumes",
    "GraphDriver.Data",
    "HostConfig.Annotations",
    "HostConfig.LogConfig.Config",
    "HostConfig.PortBindings",
    "HostConfig.StorageOpt",
    "HostConfig.Sysctls",
    "HostConfig.Tmpfs",
    "NetworkSettings.Networks",
    "NetworkSettings.Ports",
];

fn word(value: &Json) -> &'static str {
    match value {
        Json::Null => "null",
        Json::Bool(_) => "bool",
        Json::Number(_) => "number",
        Json::String(_) => "text",
        Json::Array(_) => "array",
        Json::Object(_) => "object",
    }
}

/// Every path below `value`, with the types found there.
fn paths(value: &Json, path: &str, found: &mut Vec<(String, &'static str)>) {
    found.push((path.to_owned(), word(value)));
    match value {
        Json::Array(items) => {
            items.iter().for_each(|item| paths(item, &format!("{path}[]"), found));
        }
        Json::Object(fields) => {
            for (name, value) in fields {
                let name = if FREE.contains(&path) { "*" } else { name };
                let dot = if path.is_empty() { "" } else { "." };
                paths(value, &format!("{path}{dot}{name}"), found);
            }
        }
        _ => {}
    }
}

#[test]
fn every_field_is_dockers_in_name_and_type_and_none_is_missing() {
    let mut recorded = std::collections::BTreeMap::new();
    for line in DOCKER.lines() {
        let (path, types) = line.split_once(' ').unwrap();
        let types: Vec<&str> = types.split(' ').collect();
        recorded.insert(path.trim_end_matches('?'), (types, path.ends_with('?')));
    }
    let mut stopped = inspection();
    stopped.container.status = Status::default();
    stopped.container.spec.network = NetworkMode::None;
    for inspection in [inspection(), stopped] {
        let mut found = Vec::new();
        paths(&shape(&inspection), "", &mut found);
        for (path, kind) in found.iter().filter(|(path, _)| !path.is_empty()) {
            let known = recorded.get(path.as_str());
            assert!(known.is_some_and(|(types, _)| types.contains(kind)), "{path}: {kind}");
        }
        let has =
            |path: &str, kind: &str| found.iter().any(|(it, other)| it == path && *other == kind);
        for (path, (_, optional)) in &recorded {
            let parent = path.rsplit_once('.').map_or("", |(parent, _)| parent);
            let due = !optional && !path.ends_with(['*', ']']) && has(parent, "object");
            assert!(!due || found.iter().any(|(it, _)| it == path), "{path} is missing");
        }
    }
}

#[test]
fn the_program_is_split_as_it_was_given() {
    let shape = shape(&inspection());
    assert_eq!(shape["Args"], json!(["nginx", "-g"]));
    assert_eq!(shape["Config"]["Entrypoint"], json!(["/entry"]));
    assert_eq!(shape["Config"]["Cmd"], json!(["nginx", "-g"]));
    assert_eq!(shape["Config"]["ExposedPorts"], json!({"443/tcp": {}, "80/tcp": {}}));
}

#[test]
fn limits_are_in_dockers_units_and_empty_lists_are_null_where_dockers_are() {
    let shape = shape(&inspection());
    let host = &shape["HostConfig"];
    // 70, but for the seven that Docker leaves out when they are empty.
    assert_eq!(fields(host).len(), 63);
    assert_eq!((&host["NanoCpus"], &host["Memory"]), (&json!(1_500_000_000), &json!(1 << 20)));
    assert_eq!(host["MemorySwap"], 2 << 20);
    assert_eq!(host["RestartPolicy"], json!({"Name": "on-failure", "MaximumRetryCount": 3}));
    assert_eq!(host["Binds"], json!(["demo_data:/data:ro"]));
    assert_eq!((&host["CapAdd"], &host["Dns"]), (&Json::Null, &json!([])));
    assert_eq!(host["PortBindings"], json!({"80/tcp": [{"HostIp": "", "HostPort": ""}]}));
}

#[test]
fn networks_ports_and_mounts_are_those_it_really_has() {
    let shape = shape(&inspection());
    let network = &shape["NetworkSettings"];
    assert_eq!(
        network["Ports"],
        json!({"443/tcp": null, "80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]})
    );
    let endpoint = &network["Networks"]["demo_default"];
    assert_eq!(endpoint["IPAddress"], "172.18.0.2");
    assert_eq!(endpoint["NetworkID"], "ab".repeat(32));
    assert_eq!(endpoint["Links"], json!(["demo-db-1:db"]));
    assert_eq!(shape["ExecIDs"], json!(["c0".repeat(32)]));
    assert_eq!(
        shape["Mounts"],
        json!([{
            "Type": "volume", "Name": "demo_data", "Source": "/volumes/demo_data",
            "Destination": "/data", "Driver": "local", "Mode": "ro", "RW": false, "Propagation": "",
        }])
    );
}
