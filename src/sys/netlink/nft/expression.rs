//! What rules are made of, and how it is encoded.
//!
//! Registers: the kernel has sixteen of four bytes, numbered from 8. Every expression here loads
//! from or into a register given by its number from 0, so that parts of a key can be loaded one
//! after another.

use std::fmt;

use crate::sys::netlink::Message;

/// What happens to a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passes this base chain.
    Accept,
    /// It is gone.
    Drop,
    /// It goes on in this chain, then comes back.
    Jump(&'static str),
}

/// One step of a rule; the next one is reached only if it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// Load the name of the interface a packet came in by: 16 bytes.
    InInterface(u32),
    /// Load the name of the interface a packet leaves by: 16 bytes.
    OutInterface(u32),
    /// Load the network protocol: 2 for IPv4, 10 for IPv6.
    NetworkProtocol(u32),
    /// Load the transport protocol.
    TransportProtocol(u32),
    /// Load the IPv4 source address.
    Source4(u32),
    /// Load the IPv4 destination address.
    Destination4(u32),
    /// Load the IPv6 destination address.
    Destination6(u32),
    /// Load the source port.
    SourcePort(u32),
    /// Load the destination port.
    DestinationPort(u32),
    /// Load these bytes.
    Load(u32, Vec<u8>),
    /// Write the register to the source port of a packet of this protocol (6 or 17).
    WriteSourcePort(u32, u8),
    /// Write the register to the destination port of a packet of this protocol (6 or 17).
    WriteDestinationPort(u32, u8),
    /// Load what the destination is to this machine's routing (`RTN_*`).
    DestinationKind(u32),
    /// Load the connection's state bits.
    ConnectionState(u32),
    /// Load the connection's status bits.
    ConnectionStatus(u32),
    /// Keep these bits of a register.
    Mask(u32, Vec<u8>),
    /// The register equals these bytes.
    Equals(u32, Vec<u8>),
    /// The register differs from these bytes.
    Differs(u32, Vec<u8>),
    /// The registers from here on are a key of this set.
    InSet(u32, &'static str),
    /// The registers from here on are no key of this set.
    NotInSet(u32, &'static str),
    /// Replace the registers from here on with the value of this map.
    Map(u32, &'static str),
    /// Change the destination to the IPv4 address and port in the registers.
    Dnat4(u32),
    /// Change the destination to the IPv6 address and port in the registers.
    Dnat6(u32),
    /// Change the source to this machine's address on the way out.
    Masquerade,
    /// Count.
    Counter,
    /// Decide.
    Verdict(Verdict),
}

use Expression as E;

const NFTA_EXPR_NAME: u16 = 1;
const NFTA_EXPR_DATA: u16 = 2;
const NFT_REG32_00: u32 = 8;

impl Expression {
    /// Appends the expression to a rule's list.
    pub(super) fn encode(&self, list: Message) -> Message {
        const NFTA_LIST_ELEM: u16 = 1;
        list.nest(NFTA_LIST_ELEM, |element| {
            element
                .text(NFTA_EXPR_NAME, self.name())
                .nest(NFTA_EXPR_DATA, |data| self.encode_data(data))
        })
    }

    /// The kernel's name of it.
    fn name(&self) -> &'static str {
        match self {
            E::InInterface(_)
            | E::OutInterface(_)
            | E::NetworkProtocol(_)
            | E::TransportProtocol(_) => "meta",
            E::Source4(_)
            | E::Destination4(_)
            | E::Destination6(_)
            | E::SourcePort(_)
            | E::DestinationPort(_)
            | E::WriteSourcePort(..)
            | E::WriteDestinationPort(..) => "payload",
            E::DestinationKind(_) => "fib",
            E::ConnectionState(_) | E::ConnectionStatus(_) => "ct",
            E::Mask(..) => "bitwise",
            E::Equals(..) | E::Differs(..) => "cmp",
            E::InSet(..) | E::NotInSet(..) | E::Map(..) => "lookup",
            E::Dnat4(_) | E::Dnat6(_) => "nat",
            E::Masquerade => "masq",
            E::Counter => "counter",
            E::Verdict(_) | E::Load(..) => "immediate",
        }
    }

    /// What it works on, with the kernel's numbers (`linux/netfilter/nf_tables.h`).
    fn encode_data(&self, data: Message) -> Message {
        const NETWORK: u32 = 1;
        const TRANSPORT: u32 = 2;
        match self {
            E::InInterface(to) => meta(data, 6, *to),
            E::OutInterface(to) => meta(data, 7, *to),
            E::NetworkProtocol(to) => meta(data, 15, *to),
            E::TransportProtocol(to) => meta(data, 16, *to),
            E::Source4(to) => payload(data, NETWORK, 12, 4, *to),
            E::Destination4(to) => payload(data, NETWORK, 16, 4, *to),
            E::Destination6(to) => payload(data, NETWORK, 24, 16, *to),
            E::SourcePort(to) => payload(data, TRANSPORT, 0, 2, *to),
            E::DestinationPort(to) => payload(data, TRANSPORT, 2, 2, *to),
            E::Load(to, bytes) => {
                data.be32(1, NFT_REG32_00 + to).nest(2, |value| value.attribute(1, bytes))
            }
            E::WriteSourcePort(from, protocol) => write_port(data, 0, *from, *protocol),
            E::WriteDestinationPort(from, protocol) => write_port(data, 2, *from, *protocol),
            // Result: address type; flag: of the destination.
            E::DestinationKind(to) => data.be32(1, NFT_REG32_00 + to).be32(2, 3).be32(3, 2),
            E::ConnectionState(to) => meta(data, 0, *to),
            E::ConnectionStatus(to) => meta(data, 2, *to),
            E::Mask(register, mask) => data
                .be32(1, NFT_REG32_00 + register)
                .be32(2, NFT_REG32_00 + register)
                .be32(3, mask.len() as u32)
                .nest(4, |value| value.attribute(1, mask))
                .nest(5, |value| value.attribute(1, &vec![0; mask.len()])),
            E::Equals(register, bytes) => compare(data, 0, *register, bytes),
            E::Differs(register, bytes) => compare(data, 1, *register, bytes),
            E::InSet(register, set) => data.text(1, set).be32(2, NFT_REG32_00 + register),
            E::NotInSet(register, set) => {
                data.text(1, set).be32(2, NFT_REG32_00 + register).be32(5, 1)
            }
            E::Map(register, set) => {
                data.text(1, set).be32(2, NFT_REG32_00 + register).be32(3, NFT_REG32_00 + register)
            }
            E::Dnat4(register) => nat(data, 2, *register, 1),
            E::Dnat6(register) => nat(data, 10, *register, 4),
            E::Masquerade => data,
            E::Counter => data.attribute(1, &[0; 8]).attribute(2, &[0; 8]),
            E::Verdict(verdict) => verdict.encode(data),
        }
    }
}

impl Verdict {
    /// An `immediate` into the verdict register.
    fn encode(&self, data: Message) -> Message {
        const NFT_REG_VERDICT: u32 = 0;
        let (code, chain) = match self {
            Verdict::Drop => (0, None),
            Verdict::Accept => (1, None),
            Verdict::Jump(chain) => ((-3_i32).cast_unsigned(), Some(chain)),
        };
        data.be32(1, NFT_REG_VERDICT).nest(2, |value| {
            value.nest(2, |verdict| match chain {
                None => verdict.be32(1, code),
                Some(chain) => verdict.be32(1, code).text(2, chain),
            })
        })
    }
}

/// `meta` and `ct` have the same form.
fn meta(data: Message, key: u32, register: u32) -> Message {
    data.be32(1, NFT_REG32_00 + register).be32(2, key)
}

fn payload(data: Message, header: u32, offset: u32, length: u32, register: u32) -> Message {
    data.be32(1, NFT_REG32_00 + register).be32(2, header).be32(3, offset).be32(4, length)
}

/// Writes two bytes of the transport header and corrects its checksum.
fn write_port(data: Message, offset: u32, register: u32, protocol: u8) -> Message {
    const TRANSPORT: u32 = 2;
    const INTERNET_CHECKSUM: u32 = 1;
    let checksum = if i32::from(protocol) == libc::IPPROTO_TCP { 16 } else { 6 };
    data.be32(2, TRANSPORT)
        .be32(3, offset)
        .be32(4, 2)
        .be32(5, NFT_REG32_00 + register)
        .be32(6, INTERNET_CHECKSUM)
        .be32(7, checksum)
}

fn compare(data: Message, operation: u32, register: u32, bytes: &[u8]) -> Message {
    data.be32(1, NFT_REG32_00 + register)
        .be32(2, operation)
        .nest(3, |value| value.attribute(1, bytes))
}

/// Destination NAT to the address at `register` and the port `words` registers after it.
fn nat(data: Message, family: u32, register: u32, words: u32) -> Message {
    const DNAT: u32 = 1;
    let address = NFT_REG32_00 + register;
    data.be32(1, DNAT).be32(2, family).be32(3, address).be32(5, address + words)
}

/// A rule as `nft` would write it, roughly: loads and tests in their order.
pub(super) fn print(rule: &[Expression]) -> String {
    rule.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = |bytes: &[u8]| super::bytes_as_text(bytes);
        match self {
            E::InInterface(_) => f.write_str("iifname"),
            E::OutInterface(_) => f.write_str("oifname"),
            E::NetworkProtocol(_) => f.write_str("meta nfproto"),
            E::TransportProtocol(_) => f.write_str("meta l4proto"),
            E::Source4(_) => f.write_str("ip saddr"),
            E::Destination4(_) => f.write_str("ip daddr"),
            E::Destination6(_) => f.write_str("ip6 daddr"),
            E::SourcePort(_) => f.write_str("th sport"),
            E::DestinationPort(_) => f.write_str("th dport"),
            E::Load(_, bytes) => write!(f, "load {}", hex(bytes)),
            E::WriteSourcePort(..) => f.write_str("th sport set"),
            E::WriteDestinationPort(..) => f.write_str("th dport set"),
            E::DestinationKind(_) => f.write_str("fib daddr type"),
            E::ConnectionState(_) => f.write_str("ct state"),
            E::ConnectionStatus(_) => f.write_str("ct status"),
            E::Mask(_, mask) => write!(f, "and {}", hex(mask)),
            E::Equals(_, bytes) => write!(f, "== {}", hex(bytes)),
            E::Differs(_, bytes) => write!(f, "!= {}", hex(bytes)),
            E::InSet(_, set) => write!(f, "@{set}"),
            E::NotInSet(_, set) => write!(f, "!= @{set}"),
            E::Map(_, set) => write!(f, "map @{set}"),
            E::Dnat4(_) => f.write_str("dnat ip"),
            E::Dnat6(_) => f.write_str("dnat ip6"),
            E::Masquerade => f.write_str("masquerade"),
            E::Counter => f.write_str("counter"),
            E::Verdict(Verdict::Accept) => f.write_str("accept"),
            E::Verdict(Verdict::Drop) => f.write_str("drop"),
            E::Verdict(Verdict::Jump(chain)) => write!(f, "jump {chain}"),
        }
    }
}
