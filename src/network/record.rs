//! Networks on disk: create, list, get, remove.

use std::net::IpAddr;
use std::path::Path;

use jiff::Timestamp;

use crate::base::{Context, Error, Kind, Result, id::hex};
use crate::resource::network::Subnet;
use crate::resource::{Network, NetworkSpec};
use crate::state::roots::make_dir;
use crate::state::{Durability, Found, Lock, Roots, lock, record};
use crate::sys::netlink::{Family, Socket, route};

use super::subnet::{Cidr, choose_v4, choose_v6};
use super::{address, bridge, foreign, options, vlan};

/// Creates a network: gives it an id, subnets and a bridge name, and writes its record.
///
/// The bridge is made by [`ensure`](super::ensure) when it is first needed.
///
/// # Errors
/// [`Kind::Conflict`] when the name or a wanted subnet is taken, [`Kind::Invalid`] for a driver
/// or an option that we do not have.
pub fn create(roots: &Roots, spec: &NetworkSpec) -> Result<Network> {
    check(spec)?;
    let _lock = Lock::wait(&lock_path(roots))?;
    let path = roots.network_record(&spec.name);
    if load(&path)?.is_some() {
        let message = format!("network with name {} already exists", spec.name);
        return Err(Error::new(Kind::Conflict, message));
    }
    let existing = list(roots)?;
    let mut random = [0; 32];
    getrandom::fill(&mut random)
        .map_err(|error| Error::other("cannot get random bytes").with_source(error))?;
    let id = hex(&random);
    let bridge = bridge_name(spec, &id, &existing)?;
    let mut spec = spec.clone();
    // A specification that names no family means IPv4 (Docker: EnableIPv4 is on by default).
    spec.ipv4 |= !spec.ipv6;
    spec.subnets = subnets(&spec, &existing, &random)?;
    let network = Network { id, spec, bridge, created_at: Timestamp::now() };
    record::write(&path, &network, Durability::Machine)?;
    Ok(network)
}

/// All networks whose records can be read, by name.
///
/// # Errors
/// The directory of records cannot be read.
pub fn list(roots: &Roots) -> Result<Vec<Network>> {
    survey(roots).map(|(networks, _)| networks)
}

/// All networks by name, and the names of those whose records are damaged.
///
/// # Errors
/// The directory of records cannot be read.
pub fn survey(roots: &Roots) -> Result<(Vec<Network>, Vec<String>)> {
    let path = roots.networks();
    let entries = std::fs::read_dir(&path).context(|| format!("cannot read {}", path.display()))?;
    let (mut networks, mut damaged) = (Vec::new(), Vec::new());
    for entry in entries {
        let path = entry.context(|| format!("cannot read {}", path.display()))?.path();
        if path.extension().is_some_and(|extension| extension == "json") {
            match load(&path) {
                Ok(network) => networks.extend(network),
                Err(_) => damaged.push(stem(&path)),
            }
        }
    }
    networks.sort_by(|a, b| a.spec.name.cmp(&b.spec.name));
    damaged.sort();
    Ok((networks, damaged))
}

/// Reads one record. What paths and interfaces are named by must be names.
///
/// # Errors
/// It is damaged.
fn load(path: &Path) -> Result<Option<Network>> {
    let why = match record::look::<Network>(path) {
        Found::Absent => return Ok(None),
        Found::Damaged(why) => why,
        Found::Record(network) => {
            let is_id =
                network.id.len() == 64 && network.id.bytes().all(|byte| byte.is_ascii_hexdigit());
            let bridge = network.bridge.as_str();
            let is_link = (1..16).contains(&bridge.len()) && !bridge.contains(['/', ' ', '\0']);
            if is_id && is_link && network.spec.name == stem(path) {
                return Ok(Some(network));
            }
            "it is not of this network".to_owned()
        }
    };
    let name = stem(path);
    Err(Error::other(format!("the record of network {name} is damaged: {why}"))
        .hint(format!("remove it: compose network rm {name}")))
}

/// The network's name.
fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// Removes the damaged record of a network; its bridge goes when nothing is attached to it.
/// Returns whether there was one.
///
/// # Errors
/// It cannot be deleted.
pub fn remove_damaged(roots: &Roots, name: &str) -> Result<bool> {
    let _lock = Lock::wait(&lock_path(roots))?;
    let path = roots.network_record(name);
    if !is_name(name) || load(&path).is_ok() {
        return Ok(false);
    }
    let removed =
        if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
    removed.context(|| format!("cannot remove {}", path.display()))?;
    Ok(true)
}

/// The network with this name, id, or unique beginning of an id.
///
/// # Errors
/// [`Kind::NotFound`]; [`Kind::Invalid`] when several ids begin so.
pub fn get(roots: &Roots, name: &str) -> Result<Network> {
    if is_name(name)
        && let Some(network) = load(&roots.network_record(name))?
    {
        return Ok(network);
    }
    let mut found = list(roots)?;
    found.retain(|network| !name.is_empty() && network.id.starts_with(name));
    match found.len() {
        0 => Err(Error::new(Kind::NotFound, format!("network {name} not found"))),
        1 => Ok(found.remove(0)),
        _ => {
            let message = format!("several networks have an id that begins with {name}");
            Err(Error::new(Kind::Invalid, message))
        }
    }
}

/// Removes a network, its bridge and its rules.
///
/// # Errors
/// [`Kind::NotFound`]; [`Kind::Conflict`] while a running container is attached.
pub fn remove(roots: &Roots, name: &str) -> Result<()> {
    remove_many(roots, &[name])
}

/// Removes several networks for the price of one: the kernel waits (about 40 ms) once for all
/// bridges together. Removes all, or on an error before the first removal none.
///
/// # Errors
/// As [`remove`].
pub fn remove_many(roots: &Roots, names: &[&str]) -> Result<()> {
    let _lock = Lock::wait(&lock_path(roots))?;
    let networks = names.iter().map(|name| get(roots, name)).collect::<Result<Vec<_>>>()?;
    for network in &networks {
        let users = address::holders(roots, network)?;
        if !users.is_empty() {
            let message = format!("network {} has active endpoints", network.spec.name);
            return Err(Error::new(Kind::Conflict, message)
                .hint(format!("stop or disconnect {} first", users.join(", "))));
        }
    }
    bridge::remove(roots, &networks)?;
    for network in &networks {
        forget(roots, network)?;
    }
    Ok(())
}

pub use crate::resource::network::OF_BUILDS as TRANSIENT;

/// Removes the network of build steps, unless one is running.
///
/// # Errors
/// The kernel refuses to let it go.
pub fn remove_transient(roots: &Roots) -> Result<()> {
    match remove(roots, TRANSIENT) {
        Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Conflict) => Ok(()),
        other => other,
    }
}

/// Deletes a network's record and live state.
pub(super) fn forget(roots: &Roots, network: &Network) -> Result<()> {
    let live = roots.network(&network.id);
    let path = roots.network_record(&network.spec.name);
    std::fs::remove_file(&path).context(|| format!("cannot remove {}", path.display()))?;
    match std::fs::remove_dir_all(live.root()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", live.root().display()))
        }
        _ => Ok(()),
    }
}

/// Held exclusively while networks come and go, shared while containers take addresses.
pub(super) fn lock_path(roots: &Roots) -> std::path::PathBuf {
    roots.lock("networks")
}

/// What can be said about a specification alone.
fn check(spec: &NetworkSpec) -> Result<()> {
    if !is_name(&spec.name) {
        let message = format!("`{}` cannot be the name of a network", spec.name);
        return Err(Error::new(Kind::Invalid, message).hint(
            "names have letters, digits, `_`, `.` and `-`, and begin with a letter or digit",
        ));
    }
    if matches!(spec.name.as_str(), "host" | "none") {
        let message = format!("network `{}` is built in and cannot be created", spec.name);
        return Err(Error::new(Kind::Conflict, message));
    }
    match spec.driver.as_str() {
        "" | "bridge" | "default" => Ok(()),
        "macvlan" | "ipvlan" => vlan::kind(spec).map(drop),
        driver @ ("host" | "none" | "null") => {
            let name = if driver == "host" { "host" } else { "none" };
            let message = format!("only one instance of \"{name}\" network is allowed");
            Err(Error::new(Kind::Invalid, message).hint(format!(
                "write `network_mode: {name}` for the service, or an external network named {name}"
            )))
        }
        driver => {
            let message =
                format!("network `{}` wants driver `{driver}`, which we do not have", spec.name);
            Err(Error::new(Kind::Invalid, message).hint("drivers are bridge, macvlan and ipvlan"))
        }
    }
}

/// Docker: `[a-zA-Z0-9][a-zA-Z0-9_.-]*`.
fn is_name(name: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    name.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric())
        && name.bytes().all(inside)
        && name.len() <= 240
}

/// The name that the options ask for, or one made from the id.
fn bridge_name(spec: &NetworkSpec, id: &str, existing: &[Network]) -> Result<String> {
    let name = match options::bridge_name(spec)? {
        _ if !vlan::is_bridged(spec) => vlan::parent_name(spec, id),
        Some(name) => name.to_owned(),
        None => format!("{}{}", foreign::BRIDGE_PREFIX, &id[..11]),
    };
    match existing.iter().find(|network| network.bridge == name) {
        None => Ok(name),
        Some(network) => {
            let other = &network.spec.name;
            let message = format!("interface `{name}` belongs to network {other} already");
            Err(Error::new(Kind::Conflict, message))
        }
    }
}

/// The subnets that a new network gets: what it asks for, completed from the pools.
fn subnets(spec: &NetworkSpec, existing: &[Network], random: &[u8; 32]) -> Result<Vec<Subnet>> {
    let mut taken: Vec<Cidr> = existing.iter().flat_map(|network| cidrs(&network.spec)).collect();
    let mut subnets = Vec::new();
    for wanted in &spec.subnets {
        let cidr: Cidr = wanted.subnet.parse()?;
        if let Some(other) =
            existing.iter().find(|other| cidrs(&other.spec).any(|used| used.overlaps(cidr)))
        {
            let name = &other.spec.name;
            let message = format!("subnet {cidr} overlaps with that of network {name}");
            return Err(Error::new(Kind::Conflict, message).hint("choose another subnet"));
        }
        subnets.push(complete(wanted, cidr)?);
    }
    let has = |v4: bool, subnets: &[Subnet]| {
        subnets.iter().any(|subnet| subnet.gateway.is_some_and(|gateway| gateway.is_ipv4() == v4))
    };
    if spec.ipv4 && !has(true, &subnets) {
        taken.extend(host_routes()?);
        let free = choose_v4(&taken).ok_or_else(|| {
            Error::new(Kind::Conflict, "no free IPv4 subnet is left for a network")
                .hint("remove unused networks, or write a subnet under `ipam`")
        })?;
        subnets.push(complete(&Subnet::default(), free)?);
    }
    if spec.ipv6 && !has(false, &subnets) {
        let pieces = random.windows(5).map(|five| [five[0], five[1], five[2], five[3], five[4]]);
        let free = pieces.filter_map(|five| choose_v6(five, &taken)).next();
        let free = free.ok_or_else(|| Error::new(Kind::Conflict, "no free IPv6 subnet is left"))?;
        subnets.push(complete(&Subnet::default(), free)?);
    }
    Ok(subnets)
}

/// A subnet with its gateway decided, and what it says checked against it.
fn complete(wanted: &Subnet, cidr: Cidr) -> Result<Subnet> {
    let mut subnet = wanted.clone();
    subnet.subnet = cidr.to_string();
    let range: Option<Cidr> = wanted.ip_range.as_deref().map(str::parse).transpose()?;
    let outside = |what: &str, value: String| {
        Error::new(Kind::Invalid, format!("{what} {value} is not in subnet {cidr}"))
    };
    if let Some(range) =
        range.filter(|range| !cidr.overlaps(*range) || range.prefix() < cidr.prefix())
    {
        return Err(outside("address range", range.to_string()));
    }
    let named = wanted.aux_addresses.values().chain(&wanted.gateway);
    if let Some(address) = named.into_iter().find(|address| !cidr.contains(**address)) {
        return Err(outside("address", address.to_string()));
    }
    if subnet.gateway.is_none() {
        // The first address of the range, or of the subnet behind its own.
        let first = range.filter(|range| range.address() != cidr.address());
        let gateway = first.map(Cidr::address).or_else(|| cidr.nth(1));
        subnet.gateway = Some(gateway.ok_or_else(|| {
            Error::new(Kind::Invalid, format!("subnet {cidr} has no room for a gateway"))
        })?);
    }
    Ok(subnet)
}

/// Subnets of a network that is on disk.
fn cidrs(spec: &NetworkSpec) -> impl Iterator<Item = Cidr> {
    spec.subnets.iter().filter_map(|subnet| subnet.subnet.parse().ok())
}

/// Where this machine's routes lead.
fn host_routes() -> Result<Vec<Cidr>> {
    let mut socket =
        Socket::open(Family::Route).context(|| "cannot reach the routing table".to_owned())?;
    let replies = socket.dump(&route::list_routes());
    let replies = replies.map_err(|failure| {
        Error::other("cannot list this machine's routes").with_source(failure)
    })?;
    let destination = |(address, prefix): (IpAddr, u8)| Cidr::around(address, prefix);
    Ok(replies.iter().filter_map(route::read_destination).map(destination).collect())
}

/// Whether anything of a network is alive: used by reconciliation.
pub(super) fn has_live_address(roots: &Roots, id: &str) -> Result<bool> {
    let dir = roots.network(id).addresses();
    let Ok(entries) = std::fs::read_dir(&dir) else { return Ok(false) };
    for entry in entries.flatten() {
        if lock::is_held(&entry.path())? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Makes the directories of a network's live state.
pub(super) fn make_live(roots: &Roots, network: &Network) -> Result<()> {
    let live = roots.network(&network.id);
    make_dir(&live.addresses())?;
    make_dir(&live.names())
}
