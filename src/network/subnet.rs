//! Subnets: CIDR notation, and which one a new network gets. Pure.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use crate::base::{Error, Kind, Result};

/// A subnet: an address whose bits after the prefix are zero, and the prefix's length.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// The subnet that `address` is in, if subnets have `prefix` bits.
    #[must_use]
    pub fn around(address: IpAddr, prefix: u8) -> Cidr {
        let prefix = prefix.min(width(address));
        let cidr = Cidr { address, prefix };
        Cidr { address: from_bits(bits(address) & !cidr.host_mask(), address), prefix }
    }

    /// The subnet's own address.
    #[must_use]
    pub fn address(self) -> IpAddr {
        self.address
    }

    /// Length of the prefix in bits.
    #[must_use]
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// Whether the address lies in it.
    #[must_use]
    pub fn contains(self, address: IpAddr) -> bool {
        address.is_ipv4() == self.address.is_ipv4() && Cidr::around(address, self.prefix) == self
    }

    /// Whether any address lies in both.
    #[must_use]
    pub fn overlaps(self, other: Cidr) -> bool {
        match self.prefix <= other.prefix {
            true => self.contains(other.address),
            false => other.contains(self.address),
        }
    }

    /// The address at `offset`; `None` when it lies outside.
    #[must_use]
    pub fn nth(self, offset: u128) -> Option<IpAddr> {
        let inside = offset <= self.host_mask();
        inside.then(|| from_bits(bits(self.address) | offset, self.address))
    }

    /// The highest address: the broadcast address of an IPv4 subnet.
    #[must_use]
    pub fn last(self) -> IpAddr {
        from_bits(bits(self.address) | self.host_mask(), self.address)
    }

    /// The bits that vary inside.
    fn host_mask(self) -> u128 {
        match width(self.address) - self.prefix {
            0 => 0,
            free => u128::MAX >> (128 - u32::from(free)),
        }
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// An address of the same family as `like`.
fn from_bits(bits: u128, like: IpAddr) -> IpAddr {
    match like {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::from_bits(bits as u32)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::from_bits(bits)),
    }
}

impl FromStr for Cidr {
    type Err = Error;

    fn from_str(text: &str) -> Result<Cidr> {
        let invalid = || {
            Error::new(Kind::Invalid, format!("`{text}` is not a subnet"))
                .hint("write an address and a prefix length, such as 172.28.0.0/16")
        };
        let (address, prefix) = text.split_once('/').ok_or_else(invalid)?;
        let address: IpAddr = address.parse().map_err(|_| invalid())?;
        let prefix: u8 = prefix.parse().map_err(|_| invalid())?;
        if prefix > width(address) {
            return Err(invalid());
        }
        let cidr = Cidr::around(address, prefix);
        if cidr.address != address {
            let message = format!("subnet `{text}` has address bits after its prefix");
            return Err(Error::new(Kind::Invalid, message).hint(format!("it should be {cidr}")));
        }
        Ok(cidr)
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// Pools of subnets: where from, and how long the prefix of each is. Docker's own, then one of
/// small subnets, because thirty networks are not enough for everybody.
const POOLS: [([u8; 4], u8, u8); 8] = [
    ([172, 17, 0, 0], 16, 16),
    ([172, 18, 0, 0], 16, 16),
    ([172, 19, 0, 0], 16, 16),
    ([172, 20, 0, 0], 14, 16),
    ([172, 24, 0, 0], 14, 16),
    ([172, 28, 0, 0], 14, 16),
    ([192, 168, 0, 0], 16, 20),
    ([10, 192, 0, 0], 12, 24),
];

/// The first subnet of the pools that overlaps nothing in `taken`; `None` when all do.
#[must_use]
pub fn choose_v4(taken: &[Cidr]) -> Option<Cidr> {
    POOLS.iter().find_map(|(address, prefix, size)| {
        let pool = Cidr::around(IpAddr::from(*address), *prefix);
        (0_u128..1 << (size - prefix))
            .filter_map(|number| pool.nth(number << (32 - size)))
            .map(|address| Cidr::around(address, *size))
            .find(|subnet| !taken.iter().any(|other| other.overlaps(*subnet)))
    })
}

/// A unique local /64 made from random bytes (RFC 4193); `None` if it is taken.
#[must_use]
pub fn choose_v6(random: [u8; 5], taken: &[Cidr]) -> Option<Cidr> {
    let mut octets = [0; 16];
    octets[0] = 0xfd;
    octets[1..6].copy_from_slice(&random);
    let subnet = Cidr::around(IpAddr::from(octets), 64);
    (!taken.iter().any(|other| other.overlaps(subnet))).then_some(subnet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cidr(text: &str) -> Cidr {
        text.parse().unwrap()
    }

    #[test]
    fn subnets_are_read_and_printed() {
        for text in ["172.28.0.0/16", "10.0.0.4/30", "fd00:1::/64", "0.0.0.0/0", "1.2.3.4/32"] {
            assert_eq!(cidr(text).to_string(), text);
        }
        for text in ["", "1.2.3.4", "1.2.3.4/33", "1.2.3.4/x", "fd00::/129"] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
        let error = "172.28.0.1/16".parse::<Cidr>().unwrap_err();
        assert_eq!(error.hints(), ["it should be 172.28.0.0/16"]);
    }

    #[test]
    fn overlap_is_symmetric() {
        let (wide, narrow, other) = (cidr("10.0.0.0/8"), cidr("10.1.2.0/24"), cidr("11.0.0.0/8"));
        assert!(wide.overlaps(narrow) && narrow.overlaps(wide) && wide.overlaps(wide));
        assert!(!wide.overlaps(other) && !wide.overlaps(cidr("fd00::/8")));
    }

    #[test]
    fn a_subnet_ends_where_it_ends() {
        let subnet = cidr("10.0.0.0/30");
        assert_eq!(subnet.nth(3), Some(subnet.last()));
        assert_eq!(subnet.nth(4), None);
    }

    #[test]
    fn a_new_network_gets_the_first_subnet_that_nothing_uses() {
        assert_eq!(choose_v4(&[]).unwrap(), cidr("172.17.0.0/16"));
        let taken = [cidr("172.17.0.0/16"), cidr("172.18.5.0/24"), cidr("172.16.0.0/12")];
        assert_eq!(choose_v4(&taken[..2]).unwrap(), cidr("172.19.0.0/16"));
        assert_eq!(choose_v4(&taken).unwrap(), cidr("192.168.0.0/20"));
        let most = [cidr("172.16.0.0/12"), cidr("192.168.0.0/16"), cidr("10.192.0.0/24")];
        assert_eq!(choose_v4(&most).unwrap(), cidr("10.192.1.0/24"));
        assert_eq!(choose_v4(&[cidr("0.0.0.0/0")]), None);
    }

    #[test]
    fn ipv6_subnets_are_unique_local() {
        let subnet = choose_v6([1, 2, 3, 4, 5], &[]).unwrap();
        assert_eq!(subnet.to_string(), "fd01:203:405::/64");
        assert_eq!(choose_v6([1, 2, 3, 4, 5], &[subnet]), None);
    }
}
