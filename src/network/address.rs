//! Addresses: which container has which.
//!
//! A given address is a file named after it, locked by its holder. When the holder dies the lock
//! is gone, and the address free again; the file of a dead holder is only litter.

use std::collections::HashSet;
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::resource::network::Subnet;
use crate::resource::{Endpoint, Network};
use crate::state::{Lock, Roots, lock};
use crate::sys::netlink::route::Mac;

use super::record;
use super::subnet::Cidr;

/// A container's addresses in one network, held until this is dropped or the process dies.
#[derive(Debug)]
pub struct Lease {
    /// The network.
    pub network: Network,
    /// What was asked for.
    pub endpoint: Endpoint,
    /// The given IPv4 address; `None` in a network without IPv4.
    pub ipv4: Option<Ipv4Addr>,
    /// The given IPv6 address; `None` in a network without IPv6.
    pub ipv6: Option<Ipv6Addr>,
    /// Held for its `Drop`.
    _held: Vec<Held>,
}

/// A locked address file.
#[derive(Debug)]
struct Held {
    path: PathBuf,
    /// Dropped after the file was removed, so that nobody takes it in between.
    _lock: Lock,
}

impl Drop for Held {
    fn drop(&mut self) {
        // A file that stays is litter, which the next reconciliation removes.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Lease {
    /// The hardware address: the wanted one, or one made from the IPv4 address (Docker: 02:42 and
    /// the address), so that neighbours' caches stay right when an address moves on.
    ///
    /// # Errors
    /// [`Kind::Invalid`]: the wanted one is not six pairs of hexadecimal digits, or is a group's.
    pub fn mac(&self) -> Result<Mac> {
        if let Some(text) = &self.endpoint.mac {
            return parse_mac(text);
        }
        let tail = match (self.ipv4, self.ipv6) {
            (Some(address), _) => address.octets(),
            (None, Some(address)) => {
                let octets = address.octets();
                [octets[12], octets[13], octets[14], octets[15]]
            }
            (None, None) => [0; 4],
        };
        Ok([0x02, 0x42, tail[0], tail[1], tail[2], tail[3]])
    }
}

/// Gives a container its addresses in a network: the wanted ones, or the lowest free ones.
///
/// # Errors
/// [`Kind::Conflict`] when a wanted address is taken or the subnet is full, [`Kind::Invalid`] when
/// it lies outside, [`Kind::NotFound`] when the network was removed meanwhile.
pub fn allocate(
    roots: &Roots,
    network: &Network,
    container: &ContainerId,
    wanted: &Endpoint,
) -> Result<Lease> {
    let _lock = Lock::wait_shared(&record::lock_path(roots))?;
    // Removed and made again under the same name is another network.
    if record::get(roots, &network.spec.name)?.id != network.id {
        let message = format!("network {} was replaced meanwhile", network.spec.name);
        return Err(Error::new(Kind::NotFound, message));
    }
    record::make_live(roots, network)?;
    let request = Request { roots, network, container };
    let (ipv4, held4) = split(request.give(true, wanted.ipv4.map(IpAddr::from))?);
    let (ipv6, held6) = split(request.give(false, wanted.ipv6.map(IpAddr::from))?);
    Ok(Lease {
        network: network.clone(),
        endpoint: wanted.clone(),
        ipv4: ipv4.and_then(|address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
        ipv6: ipv6.and_then(|address| match address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        }),
        _held: held4.into_iter().chain(held6).collect(),
    })
}

fn split<A, B>(both: Option<(A, B)>) -> (Option<A>, Option<B>) {
    both.map_or((None, None), |(a, b)| (Some(a), Some(b)))
}

/// Who has addresses in a network now: short ids of containers.
///
/// # Errors
/// The directory of addresses cannot be read.
pub fn holders(roots: &Roots, network: &Network) -> Result<Vec<String>> {
    let dir = roots.network(&network.id).addresses();
    let mut found = Vec::new();
    for path in files(&dir)? {
        if lock::is_held(&path)? {
            found.push(holder(&path));
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

/// The short id of the container that has or had an address; empty if there is none.
pub(super) fn holder(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// Removes the files of dead holders, while the lock on networks keeps others from taking theirs.
///
/// # Errors
/// The directory of addresses cannot be read.
pub(super) fn sweep(dir: &Path) -> Result<()> {
    for path in files(dir)? {
        if let Some(lock) = Lock::try_take(&path)? {
            drop(Held { path, _lock: lock });
        }
    }
    Ok(())
}

/// The files in a directory; none when it does not exist.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    match std::fs::read_dir(dir) {
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error).context(|| format!("cannot read {}", dir.display())),
    }
}

/// Whom addresses are for.
struct Request<'a> {
    roots: &'a Roots,
    network: &'a Network,
    container: &'a ContainerId,
}

impl Request<'_> {
    /// An address of one family; `None` if the network does not have it.
    fn give(&self, v4: bool, wanted: Option<IpAddr>) -> Result<Option<(IpAddr, Held)>> {
        let mut subnets = self.network.spec.subnets.iter().filter_map(|subnet| {
            let cidr: Cidr = subnet.subnet.parse().ok()?;
            (cidr.address().is_ipv4() == v4).then_some((subnet, cidr))
        });
        let name = &self.network.spec.name;
        let Some(address) = wanted else {
            let Some((subnet, cidr)) = subnets.next() else { return Ok(None) };
            return self.lowest(subnet, cidr).map(Some);
        };
        let Some((subnet, _)) = subnets.find(|(_, cidr)| cidr.contains(address)) else {
            let message = format!("address {address} is in no subnet of network {name}");
            return Err(Error::new(Kind::Invalid, message));
        };
        if subnet.gateway == Some(address) {
            let message = format!("address {address} is the gateway of network {name}");
            return Err(Error::new(Kind::Conflict, message));
        }
        match self.take_patiently(address)? {
            Some(held) => Ok(Some((address, held))),
            None => {
                let path = self.roots.network(&self.network.id).address(address);
                let holder = holder(&path);
                let message = format!("address {address} in network {name} is already in use");
                Err(Error::new(Kind::Conflict, message).hint(format!("container {holder} has it")))
            }
        }
    }

    /// The lowest free address.
    fn lowest(&self, subnet: &Subnet, cidr: Cidr) -> Result<(IpAddr, Held)> {
        let dir = self.roots.network(&self.network.id).addresses();
        let names = files(&dir)?;
        let names: HashSet<_> =
            names.iter().filter_map(|path| path.file_name()?.to_str()).collect();
        // Addresses with a file cost a try each, and are most likely taken: first those without.
        let known = |address: &IpAddr| names.contains(address.to_string().as_str());
        let fresh = candidates(subnet, cidr).filter(|address| !known(address));
        let stale = candidates(subnet, cidr).filter(known);
        for address in fresh.chain(stale) {
            if let Some(held) = self.take(address)? {
                return Ok((address, held));
            }
        }
        let message = format!("network {} has no free address left", self.network.spec.name);
        Err(Error::new(Kind::Conflict, message).hint(format!("its subnet is {cidr}")))
    }

    /// Takes one address that no other will do for. Whoever tests whether an address is held holds
    /// it for a moment himself.
    fn take_patiently(&self, address: IpAddr) -> Result<Option<Held>> {
        const ATTEMPTS: usize = 10;
        for _ in 1..ATTEMPTS {
            if let Some(held) = self.take(address)? {
                return Ok(Some(held));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        self.take(address)
    }

    /// Takes one address; `None` if somebody has it.
    fn take(&self, address: IpAddr) -> Result<Option<Held>> {
        let path = self.roots.network(&self.network.id).address(address);
        loop {
            let Some(lock) = Lock::try_take(&path)? else { return Ok(None) };
            let mut file = lock.file();
            let locked =
                file.metadata().context(|| format!("cannot look at {}", path.display()))?;
            // Its last holder may have removed the file between our opening and locking it.
            let named = path.metadata().is_ok_and(|named| named.ino() == locked.ino());
            if !named {
                continue;
            }
            let written =
                file.set_len(0).and_then(|()| file.write_all(self.container.short().as_bytes()));
            written.context(|| format!("cannot write {}", path.display()))?;
            return Ok(Some(Held { path, _lock: lock }));
        }
    }
}

/// The addresses that containers may get, lowest first.
fn candidates(subnet: &Subnet, cidr: Cidr) -> impl Iterator<Item = IpAddr> {
    let range = subnet.ip_range.as_deref().and_then(|range| range.parse().ok()).unwrap_or(cidr);
    let (gateway, reserved) = (subnet.gateway, &subnet.aux_addresses);
    // Nobody has more containers than that in one network, and a /64 has no end.
    const MOST: u128 = 1 << 20;
    (0..MOST).map_while(move |offset| range.nth(offset)).filter(move |address| {
        let special = *address == cidr.address()
            || address.is_ipv4() && *address == cidr.last() && cidr.prefix() < 31;
        !special && gateway != Some(*address) && !reserved.values().any(|taken| taken == address)
    })
}

/// Reads `02:42:ac:11:00:02`.
fn parse_mac(text: &str) -> Result<Mac> {
    let invalid = || Error::new(Kind::Invalid, format!("`{text}` is not a hardware address"));
    let mut mac = [0; 6];
    let mut parts = text.split([':', '-']);
    for byte in &mut mac {
        let part = parts.next().filter(|part| part.len() == 2).ok_or_else(invalid)?;
        *byte = u8::from_str_radix(part, 16).map_err(|_| invalid())?;
    }
    match parts.next().is_none() && mac[0] & 1 == 0 {
        true => Ok(mac),
        false => Err(invalid()),
    }
}

/// As `02:42:ac:11:00:02`.
#[must_use]
pub(super) fn print_mac(mac: Mac) -> String {
    mac.map(|byte| format!("{byte:02x}")).join(":")
}
