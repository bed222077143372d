//! The names `docker` and `docker-compose`, and what looks after the whole machine.

use crate::machine::{Machine, Ran};

fn typed(machine: &Machine, line: &str) -> Ran {
    machine.typed(&line.split_whitespace().collect::<Vec<_>>())
}

/// Types a command that must succeed; what it printed on standard output.
fn out(machine: &Machine, line: &str) -> String {
    let ran = typed(machine, line);
    assert_eq!(ran.code, 0, "{line}: {ran:?}");
    ran.out
}

#[test]
fn verbs_are_about_single_things() {
    let machine = Machine::empty();
    assert_eq!(out(&machine, "/usr/bin/docker run -d --name web nginx").len(), 65);
    assert_eq!(out(&machine, "docker ps --format {{.Names}}"), "web\n");
    assert_eq!(out(&machine, "docker -H unix:///x --debug stop web"), "web\n");
    assert_eq!(out(&machine, "docker container ls -aq"), out(&machine, "docker ps -aq"));
    assert_eq!(out(&machine, "docker inspect -f {{.Name}} web"), "/web\n");
    assert_eq!(out(&machine, "docker rm web"), "web\n");
    let ran = typed(&machine, "docker inspect web");
    assert_eq!((ran.code, ran.out.as_str()), (1, "[]\n"));
    assert_eq!(ran.err, "Error: No such object: web\n");
    let ran = typed(&machine, "docker stop web");
    assert_eq!(ran.err, "Error response from daemon: No such container: web\n");
}

#[test]
fn compose_is_our_own_command_line() {
    let machine = Machine::with("services:\n  web: {image: nginx}\n");
    typed(&machine, "docker --log-level error compose up -d");
    assert_eq!(machine.states(), ["demo-web-1 running"]);
    assert_eq!(out(&machine, "docker-compose ps --services"), "web\n");
    assert_eq!(out(&machine, "docker-compose compose stop"), "", "as Docker's plugin");
    assert_eq!(machine.states(), ["demo-web-1 exited"]);
    let help = out(&machine, "docker compose up --help");
    assert!(help.contains("Usage: docker compose up"), "{help}");
}

#[test]
fn switches_may_be_told_to_be_off() {
    let machine = Machine::empty();
    out(&machine, "docker run -d=true --rm=false --name web nginx echo --rm=true");
    let containers = machine.engine.snapshot().containers;
    assert!(!containers[0].spec.auto_remove);
    assert_eq!(containers[0].spec.process.argv, ["echo", "--rm=true"]);
}

#[test]
fn filters_are_read_as_docker_reads_them() {
    let machine = Machine::empty();
    // The name as an option is older than Docker 1.9.
    assert_eq!(out(&machine, "docker volume create --name=old --label keep=yes"), "old\n");
    out(&machine, "docker volume create new");
    assert_eq!(out(&machine, "docker volume ls -q -f label!=keep"), "new\n");
    assert_eq!(out(&machine, "docker volume ls -q -f label!=keep=no").lines().count(), 2);
    let ran = machine.typed(&["docker", "volume", "ls", "-q", "-f", " Dangling = true "]);
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    for line in ["docker volume ls -f dangling=maybe", "docker images -f dangling=maybe"] {
        let ran = typed(&machine, line);
        assert!(ran.code == 1 && ran.err.contains("invalid filter 'dangling=maybe'"), "{ran:?}");
    }
}

#[test]
fn mistakes_in_what_events_are_asked_for_show_at_once() {
    let machine = Machine::empty();
    let ran = typed(&machine, "docker events --format {{.Nothing}}");
    assert!(ran.code == 1 && ran.err.contains("no field `Nothing`"), "{ran:?}");
    let ran = typed(&machine, "docker events --since 0s --until 1h");
    assert!(ran.code == 1 && ran.err.contains("cannot be after `until` time"), "{ran:?}");
}

#[test]
fn inspect_of_one_kind_says_what_there_is_not() {
    let machine = Machine::empty();
    for (kind, why) in [
        ("container", "No such container: x"),
        ("image", "No such image: x"),
        ("network", "network x not found"),
        ("volume", "get x: no such volume"),
    ] {
        let ran = typed(&machine, &format!("docker inspect --type {kind} x"));
        assert!(ran.code == 1 && ran.err.contains(why), "{ran:?}");
    }
}

#[test]
fn errors_have_dockers_exit_codes() {
    let machine = Machine::empty();
    let ran = typed(&machine, "docker fly");
    assert_eq!(ran.code, 1);
    assert_eq!(
        ran.err,
        "docker: unknown command: docker fly\n\nRun 'docker --help' for more information\n"
    );
    assert!(typed(&machine, "docker swarm init").err.contains("this is one machine"));
    let ran = typed(&machine, "docker run --no-such-option x");
    assert_eq!(ran.code, 125);
    assert!(
        ran.err.starts_with("unknown flag: --no-such-option\n\nUsage:  docker run "),
        "{ran:?}"
    );
    let ran = typed(&machine, "docker ps -z");
    assert!(ran.err.starts_with("unknown shorthand flag: 'z' in -z\n"), "{ran:?}");
    let ran = typed(&machine, "docker stop -t soon web");
    assert!(ran.err.starts_with("invalid argument \"soon\" for \"--timeout\" flag: "), "{ran:?}");
    assert!(out(&machine, "docker buildx version").starts_with("compose v"));
    assert!(out(&machine, "docker buildx ls").contains("default*"));
    let ran = typed(&machine, "docker rm");
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("docker: 'docker rm' requires at least 1 argument\n"), "{ran:?}");
    assert!(ran.err.ends_with("\nRun 'docker rm --help' for more information\n"), "{ran:?}");
    let ran = typed(&machine, "docker rename web");
    assert!(ran.err.starts_with("docker: 'docker rename' requires 2 arguments\n"), "{ran:?}");
    let ran = typed(&machine, "docker container inspct");
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("docker: unknown command: docker container inspct\n"), "{ran:?}");
    assert!(ran.err.contains("did you mean `inspect`?"), "{ran:?}");
    let ran = typed(&machine, "docker login -u");
    assert_eq!((ran.code, ran.err.as_str()), (125, "flag needs an argument: --username\n"));
    let ran = typed(&machine, "docker create --pull soon nginx");
    assert_eq!(
        ran.err,
        "invalid argument \"soon\" for \"--pull\" flag: must be one of always, missing, never\n"
    );
    assert!(out(&machine, "docker volume").contains("Usage: docker volume <COMMAND>"));
    let ran = typed(&machine, "docker network create host");
    assert!(ran.err.contains("operation is not permitted on predefined host network"), "{ran:?}");
    let ran = typed(&machine, "docker run --network nowhere nginx");
    assert_eq!(ran.code, 125);
    assert!(
        ran.err.contains("docker: Error response from daemon: network nowhere not found\n"),
        "{}",
        ran.err
    );
    assert!(ran.err.ends_with("\nRun 'docker run --help' for more information\n"), "{}", ran.err);
}

#[test]
fn versions_are_told_as_scripts_look_for_them() {
    let machine = Machine::empty();
    let line = out(&machine, "docker --version");
    assert!(line.starts_with("Docker version 28.") && line.contains(", build "), "{line}");
    assert_eq!(out(&machine, "docker version -f {{.Server.Version}}"), "28.2.2\n");
    let text = out(&machine, "docker version");
    assert!(text.contains("Client:") && text.contains("Server:") && text.contains(" Engine:\n"));
    let json: serde_json::Value =
        serde_json::from_str(&out(&machine, "docker version --format json")).unwrap();
    assert_eq!(json["Client"]["ApiVersion"], "1.50");
    assert_eq!(out(&machine, "docker context show"), "default\n");
}

#[test]
fn examples_say_docker_where_docker_is_typed() {
    let machine = Machine::empty();
    let help = out(&machine, "docker stop --help");
    assert!(help.contains("\n  docker container stop web"), "{help}");
    assert!(out(&machine, "docker").contains("Usage: docker"));
}

#[test]
fn the_machine_is_described() {
    let machine = Machine::empty();
    machine.out("container run -d --name a nginx");
    machine.out("container create --name b nginx");
    let format = "{{.Containers}} {{.ContainersRunning}} {{.ContainersStopped}}";
    let ran = machine.run_words(&["info", "-f", format]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "2 1 1\n"));
    let text = machine.out("system info");
    assert!(text.contains("\n Server Version: 28.2.2 (compose "), "{text}");
    let json: serde_json::Value = serde_json::from_str(&machine.out("info -f json")).unwrap();
    assert!(json["NCPU"].is_u64() && json["CgroupVersion"].is_string(), "{json}");
}

#[test]
fn the_room_that_everything_takes_is_told_by_kind() {
    let machine = Machine::empty();
    machine.out("container run -d -v data:/data nginx");
    let list = machine.out("system df --format {{.Type}}:{{.TotalCount}}:{{.Active}}");
    assert_eq!(list, "Images:0:0\nContainers:1:1\nLocal Volumes:1:1\nBuild Cache:0:0\n");
    let table = machine.out("system df");
    assert!(
        table.starts_with("TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE\n"),
        "{table}"
    );
    assert_eq!(
        machine.out("system df --format raw").lines().take(5).collect::<Vec<_>>(),
        ["type: Images", "total: 0", "active: 0", "size: 0B", "reclaimable: 0B"]
    );
}

#[test]
fn the_room_that_each_thing_takes_is_told_with_all_that_is_known_of_it() {
    let machine = Machine::empty();
    machine.out("container run -d --name web -v data:/data nginx");
    let table = machine.out("system df -v");
    let parts: Vec<&str> = table.split("\n\n").collect();
    assert_eq!(parts[0], "Images space usage:");
    let volumes = "VOLUME NAME   LINKS     SIZE\ndata          1         0B\n";
    assert!(table.contains(&format!("\n\nLocal Volumes space usage:\n\n{volumes}\n")), "{table}");
    assert!(table.contains("\nBuild cache usage: 0B\n\nCACHE ID   CACHE TYPE   SIZE "), "{table}");
    assert!(table.contains("LOCAL VOLUMES   SIZE      CREATED "), "{table}");
    let json = machine.out("system df -v --format json");
    assert_eq!(machine.run_words(&["system", "df", "-v", "--format", "{{json .}}"]).out, json);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let names: Vec<&String> = json.as_object().unwrap().keys().collect();
    assert_eq!(names, ["Images", "Containers", "Volumes", "BuildCache"]);
    assert_eq!(json["Containers"][0]["Names"], "web");
    assert_eq!(json["Containers"][0]["ID"].as_str().unwrap().len(), 64);
    assert_eq!(json["Volumes"][0]["Links"], "1");
    let raw = machine.out("system df -v --format raw");
    assert!(raw.starts_with("type: Container\ncontainer_id: "), "{raw}");
    assert!(raw.ends_with("\ntype: Volume\nname: data\ndriver: local\n\n"), "{raw}");
    let names = machine.out("system df -v --format {{range.Volumes}}{{.Name}}{{end}}");
    assert_eq!(names, "data\n");
}

#[test]
fn prune_takes_what_nobody_uses_after_asking() {
    let mut machine = Machine::empty();
    machine.out("container create --name old nginx");
    machine.out("container run -d --name new nginx");
    machine.out("network create lonely");
    machine.out("volume create");
    let ran = machine.run("system prune");
    assert!(
        ran.err.starts_with("WARNING! This will remove:\n  - all stopped containers\n"),
        "{ran:?}"
    );
    assert_eq!(machine.states().len(), 2, "nobody said yes");
    machine.answer("y\n");
    let ran = machine.run("system prune --volumes");
    assert!(ran.out.starts_with("Deleted Containers:\n"), "{ran:?}");
    assert!(ran.out.contains("Deleted Networks:\nlonely\n"), "{ran:?}");
    assert!(ran.out.contains("Deleted Volumes:\n"), "{ran:?}");
    assert!(ran.out.contains("Total reclaimed space: "), "{ran:?}");
    assert_eq!(machine.states(), ["new running"]);
    let networks = machine.engine.snapshot().networks;
    assert_eq!(networks.keys().collect::<Vec<_>>(), ["bridge"]);
}

#[test]
fn links_never_stand_over_another_program() {
    let mut machine = Machine::empty();
    machine.set("PATH", "/nowhere");
    let made = machine.out("system install-links .");
    assert!(made.contains("/docker -> ") && made.contains("/docker-compose -> "), "{made}");
    assert_eq!(machine.out("system install-links ."), "", "they are there");
    let machine = Machine::empty();
    machine.write("docker", "#!/bin/sh");
    let err = machine.fails("system install-links .");
    assert!(err.contains("/docker is another program"), "{err}");
    assert_eq!(machine.read("docker"), "#!/bin/sh");
}

#[test]
fn a_unit_brings_containers_back_after_a_boot() {
    let machine = Machine::empty();
    let err = machine.fails("system enable --units ./nowhere");
    assert!(err.contains("there is no systemd here") && err.contains("system restore"), "{err}");
    machine.write("x", "");
    machine.out("system enable --units .");
    let unit = machine.read("compose-restore.service");
    assert!(unit.contains("ExecStart=") && unit.contains(" system restore\n"), "{unit}");
    assert_eq!(machine.read("multi-user.target.wants/compose-restore.service"), unit);
    machine.out("system disable --units .");
    machine.out("system enable --units .");
    machine.out("system enable --units . --remove");
    assert!(
        machine.fails("system enable --units ./compose-restore.service").contains("no systemd")
    );
}

#[test]
fn restore_starts_what_shall_run() {
    let machine = Machine::empty();
    for (name, policy) in [("one", "always"), ("two", "unless-stopped"), ("three", "no")] {
        machine.out(&format!("container run -d --name {name} --restart {policy} nginx"));
    }
    machine.out("container create --name four --restart always nginx");
    machine.out("container stop one two three");
    assert_eq!(machine.out("system restore"), "one\n");
    assert_eq!(machine.states(), ["four created", "one running", "three exited", "two exited"]);
}

#[test]
fn a_clean_machine_has_nothing_left_over() {
    let machine = Machine::empty();
    assert_eq!(machine.out("system check"), "Nothing is left over.\n");
    machine.write(".state/data/tmp/half-made", "");
    let ran = machine.run("system check --format json");
    assert_eq!(ran.code, 1);
    assert!(ran.out.contains("\"kind\":\"directory\""), "{ran:?}");
}

#[test]
fn a_volume_goes_through_an_archive() {
    let machine = Machine::empty();
    machine.out("volume create data");
    let inside = ".state/data/volumes/data/_data";
    std::fs::create_dir_all(machine.path(inside)).unwrap();
    machine.write(&format!("{inside}/x"), "42");
    machine.out("volume backup data -o data.tar");
    std::fs::create_dir_all(machine.path(".state/data/volumes/copy/_data")).unwrap();
    assert_eq!(machine.out("volume restore copy data.tar"), "copy\n");
    assert_eq!(machine.read(".state/data/volumes/copy/_data/x"), "42");
    assert!(machine.fails("volume backup nothing").contains("get nothing: no such volume"));
}

/// A server on loopback that gives one answer.
fn serve_once(body: Vec<u8>) -> (String, std::thread::JoinHandle<()>) {
    use std::io::{BufRead as _, BufReader, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = move || {
        let (mut stream, _) = listener.accept().unwrap();
        let request = BufReader::new(stream.try_clone().unwrap()).lines();
        let head = request.map_while(Result::ok).take_while(|line| !line.is_empty());
        assert!(head.count() > 0);
        let length = body.len();
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
            .unwrap();
        stream.write_all(&body).unwrap();
    };
    (address, std::thread::spawn(answer))
}

#[test]
fn an_archive_that_becomes_an_image_may_be_behind_a_url() {
    let machine = Machine::empty();
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(5);
    header.set_mode(0o644);
    archive.append_data(&mut header, "hello", "world".as_bytes()).unwrap();
    let (address, served) = serve_once(archive.into_inner().unwrap());
    let id = out(&machine, &format!("docker import http://{address}/root.tar base:1"));
    assert!(id.starts_with("sha256:") && id.len() == 72, "{id}");
    served.join().unwrap();
    assert_eq!(out(&machine, "docker images --format {{.Repository}}:{{.Tag}}"), "base:1\n");
    let ran = typed(&machine, &format!("docker import http://{address}/root.tar"));
    assert_eq!(ran.code, 1);
    assert!(ran.err.contains(&format!("cannot download http://{address}/root.tar: ")), "{ran:?}");
}
