//! What a program finds in its container.

use crate::Test;
use crate::container::Container;

pub const TESTS: &[Test] = &[
    ("inside::it_is_process_1_of_its_own_world", it_is_process_1_of_its_own_world),
    ("inside::it_has_eleven_capabilities_and_inherits_none", eleven_capabilities),
    ("inside::another_user_has_no_capabilities", another_user),
    ("inside::users_come_from_the_image", users_come_from_the_image),
    ("inside::cve_2023_25809_kernel_paths_are_hidden_or_read_only", kernel_paths),
    ("inside::ghsa_g54h_m393_cpwq_dev_has_the_usual_nodes_and_no_more", dev),
    ("inside::the_filter_is_on", the_filter_is_on),
    ("inside::no_descriptor_leaks_in", no_descriptor_leaks_in),
    ("inside::sysctls_of_its_own_network_are_set", sysctls),
    ("inside::privileged_containers_see_all", privileged),
];

fn it_is_process_1_of_its_own_world() {
    let out =
        Container::sh("echo $$; hostname; echo $HOSTNAME; echo $HOME; pwd; ls / | sort").out();
    assert_eq!(
        out,
        "1\n0123456789ab\n0123456789ab\n/root\n/\nbin\ndev\netc\nhome\nproc\nsys\ntmp\nvar\n"
    );
    let links = "for ns in mnt pid uts ipc net cgroup; do readlink /proc/self/ns/$ns; done";
    let inside = Container::sh(links).out();
    for (inside, name) in inside.lines().zip(["mnt", "pid", "uts", "ipc", "net", "cgroup"]) {
        let outside = std::fs::read_link(format!("/proc/self/ns/{name}")).expect("a namespace");
        assert_ne!(inside, outside.to_string_lossy(), "{name}");
    }
}

const CAPS: &str = "grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status";

fn eleven_capabilities() {
    assert_eq!(
        Container::sh(CAPS).out(),
        "CapInh:\t0000000000000000\nCapPrm:\t00000000800405fb\nCapEff:\t00000000800405fb\n\
         CapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n"
    );
    let mut locked = Container::sh(CAPS);
    locked.spec.security.options = vec!["no-new-privileges:true".to_owned()];
    assert!(locked.out().contains("NoNewPrivs:\t1\nSeccomp:\t2\n"));
}

fn another_user() {
    let mut web = Container::sh(CAPS);
    web.spec.process.user = "web".to_owned();
    assert_eq!(
        web.out(),
        "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n\
         CapBnd:\t00000000800405fb\nCapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n"
    );
}

fn users_come_from_the_image() {
    let shown = |user: &str| {
        let mut container = Container::sh("id; echo $HOME; touch /tmp/x; echo ok > /dev/stdout");
        container.spec.process.user = user.to_owned();
        container.out()
    };
    assert_eq!(shown("web"), "uid=33(web) gid=33(web) groups=4(log),33(web)\n/home/web\nok\n");
    assert_eq!(shown("33:0"), "uid=33(web) gid=0(root) groups=0(root)\n/home/web\nok\n");
    assert_eq!(shown("4242"), "uid=4242 gid=0(root) groups=0(root)\n/\nok\n");

    let mut nobody = Container::sh("id");
    nobody.spec.process.user = "nobody".to_owned();
    assert_eq!(
        nobody.fails().to_string(),
        "unable to find user nobody: no matching entries in passwd file"
    );
}

fn kernel_paths() {
    let out = Container::sh(
        "cat /proc/kcore /proc/keys /proc/timer_list /proc/interrupts 2>/dev/null | wc -c
         ls /sys/firmware 2>/dev/null | wc -l
         echo x 2>/dev/null >/proc/sys/kernel/core_pattern || echo ro
         echo x 2>/dev/null >/sys/kernel/profiling || echo ro
         echo h 2>/dev/null >/proc/interrupts && echo nowhere
         mkdir /sys/fs/cgroup/memory/x /sys/fs/cgroup/x 2>/dev/null || echo ro
         mount | grep ' /proc/i' | cut -d' ' -f3,5 | sort",
    )
    .out();
    let mounts = "/proc/interrupts tmpfs\n/proc/iomem proc\n/proc/ioports proc\n/proc/irq proc\n";
    assert_eq!(out, format!("0\n0\nro\nro\nnowhere\nro\n{mounts}"));
}

fn dev() {
    let out = Container::sh(
        "ls /dev | sort; stat -c '%a %t:%T' /dev/null /dev/tty; readlink /dev/ptmx; readlink /dev/stdin
         mount | grep ' /dev' | while read a b c d e f; do echo $c $e $f; done",
    )
    .out();
    let (names, rest) = out.split_once("666 ").expect("nodes");
    assert_eq!(
        names.replace('\n', " "),
        "fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero "
    );
    assert!(rest.starts_with("1:3\n666 5:0\npts/ptmx\n/proc/self/fd/0\n"), "{rest}");
    assert!(rest.contains("/dev/shm tmpfs (rw,nosuid,nodev,noexec,relatime,size=65536k"), "{rest}");

    let mut denied = Container::sh("mknod /tmp/sda b 8 0; mknod /tmp/null c 1 3");
    denied.spec.security.cap_add = vec!["MKNOD".to_owned()];
    let said = denied.run();
    assert!(said.err.contains("/tmp/sda: Operation not permitted"), "{}", said.err);
    assert!(!said.err.contains("/tmp/null"), "{}", said.err);
}

fn the_filter_is_on() {
    let mut mounting = Container::sh("mount -t tmpfs x /tmp 2>&1; dmesg 2>&1 | head -1");
    mounting.spec.security.options = vec!["seccomp=docker".to_owned()];
    let out = mounting.out();
    assert!(out.contains("permission denied") || out.contains("Operation not permitted"), "{out}");
}

fn no_descriptor_leaks_in() {
    let _held = std::fs::File::open("/etc").expect("a directory");
    // The last one is the directory itself.
    assert_eq!(Container::new(&["ls", "/proc/self/fd"]).out(), "0\n1\n2\n3\n");
}

fn sysctls() {
    let mut container = Container::sh(
        "cat /proc/sys/net/ipv4/ip_unprivileged_port_start /proc/sys/net/core/somaxconn \
         /proc/sys/kernel/shm_rmid_forced",
    );
    let sysctls = &mut container.spec.sysctls;
    sysctls.insert("net.core.somaxconn".to_owned(), "77".to_owned());
    sysctls.insert("kernel.shm_rmid_forced".to_owned(), "1".to_owned());
    assert_eq!(container.out(), "0\n77\n1\n");

    let mut host = Container::sh("true");
    host.spec.sysctls.insert("kernel.core_pattern".to_owned(), "x".to_owned());
    let error = host.fails().to_string();
    assert!(error.contains("not in a separate kernel namespace"), "{error}");
}

fn privileged() {
    let mut container =
        Container::sh("mount -t tmpfs x /tmp && grep -E '^(CapEff|Seccomp:)' /proc/self/status");
    container.spec.security.privileged = true;
    let own = std::fs::read_to_string("/proc/self/status").expect("status");
    let own = own.lines().find(|line| line.starts_with("CapPrm")).expect("capabilities");
    assert_eq!(container.out(), format!("{}\nSeccomp:\t0\n", own.replace("Prm", "Eff")));
}
