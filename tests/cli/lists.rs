//! `ps`, `ls`, `images`, `port` and `version`.

use crate::machine::Machine;

fn up() -> Machine {
    let machine = Machine::with(
        "services:\n  web:\n    image: nginx:1\n    ports: ['8080:80']\n    \
         command: [nginx, -g, 'daemon off;', -c, /etc/nginx.conf]\n  \
         db:\n    image: postgres\n",
    );
    machine.err("up -d");
    machine
}

/// Columns that do not depend on the time of day.
fn without_times(table: &str) -> Vec<Vec<&str>> {
    table
        .lines()
        .map(|line| line.split("   ").map(str::trim).filter(|cell| !cell.is_empty()).collect())
        .map(|cells: Vec<&str>| cells.into_iter().filter(|cell| !cell.contains("years")).collect())
        .collect()
}

#[test]
fn ps_is_a_table() {
    let machine = up();
    let (table, web) = (machine.out("ps"), "\"nginx -g 'daemon of…\"");
    assert_eq!(
        without_times(&table),
        [
            vec!["NAME", "IMAGE", "COMMAND", "SERVICE", "CREATED", "STATUS", "PORTS"],
            vec!["demo-db-1", "postgres", "\"serve\"", "db"],
            vec!["demo-web-1", "nginx:1", web, "web", "0.0.0.0:8080->80/tcp"],
        ]
    );
}

#[test]
fn ps_shows_what_was_asked_for() {
    let machine = up();
    machine.err("stop db");
    assert_eq!(machine.out("ps --services"), "web\n");
    assert_eq!(machine.out("ps -a --services"), "db\nweb\n");
    assert_eq!(machine.out("ps --status exited --services"), "db\n");
    assert_eq!(machine.out("ps --filter status=exited --services"), "db\n");
    assert_eq!(
        machine.run_words(&["ps", "--format", "{{.Name}}:{{.State}}"]).out,
        "demo-web-1:running\n"
    );
    assert_eq!(machine.out("ps -q web").trim().len(), 64);
    assert!(machine.fails("ps --status up").contains("unknown status \"up\""));
}

#[test]
fn ps_as_json_has_docker_composes_fields() {
    let machine = up();
    let out = machine.out("ps web --format json");
    let object: serde_json::Value = serde_json::from_str(&out).unwrap();
    let fields: Vec<&str> = object.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        fields,
        [
            "Command",
            "CreatedAt",
            "Engine",
            "ExitCode",
            "Health",
            "ID",
            "Image",
            "Labels",
            "LocalVolumes",
            "Mounts",
            "Name",
            "Names",
            "Networks",
            "Ports",
            "Project",
            "Publishers",
            "RunningFor",
            "Service",
            "Size",
            "State",
            "Status",
        ]
    );
    assert_eq!(
        object["Publishers"],
        serde_json::json!([{
            "URL": "0.0.0.0", "TargetPort": 80, "PublishedPort": 8080, "Protocol": "tcp",
        }])
    );
    assert!(out.contains("8080-\\u003e80/tcp"), "{out}");
}

#[test]
fn ls_counts_states() {
    let machine = up();
    machine.err("stop db");
    assert_eq!(
        machine.out("ls"),
        "NAME                STATUS                  CONFIG FILES\n\
         demo                exited(1), running(1)   /home/u/demo/compose.yaml\n"
    );
    assert_eq!(
        machine.out("ls --format json"),
        "[{\"Name\":\"demo\",\"Status\":\"exited(1), running(1)\",\
         \"ConfigFiles\":\"/home/u/demo/compose.yaml\"}]\n"
    );
    machine.err("stop");
    assert_eq!(machine.out("ls -q"), "");
    assert_eq!(machine.out("ls -aq"), "demo\n");
    assert_eq!(machine.out("ls -aq --filter name=^x"), "");
}

#[test]
fn images_by_container() {
    let machine = up();
    let out = machine.out("images");
    assert!(out.starts_with("CONTAINER           REPOSITORY          TAG"), "{out}");
    assert!(out.contains("demo-web-1          nginx               1"), "{out}");
    assert_eq!(machine.out("images -q").lines().count(), 2);
}

#[test]
fn volumes_of_a_project() {
    let machine = Machine::with(
        "services:\n  db: {image: x, volumes: ['data:/d']}\n  web: {image: y}\nvolumes: {data: }\n",
    );
    machine.err("up -d");
    assert_eq!(machine.out("volumes"), "DRIVER    VOLUME NAME\nlocal     demo_data\n");
    assert_eq!(machine.out("volumes -q db"), "demo_data\n");
    assert_eq!(machine.out("volumes -q web"), "");
}

#[test]
fn port_prints_an_address_or_what_there_is() {
    let machine = up();
    assert_eq!(machine.out("port web 80"), "0.0.0.0:8080\n");
    assert_eq!(
        machine.fails("port web 81"),
        "error: no port 81/tcp for container demo-web-1: 0.0.0.0:8080->80/tcp\n"
    );
    assert_eq!(
        machine.fails("port --index 2 web 80"),
        "error: service \"web\" has no container #2\n  \
         = hint: there is 1; `compose scale` makes more\n"
    );
}

#[test]
fn version_in_three_forms() {
    let machine = Machine::empty();
    let number = env!("CARGO_PKG_VERSION");
    assert_eq!(machine.out("version"), format!("compose version v{number}\n"));
    assert_eq!(machine.out("version --short"), format!("{number}\n"));
    assert_eq!(machine.out("version -f json"), format!("{{\"version\":\"v{number}\"}}\n"));
}

#[test]
fn the_networks_that_are_always_there_are_listed_and_described() {
    let machine = Machine::empty();
    machine.out("network create back");
    let list = machine.out("network ls --format {{.Name}}:{{.Driver}}:{{.Scope}}");
    assert_eq!(list, "back:bridge:local\nbridge:bridge:local\nhost:host:local\nnone:null:local\n");
    assert_eq!(machine.out("network ls -f type=custom --format {{.Name}}"), "back\n");
    assert_eq!(
        machine.out("network ls -f type=builtin -f driver=null --format {{.Name}}"),
        "none\n"
    );
    assert_eq!(machine.out("network ls -f dangling=true --format {{.Name}}"), "back\n");
    for id in machine.out("network ls -q").lines() {
        let shape = machine.out(&format!("network inspect {id}"));
        let shape: serde_json::Value = serde_json::from_str(&shape).unwrap();
        assert_eq!(shape[0]["Scope"], "local", "{shape}");
    }
    machine.out("container run -d --name web --network host nginx");
    let host = "{{.Driver}} {{json .IPAM.Config}} {{range .Containers}}{{.Name}}{{end}}";
    let ran = machine.run_words(&["network", "inspect", "-f", host, "host"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "host null web\n"));
    assert!(machine.fails("network rm host").contains("cannot be removed"));
}
