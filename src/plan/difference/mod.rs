//! What differs between a container as it was made and as it shall be, in words.
//!
//! The two specs are compared themselves, not their hashes: so a plan can say *what* differs, and
//! a container stays when a new version of this program computes another hash.

mod ground;
mod keyed;

#[cfg(test)]
mod tests;

pub(super) use ground::{network_differences, volume_differences};

use serde::Serialize;

use crate::resource::{ContainerSpec, labels};

/// What differs, one phrase each, as in `image nginx:1 -> nginx:2`; none: the container is right.
///
/// Values of the environment and of labels are left out, since they may be secrets. Without
/// effect, and so not compared: labels of Compose itself (but for what they say about name,
/// service and number), the order of the environment, the names of anonymous volumes.
#[must_use]
pub fn differences(old: &ContainerSpec, new: &ContainerSpec) -> Vec<String> {
    // Every field is named here, so that a new one cannot be forgotten.
    let ContainerSpec {
        name,
        image,
        image_id,
        labels,
        annotations,
        process,
        hostname,
        domainname,
        read_only,
        mounts,
        volumes_from,
        // Made from `volumes_from` by the engine.
        inherited: _,
        network,
        ports,
        // Among `ports` by now.
        publish_all: _,
        expose,
        dns,
        links,
        extra_hosts,
        limits,
        cgroup_parent,
        security,
        namespaces,
        runtime,
        init,
        sysctls,
        stop,
        restart,
        health,
        hooks,
        log,
        auto_remove,
    } = new;
    let mut out = Differences::default();
    out.value("name", &old.name, name);
    out.image(old, image, image_id.as_ref());
    out.process(&old.process, process);
    out.names("label", &user_labels(&old.labels), &user_labels(labels));
    out.value("annotations", &old.annotations, annotations);
    out.value("hostname", &old.hostname, hostname);
    out.value("domainname", &old.domainname, domainname);
    out.value("read_only", &old.read_only, read_only);
    out.mounts(&old.mounts, mounts);
    out.value("volumes_from", &old.volumes_from, volumes_from);
    out.network(&old.network, network);
    out.ports(&old.ports, ports);
    out.value("expose", &old.expose, expose);
    out.value("dns", &old.dns, dns);
    out.value("links", &old.links, links);
    out.value("extra_hosts", &old.extra_hosts, extra_hosts);
    out.fields(&old.limits, limits);
    out.value("cgroup_parent", &old.cgroup_parent, cgroup_parent);
    out.fields(&old.security, security);
    out.fields(&old.namespaces, namespaces);
    out.value("runtime", &old.runtime, runtime);
    out.value("init", &old.init, init);
    out.value("sysctls", &old.sysctls, sysctls);
    out.value("stop_signal", &old.stop.signal, &stop.signal);
    out.value("stop_grace_period", &old.stop.grace, &stop.grace);
    out.value("restart", &old.restart, restart);
    out.value("healthcheck", &old.health, health);
    out.fields(&old.hooks, hooks);
    out.value("logging", &old.log, log);
    out.value("auto_remove", &old.auto_remove, auto_remove);
    out.0
}

/// Labels that say something about the container itself.
fn user_labels(labels: &std::collections::BTreeMap<String, String>) -> keyed::Named<'_> {
    let own = |key: &str| key.starts_with("com.docker.compose.") && key != labels::SERVICE;
    labels.iter().filter(|(key, _)| !own(key)).map(|(k, v)| (k.as_str(), v.as_str())).collect()
}

/// Phrases found so far.
#[derive(Default)]
struct Differences(Vec<String>);

impl Differences {
    /// `what old -> new`, with both values as short text.
    fn value<T: PartialEq + Serialize>(&mut self, what: &str, old: &T, new: &T) {
        if old != new {
            self.0.push(phrase(what, &json(old), &json(new)));
        }
    }

    /// As [`Differences::value`], for each field of a structure.
    fn fields<T: PartialEq + Serialize>(&mut self, old: &T, new: &T) {
        if old == new {
            return;
        }
        let (old, new) = (json(old), json(new));
        for (key, new) in new.as_object().into_iter().flatten() {
            let old = old.get(key).unwrap_or(&serde_json::Value::Null);
            if old != new {
                self.0.push(phrase(key, old, new));
            }
        }
    }
}

fn json(value: &impl Serialize) -> serde_json::Value {
    // Serialising resources cannot fail; `null` would only make a phrase less clear.
    serde_json::to_value(value).unwrap_or_default()
}

/// `what old -> new`; long values are only said to have changed.
fn phrase(what: &str, old: &serde_json::Value, new: &serde_json::Value) -> String {
    let long = |text: &String| text.len() > 48;
    let (old, new) = (short(old), short(new));
    match long(&old) || long(&new) {
        true => format!("{what} changed"),
        false => format!("{what} {old} -> {new}"),
    }
}

/// A value as people would write it.
fn short(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => "none".to_owned(),
        serde_json::Value::String(text) if text.is_empty() => "none".to_owned(),
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(items) if items.is_empty() => "none".to_owned(),
        other => other.to_string(),
    }
}
