//! `container …`: single containers, from options to what is printed.

use compose::resource::container::RestartPolicy;
use compose::resource::mount::MountSource;
use compose::resource::network::NetworkMode;

use crate::machine::Machine;

/// The specification of the only container.
fn spec(machine: &Machine) -> compose::resource::ContainerSpec {
    let containers = machine.engine.snapshot().containers;
    assert_eq!(containers.len(), 1, "{containers:?}");
    containers[0].spec.clone()
}

#[test]
fn run_in_the_background_prints_the_id_and_nothing_else() {
    let machine = Machine::empty();
    let ran = machine.run("container run -d --name web -p 8080:80 nginx");
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out.len(), 65, "{ran:?}");
    assert_eq!(
        ran.err,
        "Unable to find image 'nginx:latest' locally\n\
         latest: Pulling from library/nginx\n\
         Status: Downloaded newer image for nginx:latest\n"
    );
    assert_eq!(machine.states(), ["web running"]);
    let again = machine.run("container run -d nginx");
    assert_eq!(again.err, "", "the image is there now");
}

#[test]
fn a_container_without_a_name_gets_two_words() {
    let machine = Machine::empty();
    machine.out("container create nginx");
    let name = spec(&machine).name;
    let (left, right) = name.split_once('_').unwrap();
    assert!(
        [left, right].iter().all(|it| it.bytes().all(|byte| byte.is_ascii_lowercase())),
        "{name}"
    );
}

#[test]
fn options_end_at_the_image() {
    let machine = Machine::empty();
    machine.out("container create --name x busybox ls -l --rm --name y");
    let spec = spec(&machine);
    assert_eq!(spec.name, "x");
    assert_eq!(spec.process.argv, ["ls", "-l", "--rm", "--name", "y"]);
    assert!(!spec.auto_remove);
}

#[test]
fn options_decide_what_a_container_is() {
    let mut machine = Machine::empty();
    machine.set("HERE", "yes");
    machine.write("vars", "# comment\nFROM_FILE=\"quoted\"\nHERE\nNOT_HERE\n");
    machine.out(
        "container create --name x -e A=1 -e HERE -e NOWHERE --env-file vars -l team=web -w /srv \
         -u 1000:1000 -h host --memory 64m --cpus 0.5 --pids-limit 20 --cap-add NET_ADMIN \
         --cap-drop=ALL --read-only --tmpfs /run:size=1m -v ./site:/site/:ro -v data:/data -v /anon \
         --mount type=bind,src=/etc,dst=/host,readonly --restart on-failure:3 --stop-timeout 5 \
         --ulimit nofile=10:20 --health-cmd true --health-retries 2 --init -P --expose 90 \
         --add-host db:10.0.0.9 --dns 1.1.1.1 --sysctl net.core.somaxconn=9 --shm-size 1m -it \
         --log-opt max-size=1m --entrypoint sh nginx -c true",
    );
    let spec = spec(&machine);
    assert_eq!(spec.process.argv, ["sh", "-c", "true"]);
    for variable in ["A=1", "HERE=yes", "FROM_FILE=\"quoted\"", "TERM=xterm"] {
        assert!(spec.process.env.iter().any(|it| it == variable), "{:?}", spec.process.env);
    }
    assert!(!spec.process.env.iter().any(|it| it.contains("NOWHERE") || it.contains("NOT_HERE")));
    assert_eq!(spec.labels.iter().collect::<Vec<_>>(), [(&"team".to_owned(), &"web".to_owned())]);
    assert_eq!((spec.process.cwd.as_str(), spec.process.user.as_str()), ("/srv", "1000:1000"));
    assert_eq!(spec.hostname.as_deref(), Some("host"));
    assert_eq!(spec.limits.memory.unwrap().0, 64 << 20);
    assert_eq!((spec.limits.cpus, spec.limits.pids), (Some(0.5), Some(20)));
    assert_eq!(spec.security.cap_add, ["NET_ADMIN"]);
    assert_eq!(spec.security.cap_drop, ["ALL"]);
    assert!(spec.read_only && spec.init && spec.process.tty && spec.process.stdin_open);
    let targets: Vec<&str> = spec.mounts.iter().map(|it| it.target.as_str()).collect();
    assert_eq!(targets, ["/anon", "/data", "/host", "/run", "/site"]);
    assert!(matches!(&spec.mounts[4].source,
        MountSource::Bind { path, create: true, .. } if path.ends_with("site")));
    assert!(matches!(&spec.mounts[2].source, MountSource::Bind { create: false, .. }));
    assert_eq!(spec.stop.grace.unwrap().as_secs(), 5);
    assert_eq!(spec.limits.ulimits["nofile"].hard, 20);
    assert_eq!(spec.health.unwrap().retries, 2);
    assert_eq!(spec.ports.len(), 1, "the exposed port is published");
    assert_eq!(spec.log.options["max-size"], "1m");
}

#[test]
fn networks_are_the_default_one_those_named_or_none() {
    let machine = Machine::empty();
    let networks = |line: &str| {
        machine.out(line);
        let containers = machine.engine.snapshot().containers;
        containers.last().unwrap().spec.network.clone()
    };
    let NetworkMode::Networks(default) = networks("container create nginx") else { panic!() };
    assert_eq!(default[0].network, "bridge");
    assert_eq!(default[0].aliases, [""; 0]);
    machine.out("network create back");
    machine.out("network create front");
    let line = "container create --network front --network-alias www --ip 10.1.0.9 \
                --network name=back,alias=api nginx";
    let NetworkMode::Networks(both) = networks(line) else { panic!() };
    assert_eq!((both[0].network.as_str(), both[1].network.as_str()), ("front", "back"));
    assert_eq!(
        (&both[0].aliases[..], &both[1].aliases[..]),
        (&["www".into()][..], &["api".into()][..])
    );
    assert_eq!(both[0].ipv4.unwrap().to_string(), "10.1.0.9");
    assert_eq!(networks("container create --network none nginx"), NetworkMode::None);
    assert_eq!(networks("container create --net=host nginx"), NetworkMode::Host);
    for (line, part) in [
        ("container create --network nowhere nginx", "network nowhere not found"),
        ("container create --ip 10.0.0.9 nginx", "supported on user defined networks only"),
        ("container create --network host --network back nginx", "with others"),
        ("container create --network container:nobody nginx", "No such container: nobody"),
    ] {
        let err = machine.fails(line);
        assert!(err.contains(part), "{line}: {err}");
    }
}

#[test]
fn the_exit_code_says_how_far_it_came() {
    let machine = Machine::empty();
    assert_eq!(machine.run("container run --rm alpine true").code, 0);
    assert_eq!(machine.run("container run --rm alpine false").code, 1);
    assert_eq!(machine.states(), [""; 0], "--rm removes them");
    machine.out("container run -d --name web nginx");
    for line in [
        "container run --name web nginx",
        "container run --rm --restart always nginx",
        "container run -d -a stdout nginx",
        "container run -v data/x:/y nginx",
        "container run -m 1m nginx",
    ] {
        assert_eq!(machine.run(line).code, 125, "{line}");
    }
    let ran = machine.run("container run --rm -it nginx true");
    assert_eq!(ran.code, 1);
    assert!(ran.err.starts_with("error: the input device is not a TTY\n"), "{ran:?}");
}

#[test]
fn what_has_no_effect_is_refused() {
    let machine = Machine::empty();
    let err = machine.fails("container create --storage-opt size=1g nginx");
    assert!(err.contains("--storage-opt cannot be used"), "{err}");
}

#[test]
fn the_list_has_dockers_columns_and_the_newest_first() {
    let machine = Machine::empty();
    machine.out("container run -d --name web -p 127.0.0.1:8080:80 nginx");
    machine.out("container run -d --name db -e A=1 postgres:14.1");
    machine.out("container stop db");
    let list = machine.out("container ls");
    let mut lines = list.lines();
    assert_eq!(
        lines.next().unwrap().split_whitespace().collect::<Vec<_>>().join(" "),
        "CONTAINER ID IMAGE COMMAND CREATED STATUS PORTS NAMES"
    );
    let line = lines.next().unwrap();
    assert!(line.contains("   nginx     \"serve\""), "{line}");
    assert!(line.contains("127.0.0.1:8080->80/tcp   web"), "{line}");
    assert_eq!(lines.next(), None);

    assert_eq!(machine.out("container ls -a --format {{.Names}}"), "db\nweb\n");
    assert_eq!(machine.out("container ps -n 1 --format {{.Names}}"), "db\n");
    assert_eq!(machine.out("container list --filter status=exited --format {{.Names}}"), "db\n");
    let ids = machine.out("container ls -q");
    assert_eq!(ids.len(), 13);
    assert_eq!(machine.out("container ls -q --no-trunc").len(), 65);
    let json: serde_json::Value =
        serde_json::from_str(&machine.out("container ls --format json")).unwrap();
    let fields: Vec<&String> = json.as_object().unwrap().keys().collect();
    let expected = "Command CreatedAt ID Image Labels LocalVolumes Mounts Names Networks Platform \
                    Ports RunningFor Size State Status";
    assert_eq!(fields, expected.split(' ').collect::<Vec<_>>());
    let mut texts = json.as_object().unwrap().iter().filter(|(field, _)| *field != "Platform");
    assert!(texts.all(|(_, value)| value.is_string()), "{json}");
}

#[test]
fn each_argument_is_answered_and_one_that_fails_does_not_keep_the_others() {
    let machine = Machine::empty();
    machine.out("container run -d --name a nginx");
    machine.out("container run -d --name b nginx");
    let ran = machine.run("container stop a nobody b");
    assert_eq!((ran.code, ran.out.as_str()), (1, "a\nb\n"));
    assert_eq!(ran.err, "error: No such container: nobody\n");
    assert_eq!(machine.out("container start a b"), "a\nb\n");
    assert_eq!(machine.out("container restart -t 0 a"), "a\n");
    assert_eq!(machine.out("container pause a"), "a\n");
    assert!(machine.run("container start a").err.contains("try unpause instead"));
    assert_eq!(machine.out("container unpause a"), "a\n");
    assert_eq!(machine.out("container kill a"), "a\n");
    assert_eq!(machine.states(), ["a exited", "b running"]);
    assert!(machine.run("container kill a").err.contains("is not running"));
    assert_eq!(machine.run("container rm b").code, 1, "it runs");
    assert_eq!(machine.out("container rm -f b a"), "b\na\n");
    let gone = machine.run("container rm -f b");
    assert_eq!((gone.code, gone.out.as_str()), (0, ""));
}

#[test]
fn a_container_can_be_renamed_and_waited_for() {
    let machine = Machine::empty();
    machine.out("container create --name job alpine false");
    machine.out("container rename job done");
    assert_eq!(machine.out("container start done"), "done\n");
    assert_eq!(machine.out("container wait done"), "1\n");
    assert!(machine.fails("container rename done done").contains("same name"));
}

#[test]
fn ports_are_shown_as_docker_shows_them() {
    let machine = Machine::empty();
    machine.out("container run -d --name web -p 127.0.0.1:8080:80 -p 127.0.0.1:53:53/udp nginx");
    let all = machine.out("container port web");
    assert_eq!(all, "53/udp -> 127.0.0.1:53\n80/tcp -> 127.0.0.1:8080\n");
    assert_eq!(machine.out("container port web 53/udp"), "127.0.0.1:53\n");
    let err = machine.fails("container port web 81");
    assert!(err.contains("No public port '81' published for web"), "{err}");
}

#[test]
fn a_container_becomes_an_image_an_archive_or_a_list_of_changes() {
    let machine = Machine::empty();
    machine.out("container run -d --name web nginx");
    machine.write("page", "hello");
    machine.err("container cp page web:/tmp/page");
    assert_eq!(machine.out("container diff web"), "A /tmp/page\n");
    let id = machine.out("container commit -m fixed -a me -c USER=7 web site:2");
    assert!(id.starts_with("sha256:") && id.len() == 72, "{id}");
    machine.out("container commit --pause=false web");
    let calls = machine.engine.calls();
    assert!(calls.iter().any(|it| it.contains("commit site:2")), "{calls:?}");
    assert_eq!(machine.out("container export -o all.tar web"), "");
    assert!(machine.read("all.tar").contains("hello"));
    for line in ["commit nobody", "diff nobody", "export nobody"] {
        let err = machine.fails(&format!("container {line}"));
        assert_eq!(err, "error: No such container: nobody\n");
    }
    assert!(machine.fails("container commit web Site").contains("must be lowercase"));
}

#[test]
fn limits_and_the_restart_policy_can_be_changed() {
    let machine = Machine::empty();
    machine.out("container run -d --name web nginx");
    let line = "container update -m 64m --memory-swap -1 --cpus 0.5 --cpuset-mems 0 --pids-limit 9 \
                --restart on-failure:3 web nobody";
    let ran = machine.run(line);
    assert_eq!((ran.code, ran.out.as_str()), (1, "web\n"));
    assert_eq!(ran.err, "error: No such container: nobody\n");
    let spec = spec(&machine);
    assert_eq!((spec.limits.memory.unwrap().0, spec.limits.memory_swap), (64 << 20, Some(-1)));
    assert_eq!((spec.limits.cpus, spec.limits.pids), (Some(0.5), Some(9)));
    assert_eq!(spec.limits.cpuset_mems.as_deref(), Some("0"));
    assert_eq!(spec.restart, RestartPolicy::OnFailure { max_retries: 3 });
    let err = machine.fails("container update web");
    assert!(err.contains("you must provide one or more flags when using this command"), "{err}");
    machine.out("container update -m 16m --memory-swap 32m web");
    let err = machine.fails("container update -m 64m web");
    assert!(err.contains("update the memoryswap at the same time"), "{err}");
    let err = machine.fails("container update -m 1m web");
    assert!(err.contains("Minimum memory limit allowed is 6MB"), "{err}");
}

#[test]
fn values_out_of_range_are_refused_in_dockers_words() {
    let machine = Machine::empty();
    for (options, words) in [
        ("--cpu-period 900", "CPU cfs period can not be less than 1ms (i.e. 1000) or larger"),
        ("--cpu-period 1000001", "or larger than 1s (i.e. 1000000)"),
        ("--cpu-quota 999", "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
        ("--cpu-shares -1", "invalid CPU shares (-1): value must be a positive integer"),
        ("--blkio-weight 5", "Range of blkio weight is from 10 to 1000"),
        ("-m 16m --memory-swap 15m", "memoryswap limit should be larger than memory limit"),
        ("--memory-swap 16m", "always set the Memory limit when using Memoryswap limit"),
        ("--memory-reservation 1k", "Minimum memory reservation allowed is 6MB"),
        ("-m 16m --memory-reservation 32m", "can not be less than memory reservation limit"),
        ("--memory-swappiness 101", "invalid value: 101. Valid memory swappiness range is 0-100"),
        ("--oom-score-adj 1001", "Invalid value 1001, range for oom score adj is [-1000, 1000]"),
        ("--device-read-bps dev/sda:1mb", "bad format for device path: dev/sda:1mb"),
        ("--cpus 100000", "Range of CPUs is from 0.01 to "),
        ("--cpus -1", "Range of CPUs is from 0.01 to "),
        ("--mount type=tmpfs,source=x,target=/x", "field Source must not be specified"),
        ("--ulimit files=1", "invalid ulimit type: files"),
        ("--security-opt wild", "invalid --security-opt: \"wild\""),
        ("--cap-add FLY", "unknown capability: \"FLY\""),
        ("--add-host db:nowhere", "invalid IP address in add-host: \"nowhere\""),
        ("-w relative", "'relative' is invalid, it needs to be an absolute path"),
        ("--uts host --hostname x", "conflicting options: hostname and the UTS mode"),
        ("--userns wild", "--userns: invalid USER mode: wild"),
        ("--net none --net-alias x", "aliases are only supported for user-defined networks"),
        ("--name own --network container:own", "cannot join own network"),
        ("--link nobody", "could not get container for nobody: No such container: nobody"),
    ] {
        let err = machine.fails(&format!("container create {options} nginx"));
        assert!(err.contains(words), "{options}: {err}");
    }
    let fits = "container create -m 16m --memory-swap 16m --memory-reservation 16m --cpu-quota -1 \
                --cpu-period 1000 --memory-swappiness -1 --oom-score-adj -1000 nginx";
    machine.out(fits);
}

#[test]
fn inspect_says_what_was_asked_for_and_templates_name_what_was_not() {
    let machine = Machine::empty();
    machine.out("container create --name plain nginx");
    machine.out("container create --name asked -P --stop-signal USR1 --stop-timeout 15 nginx");
    let look = |template: &str| {
        machine.out(&format!("container inspect -f {template} plain asked")).replace('\n', " ")
    };
    assert_eq!(look("{{.HostConfig.PublishAllPorts}}"), "false true ");
    assert_eq!(look("{{.Config.StopSignal}}"), " USR1 ");
    assert_eq!(look("{{.Config.StopTimeout}}"), "<nil> 15 ");
    assert_eq!(look("{{.SizeRw}}"), "<nil> <nil> ");
    let json = machine.out("container inspect plain");
    for field in ["StopSignal", "StopTimeout", "SizeRw", "\"Health\""] {
        assert!(!json.contains(field), "{field}: {json}");
    }
}

#[test]
fn a_mount_has_the_words_it_was_asked_for_with() {
    let machine = Machine::empty();
    machine.out(
        "container create --name web -v /tmp:/a:ro,z -v /tmp:/b:Z -v /tmp:/c:rslave -v data:/d \
         -v data:/e:ro,nocopy -v /tmp:/f nginx",
    );
    let modes = machine.run_words(&[
        "container",
        "inspect",
        "-f",
        "{{range .Mounts}}{{.Destination}} {{.Mode}}{{\"\\n\"}}{{end}}",
        "web",
    ]);
    assert_eq!(modes.out, "/a ro,z\n/b Z\n/c rslave\n/d z\n/e ro,nocopy\n/f \n\n");
    let binds = machine.out("container inspect -f {{.HostConfig.Binds}} web");
    assert!(binds.starts_with("[/tmp:/a:ro,z /tmp:/b:rw,Z "), "{binds}");
}

#[test]
fn lists_have_dockers_raw_form() {
    let machine = Machine::empty();
    machine.out("network create back");
    let words =
        ["container", "run", "-d", "--name", "web", "-v", "data:/data", "nginx", "sh", "-c", "a b"];
    assert_eq!(machine.run_words(&words).code, 0);
    let raw = machine.out("container ls --format raw");
    let lines: Vec<&str> = raw.lines().collect();
    assert!(
        lines[0].starts_with("container_id: ") && lines[3].starts_with("created_at: "),
        "{raw}"
    );
    assert_eq!((lines[1], lines[2]), ("image: nginx", "command: \"sh -c 'a b'\""));
    assert_eq!((lines[4], lines[6]), ("state: running", "names: web"));
    assert_eq!(lines[7..], ["labels:", "ports:", ""]);
    assert!(machine.out("container ls --size --format raw").contains("\nports:\nsize: "));
    assert_eq!(machine.out("volume ls --format raw"), "name: data\ndriver: local\n\n");
    let raw = machine.out("network ls -f name=back --format raw");
    assert!(raw.ends_with("\nname: back\ndriver: bridge\nscope: local\n\n"), "{raw}");
    let ran = machine.run("container ls -q --format raw");
    assert!(ran.err.starts_with("WARNING: Ignoring custom format, because both"), "{ran:?}");
}

#[test]
fn containers_join_and_leave_networks() {
    let machine = Machine::empty();
    machine.out("network create back");
    machine.out("container run -d --name db nginx");
    machine.out("container run -d --name web nginx");
    let line = "network connect --alias api --ip 10.1.0.9 --gw-priority -2 --driver-opt a=b \
                --link db:store back web";
    assert_eq!(machine.out(line), "");
    let web = machine.engine.snapshot().containers.into_iter().find(|it| it.spec.name == "web");
    let web = web.unwrap().spec;
    let NetworkMode::Networks(endpoints) = &web.network else { panic!() };
    assert_eq!((endpoints[1].network.as_str(), endpoints[1].gateway_priority), ("back", -2));
    assert_eq!((&endpoints[1].aliases[..], endpoints[1].by_hand), (&["api".into()][..], true));
    assert_eq!(endpoints[1].driver_opts["a"], "b");
    assert_eq!((web.links[0].target.as_str(), web.links[0].alias.as_str()), ("db", "store"));
    assert_eq!(machine.out("network disconnect back web"), "");
    assert_eq!(machine.out("network disconnect -f back nobody"), "");
    for (line, part) in [
        ("network disconnect back web", "is not connected to network back"),
        ("network disconnect back nobody", "No such container: nobody"),
        ("network connect nowhere web", "network nowhere not found"),
        ("network connect --ip 10.1.0.9 bridge web", "user defined networks only"),
        ("network connect host web", "connected to host network"),
        ("network connect none web", "private (none) mode"),
    ] {
        let err = machine.fails(line);
        assert!(err.contains(part), "{line}: {err}");
    }
}

#[test]
fn prune_removes_what_does_not_run() {
    let mut machine = Machine::empty();
    machine.out("container run -d --name a nginx");
    machine.out("container create --name b nginx");
    machine.answer("y\n");
    let ran = machine.run("container prune");
    assert!(ran.err.contains("[y/N]"), "{ran:?}");
    assert!(ran.out.starts_with("Deleted Containers:\n"), "{ran:?}");
    assert!(ran.out.contains("\n\nTotal reclaimed space: "), "{ran:?}");
    assert_eq!(machine.states(), ["a running"]);
}

#[test]
fn exec_needs_a_running_container_and_exits_as_its_command() {
    let machine = Machine::empty();
    machine.out("container run -d --name web nginx");
    machine.engine.exec_exit_code(7);
    assert_eq!(machine.run("container exec web ls --all -i").code, 7);
    assert!(machine.engine.calls().contains(&"exec ls --all -i in web".to_owned()));
    machine.out("container stop web");
    let err = machine.fails("container exec web ls");
    assert!(err.contains("is not running"), "{err}");
}

#[test]
fn the_id_goes_to_a_file_that_must_not_exist() {
    let machine = Machine::empty();
    let id = machine.out("container create --cidfile id nginx");
    assert_eq!(machine.read("id"), id.trim_end());
    let err = machine.fails("container create --cidfile id nginx");
    assert!(err.contains("container ID file found"), "{err}");
}

#[test]
fn every_command_explains_itself_with_examples() {
    let machine = Machine::empty();
    for name in [
        "attach", "commit", "cp", "create", "diff", "exec", "export", "inspect", "kill", "logs",
        "ls", "pause", "port", "prune", "rename", "restart", "rm", "run", "start", "stats", "stop",
        "top", "unpause", "update", "wait",
    ] {
        let help = machine.out(&format!("container {name} --help"));
        assert!(help.contains("\nExamples:\n  compose container"), "{name}: {help}");
    }
}
