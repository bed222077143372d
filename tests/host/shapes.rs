//! What Docker's commands print for scripts has the shapes that were recorded from Docker itself.

use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::world::{LIMIT, World, eventually};

const SHAPES: &str = include_str!("../../fixtures/command-line/docker-shapes.txt");

/// What there was when they were recorded.
const SETTING: &str = "
export PATH=$PWD/bin:$PATH
docker network create --label a=b --subnet 10.77.0.0/24 recnet
docker volume create --label a=b recvol
docker run -d --name rec --label x=y -p 8080:80 -v recvol:/data -v /tmp:/host:ro --network recnet \
    --health-cmd true --health-interval 1s -m 64m -e A=b --tmpfs /t:size=1m --ulimit nofile=100 \
    --restart on-failure:3 --add-host a:1.2.3.4 --dns 1.1.1.1 busybox top
docker run -d --name plain busybox top
docker exec rec true
";

/// Fields that one side has and the other has not, and values of another kind, each with why.
const KNOWN: &[(&str, &str)] = &[
    ("docker info -f json.Containerd", "there is none"),
    ("docker info -f json.DriverStatus", "a line or five"),
    ("docker info -f json.ID", "no daemon that could have one"),
    ("docker info -f json.KernelMemoryTCP", "not with control groups of version 2"),
    ("docker info -f json.OomKillDisable", "not with control groups of version 2"),
    ("docker info -f json.RegistryConfig", "in a file of ours"),
    ("docker info -f json.ClientInfo", "not built by Go"),
    ("docker info -f json.Labels", "a list that may be empty"),
    ("docker version -f json.Client", "not built by Go"),
    ("docker version -f json.Server", "not built by Go"),
    ("docker image inspect busybox[].Config", "fields that say nothing are left out"),
    ("docker image inspect busybox[].RepoTags", "a list that may be empty"),
    ("docker image inspect busybox[].RepoDigests", "a list that may be empty"),
    (".Config.Env", "always with a PATH"),
    (".Config.Healthcheck", "always with every value"),
    (".DNSNames", "the default network has names too"),
    (".IPAM.Config[].Gateway", "always said"),
    (".IPAM.Options", "an empty object, not null"),
    (".Platform", "of one kind only"),
    (".HostConfig.OomKillDisable", "not with control groups of version 2"),
];

/// Docker's commands and the shape of what each prints.
fn shapes() -> impl Iterator<Item = (&'static str, Value)> {
    let lines = SHAPES.lines().filter(|line| !line.starts_with('#')).collect::<Vec<_>>();
    let pairs = lines.chunks(2).map(|pair| {
        let command = pair[0].strip_prefix("$ ").unwrap();
        (command, serde_json::from_str(pair[1]).unwrap())
    });
    pairs.collect::<Vec<_>>().into_iter()
}

/// Adds where `ours` has other fields or values of another type than `docker`.
fn compare(path: &str, docker: &Value, ours: &Value, out: &mut Vec<String>) {
    match (docker, ours) {
        (Value::Object(docker), Value::Object(ours)) if docker.contains_key("*") => {
            let values = ours.values().filter(|_| !docker["*"].is_null());
            values.for_each(|value| compare(&format!("{path}.*"), &docker["*"], value, out));
        }
        (Value::Object(docker), Value::Object(ours)) => {
            for (name, value) in docker {
                let path = format!("{path}.{name}");
                match ours.get(name) {
                    Some(found) => compare(&path, value, found, out),
                    None => out.push(format!("{path}: only Docker has it")),
                }
            }
            let more = ours.keys().filter(|name| !docker.contains_key(*name));
            out.extend(more.map(|name| format!("{path}.{name}: Docker does not have it")));
        }
        (Value::Array(docker), Value::Array(ours)) => match (docker.first(), ours.first()) {
            (Some(one), Some(other)) => compare(&format!("{path}[]"), one, other, out),
            (None, None) => {}
            (one, _) => out.push(format!("{path}: Docker's list is empty: {}", one.is_none())),
        },
        (one, other) if std::mem::discriminant(one) == std::mem::discriminant(other) => {}
        (one, other) => out.push(format!("{path}: Docker has {one}, not {other}")),
    }
}

#[test]
fn outputs_for_scripts_have_the_shapes_that_docker_printed() {
    let world = World::new();
    std::fs::create_dir(world.path().join("bin")).unwrap();
    symlink(env!("CARGO_BIN_EXE_compose"), world.path().join("bin/docker")).unwrap();
    world.shell(SETTING).ok();
    let docker = |line: &str| world.shell(&format!("bin/{line}")).ok().stdout;
    eventually("it is healthy", LIMIT, || {
        docker("docker inspect -f '{{.State.Health.Status}}' rec") == "healthy\n"
    });
    let mut wrong = Vec::new();
    for (line, shape) in shapes() {
        let printed = docker(line);
        let first = serde_json::Deserializer::from_str(&printed).into_iter::<Value>().next();
        compare(line, &shape, &first.unwrap().unwrap(), &mut wrong);
    }
    wrong.retain(|text| !KNOWN.iter().any(|(path, _)| text.contains(path)));
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    world.shell("bin/docker rm -fv rec plain && bin/docker network rm recnet").ok();
    world.shell("bin/docker volume rm recvol").ok();
}
