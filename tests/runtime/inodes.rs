//! Inodes of the host that a container sees stay as they are, whatever root does to them inside.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use compose::resource::limits::Device;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::Test;
use crate::container::{Container, exec};

pub const TESTS: &[Test] = &[
    ("inodes::dev_null_of_the_machine_and_its_like_stay_as_they_are", worst),
    ("inodes::a_device_that_may_only_be_used_is_a_node_of_the_container_s_own", device),
    ("inodes::a_program_has_streams_where_the_container_broke_its_null_device", no_null),
];

/// The null device and its like, other inodes than the machine's: this test's own, as long as it
/// lasts. What is changed of `/proc` is put back.
struct Machine {
    before: BTreeMap<PathBuf, Inode>,
}

/// Permissions, user, group, and the second of the last change to the content.
type Inode = (u32, u32, u32, i64);

/// Content of devices and of the kernel's files changes by itself; this is no time it has.
const LONG_AGO: i64 = 978_307_200;

impl Machine {
    fn new() -> Machine {
        mount("dev", "/dev", "tmpfs", MountFlags::empty(), c"mode=755").unwrap();
        let nodes = [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8)];
        for (name, major, minor) in
            nodes.into_iter().chain([("urandom", 1, 9), ("tty", 5, 0), ("fuse", 10, 229)])
        {
            let path = Path::new("/dev").join(name);
            let (kind, number) = (FileType::CharacterDevice, makedev(major, minor));
            mknodat(CWD, &path, kind, Mode::from_raw_mode(0o666), number).unwrap();
            fs::set_permissions(path, PermissionsExt::from_mode(0o666)).unwrap();
        }
        Machine { before: inodes() }
    }

    #[track_caller]
    fn is_unchanged(&self) {
        let after = inodes();
        let changed: Vec<_> = self
            .before
            .iter()
            .filter(|(path, inode)| after.get(*path).is_some_and(|after| after != *inode))
            .map(|(path, inode)| format!("{}: {inode:?}, {:?}", path.display(), after[path]))
            .collect();
        assert!(changed.is_empty(), "{changed:#?}");
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        with_fresh_proc(|proc| {
            for (path, (mode, user, group, _)) in &self.before {
                let Ok(part) = path.strip_prefix("/proc") else { continue };
                let path = proc.join(part);
                if fs::symlink_metadata(&path).is_ok_and(|it| it.mode() & 0o7777 != *mode) {
                    fs::set_permissions(&path, PermissionsExt::from_mode(*mode)).unwrap();
                }
                let _ = std::os::unix::fs::lchown(&path, Some(*user), Some(*group));
            }
        });
        unmount("/dev", UnmountFlags::DETACH).unwrap();
    }
}

/// A mount that has looked at no file yet: others keep what they saw first.
fn with_fresh_proc(work: impl FnOnce(&Path)) {
    let directory = tempfile::tempdir().unwrap();
    mount("proc", directory.path(), "proc", MountFlags::empty(), None).unwrap();
    work(directory.path());
    unmount(directory.path(), UnmountFlags::DETACH).unwrap();
}

fn inodes() -> BTreeMap<PathBuf, Inode> {
    let mut found = BTreeMap::new();
    walk(Path::new("/dev"), Path::new("/dev"), 1, &mut found);
    walk(Path::new("/sys"), Path::new("/sys"), 3, &mut found);
    with_fresh_proc(|proc| walk(proc, Path::new("/proc"), 2, &mut found));
    found
}

fn walk(directory: &Path, name: &Path, depth: usize, found: &mut BTreeMap<PathBuf, Inode>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let of_process = entry.file_name().as_encoded_bytes()[0].is_ascii_digit();
        // Gone again, or a process.
        let (Ok(stat), false) = (entry.metadata(), of_process) else { continue };
        let path = name.join(entry.file_name());
        if stat.is_symlink() {
            continue;
        }
        let time = if stat.mtime() == LONG_AGO { LONG_AGO } else { 0 };
        found.insert(path.clone(), (stat.mode() & 0o7777, stat.uid(), stat.gid(), time));
        if stat.is_dir() && depth > 1 {
            walk(&entry.path(), &path, depth - 1, found);
        }
    }
}

/// Changes that harm nothing on a machine where they work.
const WORST: &str = "worst() { for it; do
        chmod g+x $it; busybox chown 0:4242 $it; touch -d '2001-01-01 00:00:00' $it
    done; } 2>/dev/null
    worst /proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 \
        $(find /proc -maxdepth 2 ! -path '/proc/[0-9]*' ! -type l) $(find /dev) $(find /sys -maxdepth 3)
    echo done";

/// host-null-chmod, host-proc-chmod: masks, standard streams, files of `/proc` and `/sys`, in a container and in what is executed in
/// it.
fn worst() {
    let machine = Machine::new();
    let container = Container::sh("echo up; sleep 60");
    let mut running = container.start().unwrap();
    assert_eq!(running.line(), "up");
    let done = running.exec(&exec(&["sh", "-c", WORST])).unwrap();
    assert_eq!(done.out, "done\n");
    running.kill();
    assert_eq!(Container::sh(WORST).run().out, "done\n");
    machine.is_unchanged();
}

/// device-without-mknod: `--device /dev/fuse:/dev/fuse:rw`: the node cannot be made inside.
fn device() {
    let machine = Machine::new();
    let script =
        format!("{WORST}; stat -c %t:%T /dev/fuse; mknod /tmp/fuse c 10 229 || echo denied");
    let mut container = Container::sh(&script);
    container.spec.security.devices = vec![Device {
        source: "/dev/fuse".to_owned(),
        target: "/dev/fuse".to_owned(),
        permissions: "rw".to_owned(),
    }];
    assert!(container.run().out.starts_with("done\na:e5\n"));
    machine.is_unchanged();
    assert!(fs::metadata("/dev/fuse").unwrap().file_type().is_char_device());
}

fn no_null() {
    let machine = Machine::new();
    let mut running = Container::sh("rm /dev/null; echo up; sleep 60").start().unwrap();
    assert_eq!(running.line(), "up");
    let read = running.exec(&exec(&["sh", "-c", "cat; echo read"])).unwrap();
    assert_eq!(read.out, "read\n");
    running.exec(&exec(&["sh", "-c", "rm -f /dev/null; mknod /dev/null p"])).unwrap();
    let read = running.exec(&exec(&["sh", "-c", "cat; chmod 700 /proc/self/fd/0; echo read"]));
    assert_eq!(read.unwrap().out, "read\n");
    running.kill();
    machine.is_unchanged();
}
