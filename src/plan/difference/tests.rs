//! Tests of what is said about two specs that differ.

use snapbox::{assert_data_eq, str};

use super::*;
use crate::resource::Mount;
use crate::resource::container::{PublishedPort, RestartPolicy};
use crate::resource::mount::MountSource;
use crate::resource::network::{Endpoint, NetworkMode};

fn spec() -> ContainerSpec {
    ContainerSpec { name: "p-web-1".into(), image: "nginx:1".into(), ..ContainerSpec::default() }
}

fn volume(name: &str, target: &str, anonymous: bool) -> Mount {
    let (name, no_copy, subpath, labels) = (name.to_owned(), false, None, Default::default());
    let source = MountSource::Volume { name, anonymous, no_copy, subpath, labels };
    Mount { target: target.into(), read_only: false, source }
}

#[test]
fn equal_specs_do_not_differ() {
    assert_eq!(differences(&spec(), &spec()), Vec::<String>::new());
}

#[test]
fn each_difference_is_named_and_secrets_are_not_shown() {
    let mut old = spec();
    old.process.argv = vec!["sleep".into(), "1".into()];
    old.process.env = vec!["A=1".into(), "PASSWORD=old".into(), "GONE=x".into()];
    old.mounts = vec![volume("p_data", "/data", false)];
    let mut new = spec();
    new.image = "nginx:2".into();
    new.process.argv = vec!["sleep".into(), "2".into()];
    new.process.env = vec!["PASSWORD=new".into(), "A=1".into(), "NEW=x".into()];
    new.mounts = vec![volume("p_other", "/data", false), volume("p_logs", "/logs", false)];
    new.network =
        NetworkMode::Networks(vec![Endpoint { network: "p_front".into(), ..Endpoint::default() }]);
    new.ports = vec![PublishedPort {
        host_ip: None,
        host: "8080".parse().ok(),
        container: "80".parse().unwrap(),
        protocol: Default::default(),
    }];
    new.limits.memory = Some(crate::base::Bytes(1024));
    new.restart = RestartPolicy::Always;
    new.labels.insert("tier".into(), "front".into());

    assert_data_eq!(
        differences(&old, &new).join("\n"),
        str![[r#"
image nginx:1 -> nginx:2
command sleep 1 -> sleep 2
environment NEW added
environment PASSWORD changed
environment GONE removed
label tier added
mount /data changed
mount /logs added
network p_front added
port 8080:80/tcp added
memory none -> 1024
restart no -> always
"#]]
    );
}

#[test]
fn what_has_no_effect_does_not_differ() {
    let mut old = spec();
    old.labels.insert(labels::CONFIG_HASH.into(), "1".into());
    old.labels.insert(labels::CONFIG_FILES.into(), "a.yaml".into());
    old.process.env = vec!["A=1".into(), "B=2".into()];
    old.mounts = vec![volume(&"ab".repeat(32), "/data", true)];
    let mut new = spec();
    new.process.env = vec!["B=2".into(), "A=1".into()];
    new.mounts = vec![volume("", "/data", true)];
    assert_eq!(differences(&old, &new), Vec::<String>::new());
}

#[test]
fn a_tag_that_moved_to_another_image_differs() {
    let mut old = spec();
    old.image_id = format!("sha256:{}", "a".repeat(64)).parse().ok();
    let mut new = spec();
    new.image_id = format!("sha256:{}", "b".repeat(64)).parse().ok();
    assert_eq!(
        differences(&old, &new),
        ["image nginx:1 is now bbbbbbbbbbbb instead of aaaaaaaaaaaa"]
    );
}
