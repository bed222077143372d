//! Attacks that worked on other runtimes, each under the name that it has there.
//!
//! `fixtures/attacks.txt` has every attack that is known; a test of `tests/tidy.rs` sees that each is
//! tried somewhere, or has a reason why it cannot happen here.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use compose::base::Bytes;
use compose::resource::mount::{Mount, MountSource};

use crate::Test;
use crate::container::Container;

pub const TESTS: &[Test] = &[
    ("attacks::cve_2025_31133_an_image_s_dev_null_is_not_used", dev_null),
    ("attacks::cve_2025_52565_an_image_s_console_is_not_used", console),
    ("attacks::cve_2026_41579_links_below_dev_lead_nowhere", below_dev),
    ("attacks::cve_2025_52881_sysctls_are_written_to_the_real_proc", sysctls),
    ("attacks::cve_2022_0811_a_sysctl_s_value_is_one_value", sysctl_value),
    ("attacks::cve_2019_16884_no_volume_covers_proc", volume_over_proc),
    ("attacks::cve_2016_3697_numbers_are_never_names", numeric_users),
    ("attacks::cve_2022_36109_the_primary_group_counts", negative_groups),
    ("attacks::cve_2026_47262_hostile_lists_of_users_end_soon", hostile_passwd),
    ("attacks::cve_2022_4318_no_line_is_added_to_passwd", newline_in_home),
    ("attacks::cve_2026_55686_a_working_directory_is_made_inside", working_directory),
    ("attacks::cve_2024_5154_generated_files_stay_inside", generated_files),
    ("attacks::cve_2024_9341_secrets_stay_inside", secrets_through_links),
    ("attacks::cve_2025_9566_volumes_are_filled_without_following_links", copy_up),
    ("attacks::cve_2017_16539_every_hidden_path_says_nothing", hidden_paths),
    ("attacks::cve_2018_20699_huge_lists_of_processors_are_refused", huge_cpuset),
    ("attacks::cve_2024_3056_shared_memory_is_limited", shared_memory),
    ("attacks::cve_2022_29162_nothing_is_inheritable", inheritable),
];

/// A directory outside of every container that nothing may touch.
struct Canary {
    path: PathBuf,
}

impl Canary {
    fn of(container: &Container) -> Canary {
        let path = container.directory.path().join("canary");
        fs::create_dir(&path).expect("a directory");
        fs::write(path.join("file"), "untouched").expect("a file");
        Canary { path }
    }

    #[track_caller]
    fn is_untouched(&self) {
        let names: Vec<_> = fs::read_dir(&self.path)
            .expect("the directory is still there")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(names, ["file"]);
        assert_eq!(fs::read_to_string(self.path.join("file")).expect("the file"), "untouched");
    }
}

fn host(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// CVE-2025-31133, CVE-2025-62161.
fn dev_null() {
    let container = Container::sh(
        "stat -c %t:%T /dev/null; cat /proc/kcore 2>/dev/null | head -c 1 | wc -c
         echo x 2>/dev/null > /proc/sys/kernel/core_pattern || echo ro",
    );
    let before = host("/proc/sys/kernel/core_pattern");
    fs::create_dir(container.image("dev")).expect("a directory");
    symlink("/proc/sys/kernel/core_pattern", container.image("dev/null")).expect("a link");
    assert_eq!(container.out(), "1:3\n0\nro\n");
    assert_eq!(host("/proc/sys/kernel/core_pattern"), before);
}

/// CVE-2025-52565: without a terminal there is no console at all.
fn console() {
    let container = Container::sh("ls /dev/console 2>/dev/null || echo none");
    fs::create_dir(container.image("dev")).expect("a directory");
    symlink("/proc/sysrq-trigger", container.image("dev/console")).expect("a link");
    assert_eq!(container.out(), "none\n");
}

/// CVE-2026-41579, CVE-2026-47766.
fn below_dev() {
    let container = Container::sh("stat -c %F /dev/pts /dev/shm; readlink /dev/ptmx");
    let canary = Canary::of(&container);
    fs::create_dir(container.image("dev")).expect("a directory");
    for name in ["pts", "shm", "ptmx", "mqueue"] {
        symlink(&canary.path, container.image("dev").join(name)).expect("a link");
    }
    assert_eq!(container.out(), "directory\ndirectory\npts/ptmx\n");
    canary.is_untouched();
}

/// CVE-2025-52881, CVE-2025-62596: what an image or a mount has below /proc is not written to.
fn sysctls() {
    let mut container = Container::sh("cat /proc/sys/net/core/somaxconn");
    let canary = Canary::of(&container);
    fs::create_dir_all(container.image("proc/sys/net")).expect("a directory");
    symlink(&canary.path, container.image("proc/sys/net/core")).expect("a link");
    symlink("/proc/sysrq-trigger", container.image("proc/sys/net/x")).expect("a link");
    let before = host("/proc/sys/net/core/somaxconn");
    container.spec.sysctls.insert("net.core.somaxconn".to_owned(), "99".to_owned());
    assert_eq!(container.out(), "99\n");
    assert_eq!(host("/proc/sys/net/core/somaxconn"), before);
    canary.is_untouched();
}

/// CVE-2022-0811, CVE-2022-0532, GHSA-w2j5, sysctl-dot-dot.
fn sysctl_value() {
    let before = host("/proc/sys/kernel/core_pattern");
    for value in ["1+kernel.core_pattern=|/tmp/x", "1\nkernel.core_pattern=x", "1=2"] {
        let mut container = Container::sh("cat /proc/sys/kernel/shm_rmid_forced");
        container.spec.sysctls.insert("kernel.shm_rmid_forced".to_owned(), value.to_owned());
        if let Ok(running) = container.start() {
            // The kernel reads the number, and nothing after it.
            assert_eq!(running.wait().out, "1\n", "{value}");
        }
        assert_eq!(host("/proc/sys/kernel/core_pattern"), before, "{value}");
    }
    for name in [
        "kernel.core_pattern",
        "kernel/core_pattern",
        "net.core/../../kernel.x",
        "vm.swappiness",
        // Each has the beginning of one that may be set.
        "net/../kernel/core_pattern",
        "fs/mqueue/../../kernel/core_pattern",
    ] {
        let mut container = Container::sh("true");
        container.spec.sysctls.insert(name.to_owned(), before.clone());
        container.fails();
    }
    assert_eq!(host("/proc/sys/kernel/core_pattern"), before);
}

/// CVE-2019-16884, CVE-2019-19921, CVE-2023-27561, CVE-2023-28642, CVE-2015-3631.
fn volume_over_proc() {
    for target in ["/proc", "/proc/self", "/link", "/proc/sys/kernel"] {
        let mut container = Container::sh("cat /proc/self/status | head -1");
        fs::create_dir(container.directory.path().join("vol")).expect("a directory");
        symlink("/proc", container.image("link")).expect("a link");
        container.spec.mounts = vec![volume(target)];
        match container.start() {
            Err(error) => assert!(error.to_string().contains("/proc"), "{target}: {error}"),
            // A link in the image is resolved inside; the real /proc stays on top.
            Ok(running) => assert_eq!(running.wait().out, "Name:\tcat\n", "{target}"),
        }
    }
}

fn volume(target: &str) -> Mount {
    Mount {
        target: target.to_owned(),
        read_only: false,
        source: MountSource::Volume {
            name: "vol".to_owned(),
            anonymous: false,
            no_copy: false,
            subpath: None,
            labels: Default::default(),
        },
    }
}

/// CVE-2016-3697, CVE-2024-40635, CVE-2026-46680.
fn numeric_users() {
    let shown = |user: &str| {
        let mut container = Container::sh("id -u");
        fs::write(container.image("etc/passwd"), "1000:x:0:0::/:/bin/sh\n-1:x:0:0::/:/bin/sh\n")
            .expect("a file");
        container.spec.process.user = user.to_owned();
        container
    };
    assert_eq!(shown("1000").out(), "1000\n");
    for user in ["4294967296", "4294967295", "-1", "99999999999999999999", "0x0", "1e3"] {
        shown(user).fails();
    }
    let large = shown("2147483648");
    if let Ok(running) = large.start() {
        assert_eq!(running.wait().out, "2147483648\n");
    }
}

/// CVE-2022-36109, CVE-2023-25173, CVE-2022-2989, CVE-2022-2990, CVE-2022-2995: a group that may
/// less than others is denied even where it is only the primary one.
fn negative_groups() {
    let mut container = Container::sh("cat /var/data/sub/file 2>/dev/null || echo denied");
    let file = container.image("var/data/sub/file");
    std::os::unix::fs::chown(&file, Some(0), Some(33)).expect("an owner");
    fs::set_permissions(&file, PermissionsExt::from_mode(0o604)).expect("a mode");
    container.spec.process.user = "web".to_owned();
    assert_eq!(container.out(), "denied\n");
    container.spec.process.user = "4242:33".to_owned();
    assert_eq!(container.out(), "denied\n");
    container.spec.process.user = "4242".to_owned();
    assert_eq!(container.out(), "from the image\n");
}

/// CVE-2026-47262, CVE-2025-4437, CVE-2024-9676.
fn hostile_passwd() {
    type Make = fn(&std::path::Path);
    let hostile: [(&str, Make); 4] = [
        ("sparse", |path| {
            fs::File::create(path).and_then(|file| file.set_len(5 << 30)).expect("a file");
        }),
        ("fifo", |path| {
            let mode = rustix::fs::Mode::RUSR;
            rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0)
                .expect("a pipe");
        }),
        ("zero", |path| symlink("/dev/zero", path).expect("a link")),
        ("host", |path| symlink("/../../../../etc/shadow", path).expect("a link")),
    ];
    for (name, make) in hostile {
        for file in ["passwd", "group"] {
            let mut container = Container::sh("id -u");
            let path = container.image("etc").join(file);
            fs::remove_file(&path).expect("a file");
            make(&path);
            container.spec.process.user = "web".to_owned();
            let start = Instant::now();
            if let Ok(running) = container.start() {
                assert_eq!(running.wait().out, "33\n", "{name} {file}");
            }
            assert!(start.elapsed() < Duration::from_secs(20), "{name} {file}");
        }
    }
}

/// CVE-2022-4318, CVE-2026-15809: nothing of a container's settings gets into its list of users.
fn newline_in_home() {
    let mut container = Container::sh("cat /etc/passwd | wc -l; cat /etc/group | wc -l");
    container.spec.process.env = vec!["HOME=x\nroot2::0:0:::".to_owned()];
    container.spec.process.user = "4242".to_owned();
    assert_eq!(container.out(), "2\n3\n");
}

/// CVE-2026-55686.
fn working_directory() {
    let mut container = Container::sh("pwd");
    let canary = Canary::of(&container);
    symlink(&canary.path, container.image("w")).expect("a link");
    container.spec.process.cwd = "/w/sub".to_owned();
    if let Ok(running) = container.start() {
        running.wait();
    }
    canary.is_untouched();
}

/// CVE-2024-5154, CVE-2019-18837, CVE-2025-24965, CVE-2015-3627, CVE-2015-3629: files that we make
/// for the container are made in it.
fn generated_files() {
    let mut container = Container::sh("cat /etc/hosts");
    let canary = Canary::of(&container);
    fs::rename(container.image("etc"), container.image("etc2")).expect("a directory");
    symlink(&canary.path, container.image("etc")).expect("a link");
    let generated = container.directory.path().join("hosts");
    fs::write(&generated, "127.0.0.1 localhost\n").expect("a file");
    container.files = vec![("/etc/hosts".to_owned(), generated)];
    if let Ok(running) = container.start() {
        running.wait();
    }
    canary.is_untouched();
}

/// CVE-2024-9341, CVE-2023-0778: through a link in the image, and through one in a volume.
fn secrets_through_links() {
    let secret = |target: &str| Mount {
        target: target.to_owned(),
        read_only: true,
        source: MountSource::Content { data: b"secret\n".to_vec(), uid: 0, gid: 0, mode: 0o444 },
    };
    let mut container = Container::sh("true");
    let canary = Canary::of(&container);
    let vol = container.directory.path().join("vol");
    fs::create_dir(&vol).expect("a directory");
    symlink(&canary.path, vol.join("out")).expect("a link");
    fs::create_dir(container.image("run")).expect("a directory");
    symlink(&canary.path, container.image("run/secrets")).expect("a link");
    for target in ["/run/secrets/key", "/data/out/key", "/data/out/../../key"] {
        container.spec.mounts = vec![volume("/data"), secret(target)];
        if let Ok(running) = container.start() {
            running.wait();
        }
        canary.is_untouched();
    }
}

/// CVE-2025-9566, CVE-2022-4122, CVE-2022-4123, CVE-2022-23648, CVE-2020-1726.
fn copy_up() {
    let mut container =
        Container::sh("ls /var/data; cat /var/data/link/file 2>/dev/null || echo none");
    let canary = Canary::of(&container);
    fs::create_dir(container.directory.path().join("vol")).expect("a directory");
    symlink(&canary.path, container.image("var/data/link")).expect("a link");
    container.spec.mounts = vec![volume("/var/data")];
    assert_eq!(container.out(), "link\nsub\nnone\n");
    fs::write(container.image("var/data/new"), "changed image").expect("a file");
    assert_eq!(container.out(), "link\nsub\nnone\n", "a volume is filled once");
    canary.is_untouched();
}

/// CVE-2017-16539, CVE-2018-10892, GHSA-jq35-85cj-fj4p, GHSA-7ww5, GHSA-6fw5.
fn hidden_paths() {
    let script = "for path in /proc/acpi /proc/scsi /proc/kcore /proc/keys /proc/latency_stats \
        /proc/timer_list /proc/timer_stats /proc/sched_debug /proc/asound /proc/interrupts \
        /sys/firmware /sys/devices/virtual/powercap; do
            if [ -d $path ]; then find $path -type f; else cat $path 2>/dev/null | head -c 100; fi
        done
        cat /sys/devices/system/cpu/cpu*/thermal_throttle/* 2>/dev/null";
    assert_eq!(Container::sh(script).run().out, "");
}

/// CVE-2018-20699.
fn huge_cpuset() {
    for list in ["0-99999999999", "0-4294967295", "18446744073709551616", "0-1,99999999", "a"] {
        let mut container = Container::sh("true");
        container.spec.limits.cpuset = Some(list.to_owned());
        let start = Instant::now();
        assert!(container.start().is_err(), "{list} is accepted");
        assert!(start.elapsed() < Duration::from_secs(20), "{list}: {:?}", start.elapsed());
    }
}

/// CVE-2024-3056.
fn shared_memory() {
    let mut container = Container::sh(
        "dd if=/dev/zero of=/dev/shm/x bs=1M count=9 2>/dev/null; stat -c %s /dev/shm/x",
    );
    container.spec.limits.shm_size = Some(Bytes(8 << 20));
    assert_eq!(container.out(), format!("{}\n", 8 << 20));
}

/// CVE-2025-27612, CVE-2022-29162, CVE-2022-24769, CVE-2022-27649, CVE-2022-27650, CVE-2022-27651,
/// CVE-2022-27652, GHSA-c9cp, CVE-2016-8867, CVE-2018-10856.
fn inheritable() {
    let script = "grep -E '^Cap(Inh|Amb|Eff)' /proc/self/status | cut -f2";
    let none = "0000000000000000";
    for user in ["", "web", "1000:0"] {
        let mut container = Container::sh(script);
        container.spec.process.user = user.to_owned();
        let out = container.out();
        let found: Vec<&str> = out.lines().collect();
        assert_eq!((found[0], found[2]), (none, none), "{user}");
        assert_eq!(found[1] == none, !user.is_empty(), "{user}: {}", found[1]);
    }
}
