//! Port 53 of 127.0.0.11, without taking port 53.
//!
//! A container may run a name server of its own on all addresses, and could not while somebody
//! else has 127.0.0.11:53. So we listen on any free port, and rules in the container's namespace
//! rewrite the port numbers on the way out of the asking program and of ours. They are stateless:
//! no connection tracking is switched on for the container's sake.

use std::net::Ipv4Addr;

use crate::sys::netlink::nft::{self, Base, Change, Expression as E, Hook, Table, TableFamily};
use crate::sys::netlink::{Failure, Family, Socket};

/// Where containers ask.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 11);
/// The port that they ask.
pub const PORT: u16 = 53;
const TCP: u8 = 6;
const UDP: u8 = 17;

/// Puts the rules into the calling thread's network namespace.
///
/// # Errors
/// The kernel has no nftables.
pub fn install(udp: u16, tcp: u16) -> Result<(), Failure> {
    let table = Table { family: TableFamily::Ip, name: "compose-dns".to_owned() };
    let mut socket = Socket::open(Family::Netfilter)?;
    let mut changes = rules(udp, tcp);
    // What somebody else has put there is replaced; a new namespace has nothing, and deleting
    // what is not there would still keep us waiting for all CPUs.
    if socket.exchange(&[nft::get_table(&table)]).is_ok() {
        changes.insert(0, Change::DeleteTable);
    }
    socket.exchange(&nft::batch(&table, &changes)).map(drop)
}

/// Pure: a table with two rules for each protocol, one for each way.
fn rules(udp: u16, tcp: u16) -> Vec<Change> {
    let base = Base { nat: false, hook: Hook::Output, priority: -150 };
    let mut changes = vec![Change::AddTable(String::new())];
    changes.push(Change::AddChain("output", Some(base)));
    for (protocol, port) in [(UDP, udp), (TCP, tcp)] {
        let matches = |address: E, loaded: E, is: u16| {
            vec![
                address,
                E::Equals(0, ADDRESS.octets().to_vec()),
                E::TransportProtocol(0),
                E::Equals(0, vec![protocol]),
                loaded,
                E::Equals(0, is.to_be_bytes().to_vec()),
            ]
        };
        let mut there = matches(E::Destination4(0), E::DestinationPort(0), PORT);
        there.push(E::Load(0, port.to_be_bytes().to_vec()));
        there.push(E::WriteDestinationPort(0, protocol));
        let mut back = matches(E::Source4(0), E::SourcePort(0), port);
        back.push(E::Load(0, PORT.to_be_bytes().to_vec()));
        back.push(E::WriteSourcePort(0, protocol));
        changes.extend([Change::AddRule("output", there), Change::AddRule("output", back)]);
    }
    changes
}
