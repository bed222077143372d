//! The kernel's table of connections.

use super::message::{Attributes, Message, Reply, flag};
use super::{Failure, Family, Socket};

const SUBSYSTEM: u16 = 1;
const GET: u16 = 1;
const DELETE: u16 = 2;
/// Length of `struct nfgenmsg`.
const HEADER_BYTES: usize = 4;
const CTA_TUPLE_ORIG: u16 = 1;
const CTA_TUPLE_PROTO: u16 = 2;
const CTA_PROTO_NUM: u16 = 1;
const CTA_PROTO_DST_PORT: u16 = 3;
const NESTED: u16 = 0x8000;

/// Forgets all datagram conversations that began with a datagram to one of these ports.
///
/// # Errors
/// The kernel has no connection tracking, or refuses.
pub fn forget_udp(ports: &[u16]) -> Result<(), Failure> {
    if ports.is_empty() {
        return Ok(());
    }
    let mut socket = Socket::open(Family::Netfilter)?;
    let all = socket.dump(&message(0, GET, flag::DUMP))?;
    let deletions: Vec<Message> = all.iter().filter_map(|entry| deletion(entry, ports)).collect();
    match socket.exchange(&deletions) {
        // One ended by itself meanwhile.
        Err(failure) if failure.is(libc::ENOENT) => Ok(()),
        other => other.map(drop),
    }
}

/// The message that deletes `entry`, if it is one of datagrams to one of these ports.
fn deletion(entry: &Reply, ports: &[u16]) -> Option<Message> {
    let family = *entry.body.first()?;
    let tuple = entry.attribute(HEADER_BYTES, CTA_TUPLE_ORIG)?;
    let protocol = Attributes::new(tuple).inside(CTA_TUPLE_PROTO);
    let &[high, low] = protocol.get(CTA_PROTO_DST_PORT)? else { return None };
    let udp = protocol.get(CTA_PROTO_NUM)?.first().copied() == Some(libc::IPPROTO_UDP as u8);
    let ours = udp && ports.contains(&u16::from_be_bytes([high, low]));
    ours.then(|| message(family, DELETE, flag::ACK).attribute(CTA_TUPLE_ORIG | NESTED, tuple))
}

fn message(family: u8, operation: u16, flags: u16) -> Message {
    Message::new(SUBSYSTEM << 8 | operation, flags).fixed(&[family, 0, 0, 0])
}
