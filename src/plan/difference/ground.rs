//! What differs between networks and volumes as they are and as they shall be.

use std::collections::BTreeMap;

use crate::resource::{NetworkSpec, VolumeSpec};

use super::{Differences, user_labels};

/// What differs between two networks, one phrase each. Subnets only count when the user names
/// them: else those given are as good as any.
pub(in crate::plan) fn network_differences(old: &NetworkSpec, new: &NetworkSpec) -> Vec<String> {
    let NetworkSpec {
        name: _,
        driver,
        driver_opts,
        internal,
        attachable: _,
        ipv4,
        ipv6,
        subnets,
        labels,
    } = new;
    let mut out = Differences::default();
    out.value("driver", &or(&old.driver, "bridge"), &or(driver, "bridge"));
    out.options(&old.driver_opts, driver_opts);
    out.value("internal", &old.internal, internal);
    out.value("enable_ipv4", &old.ipv4, ipv4);
    out.value("enable_ipv6", &old.ipv6, ipv6);
    for wanted in subnets {
        let found = old.subnets.iter().find(|found| found.subnet == wanted.subnet);
        let same = found.is_some_and(|found| {
            let gateway = wanted.gateway.is_none() || wanted.gateway == found.gateway;
            let range = wanted.ip_range.is_none() || wanted.ip_range == found.ip_range;
            gateway && range && wanted.aux_addresses == found.aux_addresses
        });
        if !same {
            let change = if found.is_some() { "changed" } else { "added" };
            out.0.push(format!("subnet {} {change}", wanted.subnet));
        }
    }
    out.names("label", &user_labels(&old.labels), &user_labels(labels));
    out.0
}

/// What differs between two volumes, one phrase each.
pub(in crate::plan) fn volume_differences(old: &VolumeSpec, new: &VolumeSpec) -> Vec<String> {
    let VolumeSpec { name: _, driver, driver_opts, labels, anonymous: _ } = new;
    let mut out = Differences::default();
    out.value("driver", &or(&old.driver, "local"), &or(driver, "local"));
    out.options(&old.driver_opts, driver_opts);
    out.names("label", &user_labels(&old.labels), &user_labels(labels));
    out.0
}

impl Differences {
    fn options(&mut self, old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) {
        let text = |options: &BTreeMap<String, String>| {
            let pairs = options.iter().map(|(key, value)| format!("{key}={value}"));
            pairs.collect::<Vec<_>>().join(" ")
        };
        self.value("driver_opts", &text(old), &text(new));
    }
}

/// An empty name means the default.
fn or(name: &str, default: &str) -> String {
    if name.is_empty() { default.to_owned() } else { name.to_owned() }
}
