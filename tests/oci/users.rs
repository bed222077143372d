//! Namespaces of users and time, and mounts whose owners are mapped.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};

use serde_json::{Value, json};

use crate::world::World;

/// The container gets users of its own; its root file system belongs to them.
fn own_users(world: &mut World) {
    let mapping = json!([{"containerID": 0, "hostID": 100_000, "size": 1000}]);
    world.config["linux"]["uidMappings"] = mapping.clone();
    world.config["linux"]["gidMappings"] = mapping;
    let namespaces = world.config["linux"]["namespaces"].as_array_mut().unwrap();
    namespaces.push(json!({"type": "user"}));
}

fn add_mount(world: &mut World, mount: Value) {
    world.config["mounts"].as_array_mut().unwrap().push(mount);
}

#[test]
fn root_inside_is_somebody_else_outside() {
    let mut world = World::sh("id -u; cat /proc/self/uid_map; ls /dev | wc -l; cat /secret/file");
    own_users(&mut world);
    // Nobody but the host's root gets there: it is taken before the users change.
    let secret = world.path("secret");
    fs::create_dir(&secret).unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o755)).unwrap();
    fs::write(secret.join("file"), "hidden\n").unwrap();
    fs::set_permissions(world.directory.path(), PermissionsExt::from_mode(0o700)).unwrap();
    add_mount(
        &mut world,
        json!({"destination": "/secret", "type": "bind", "source": secret, "options": ["rbind", "ro"]}),
    );
    fs::create_dir(world.inside("secret")).unwrap();
    world.config["process"]["oomScoreAdj"] = json!(-10);
    world.config["process"]["rlimits"] =
        json!([{"type": "RLIMIT_NOFILE", "soft": 2000, "hard": 1_048_576}]);
    let out = world.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "0");
    assert_eq!(lines[1].split_whitespace().collect::<Vec<_>>(), ["0", "100000", "1000"]);
    assert_eq!(lines[3], "hidden");
}

#[test]
fn its_program_has_the_groups_and_variables_that_are_written() {
    let mut world = World::sh("grep Groups /proc/self/status; env | grep -c ^A=; echo $A");
    world.config["process"]["user"] = json!({"uid": 7, "gid": 8});
    world.config["process"]["env"] = json!(["PATH=/bin", "A=first", "A=last"]);
    assert_eq!(world.out(), "Groups:\t \n1\nlast\n");
    world.config["process"]["user"]["additionalGids"] = json!([9, 8]);
    assert!(world.out().starts_with("Groups:\t8 9 \n"));
}

#[test]
fn programs_are_executed_as_its_users() {
    let mut world = World::sh("sleep 1000");
    own_users(&mut world);
    world.create_and_start();
    assert_eq!(world.exec("id -u; cut -d' ' -f1-3 /proc/self/uid_map | wc -l").out, "0\n1\n");
    let pid = world.state()["pid"].to_string();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("Uid:\t100000\t100000"), "{status}");

    // Another one joins its users, and what belongs to them.
    let mut other = World::sh("id -u; readlink /proc/self/ns/user; readlink /proc/self/ns/net");
    other.config["linux"]["namespaces"] = json!([
        {"type": "mount"}, {"type": "pid"}, {"type": "uts"},
        {"type": "user", "path": format!("/proc/{pid}/ns/user")},
        {"type": "network", "path": format!("/proc/{pid}/ns/net")},
    ]);
    let link = |name: &str| fs::read_link(format!("/proc/{pid}/ns/{name}")).unwrap();
    let expected = format!("0\n{}\n{}\n", link("user").display(), link("net").display());
    // Of the host's IPC namespace there is nothing to be mounted.
    other.config["mounts"].as_array_mut().unwrap().retain(|mount| mount["type"] != "mqueue");
    assert_eq!(other.out(), expected);
}

#[test]
fn owners_on_a_mount_are_mapped() {
    let mut world = World::sh("stat -c %u:%g /mnt/file");
    let source = world.path("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "").unwrap();
    chown(source.join("file"), Some(5), Some(6)).unwrap();
    let map = |from: u32| json!([{"containerID": from, "hostID": from + 1000, "size": 1}]);
    add_mount(
        &mut world,
        json!({
            "destination": "/mnt", "type": "bind", "source": source, "options": ["bind", "idmap"],
            "uidMappings": map(5), "gidMappings": map(6),
        }),
    );
    assert_eq!(world.out(), "1005:1006\n");
    let mount = world.config["mounts"].as_array_mut().unwrap().last_mut().unwrap();
    mount["uidMappings"] = Value::Null;
    mount["gidMappings"] = Value::Null;
    assert!(world.run().err.contains("needs uidMappings"));
}

#[test]
fn its_clocks_count_from_another_moment() {
    let mut world = World::sh("cut -d. -f1 /proc/uptime; sleep 1000");
    world.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "time"}));
    world.config["linux"]["timeOffsets"] =
        json!({"boottime": {"secs": 864_000}, "monotonic": {"secs": 86_400, "nanosecs": 5}});
    world.create_and_start();
    let uptime = |text: &str| text.trim().parse::<u64>().unwrap();
    let own = fs::read_to_string("/proc/uptime").unwrap();
    let own = uptime(own.split('.').next().unwrap());
    let theirs = uptime(&world.exec("cut -d. -f1 /proc/uptime").out);
    assert!(theirs >= own + 864_000, "{theirs} is not ten days after {own}");
}
