//! Limits as they are felt inside, and what reaches all processes of a container.

use compose::base::Bytes;
use compose::resource::limits::{Device, Ulimit};

use crate::Test;
use crate::cgroup::either;
use crate::container::Container;

pub const TESTS: &[Test] = &[
    ("limits::cve_2025_47291_the_cgroup_limits_and_is_seen_from_its_root", cgroup),
    ("limits::too_much_memory_kills", memory),
    ("limits::too_many_processes_fail", pids),
    ("limits::ulimits_apply_as_far_as_permitted", ulimits),
    ("limits::devices_are_given_with_their_permissions", devices),
    ("limits::freezing_and_killing_reach_everyone", freeze),
    ("limits::a_used_cgroup_is_not_taken", busy),
];

fn cgroup() {
    let mut container = Container::sh(either(
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max \
         cpu/cpu.shares; grep -E 'memory|pids' /proc/self/cgroup | grep -cv ':/$'; ls",
        "cd /sys/fs/cgroup; cat memory.max; cut -d' ' -f1 cpu.max; cat pids.max cpu.weight; \
         grep -cv ':/$' /proc/self/cgroup; ls",
    ));
    container.spec.limits.memory = Some(Bytes(64 << 20));
    container.spec.limits.cpus = Some(0.5);
    container.spec.limits.cpu_shares = Some(512);
    let said = container.run();
    let first = either("0\nblkio", "0\ncgroup");
    let (limits, names) = said.out.split_once(first).expect("hierarchies");
    assert_eq!(limits, format!("67108864\n50000\n4096\n{}\n", either(512, 20)));
    let wanted = either(["memory", "unified"], ["memory.max", "pids.max"]);
    assert!(wanted.iter().all(|name| names.contains(name)), "{names}");
}

fn memory() {
    let mut container = Container::sh("dd if=/dev/zero of=/dev/shm/x bs=1M count=40; sleep 5");
    container.spec.limits.memory = Some(Bytes(16 << 20));
    container.spec.limits.memory_swap = Some(16 << 20);
    let mut running = container.start().expect("it starts");
    assert_eq!(running.line(), "");
    assert!(running.cgroup().oom_kills() > 0);
    running.kill();
}

fn pids() {
    let mut container = Container::sh("for i in 1 2 3 4 5 6 7 8 9; do sleep 9 & done; echo all");
    container.spec.limits.pids = Some(5);
    let running = container.start().expect("it starts");
    let stats = running.cgroup().stats();
    assert_eq!(stats.pids_limit, Some(5));
    let said = running.kill();
    assert!(!said.out.contains("all") || said.err.contains("fork"), "{said:?}");
}

fn ulimits() {
    let mut container = Container::sh("ulimit -n; ulimit -Hn; ulimit -c");
    let limits = &mut container.spec.limits.ulimits;
    limits.insert("nofile".to_owned(), Ulimit { soft: 512, hard: 1024 });
    limits.insert("core".to_owned(), Ulimit { soft: 0, hard: 0 });
    assert_eq!(container.out(), "512\n1024\n0\n");

    let mut high = Container::sh("true");
    high.spec.limits.ulimits.insert("nofile".to_owned(), Ulimit { soft: 1024, hard: 1 << 20 });
    let said = high.run();
    let permitted = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    if permitted.is_some_and(|permitted| permitted < 1 << 20) {
        assert!(said.warnings[0].contains("RLIMIT_NOFILE"), "{:?}", said.warnings);
    }
}

fn devices() {
    let mut container = Container::sh(
        "stat -c '%a %g %t:%T' /dev/fuse; (: < /dev/fuse) && echo readable
         (: > /dev/fuse) 2>/dev/null || echo not writable",
    );
    container.spec.security.devices = vec![Device {
        source: "/dev/fuse".to_owned(),
        target: "/dev/fuse".to_owned(),
        permissions: "rm".to_owned(),
    }];
    assert_eq!(container.out(), "640 7 a:e5\nreadable\nnot writable\n");
}

fn freeze() {
    let running = Container::sh("sleep 100 & sleep 100 & wait").start().expect("it starts");
    running.cgroup().freeze().expect("it freezes");
    running.cgroup().thaw().expect("it thaws");
    running.cgroup().freeze().expect("it freezes again");
    let said = running.kill();
    assert_eq!(said.code, 137);
}

fn busy() {
    let running = Container::sh("sleep 100").start().expect("it starts");
    let path = running.bundle.cgroup().expect("it has a group");
    let error = compose::runtime::Cgroup::create(&path, &running.bundle.resources())
        .expect_err("it is in use");
    assert_eq!(error.kind(), compose::base::Kind::Conflict);
    let resources = running.bundle.resources();
    running.kill();

    let path = path.with_extension("frozen");
    let create = || compose::runtime::Cgroup::create(&path, &resources);
    let cgroup = create().expect("an empty one");
    cgroup.freeze().expect("it can be frozen");
    let error = create().expect_err("what is frozen runs nothing").to_string();
    assert!(error.contains("is frozen"), "{error}");
    cgroup.thaw().and_then(|()| cgroup.remove()).expect("it goes away");
}
