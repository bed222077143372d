//! What `config.json` says comes true inside.

use std::fs;

use serde_json::{Value, json};

use crate::cgroup::{directories, either, unified};
use crate::world::{World, eventually};

#[test]
fn the_process_is_as_the_configuration_says() {
    let mut world = World::sh(
        "id -u; id -G; pwd; ulimit -n; cat /proc/self/oom_score_adj; cut -d' ' -f19,41 /proc/self/stat; uname -m; \
         touch /tmp/x && stat -c %a /tmp/x; hostname; cat /proc/sys/kernel/domainname; \
         cat /proc/sys/net/core/somaxconn; ionice -p 1; echo $HOME",
    );
    let process = &mut world.config["process"];
    process["user"] = json!({"uid": 33, "gid": 34, "additionalGids": [35], "umask": 0o077});
    process["cwd"] = json!("/tmp/made/here");
    process["rlimits"] = json!([{"type": "RLIMIT_NOFILE", "soft": 123, "hard": 456}]);
    process["oomScoreAdj"] = json!(77);
    process["scheduler"] = json!({"policy": "SCHED_BATCH", "nice": 5});
    process["ioPriority"] = json!({"class": "IOPRIO_CLASS_IDLE", "priority": 0});
    world.config["hostname"] = json!("inside");
    world.config["domainname"] = json!("example");
    world.config["linux"]["sysctl"] = json!({"net.core.somaxconn": "321"});
    world.config["linux"]["personality"] = json!({"domain": "LINUX32"});
    let tmp = json!({"destination": "/tmp", "type": "tmpfs", "options": ["mode=1777"]});
    world.config["mounts"].as_array_mut().unwrap().push(tmp);
    assert_eq!(
        world.out(),
        "33\n34 35\n/tmp/made/here\n123\n77\n5 3\ni686\n600\ninside\nexample\n321\nidle\n/\n"
    );
}

#[test]
fn limits_hold_in_the_group_that_is_named() {
    let mut world = World::sh("sleep 1000");
    let path = format!("compose-oci-test/{}/deep", world.id());
    world.config["linux"]["cgroupsPath"] = json!(format!("/{path}"));
    world.config["linux"]["resources"] = json!({
        "memory": {"limit": 67_108_864, "swap": 67_108_864, "reservation": 0, "swappiness": 10},
        "cpu": {"shares": 512, "quota": 20000, "period": 50000, "cpus": "0"},
        "pids": {"limit": 55},
        "devices": [{"allow": false, "access": "rwm"}],
        "unified": {},
    });
    world.create_and_start();
    let read = |file: &str| {
        let mut files = directories(&path).into_iter().map(|directory| directory.join(file));
        let file = files.find(|path| path.exists()).expect("a file of the group");
        fs::read_to_string(file).unwrap().trim().to_owned()
    };
    for (file, value) in either(
        &[
            ("memory.limit_in_bytes", "67108864"),
            ("memory.memsw.limit_in_bytes", "67108864"),
            ("cpu.shares", "512"),
            ("cpu.cfs_quota_us", "20000"),
        ][..],
        &[
            ("memory.max", "67108864"),
            ("memory.swap.max", "0"),
            ("cpu.weight", "20"),
            ("cpu.max", "20000 50000"),
        ],
    ) {
        assert_eq!(read(file), *value, "{file}");
    }
    assert_eq!((read("pids.max").as_str(), read("cpuset.cpus").as_str()), ("55", "0"));
    if !unified() {
        let list = read("devices.list");
        assert!(list.contains("c 1:3 rwm") && !list.contains('a'), "{list}");
    }
    world.oci(&["delete", "--force", &world.id()]);
    assert!(directories(&path).is_empty());
    let parents = directories(format!("compose-oci-test/{}", world.id()));
    assert!(!parents.is_empty(), "groups above may be others'");
    for parent in parents {
        let _ = fs::remove_dir(&parent).and_then(|()| fs::remove_dir(parent.parent().unwrap()));
    }
}

#[test]
fn devices_are_made_also_where_none_may_be_used() {
    let mut world = World::sh("stat -c '%n %t:%T %a %u %F' /dev/mine /dev/fifo /dev/null");
    world.config["linux"]["devices"] = json!([
        {"path": "/dev/mine", "type": "c", "major": 10, "minor": 666, "fileMode": 0o640, "uid": 5},
        {"path": "/dev/fifo", "type": "p", "fileMode": 0o600},
    ]);
    assert_eq!(
        world.out(),
        "/dev/mine a:29a 640 5 character special file\n/dev/fifo 0:0 600 0 fifo\n\
         /dev/null 1:3 666 0 character special file\n"
    );
}

#[test]
fn a_read_only_dev_has_its_nodes_and_a_ptmx_of_its_own() {
    let mut world = World::sh("touch /dev/x || echo no; ls /dev/null; readlink /dev/ptmx");
    let mounts = world.config["mounts"].as_array_mut().unwrap();
    let dev = mounts.iter_mut().find(|mount| mount["destination"] == "/dev").unwrap();
    dev["options"].as_array_mut().unwrap().push(json!("ro"));
    let ptmx = json!([{"path": "/dev/ptmx", "type": "c", "major": 5, "minor": 2}]);
    world.config["linux"]["devices"] = ptmx;
    let said = world.run();
    assert_eq!((said.out.as_str(), said.code), ("no\n/dev/null\npts/ptmx\n", 0), "{said:?}");
}

#[test]
fn a_filter_need_not_allow_what_only_the_runtime_does() {
    let mut world = World::sh("echo in");
    world.config["linux"]["seccomp"] = json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{
            "names": ["close_range", "faccessat", "faccessat2", "newfstatat", "statx"],
            "action": "SCMP_ACT_ERRNO",
        }],
    });
    for no_new_privileges in [true, false] {
        world.config["process"]["noNewPrivileges"] = json!(no_new_privileges);
        assert_eq!(world.out(), "in\n");
    }
}

#[test]
fn mounts_have_their_options() {
    let mut world = World::sh(
        "grep ' /mnt' /proc/self/mountinfo | cut -d' ' -f5,6,7 ; \
         touch /mnt/sub/x 2>/dev/null || echo read-only below; cat /copied/file; test -w /copied && echo new",
    );
    let source = world.path("source");
    fs::create_dir_all(source.join("sub")).unwrap();
    fs::create_dir(world.inside("copied")).unwrap();
    fs::write(world.inside("copied/file"), "from the root\n").unwrap();
    let mounts = world.config["mounts"].as_array_mut().unwrap();
    mounts.push(json!({
        "destination": "/mnt", "source": source,
        "options": ["rbind", "rro", "nosuid", "noexec", "relatime", "rprivate"],
    }));
    mounts.push(json!({"destination": "/copied", "type": "tmpfs", "options": ["tmpcopyup"]}));
    let out = world.out();
    assert!(out.starts_with("/mnt ro,nosuid,noexec,relatime"), "{out}");
    assert!(out.ends_with("read-only below\nfrom the root\nnew\n"), "{out}");
}

#[test]
fn the_root_propagates_as_asked_for() {
    for (word, expected) in [("shared", "shared:"), ("private", "-"), ("unbindable", "unbindable")]
    {
        let mut world = World::sh("grep ' / / \\| / rw\\| / ro' /proc/self/mountinfo | head -1");
        world.config["linux"]["rootfsPropagation"] = json!(word);
        world.config["process"]["args"] = json!(["sh", "-c", "cat /proc/self/mountinfo"]);
        let out = world.out();
        let root = out.lines().find(|line| line.split(' ').nth(4) == Some("/")).unwrap();
        assert!(root.split(' ').nth(6).unwrap().starts_with(expected), "{word}: {root}");
    }
    let mut world = World::sh("true");
    world.config["linux"]["rootfsPropagation"] = json!("sideways");
    assert!(world.run().err.contains("rootfsPropagation"));
}

#[test]
fn paths_are_hidden_and_read_only() {
    let mut world = World::sh(
        "cat /etc/hidden; ls /mnt; touch /etc/closed/x 2>/dev/null || echo closed; touch /etc/open && echo open",
    );
    world.config["root"]["readonly"] = json!(false);
    fs::write(world.inside("etc/hidden"), "secret").unwrap();
    fs::write(world.inside("mnt/hidden"), "secret").unwrap();
    fs::create_dir(world.inside("etc/closed")).unwrap();
    world.config["linux"]["maskedPaths"] = json!(["/etc/hidden", "/mnt", "/not/there"]);
    world.config["linux"]["readonlyPaths"] = json!(["/etc/closed", "/not/there"]);
    assert_eq!(world.out(), "closed\nopen\n");
}

#[test]
fn namespaces_are_joined_shared_or_missing() {
    let first = World::sh("hostname other; sleep 1000");
    first.create_and_start();
    let pid = first.state()["pid"].to_string();
    let link = |of: &str, name: &str| fs::read_link(format!("/proc/{of}/ns/{name}")).unwrap();
    let mut world =
        World::sh("for n in uts pid net ipc; do readlink /proc/self/ns/$n; done; ps | wc -l");
    world.config["hostname"] = Value::Null;
    world.config["linux"]["namespaces"] = json!([
        {"type": "mount"},
        {"type": "uts", "path": format!("/proc/{pid}/ns/uts")},
        {"type": "pid", "path": format!("/proc/{pid}/ns/pid")},
        {"type": "network"},
    ]);
    let out = world.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], link(&pid, "uts").to_str().unwrap());
    assert_eq!(lines[1], link(&pid, "pid").to_str().unwrap());
    assert_ne!(lines[2], link("self", "net").to_str().unwrap());
    assert_eq!(lines[3], link("self", "ipc").to_str().unwrap());

    world.config["linux"]["namespaces"][1]["path"] = json!(format!("/proc/{pid}/ns/net"));
    assert!(world.run().err.contains("cannot join the uts namespace"));
    world.config["linux"]["namespaces"] = json!([{"type": "mount"}, {"type": "mount"}]);
    assert!(world.run().err.contains("listed twice"));
}

#[test]
fn without_a_mount_namespace_nothing_stays_mounted() {
    let mut world = World::sh("ls /; sleep 1000");
    world.config["hostname"] = Value::Null;
    world.config["linux"]["namespaces"] = json!([{"type": "pid"}]);
    world.config["linux"]["maskedPaths"] = Value::Null;
    world.config["linux"]["readonlyPaths"] = Value::Null;
    world.create_and_start();
    let root = fs::canonicalize(world.inside("")).unwrap();
    let shows =
        || fs::read_to_string("/proc/self/mountinfo").unwrap().contains(root.to_str().unwrap());
    assert!(shows());
    assert_eq!(world.exec("echo here").out, "here\n");
    world.oci(&["delete", "--force", &world.id()]);
    eventually("the root is unmounted", || !shows());
}

#[test]
fn what_cannot_be_done_is_refused() {
    let world = World::sh("true");
    let apparmor = match fs::exists("/sys/module/apparmor").unwrap() {
        true => "the AppArmor profile `p` is not loaded",
        false => "AppArmor profile, but this kernel",
    };
    let (resources, said) = either(
        (json!({"pids.max": "3"}), "need cgroup v2"),
        (json!({"../pids.max": "3"}), "is not a cgroup file"),
    );
    for (pointer, value, expected) in [
        ("/linux/intelRdt", json!({"closID": "x"}), "intelRdt is not supported"),
        ("/process/apparmorProfile", json!("p"), apparmor),
        ("/process/selinuxLabel", json!("l"), "SELinux label, but this kernel"),
        ("/linux/mountLabel", json!("l"), "needs SELinux"),
        ("/linux/resources", json!({"unified": resources}), said),
        (
            "/linux/sysctl",
            json!({"kernel.core_pattern": "x"}),
            "is not in a separate kernel namespace",
        ),
        ("/root/path", json!("missing"), "does not exist"),
    ] {
        let mut config = world.config.clone();
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[key] = value;
        fs::write(world.path("bundle/config.json"), config.to_string()).unwrap();
        let bundle = world.path("bundle");
        let said = world.oci(&["run", "--bundle", bundle.to_str().unwrap(), &world.id()]);
        assert!(said.code == 1 && said.err.contains(expected), "{pointer}: {said:?}");
    }
    assert_eq!(fs::read_dir(world.path("run")).map_or(0, Iterator::count), 0);
}
