//! Networks of the drivers `macvlan` and `ipvlan`: containers' interfaces lie directly on one of the
//! host's, beside it in its own network. No bridge, no rules, no published ports (Docker: the same).

use std::os::fd::BorrowedFd;

use crate::base::{Error, Kind as ErrorKind, Result};
use crate::resource::{Network, NetworkSpec};
use crate::state::{Lock, Roots};
use crate::sys::netlink::route::{self, Child, Link, Lower};
use crate::sys::netlink::{Failure, Message, Socket};

use super::address::Lease;
use super::{bridge, options, record};

/// How interfaces lie on their parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Each with a hardware address of its own.
    Macvlan {
        /// `MACVLAN_MODE_*` of `linux/if_link.h`.
        mode: u32,
    },
    /// All with that of the parent.
    Ipvlan {
        /// `IPVLAN_MODE_*`.
        mode: u16,
        /// `IPVLAN_F_*`.
        flags: u16,
    },
}

/// The mode in which the parent is only a device, and no neighbour answers.
const IPVLAN_L2: u16 = 0;

/// The kind that a network's driver and options ask for; `None`: a bridge.
///
/// # Errors
/// [`ErrorKind::Invalid`] for a mode that is none.
pub fn kind(spec: &NetworkSpec) -> Result<Option<Kind>> {
    let option = |key: &str| spec.driver_opts.get(key).map_or("", String::as_str);
    let invalid = |key: &str, known: &str| {
        let message = format!("network {}: `{}` is no {key}", spec.name, option(key));
        Error::new(ErrorKind::Invalid, message).hint(format!("use {known}"))
    };
    Ok(match spec.driver.as_str() {
        "macvlan" => {
            let mode = match option("macvlan_mode") {
                "" | "bridge" => 4,
                "private" => 1,
                "vepa" => 2,
                "passthru" => 8,
                _ => return Err(invalid("macvlan_mode", "bridge, private, vepa or passthru")),
            };
            Some(Kind::Macvlan { mode })
        }
        "ipvlan" => {
            let mode = match option("ipvlan_mode") {
                "" | "l2" => IPVLAN_L2,
                "l3" => 1,
                "l3s" => 2,
                _ => return Err(invalid("ipvlan_mode", "l2, l3 or l3s")),
            };
            let flags = match option("ipvlan_flag") {
                "" | "bridge" => 0,
                "private" => 1,
                "vepa" => 2,
                _ => return Err(invalid("ipvlan_flag", "bridge, private or vepa")),
            };
            Some(Kind::Ipvlan { mode, flags })
        }
        _ => None,
    })
}

/// Whether a network has a bridge, and with it rules and published ports.
#[must_use]
pub fn is_bridged(spec: &NetworkSpec) -> bool {
    matches!(kind(spec), Ok(None))
}

/// Whether there is a way out of it: not without a parent.
#[must_use]
pub fn leads_outside(spec: &NetworkSpec) -> bool {
    !spec.internal && (is_bridged(spec) || parent(spec).is_some())
}

/// The host's interface that it lies on; `None`: one that is made for it and leads nowhere.
#[must_use]
pub fn parent(spec: &NetworkSpec) -> Option<&str> {
    spec.driver_opts.get("parent").map(String::as_str).filter(|name| !name.is_empty())
}

/// The name of the parent, or of the one that is made (Docker: `dm-` and the id).
#[must_use]
pub fn parent_name(spec: &NetworkSpec, id: &str) -> String {
    parent(spec).map_or_else(|| format!("dm-{}", &id[..12]), str::to_owned)
}

/// Sees to it that the parent is there: `eth0.10` is made on `eth0`, and without a parent an
/// interface that leads nowhere.
///
/// # Errors
/// The parent does not exist.
pub(super) fn ensure(roots: &Roots, network: &Network) -> Result<()> {
    let mut route = bridge::open()?;
    let name = &network.bridge;
    if bridge::find(&mut route, name)?.is_some() {
        return Ok(());
    }
    let _lock = Lock::wait(&record::lock_path(roots))?;
    let tag = bridge::tag(roots, network);
    let made = match (parent(&network.spec), name.rsplit_once('.')) {
        (None, _) => route::new_dummy(name),
        (Some(_), Some((lower, vlan))) => {
            let number = vlan.parse().ok().filter(|number| (1..4095).contains(number));
            let number = number.ok_or_else(|| missing(name))?;
            let lower = bridge::find(&mut route, lower)?.ok_or_else(|| missing(lower))?;
            route::new_vlan(name, lower.index, number)
        }
        (Some(_), None) => return Err(missing(name)),
    };
    let made_kind = if parent(&network.spec).is_some() { "vlan" } else { "dummy" };
    let failed = |failure: Failure| {
        Error::other(format!("cannot make interface {name} of network {}", network.spec.name))
            .with_source(failure)
    };
    match route.exchange(&[made]) {
        Err(failure) if !failure.is(libc::EEXIST) => {
            return Err(not_in_kernel(&failure, made_kind).unwrap_or_else(|| failed(failure)));
        }
        _ => {}
    }
    let link = bridge::find(&mut route, name)?.ok_or_else(|| missing(name))?;
    route.exchange(&[route::up_with_alias(link.index, &tag)]).map(drop).map_err(failed)
}

/// The sentence for a kind of interface that the kernel was built without.
pub(super) fn not_in_kernel(failure: &Failure, kind: &str) -> Option<Error> {
    failure.is(libc::EOPNOTSUPP).then(|| {
        Error::new(ErrorKind::Invalid, format!("this kernel has no {kind} interfaces"))
            .hint("load its module, or use the network driver `bridge` or `macvlan`")
    })
}

fn missing(name: &str) -> Error {
    Error::new(ErrorKind::NotFound, format!("there is no interface {name} on this machine"))
        .hint("driver option `parent` names an interface, or one and a VLAN as in eth0.10")
}

/// Parents that were made for these networks.
pub(super) fn made_for(
    roots: &Roots,
    networks: &[Network],
    route: &mut Socket,
) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for network in networks.iter().filter(|network| !is_bridged(&network.spec)) {
        let tag = bridge::tag(roots, network);
        links.extend(bridge::find(route, &network.bridge)?.filter(|link| link.alias == tag));
    }
    Ok(links)
}

/// The message that gives a container its interface.
///
/// # Errors
/// The parent is gone.
pub(super) fn new_interface(
    route: &mut Socket,
    lease: &Lease,
    kind: Kind,
    (name, namespace): (&str, BorrowedFd<'_>),
) -> Result<Message> {
    let parent = &lease.network.bridge;
    let parent = bridge::find(route, parent)?.ok_or_else(|| missing(parent))?;
    let (lower, mac) = match kind {
        Kind::Macvlan { mode } => (Lower::Macvlan { mode }, Some(lease.mac()?)),
        Kind::Ipvlan { mode, flags } => (Lower::Ipvlan { mode, flags }, None),
    };
    let mtu = options::mtu(&lease.network.spec);
    Ok(route::new_child(&Child { name, parent: parent.index, lower, namespace, mac, mtu }))
}

/// Whether packets leave by the device alone: in this mode the parent routes, and a gateway is
/// never asked for.
pub(super) fn routes_by_device(spec: &NetworkSpec) -> bool {
    matches!(kind(spec), Ok(Some(Kind::Ipvlan { mode, .. })) if mode != IPVLAN_L2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(driver: &str, options: &[(&str, &str)]) -> NetworkSpec {
        let driver_opts = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        let driver = driver.to_owned();
        NetworkSpec { name: "lan".into(), driver, driver_opts, ..NetworkSpec::default() }
    }

    #[test]
    fn modes_have_their_numbers() {
        assert_eq!(kind(&spec("bridge", &[])).unwrap(), None);
        assert_eq!(kind(&spec("macvlan", &[])).unwrap(), Some(Kind::Macvlan { mode: 4 }));
        let l3 = spec("ipvlan", &[("ipvlan_mode", "l3"), ("ipvlan_flag", "private")]);
        assert_eq!(kind(&l3).unwrap(), Some(Kind::Ipvlan { mode: 1, flags: 1 }));
        assert!(routes_by_device(&l3));
        let error = kind(&spec("macvlan", &[("macvlan_mode", "fast")])).unwrap_err();
        assert_eq!(error.to_string(), "network lan: `fast` is no macvlan_mode");
    }

    #[test]
    fn without_a_parent_there_is_no_way_out() {
        assert!(!leads_outside(&spec("macvlan", &[])));
        assert!(leads_outside(&spec("macvlan", &[("parent", "eth0")])));
        assert!(leads_outside(&spec("bridge", &[])));
    }
}
