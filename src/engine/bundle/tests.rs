//! What bundles say, for small specifications.

use crate::resource::limits::{Device, Ulimit};
use crate::resource::mount::{Mount, MountSource};
use crate::runtime::caps;

use super::*;

fn of(spec: &ContainerSpec) -> Result<Bundle> {
    let id: ContainerId = "0123456789ab".repeat(6)[..64].parse().unwrap();
    let fuse = HostDevice { block: false, major: 10, minor: 229, mode: 0o666, uid: 0, gid: 0 };
    let nodes = |path: &str| match path {
        "/dev" => vec![("/dev/fuse".into(), fuse)],
        "/dev/fuse" => vec![("/dev/fuse".into(), fuse)],
        _ => Vec::new(),
    };
    bundle(
        spec,
        &Host {
            id: &id,
            lowers: vec!["/layers/top".into(), "/layers/base".into()],
            upper: "/c/upper".into(),
            work: "/c/work".into(),
            volatile: false,
            files: vec![("/etc/hosts".to_owned(), "/c/etc/hosts".into())],
            cgroup: "compose/1".into(),
            runtime: None,
            volume: &|name| VolumeContent::Directory(format!("/volumes/{name}/_data").into()),
            image: &|_| vec!["/layers/other-top".into(), "/layers/other".into()],
            devices: &nodes,
        },
    )
}

fn effective(spec: &ContainerSpec) -> Vec<String> {
    let bundle = of(spec).unwrap();
    let process = bundle.spec.process().as_ref().unwrap();
    let sets = process.capabilities().as_ref().unwrap();
    assert!(sets.inheritable().is_none() && sets.ambient().is_none());
    let mut names: Vec<String> =
        sets.effective().iter().flatten().map(ToString::to_string).collect();
    names.sort();
    names
}

fn with_caps(add: &[&str], drop: &[&str]) -> ContainerSpec {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut spec = ContainerSpec::default();
    spec.security.cap_add = owned(add);
    spec.security.cap_drop = owned(drop);
    spec
}

#[test]
fn capabilities_are_added_and_dropped_as_docker_does() {
    assert_eq!(effective(&ContainerSpec::default()), caps::DEFAULT);
    assert_eq!(effective(&with_caps(&["net_admin"], &["ALL"])), ["NET_ADMIN"]);
    assert_eq!(effective(&with_caps(&["ALL"], &["CAP_SYS_ADMIN"])).len(), 40);
    assert_eq!(effective(&with_caps(&[], &["chown"])).len(), 10);
    let error = of(&with_caps(&["FLY"], &[])).unwrap_err();
    assert_eq!(error.to_string(), "invalid capability: \"FLY\"");
}

#[test]
fn mounts_of_the_user_come_last_and_win() {
    let mounts = vec![
        Mount {
            target: "/etc/hosts".to_owned(),
            read_only: true,
            source: MountSource::Bind {
                path: "/h".into(),
                create: false,
                propagation: None,
                submounts: Default::default(),
                selinux: None,
            },
        },
        Mount {
            target: "/data".to_owned(),
            read_only: false,
            source: MountSource::Volume {
                name: "v".to_owned(),
                anonymous: false,
                no_copy: false,
                subpath: None,
                labels: Default::default(),
            },
        },
    ];
    let bundle = of(&ContainerSpec { mounts, ..ContainerSpec::default() }).unwrap();
    let shown: Vec<String> = bundle
        .spec
        .mounts()
        .iter()
        .flatten()
        .skip(7)
        .map(|mount| {
            format!(
                "{} {} {}",
                mount.destination().display(),
                mount.source().as_ref().unwrap().display(),
                mount.options().as_ref().unwrap().join(",")
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            "/data /volumes/v/_data rbind,rprivate,nodev",
            "/etc/hosts /h rbind,rprivate,ro,rro,rnodev",
        ]
    );
    assert_eq!(bundle.copy_up, [PathBuf::from("/data")]);
}

#[test]
fn limits_have_dockers_defaults() {
    let mut spec = ContainerSpec::default();
    spec.limits.memory = Some(crate::base::Bytes(64 << 20));
    spec.limits.cpus = Some(1.5);
    spec.limits.ulimits.insert("nofile".to_owned(), Ulimit { soft: 1024, hard: -1 });
    let bundle = of(&spec).unwrap();
    let resources = bundle.resources();
    assert_eq!(resources.memory().unwrap().swap(), Some(128 << 20));
    let cpu = resources.cpu().as_ref().unwrap();
    assert_eq!((cpu.quota(), cpu.period()), (Some(150_000), Some(100_000)));
    assert_eq!(resources.pids().unwrap().limit(), 4096);
    let rlimits = bundle.spec.process().as_ref().unwrap().rlimits().clone().unwrap();
    assert_eq!((rlimits[0].soft(), rlimits[0].hard()), (1024, u64::MAX));
}

#[test]
fn a_device_needs_a_node_on_the_host() {
    let device = |source: &str| Device {
        source: source.to_owned(),
        target: "/dev/x".to_owned(),
        permissions: "rw".to_owned(),
    };
    let mut spec = ContainerSpec::default();
    spec.security.devices = vec![device("/dev/fuse")];
    let bundle = of(&spec).unwrap();
    let rule = &bundle.resources().devices().clone().unwrap()[0];
    assert_eq!((rule.major(), rule.access().as_deref()), (Some(10), Some("rw")));

    spec.security.devices = vec![device("/dev/missing")];
    let error = of(&spec).unwrap_err().to_string();
    assert!(error.contains("/dev/missing"), "{error}");
}

#[test]
fn options_loosen_and_tighten() {
    let mut spec = ContainerSpec::default();
    spec.security.options = ["no-new-privileges", "seccomp=unconfined", "systempaths=unconfined"]
        .map(str::to_owned)
        .to_vec();
    let bundle = of(&spec).unwrap();
    assert_eq!(bundle.spec.process().as_ref().unwrap().no_new_privileges(), Some(true));
    assert_eq!(bundle.seccomp, Seccomp::Unconfined);
    assert_eq!(bundle.spec.linux().as_ref().unwrap().masked_paths(), &Some(Vec::new()));

    spec.security.options = vec!["nonsense".to_owned()];
    assert!(of(&spec).is_err());
}

#[test]
fn the_environment_begins_as_docker_s_does() {
    let mut spec = ContainerSpec::default();
    spec.process.tty = true;
    spec.process.env = vec!["PATH=/mine".to_owned(), "A=1".to_owned()];
    let bundle = of(&spec).unwrap();
    assert_eq!(
        bundle.spec.process().as_ref().unwrap().env().clone().unwrap(),
        ["HOSTNAME=0123456789ab", "TERM=xterm", "PATH=/mine", "A=1"]
    );
}
