//! Who is called what: name records on tmpfs, and the table made of them.
//!
//! Every container has one record in each of its networks, written before it starts: then its
//! names are known, and nobody asks the outside for them. While it runs the record has its
//! addresses, believed only as long as the address's lock is held.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::base::{ContainerId, Context, Result};
use crate::resource::Network;
use crate::resource::container::Link;
use crate::state::{Durability, Roots, lock, record};

use super::address::{self, Lease};
use super::record::make_live;

/// The names of one container in one network, as written on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct NameRecord {
    /// All names; the first, the container's own, answers questions about its address.
    names: Vec<String>,
    /// `None` while it does not run.
    ipv4: Option<Ipv4Addr>,
    /// `None` while it does not run.
    ipv6: Option<Ipv6Addr>,
}

/// Makes names known before their container runs: until then they have no address, but nobody
/// asks the outside for them. The container's own name comes first. No change for one that runs.
///
/// # Errors
/// The record cannot be written.
pub fn register(
    roots: &Roots,
    network: &Network,
    container: &ContainerId,
    names: &[String],
) -> Result<()> {
    make_live(roots, network)?;
    let path = roots.network(&network.id).name_record(container);
    let old: NameRecord = record::read(&path).unwrap_or_default().unwrap_or_default();
    if is_alive(roots, &network.id, container, &old)? {
        return Ok(());
    }
    let record = NameRecord { names: names.to_vec(), ..NameRecord::default() };
    record::write(&path, &record, Durability::Process)
}

/// Gives a container that runs or may run another name in a network.
///
/// # Errors
/// The record cannot be read or written.
pub fn rename(
    roots: &Roots,
    network: &Network,
    container: &ContainerId,
    (old, new): (&str, &str),
) -> Result<()> {
    let path = roots.network(&network.id).name_record(container);
    // Damaged ones are on tmpfs, and made anew by the next start.
    let found: Option<NameRecord> = record::read(&path).unwrap_or_default();
    let Some(mut record) = found else { return Ok(()) };
    for name in record.names.iter_mut().filter(|name| *name == old) {
        new.clone_into(name);
    }
    record::write(&path, &record, Durability::Process)
}

/// Makes a running container's names lead to its addresses. The container's own name comes first.
///
/// # Errors
/// The record cannot be written.
pub fn publish(
    roots: &Roots,
    lease: &Lease,
    container: &ContainerId,
    names: &[String],
) -> Result<()> {
    let path = roots.network(&lease.network.id).name_record(container);
    let record = NameRecord { names: names.to_vec(), ipv4: lease.ipv4, ipv6: lease.ipv6 };
    record::write(&path, &record, Durability::Process)
}

/// Takes the addresses of a container that ended away from its names, which stay known.
///
/// # Errors
/// The record cannot be written.
pub fn withdraw(roots: &Roots, network: &Network, container: &ContainerId) -> Result<()> {
    let path = roots.network(&network.id).name_record(container);
    let found: Option<NameRecord> = record::read(&path).unwrap_or_default();
    let Some(old) = found else { return Ok(()) };
    let record = NameRecord { names: old.names, ..NameRecord::default() };
    record::write(&path, &record, Durability::Process)
}

/// Removes the names of a container that is removed.
///
/// # Errors
/// The record cannot be removed.
pub fn forget(roots: &Roots, network: &Network, container: &ContainerId) -> Result<()> {
    let path = roots.network(&network.id).name_record(container);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Whether a record's addresses are held by a living process, and still for this container.
fn is_alive(
    roots: &Roots,
    network: &str,
    container: &ContainerId,
    record: &NameRecord,
) -> Result<bool> {
    let first = record.ipv4.map(IpAddr::V4).or(record.ipv6.map(IpAddr::V6));
    let Some(address) = first else { return Ok(false) };
    let path = roots.network(network).address(address);
    Ok(address::holder(&path) == container.short() && lock::is_held(&path)?)
}

/// What names mean to one container. Pure data; see [`super::dns::answer`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    by_name: HashMap<String, Vec<IpAddr>>,
    by_address: HashMap<IpAddr, String>,
    /// Questions about other names go to the outside.
    pub forwards: bool,
}

impl Names {
    /// Adds a container's names in a network; without addresses they are known, but lead nowhere.
    pub fn add(&mut self, network: &str, names: &[String], addresses: &[IpAddr]) {
        for name in names {
            let name = name.to_ascii_lowercase();
            let long = format!("{name}.{}", network.to_ascii_lowercase());
            for key in [name, long] {
                let known = self.by_name.entry(key).or_default();
                known.extend(addresses);
            }
        }
        if let Some(name) = names.first() {
            for address in addresses {
                self.by_address.insert(*address, format!("{name}.{network}"));
            }
        }
    }

    /// Lets an alias mean what another name means; a name that is unknown leaves it as it is.
    fn link(&mut self, link: &Link) {
        let target = self.by_name.get(&link.target.to_ascii_lowercase()).cloned();
        if let Some(addresses) = target {
            self.by_name.insert(link.alias.to_ascii_lowercase(), addresses);
        }
    }

    /// The addresses of a name in lower case; `None` when the name is unknown.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Option<&[IpAddr]> {
        self.by_name.get(name).map(Vec::as_slice)
    }

    /// The name of an address.
    #[must_use]
    pub fn name_of(&self, address: IpAddr) -> Option<&str> {
        self.by_address.get(&address).map(String::as_str)
    }
}

/// How old a change must be before its time stamp can be told from the next one's: the kernel's
/// clock for files ticks 100 times a second or more.
const TICK: Duration = Duration::from_millis(20);
/// How long a table is believed when no record changes: an address's holder may have been killed.
const BELIEF: Duration = Duration::from_secs(1);

/// The table of a container's networks, read again when records change.
#[derive(Debug)]
pub struct Zone {
    roots: Roots,
    /// Id and name.
    networks: Vec<(String, String)>,
    /// Names that only this container knows.
    links: Vec<Link>,
    names: Names,
    stamps: Vec<Option<SystemTime>>,
    believed_until: Option<Instant>,
}

impl Zone {
    /// For a container in these networks.
    #[must_use]
    pub fn new(roots: &Roots, networks: &[&Network]) -> Zone {
        let forwards = networks.iter().any(|network| !network.spec.internal);
        let pair = |network: &&Network| (network.id.clone(), network.spec.name.clone());
        Zone {
            roots: roots.clone(),
            networks: networks.iter().map(pair).collect(),
            links: Vec::new(),
            names: Names { forwards, ..Names::default() },
            stamps: Vec::new(),
            believed_until: None,
        }
    }

    /// With names of the container's own for others.
    #[must_use]
    pub fn with_links(mut self, links: &[Link]) -> Zone {
        self.links = links.to_vec();
        self
    }

    /// What names mean now. What cannot be read has no names.
    pub fn names(&mut self, now: Instant) -> &Names {
        let directories: Vec<_> =
            self.networks.iter().map(|(id, _)| self.roots.network(id).names()).collect();
        let stamps: Vec<_> = directories.iter().map(|path| modified(path)).collect();
        let believed = self.believed_until.is_some_and(|until| now < until);
        if !believed || stamps != self.stamps {
            self.names = self.load();
            // A change in the tick of the last one would go unnoticed: look again after it.
            let fresh = |stamp: &Option<SystemTime>| {
                stamp.is_some_and(|stamp| stamp.elapsed().is_ok_and(|age| age < TICK))
            };
            let belief = if stamps.iter().any(fresh) { Duration::ZERO } else { BELIEF };
            self.believed_until = Some(now + belief);
            self.stamps = stamps;
        }
        &self.names
    }

    fn load(&self) -> Names {
        let mut names = Names { forwards: self.names.forwards, ..Names::default() };
        for (id, network) in &self.networks {
            let Ok(entries) = std::fs::read_dir(self.roots.network(id).names()) else { continue };
            let mut records: Vec<(ContainerId, NameRecord)> = entries
                .flatten()
                // Names of other shapes are records being written.
                .filter_map(|entry| entry.file_name().to_str()?.parse::<ContainerId>().ok())
                .filter_map(|container| {
                    let path = self.roots.network(id).name_record(&container);
                    Some((container, record::read(&path).ok()??))
                })
                .collect();
            records.sort_by(|(a, _), (b, _)| a.cmp(b));
            for (container, record) in &records {
                let alive = is_alive(&self.roots, id, container, record).unwrap_or(false);
                let v4 = record.ipv4.map(IpAddr::V4);
                let addresses: Vec<IpAddr> =
                    v4.into_iter().chain(record.ipv6.map(IpAddr::V6)).filter(|_| alive).collect();
                names.add(network, &record.names, &addresses);
            }
        }
        self.links.iter().for_each(|link| names.link(link));
        names
    }
}

fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}
