//! Mounts, volumes, files with content, and what may not be mounted.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use compose::resource::mount::{Mount, MountSource, Submounts};

use crate::Test;
use crate::container::Container;

pub const TESTS: &[Test] = &[
    ("mounts::binds_are_there_and_read_only_with_all_below", binds),
    ("mounts::a_volume_is_filled_from_the_image_once", volume),
    ("mounts::tmpfs_has_its_options", tmpfs),
    ("mounts::secrets_have_owner_and_mode", secrets),
    ("mounts::the_root_can_be_read_only", read_only_root),
    ("mounts::a_file_over_a_directory_is_told_in_dockers_words", mismatch),
    ("mounts::a_missing_source_is_told_in_dockers_words", missing_source),
    ("mounts::links_in_the_image_stay_inside", links),
    ("mounts::cve_2025_54867_proc_sys_and_dev_are_no_links", kernel_links),
    ("mounts::cve_2019_19921_nothing_is_mounted_inside_proc", over_proc),
    ("mounts::shm_has_the_asked_size", shm),
];

fn bind(source: &std::path::Path, target: &str, read_only: bool) -> Mount {
    Mount {
        target: target.to_owned(),
        read_only,
        source: MountSource::Bind {
            path: source.to_owned(),
            create: false,
            propagation: None,
            submounts: Submounts::default(),
            selinux: None,
        },
    }
}

fn binds() {
    let mut container = Container::sh(
        "cat /a/file; echo x > /a/new; cat /b/deep/below/file
         touch /b/deep/below/file 2>/dev/null || echo ro; touch /b/x 2>/dev/null || echo ro
         mount | grep -c ' /a .*nodev'; cat /f",
    );
    let source = container.directory.path().join("source");
    fs::create_dir_all(source.join("deep/below")).expect("a directory");
    fs::write(source.join("file"), "hello\n").expect("a file");
    let below = source.join("deep/below");
    rustix::mount::mount("tmpfs", &below, "tmpfs", rustix::mount::MountFlags::empty(), None)
        .expect("a tmpfs");
    fs::write(below.join("file"), "below\n").expect("a file");
    container.spec.mounts = vec![
        bind(&source, "/a", false),
        bind(&source, "/b", true),
        bind(&source.join("file"), "/f", false),
    ];
    let out = container.out();
    rustix::mount::unmount(&below, rustix::mount::UnmountFlags::empty()).expect("a tmpfs");
    assert_eq!(out, "hello\nbelow\nro\nro\n1\nhello\n");
    assert!(source.join("new").exists());
}

fn volume() {
    let mut container = Container::sh("cat /var/data/sub/file; echo changed > /var/data/sub/file");
    fs::create_dir(container.directory.path().join("vol")).expect("a directory");
    container.spec.mounts = vec![Mount {
        target: "/var/data".to_owned(),
        read_only: false,
        source: MountSource::Volume {
            name: "vol".to_owned(),
            anonymous: false,
            no_copy: false,
            subpath: None,
            labels: Default::default(),
        },
    }];
    assert_eq!(container.out(), "from the image\n");
    assert_eq!(container.out(), "changed\n");
    assert!(!container.directory.path().join("upper/var/data/sub/file").exists());
}

fn tmpfs() {
    let mut container = Container::sh("mount | grep ' /t '; stat -c %a /t");
    container.spec.mounts = vec![Mount {
        target: "/t".to_owned(),
        read_only: false,
        source: MountSource::Tmpfs {
            size: Some(compose::base::Bytes(1 << 20)),
            mode: Some(0o1770),
            options: vec!["exec".to_owned()],
        },
    }];
    let out = container.out();
    assert!(out.contains("(rw,nosuid,nodev,relatime,size=1024k,mode=1770"), "{out}");
    assert!(out.ends_with("\n1770\n"), "{out}");
}

fn secrets() {
    let mut container = Container::sh(
        "stat -c '%a %u:%g' /run/secrets/key; cat /run/secrets/key /etc/conf
         echo x 2>/dev/null > /run/secrets/key || echo ro; ls /run/secrets",
    );
    container.spec.read_only = true;
    let content = |target: &str, data: &str| Mount {
        target: target.to_owned(),
        read_only: true,
        source: MountSource::Content { data: data.into(), uid: 33, gid: 4, mode: 0o440 },
    };
    container.spec.mounts =
        vec![content("/run/secrets/key", "secret\n"), content("/etc/conf", "plain\n")];
    assert_eq!(container.out(), "440 33:4\nsecret\nplain\nro\nkey\n");
}

fn read_only_root() {
    let mut container = Container::sh("touch /x 2>&1; touch /dev/shm/x /dev/x && echo writable");
    container.spec.read_only = true;
    assert_eq!(container.out(), "touch: /x: Read-only file system\nwritable\n");
}

fn mismatch() {
    let mut container = Container::sh("true");
    container.spec.mounts =
        vec![bind(&container.directory.path().join("upper"), "/etc/passwd", false)];
    let error = container.fails().to_string();
    let hint = "Are you trying to mount a directory onto a file (or vice-versa)? \
        Check if the specified host path exists and is the expected type";
    assert!(error.contains(hint), "{error}");
}

fn missing_source() {
    let mut container = Container::sh("true");
    container.spec.mounts = vec![bind(std::path::Path::new("/not/there"), "/x", false)];
    let error = container.fails().to_string();
    assert!(error.contains("bind source path does not exist: /not/there"), "{error}");
}

fn links() {
    let mut container = Container::sh("cat /etc/resolv.conf; ls /run/secrets");
    let outside = container.directory.path().join("outside");
    fs::create_dir(&outside).expect("a directory");
    symlink(outside.join("resolv.conf"), container.image("etc/resolv.conf")).expect("a link");
    fs::create_dir(container.image("run")).expect("a directory");
    symlink(&outside, container.image("run/secrets")).expect("a link");
    let generated = container.directory.path().join("resolv");
    fs::write(&generated, "nameserver 127.0.0.11\n").expect("a file");
    container.files = vec![("/etc/resolv.conf".to_owned(), generated)];
    container.spec.mounts = vec![Mount {
        target: "/run/secrets/key".to_owned(),
        read_only: true,
        source: MountSource::Content { data: b"x".to_vec(), uid: 0, gid: 0, mode: 0o400 },
    }];
    assert_eq!(container.out(), "nameserver 127.0.0.11\nkey\nresolv.conf\n");
    assert_eq!(fs::read_dir(&outside).expect("a directory").count(), 0);
}

fn kernel_links() {
    for name in ["proc", "sys", "dev"] {
        let container = Container::sh("true");
        let outside = container.directory.path().join("outside");
        fs::create_dir(&outside).expect("a directory");
        symlink("/tmp", container.image(name)).expect("a link");
        let error = container.fails().to_string();
        assert!(error.contains(&format!("cannot make mount point /{name}")), "{error}");
    }
}

fn over_proc() {
    let directory = tempfile::tempdir().expect("a directory");
    for target in ["/proc", "/proc/sys", "/proc/self/attr"] {
        let mut container = Container::sh("true");
        container.spec.mounts = vec![bind(directory.path(), target, false)];
        let error = container.fails().to_string();
        assert!(error.contains("nothing can be mounted inside /proc"), "{target}: {error}");
    }
    fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o700)).expect("a mode");
}

fn shm() {
    let mut container = Container::sh("mount | grep ' /dev/shm '");
    container.spec.limits.shm_size = Some(compose::base::Bytes(128 << 20));
    assert!(container.out().contains("size=131072k"));
}
