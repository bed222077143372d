//! Removes what dead processes have left in the kernel and on tmpfs.

use std::collections::HashSet;

use crate::base::{ContainerId, Context, Result};
use crate::resource::Network;
use crate::state::{Lock, Roots, lock};
use crate::sys::netlink::nft::Element;

use super::firewall::Firewall;
use super::{address, bridge, record, ruleset};

/// Compares what carries our mark in the kernel with what is recorded and alive, and removes the
/// rest: bridges and rules of networks that have no record, ports and addresses of containers
/// whose shim is dead, names of containers that are gone. Cheap when there is nothing to do.
///
/// # Errors
/// The kernel cannot be asked, or refuses.
pub fn reconcile(roots: &Roots) -> Result<()> {
    // Nobody takes an address or publishes a port meanwhile.
    let _lock = Lock::wait(&record::lock_path(roots))?;
    let (mut networks, damaged) = record::survey(roots)?;
    abandoned(roots, &mut networks)?;
    // What is no known network's may be that of a damaged record: it stays.
    let complete = damaged.is_empty();
    live_state(roots, &networks, complete)?;
    let mut route = bridge::open()?;
    let mut bridges = bridge::bridges(roots, &mut route)?;
    let mut firewall = Firewall::open(roots)?;
    match (networks.is_empty(), firewall.is_current()?) {
        (_, None) => {}
        (true, Some(_)) if complete => bridge::remove_table(&mut route, &mut firewall, &bridges)?,
        (_, Some(_)) => {
            let known = complete.then_some(&networks[..]);
            let dead = dead_elements(roots, known, &mut firewall)?;
            firewall.delete(&dead)?;
        }
    }
    bridges.retain(|link| !networks.iter().any(|network| network.bridge == link.name));
    if !complete {
        bridges.clear();
    }
    // A record that was lost takes no bridge away from containers that run.
    let mut unused = Vec::new();
    for link in bridges {
        let id = link.alias.rsplit(':').next().unwrap_or_default();
        if id.is_empty() || !record::has_live_address(roots, id)? {
            unused.push(link);
        }
    }
    let bridges = unused;
    bridge::delete(&mut route, &bridges)
}

/// What [`reconcile`] would remove: kind, name and reason. Changes nothing.
///
/// # Errors
/// The kernel cannot be asked.
pub fn leftovers(roots: &Roots) -> Result<Vec<(&'static str, String, &'static str)>> {
    let _lock = Lock::wait(&record::lock_path(roots))?;
    let (networks, damaged) = record::survey(roots)?;
    let mut route = bridge::open()?;
    let mut found = Vec::new();
    let complete = damaged.is_empty();
    for name in damaged {
        found.push(("network", name, "its record is damaged"));
    }
    for link in bridge::bridges(roots, &mut route)? {
        if !networks.iter().any(|network| network.bridge == link.name) {
            found.push(("bridge", link.name, "no network has it"));
        }
    }
    let mut firewall = Firewall::open(roots)?;
    if firewall.is_current()?.is_some() {
        let known = complete.then_some(&networks[..]);
        for element in dead_elements(roots, known, &mut firewall)? {
            found.push(("rule", element.comment, "its network or container is gone"));
        }
    }
    Ok(found)
}

/// The network of build steps outlives a build only when that was killed.
fn abandoned(roots: &Roots, networks: &mut Vec<Network>) -> Result<()> {
    let Some(at) = networks.iter().position(|it| it.spec.name == record::TRANSIENT) else {
        return Ok(());
    };
    if record::has_live_address(roots, &networks[at].id)? {
        return Ok(());
    }
    record::forget(roots, &networks.remove(at))
}

/// Elements of networks without record (`None`: not all networks are known), and of containers
/// without a living shim.
fn dead_elements(
    roots: &Roots,
    networks: Option<&[Network]>,
    firewall: &mut Firewall,
) -> Result<Vec<Element>> {
    let mut dead = Vec::new();
    if let Some(networks) = networks {
        let known: HashSet<&str> = networks.iter().map(|network| network.id.as_str()).collect();
        for set in ruleset::NETWORK_SETS {
            let elements = firewall.elements(set)?.into_iter();
            dead.extend(elements.filter(|element| !known.contains(element.comment.as_str())));
        }
    }
    for set in ruleset::PORT_SETS {
        for element in firewall.elements(set)? {
            let alive = match element.comment.parse::<ContainerId>() {
                Ok(owner) => lock::is_held(&roots.container(&owner).alive())?,
                Err(_) => false,
            };
            dead.extend((!alive).then_some(element));
        }
    }
    Ok(dead)
}

/// Files on tmpfs. `complete`: there are no other networks.
fn live_state(roots: &Roots, networks: &[Network], complete: bool) -> Result<()> {
    for id in entries(&roots.networks_live())? {
        let live = roots.network(&id);
        address::sweep(&live.addresses())?;
        for name in entries(&live.names())? {
            // Names of other shapes are records being written.
            let Ok(container) = name.parse::<ContainerId>() else { continue };
            if !roots.container(&container).data().exists() {
                let path = live.name_record(&container);
                gone_is_fine(std::fs::remove_file(&path), &path)?;
            }
        }
        let known = networks.iter().any(|network| network.id == id);
        if complete && !known && !record::has_live_address(roots, &id)? {
            gone_is_fine(std::fs::remove_dir_all(live.root()), live.root())?;
        }
    }
    Ok(())
}

/// The result of a removal; another command may have been quicker.
fn gone_is_fine(removed: std::io::Result<()>, path: &std::path::Path) -> Result<()> {
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.context(|| format!("cannot remove {}", path.display())),
    }
}

/// Names in a directory; none when it does not exist.
fn entries(path: &std::path::Path) -> Result<Vec<String>> {
    match std::fs::read_dir(path) {
        Ok(entries) => {
            Ok(entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).context(|| format!("cannot read {}", path.display())),
    }
}
