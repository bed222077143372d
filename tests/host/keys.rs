//! Limits, devices and privileges of a service, each read from inside its container.

use std::fs;

use crate::cgroup::either;
use crate::inside::inside;
use crate::world::World;

/// A block device of this machine.
fn block_device() -> String {
    let partitions = fs::read_to_string("/proc/partitions").unwrap();
    let names = partitions.lines().skip(2).filter_map(|line| line.split_whitespace().nth(3));
    let mut nodes = names.map(|name| format!("/dev/{name}"));
    nodes.find(|path| fs::metadata(path).is_ok()).expect("this machine has a block device")
}

/// Why a container with these keys does not start.
fn refused(keys: &str) -> String {
    let world = World::new();
    world.compose_yaml(&format!("services:\n  it:\n    image: busybox\n{keys}\n"));
    let done = world.compose(&["up", "-d"]);
    assert_ne!(done.code, 0, "{}", done.stderr);
    world.compose(&["down"]).ok();
    world.assert_clean();
    done.stderr
}

#[test]
fn memory_and_processor_limits_are_set() {
    let keys = "    mem_limit: 128m\n    mem_reservation: 64m\n    memswap_limit: 128m\n    \
                mem_swappiness: 10\n    oom_kill_disable: true\n    oom_score_adj: 321\n    \
                cpu_shares: 512\n    cpu_quota: 30000\n    cpu_period: 60000\n    cpuset: '0'";
    let (script, expected) = either(
        (
            "cd /sys/fs/cgroup; cat memory/memory.soft_limit_in_bytes memory/memory.swappiness; \
             grep -c 'oom_kill_disable 1' memory/memory.oom_control; cat /proc/self/oom_score_adj; \
             cat cpu/cpu.shares cpu/cpu.cfs_quota_us cpu/cpu.cfs_period_us; \
             grep Cpus_allowed_list /proc/self/status | cut -f2",
            "67108864\n10\n1\n321\n512\n30000\n60000\n0",
        ),
        (
            "cd /sys/fs/cgroup; cat memory.low memory.swap.max /proc/self/oom_score_adj \
             cpu.weight cpu.max; grep Cpus_allowed_list /proc/self/status | cut -f2",
            "67108864\n0\n321\n20\n30000 60000\n0",
        ),
    );
    assert_eq!(inside(keys, script), expected);
    let deploy = "    deploy: {resources: {limits: {memory: 64m, cpus: '0.25', pids: 33}, reservations: {memory: 32m}}}";
    let script = either(
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max memory/memory.soft_limit_in_bytes",
        "cd /sys/fs/cgroup; cat memory.max; cut -d' ' -f1 cpu.max; cat pids.max memory.low",
    );
    assert_eq!(inside(deploy, script), "67108864\n25000\n33\n33554432");
}

#[test]
fn processes_are_limited_unless_told_otherwise() {
    let script = either("cat /sys/fs/cgroup/pids/pids.max", "cat /sys/fs/cgroup/pids.max");
    assert_eq!(inside("", script), "4096");
    assert_eq!(inside("    pids_limit: -1", script), "max");
}

#[test]
fn block_devices_are_throttled() {
    let device = block_device();
    let keys = format!(
        "    blkio_config:\n      device_read_bps: [{{path: {device}, rate: 12mb}}]\n      \
         device_write_iops: [{{path: {device}, rate: 77}}]"
    );
    let (script, expected) = either(
        (
            "cd /sys/fs/cgroup/blkio; cat blkio.throttle.read_bps_device blkio.throttle.write_iops_device | cut -d' ' -f2",
            "12582912\n77",
        ),
        ("cut -d' ' -f2- /sys/fs/cgroup/io.max", "rbps=12582912 wbps=max riops=max wiops=77"),
    );
    assert_eq!(inside(&keys, script), expected);
    let missing = "    blkio_config: {device_read_bps: [{path: /dev/no-such, rate: 1mb}]}";
    assert!(refused(missing).contains("adding custom device \"/dev/no-such\""));
}

#[test]
fn devices_can_be_used_as_far_as_they_are_given() {
    let script = "cat /dev/mem 2>&1 | head -c 60; test -c /dev/other && echo there; \
                  dd if=/dev/other of=/dev/null bs=1 count=1 2>/dev/null && echo read; \
                  (echo > /dev/other) 2>/dev/null || echo not written";
    let keys = "    devices: ['/dev/zero:/dev/other:r']\n    device_cgroup_rules: ['c 1:1 r']";
    let output = inside(keys, script);
    assert!(
        output.ends_with("there\nread\nnot written") || output.contains("there\nread"),
        "{output}"
    );
    // The node is missing, but the rule lets it be used where it can be made.
    let script = "mknod /dev/full2 c 1 7 && dd if=/dev/full2 of=/dev/null bs=1 count=1 2>/dev/null && echo used; \
                  mknod /dev/tun2 c 10 200 2>&1 | grep -o 'not permitted'";
    assert_eq!(inside("    cap_add: [MKNOD]", script), "used\nnot permitted");
    let rule = "    cap_add: [MKNOD]\n    device_cgroup_rules: ['c 10:200 rwm']";
    assert_eq!(inside(rule, "mknod /dev/tun2 c 10 200 && exec 3<>/dev/tun2 && echo open"), "open");
}

#[test]
fn devices_are_described_by_cdi_files() {
    let world = World::new();
    world.shell("mount -t tmpfs none /run && mkdir /run/cdi && echo text > /run/cdi/data.txt").ok();
    world.shell("mkdir -p /tmp/none; test -d /etc/cdi || true").ok();
    let description = r#"{"cdiVersion": "0.6.0", "kind": "example.com/gpu", "devices": [{"name": "one",
        "containerEdits": {"env": ["DEVICE=one"], "deviceNodes": [{"path": "/dev/special", "hostPath": "/dev/zero"}],
        "mounts": [{"hostPath": "/run/cdi/data.txt", "containerPath": "/opt/data", "options": ["ro"]}],
        "additionalGIDs": [4321]}}]}"#;
    fs::write(world.path().join("gpu.json"), description).unwrap();
    world.shell("cp gpu.json /run/cdi/gpu.json").ok();
    let script = "echo $DEVICE; test -c /dev/special && echo node; cat /opt/data; id -G";
    for keys in ["devices: ['example.com/gpu=one']", "gpus: all"] {
        world.compose_yaml(&format!("services: {{it: {{image: busybox, {keys}}}}}"));
        let done = world.compose(&["run", "--rm", "it", "sh", "-c", script]).ok();
        let text = done.text().replace('\r', "");
        assert!(text.starts_with("one\nnode\ntext\n") && text.contains("4321"), "{text}");
    }
    world.compose_yaml("services: {it: {image: busybox, devices: ['example.com/gpu=two']}}");
    let refused = world.compose(&["run", "--rm", "it", "true"]);
    assert!(
        refused.stderr.contains("unresolvable CDI devices example.com/gpu=two"),
        "{}",
        refused.stderr
    );
    world.compose(&["down"]).ok();
    world.shell("umount /run").ok();
    world.assert_clean();
}

#[test]
fn privileged_has_all_devices_and_capabilities_and_nothing_hidden() {
    let block = block_device();
    let script = format!(
        "grep CapEff /proc/self/status | cut -f2; test -b {block} && echo block; \
         cat /sys/fs/cgroup/devices/devices.list 2> /dev/null; \
         mount -t tmpfs none /tmp && echo mounted; wc -c < /proc/keys | grep -vq '^0$' && echo shown; \
         grep Seccomp: /proc/self/status | cut -f2"
    );
    let host = fs::read_to_string("/proc/self/status").unwrap();
    let all = host.lines().find_map(|line| line.strip_prefix("CapBnd:\t")).unwrap();
    let listed = either("a *:* rwm\n", "");
    let expected = format!("{all}\nblock\n{listed}mounted\nshown\n0");
    assert_eq!(inside("    privileged: true", &script), expected);
}

#[test]
fn kernel_parameters_of_its_own_namespaces_can_be_set_and_others_not() {
    let keys =
        "    sysctls: {net.core.somaxconn: '321', kernel.msgmax: '4096', net/ipv4/ip_forward: '0'}";
    let script = "cd /proc/sys; cat net/core/somaxconn kernel/msgmax net/ipv4/ip_forward";
    assert_eq!(inside(keys, script), "321\n4096\n0");
    let error = refused("    sysctls: {kernel.panic: '1'}");
    assert!(error.contains("kernel.panic"), "{error}");
}

#[test]
fn security_options_loosen_and_tighten() {
    let status = "grep -E '^(NoNewPrivs|Seccomp):' /proc/self/status | cut -f2 | tr '\\n' ' '";
    assert_eq!(inside("", status).trim(), "0 2");
    assert_eq!(inside("    security_opt: ['no-new-privileges:true']", status).trim(), "1 2");
    assert_eq!(
        inside(
            "    security_opt: [seccomp=unconfined, 'label:disable', apparmor=unconfined]",
            status
        )
        .trim(),
        "0 0"
    );
    let script = "test $(wc -c < /proc/timer_list) -gt 0 && echo shown; touch /proc/sys/kernel/hostname && echo writable";
    assert_eq!(inside("    security_opt: [systempaths=unconfined]", script), "shown\nwritable");
    assert!(refused("    security_opt: [colour=red]").contains("colour=red"));
}

#[test]
fn a_seccomp_profile_of_a_file_decides() {
    let world = World::new();
    let profile = r#"{"defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]}"#;
    fs::write(world.project().join("profile.json"), profile).unwrap();
    world
        .compose_yaml("services: {it: {image: busybox, security_opt: ['seccomp=./profile.json']}}");
    let done = world.compose(&["run", "--rm", "it", "mkdir", "/x"]);
    assert!(format!("{}{}", done.stdout, done.stderr).contains("Operation not supported"));
    world.compose_yaml("services: {it: {image: busybox, security_opt: ['seccomp=./none.json']}}");
    let done = world.compose(&["run", "--rm", "it", "true"]);
    assert!(done.stderr.contains("opening seccomp profile"), "{}", done.stderr);
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn a_limit_that_this_kernel_does_not_have_is_said() {
    let has = fs::metadata("/sys/fs/cgroup/cpu/cpu.rt_runtime_us").is_ok();
    let world = World::new();
    world.compose_yaml(
        "services: {it: {image: busybox, command: sleep infinity, init: true, cpu_rt_runtime: 950}}",
    );
    let up = world.compose(&["up", "-d"]);
    let says = "warning: container project-it-1: this kernel has no cpu.rt_runtime_us";
    assert!(has || up.code == 0 && up.stderr.contains(says), "{}", up.stderr);
    world.compose(&["down", "-t", "1"]).ok();
    world.assert_clean();
}

#[test]
fn who_cannot_gain_privileges_anyway_may_not_unless_it_is_said() {
    let status = "grep NoNewPrivs /proc/self/status | cut -f2";
    assert_eq!(inside("    user: '1000'", status), "1");
    assert_eq!(
        inside("    user: '1000'\n    security_opt: ['no-new-privileges:false']", status),
        "0"
    );
    assert_eq!(inside("    user: root", status), "0");
}
