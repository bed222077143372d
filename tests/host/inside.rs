//! What a container sees of itself: every key is checked from inside.

use crate::world::World;

/// Runs one command in a container with `keys` and gives what it printed.
pub fn inside(keys: &str, command: &str) -> String {
    let world = World::new();
    world.compose_yaml(&format!("services:\n  it:\n    image: busybox\n{keys}\n"));
    let done = world.compose(&["run", "--rm", "it", "sh", "-c", command]);
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    world.compose(&["down"]).ok();
    world.assert_clean();
    done.text().replace('\r', "")
}

/// Some of a process's lines in `/proc/self/status`.
const CAPS: &str = "grep -E '^Cap(Inh|Prm|Eff|Bnd|Amb)' /proc/self/status | cut -f2 | tr '\\n' ' '";

#[test]
fn it_is_process_one_with_its_own_name_and_file_systems() {
    let keys = "    hostname: box\n    labels: {a: b}";
    let script =
        "echo $$; hostname; cat /etc/hostname; cut -d' ' -f2 /proc/mounts | sort | tr '\\n' ' '";
    let output = inside(keys, script);
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[..3], ["1", "box", "box"]);
    for mount in ["/", "/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/etc/hosts"]
    {
        assert!(lines[3].split(' ').any(|found| found == mount), "{mount} in {}", lines[3]);
    }
}

#[test]
fn capabilities_are_the_defaults_and_nothing_is_inheritable() {
    // CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE SYS_CHROOT SETFCAP
    let default = "00000000800405fb";
    let none = "0000000000000000";
    assert_eq!(inside("", CAPS), format!("{none} {default} {default} {default} {none}"));
    assert_eq!(inside("    user: '1000'", CAPS), format!("{none} {none} {none} {default} {none}"));
    let one = "    cap_drop: [ALL]\n    cap_add: [NET_ADMIN]";
    let net_admin = "0000000000001000";
    assert_eq!(inside(one, CAPS), format!("{none} {net_admin} {net_admin} {net_admin} {none}"));
}

#[test]
fn dangerous_paths_are_masked_or_read_only() {
    let script = "cat /proc/kcore /proc/keys /proc/timer_list 2>/dev/null | wc -c; \
                  for f in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/mm/ksm/run; do \
                  (echo 0 > $f) 2>/dev/null && echo wrote $f; done; echo end";
    assert_eq!(inside("", script), "0\nend");
}

#[test]
fn user_group_and_working_directory_come_from_the_image() {
    assert_eq!(
        inside("    user: '1000:1001'\n    group_add: ['7']", "id -u; id -g; id -G"),
        "1000\n1001\n1001 7"
    );
    assert_eq!(inside("    working_dir: /made/for/me", "pwd"), "/made/for/me");
}

#[test]
fn environment_has_what_the_file_says() {
    let keys = "    environment: {A: one, B: 'two words'}\n    hostname: box";
    assert_eq!(
        inside(keys, "echo $A; echo $B; echo $HOSTNAME; echo $HOME"),
        "one\ntwo words\nbox\n/root"
    );
}

#[test]
fn a_read_only_root_still_has_its_tmpfs() {
    let keys = "    read_only: true\n    tmpfs: ['/run:size=1m']";
    let script = "touch /x 2>/dev/null || echo refused; touch /run/x && df -k /run | tail -1 | awk '{print $2}'";
    assert_eq!(inside(keys, script), "refused\n1024");
}

#[test]
fn binds_are_live_and_read_only_where_asked() {
    let world = World::new();
    std::fs::create_dir(world.project().join("code")).unwrap();
    std::fs::write(world.project().join("code/file"), "old").unwrap();
    world.compose_yaml(
        "
services:
  it: {image: busybox, command: sleep infinity, init: true, volumes: ['./code:/rw', './code:/ro:ro']}
",
    );
    world.compose(&["up", "-d"]).ok();
    std::fs::write(world.project().join("code/file"), "new").unwrap();
    assert_eq!(world.compose(&["exec", "-T", "it", "cat", "/ro/file"]).text(), "new");
    assert_ne!(world.compose(&["exec", "-T", "it", "touch", "/ro/x"]).code, 0);
    world.compose(&["exec", "-T", "it", "touch", "/rw/x"]).ok();
    assert!(world.project().join("code/x").exists());
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn limits_are_those_of_the_file() {
    let keys = "    mem_limit: 64m\n    pids_limit: 50\n    cpus: 0.5\n    shm_size: 1m\n    \
                ulimits: {nofile: {soft: 100, hard: 200}}";
    let script = "cd /sys/fs/cgroup; \
        cat memory/memory.limit_in_bytes memory.max 2>/dev/null | head -1; \
        cat pids/pids.max pids.max 2>/dev/null | head -1; \
        (cat cpu/cpu.cfs_quota_us || cut -d' ' -f1 cpu.max) 2>/dev/null; \
        df -k /dev/shm | tail -1 | awk '{print $2}'; ulimit -Sn; ulimit -Hn";
    assert_eq!(inside(keys, script), "67108864\n50\n50000\n1024\n100\n200");
}

#[test]
fn hosts_and_dns_files_are_generated() {
    let keys = "    extra_hosts: ['db.test=192.0.2.9']\n    dns: [192.0.2.53]";
    let script = "grep -c '^127.0.0.1.localhost' /etc/hosts; grep db.test /etc/hosts | tr '\\t' ' '; \
                  grep '^nameserver' /etc/resolv.conf";
    assert_eq!(inside(keys, script), "1\n192.0.2.9 db.test\nnameserver 127.0.0.11");
}

#[test]
fn init_reaps_and_forwards() {
    let script = "cat /proc/1/comm; (sleep 0.01 &) ; sleep 0.2; ls -d /proc/[0-9]* | wc -l";
    let output = inside("    init: true", script);
    let lines: Vec<_> = output.lines().collect();
    assert_ne!(lines[0], "sh", "process 1 is the init");
}
