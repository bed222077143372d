//! Differences of lists whose entries have a key: they are named one by one.

use std::collections::BTreeMap;

use crate::base::Digest;
use crate::resource::ContainerSpec;
use crate::resource::container::PublishedPort;
use crate::resource::mount::{Mount, MountSource};
use crate::resource::network::{Endpoint, NetworkMode};
use crate::resource::process::Process;

use super::Differences;

/// Values by name.
pub(super) type Named<'a> = BTreeMap<&'a str, &'a str>;

impl Differences {
    /// The image by its name, or by its content when the name stayed.
    pub(super) fn image(&mut self, old: &ContainerSpec, image: &str, id: Option<&Digest>) {
        if old.image != image {
            self.0.push(format!("image {} -> {image}", old.image));
        } else if let (Some(old), Some(new)) = (&old.image_id, id)
            && old != new
        {
            self.0.push(format!("image {image} is now {} instead of {}", new.short(), old.short()));
        }
    }

    /// Command line, environment, user and so on.
    pub(super) fn process(&mut self, old: &Process, new: &Process) {
        let Process { argv, entrypoint_len: _, env, cwd, user, groups, tty, stdin_open } = new;
        if &old.argv != argv {
            let (old, new) = (old.argv.join(" "), argv.join(" "));
            self.value("command", &old, &new);
        }
        if &old.env != env {
            self.names("environment", &variables(&old.env), &variables(env));
        }
        self.value("working_dir", &old.cwd, cwd);
        self.value("user", &old.user, user);
        self.value("group_add", &old.groups, groups);
        self.value("tty", &old.tty, tty);
        self.value("stdin_open", &old.stdin_open, stdin_open);
    }

    /// Says which names are new, gone or have another value, without the values.
    pub(super) fn names(&mut self, what: &str, old: &Named<'_>, new: &Named<'_>) {
        self.keyed(what, old, new, |old, new| old == new);
    }

    /// Mounts by target.
    pub(super) fn mounts(&mut self, old: &[Mount], new: &[Mount]) {
        let by_target = |mounts| -> BTreeMap<_, _> {
            let pair = |mount: &'_ Mount| (mount.target.clone(), mount.clone());
            <[Mount]>::iter(mounts).map(pair).collect()
        };
        if old != new {
            self.keyed("mount", &by_target(old), &by_target(new), same_mount);
        }
    }

    /// Where the network comes from, and each attachment by its network's name.
    pub(super) fn network(&mut self, old: &NetworkMode, new: &NetworkMode) {
        match (old, new) {
            (NetworkMode::Networks(old), NetworkMode::Networks(new)) => {
                let by_name = |endpoints: &[Endpoint]| -> BTreeMap<_, _> {
                    endpoints.iter().map(|e| (e.network.clone(), e.clone())).collect()
                };
                // As in Docker Compose: what was connected by hand stays so.
                let own =
                    |it: &&Endpoint| !it.by_hand || new.iter().any(|e| e.network == it.network);
                let old: Vec<Endpoint> = old.iter().filter(own).cloned().collect();
                if old != *new {
                    let before = self.0.len();
                    self.keyed("network", &by_name(&old), &by_name(new), |old, new| old == new);
                    if self.0.len() == before {
                        self.0.push("order of networks changed".to_owned());
                    }
                }
            }
            _ if old == new => {}
            _ => self.0.push(format!("network_mode {} -> {}", mode(old), mode(new))),
        }
    }

    /// Published ports, written as in compose files. Their order has no effect.
    pub(super) fn ports(&mut self, old: &[PublishedPort], new: &[PublishedPort]) {
        if old != new {
            let by_text = |ports: &[PublishedPort]| -> BTreeMap<_, _> {
                ports.iter().map(|port| (port_text(port), ())).collect()
            };
            self.keyed("port", &by_text(old), &by_text(new), |(), ()| true);
        }
    }

    fn keyed<K: Ord + std::fmt::Display, V>(
        &mut self,
        what: &str,
        old: &BTreeMap<K, V>,
        new: &BTreeMap<K, V>,
        same: impl Fn(&V, &V) -> bool,
    ) {
        for (key, value) in new {
            match old.get(key) {
                None => self.0.push(format!("{what} {key} added")),
                Some(old) if !same(old, value) => self.0.push(format!("{what} {key} changed")),
                Some(_) => {}
            }
        }
        for key in old.keys().filter(|key| !new.contains_key(key)) {
            self.0.push(format!("{what} {key} removed"));
        }
    }
}

/// `NAME=value` as name and value.
fn variables(env: &[String]) -> Named<'_> {
    env.iter().map(|entry| entry.split_once('=').unwrap_or((entry, ""))).collect()
}

/// Anonymous volumes are the same whatever their names.
fn same_mount(old: &Mount, new: &Mount) -> bool {
    let anonymous = |mount: &Mount| {
        let mut mount = mount.clone();
        if let MountSource::Volume { name, anonymous: true, .. } = &mut mount.source {
            name.clear();
        }
        mount
    };
    old == new || anonymous(old) == anonymous(new)
}

/// As written after `network_mode:`.
fn mode(mode: &NetworkMode) -> String {
    match mode {
        NetworkMode::Networks(_) => "networks".to_owned(),
        NetworkMode::None => "none".to_owned(),
        NetworkMode::Host => "host".to_owned(),
        NetworkMode::Container(name) => format!("container:{name}"),
    }
}

/// `127.0.0.1:8080:80/tcp`
fn port_text(port: &PublishedPort) -> String {
    let host_ip = match port.host_ip {
        Some(std::net::IpAddr::V6(ip)) => format!("[{ip}]:"),
        Some(ip) => format!("{ip}:"),
        None => String::new(),
    };
    let host = port.host.map_or_else(String::new, |host| format!("{host}:"));
    format!("{host_ip}{host}{}/{}", port.container, port.protocol)
}
