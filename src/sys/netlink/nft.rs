//! nftables over netlink: tables, chains, sets, rules and elements, as data.
//!
//! A [`Change`] says what; [`batch`] turns changes into one transaction. Changes print as `nft`
//! would write them, so that tests can compare text. Only what our rules need is here.

mod encode;
mod expression;
mod read;

use std::fmt;

pub use encode::batch;
pub use expression::{Expression, Verdict};
pub use read::{
    ListedChain, ListedRule, get_table, list_chains, list_elements, list_rules, read_chain,
    read_elements, read_rule, read_table_comment,
};

/// Kinds of messages that tell of a deleted table, chain, rule or set.
pub const DELETIONS: [u16; 4] = [
    encode::SUBSYSTEM << 8 | 2,
    encode::SUBSYSTEM << 8 | 5,
    encode::SUBSYSTEM << 8 | 8,
    encode::SUBSYSTEM << 8 | 11,
];

/// Address family of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TableFamily {
    /// IPv4 and IPv6.
    Inet,
    /// IPv4 alone.
    Ip,
    /// IPv6 alone.
    Ip6,
}

impl TableFamily {
    /// The number that stands for it in `struct nfgenmsg`.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            TableFamily::Inet => 1,
            TableFamily::Ip => 2,
            TableFamily::Ip6 => 10,
        }
    }

    /// The family with this number, if it is one that carries IP.
    #[must_use]
    pub fn from_number(number: u8) -> Option<TableFamily> {
        [TableFamily::Inet, TableFamily::Ip, TableFamily::Ip6]
            .into_iter()
            .find(|family| family.number() == number)
    }
}

impl fmt::Display for TableFamily {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TableFamily::Inet => "inet",
            TableFamily::Ip => "ip",
            TableFamily::Ip6 => "ip6",
        })
    }
}

/// A table by family and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Table {
    /// Its family.
    pub family: TableFamily,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

/// Where in a packet's way a base chain sits. Numbers are those of `enum nf_inet_hooks`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Hook {
    /// Everything that arrives.
    Prerouting = 0,
    /// What is passed on.
    Forward = 2,
    /// What this machine sends.
    Output = 3,
    /// Everything that leaves.
    Postrouting = 4,
}

/// Position of a base chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Base {
    /// `nat` instead of `filter`.
    pub nat: bool,
    /// Where in a packet's way.
    pub hook: Hook,
    /// Lower is earlier.
    pub priority: i32,
}

/// Type of a value in a set; numbers are `nft`'s, which shows them by these names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Type {
    /// IPv4 address.
    Ipv4 = 7,
    /// IPv6 address.
    Ipv6 = 8,
    /// Transport protocol.
    Protocol = 12,
    /// Port.
    Port = 13,
    /// Interface name.
    Interface = 41,
}

impl Type {
    /// Length in bytes, without padding.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Type::Ipv4 => 4,
            Type::Ipv6 | Type::Interface => 16,
            Type::Protocol => 1,
            Type::Port => 2,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Type::Ipv4 => "ipv4_addr",
            Type::Ipv6 => "ipv6_addr",
            Type::Protocol => "inet_proto",
            Type::Port => "inet_service",
            Type::Interface => "ifname",
        }
    }
}

/// A set, or with `value` a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Set {
    /// Its name.
    pub name: &'static str,
    /// Types that make up the key.
    pub key: &'static [Type],
    /// Types that make up the value; empty for a set.
    pub value: &'static [Type],
}

/// An element of a set or map: bytes of key and value, each part padded to four bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    /// Name of the set.
    pub set: &'static str,
    /// The key.
    pub key: Vec<u8>,
    /// The value; empty in a set.
    pub value: Vec<u8>,
    /// Who it belongs to; at most 120 bytes.
    pub comment: String,
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Make the table, with a comment; fine if it exists.
    AddTable(String),
    /// Delete the table and all in it.
    DeleteTable,
    /// Make a chain; with `Base` the kernel sends packets through it.
    AddChain(&'static str, Option<Base>),
    /// Make a set.
    AddSet(Set),
    /// Append a rule to a chain.
    AddRule(&'static str, Vec<Expression>),
    /// Put a rule with this comment first in a chain (of a table that may not be ours).
    InsertRule(String, Vec<Expression>, String),
    /// Delete the rule with this handle from a chain.
    DeleteRule(String, u64),
    /// Add elements; fine if they exist with the same value.
    AddElement(Element),
    /// Add an element that must not exist.
    CreateElement(Element),
    /// Delete an element, by its key.
    DeleteElement(Element),
}

/// As `nft` would write it, but for keys and values of elements, which have no types here.
impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::AddTable(comment) => write!(f, "add table {{ comment \"{comment}\" }}"),
            Change::DeleteTable => f.write_str("delete table"),
            Change::AddChain(name, None) => write!(f, "add chain {name}"),
            Change::AddChain(name, Some(base)) => write!(
                f,
                "add chain {name} {{ type {} hook {} priority {} }}",
                if base.nat { "nat" } else { "filter" },
                format!("{:?}", base.hook).to_lowercase(),
                base.priority
            ),
            Change::AddSet(set) => {
                let types = |types: &[Type]| {
                    types.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(" . ")
                };
                match set.value {
                    [] => write!(f, "add set {} {{ type {} }}", set.name, types(set.key)),
                    value => {
                        let (key, value) = (types(set.key), types(value));
                        write!(f, "add map {} {{ type {key} : {value} }}", set.name)
                    }
                }
            }
            Change::AddRule(chain, rule) => {
                write!(f, "add rule {chain} {}", expression::print(rule))
            }
            Change::InsertRule(chain, rule, comment) => {
                write!(f, "insert rule {chain} {} comment \"{comment}\"", expression::print(rule))
            }
            Change::DeleteRule(chain, handle) => write!(f, "delete rule {chain} handle {handle}"),
            Change::AddElement(element) => write!(f, "add element {element}"),
            Change::CreateElement(element) => write!(f, "create element {element}"),
            Change::DeleteElement(element) => write!(f, "delete element {element}"),
        }
    }
}

/// Bytes that print as text are shown as text (interface names), others as hexadecimal digits.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {{ {}", self.set, bytes_as_text(&self.key))?;
        if !self.value.is_empty() {
            write!(f, " : {}", bytes_as_text(&self.value))?;
        }
        match self.comment.as_str() {
            "" => f.write_str(" }"),
            comment => write!(f, " comment \"{comment}\" }}"),
        }
    }
}

fn bytes_as_text(bytes: &[u8]) -> String {
    let words = bytes.chunks(16).map(|part| {
        let name = part.iter().copied().take_while(|byte| *byte != 0).collect::<Vec<_>>();
        match name.len() > 2 && name.iter().all(u8::is_ascii_graphic) {
            true => String::from_utf8_lossy(&name).into_owned(),
            false => crate::base::id::hex(part),
        }
    });
    words.collect::<Vec<_>>().join(" . ")
}
