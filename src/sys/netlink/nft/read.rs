//! What exists in nftables: requests for lists, and what the answers say.

use super::encode::{
    GET_CHAIN, GET_ELEMENT, GET_RULE, GET_TABLE, NEW_CHAIN, NEW_ELEMENT, NEW_RULE, NEW_TABLE,
    SUBSYSTEM, TABLE_USERDATA, header, message, operation, read_comment,
};
use super::{Element, Table, TableFamily};
use crate::sys::netlink::message::{Attributes, Message, Reply, be_number, flag, text};

/// Length of `struct nfgenmsg`.
const HEADER_BYTES: usize = 4;

/// A base chain as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedChain {
    /// The table it is in.
    pub table: Table,
    /// Its name.
    pub name: String,
    /// Number of its hook; 2 is forward.
    pub hook: u32,
    /// `filter`, `nat` or `route`.
    pub kind: String,
    /// What no rule decided on is dropped.
    pub drops: bool,
}

/// A rule as the kernel lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedRule {
    /// The chain it is in.
    pub chain: String,
    /// Its number, unique in the table.
    pub handle: u64,
    /// Its comment; empty when there is none.
    pub comment: String,
    /// It rejects or drops packets by itself.
    pub refuses: bool,
}

/// Asks for a table. `ENOENT` when it does not exist.
#[must_use]
pub fn get_table(table: &Table) -> Message {
    message(table, GET_TABLE, flag::ACK).text(1, &table.name)
}

/// Asks for all chains of all tables.
#[must_use]
pub fn list_chains() -> Message {
    Message::new(SUBSYSTEM << 8 | GET_CHAIN, flag::DUMP).fixed(&header(0, 0))
}

/// Reads the comment of a table; `None` for other answers.
#[must_use]
pub fn read_table_comment(reply: &Reply) -> Option<String> {
    let data = reply.attribute(HEADER_BYTES, TABLE_USERDATA).unwrap_or_default();
    (operation(reply.kind)? == NEW_TABLE).then(|| read_comment(data))
}

/// Asks for all rules of a chain.
#[must_use]
pub fn list_rules(table: &Table, chain: &str) -> Message {
    message(table, GET_RULE, flag::DUMP).text(1, &table.name).text(2, chain)
}

/// Asks for all elements of a set.
#[must_use]
pub fn list_elements(table: &Table, set: &str) -> Message {
    message(table, GET_ELEMENT, flag::DUMP).text(1, &table.name).text(2, set)
}

/// Reads a base chain; `None` for other chains and other answers.
#[must_use]
pub fn read_chain(reply: &Reply) -> Option<ListedChain> {
    if operation(reply.kind)? != NEW_CHAIN {
        return None;
    }
    let attributes = reply.attributes(HEADER_BYTES);
    let family = TableFamily::from_number(*reply.body.first()?)?;
    Some(ListedChain {
        table: Table { family, name: text(attributes.get(1)?) },
        name: text(attributes.get(3)?),
        hook: be_number(attributes.inside(4).get(1)?)?,
        kind: text(attributes.get(7)?),
        drops: attributes.get(5).and_then(be_number) == Some(0),
    })
}

/// Reads a rule; `None` for other answers.
#[must_use]
pub fn read_rule(reply: &Reply) -> Option<ListedRule> {
    if operation(reply.kind)? != NEW_RULE {
        return None;
    }
    let attributes = reply.attributes(HEADER_BYTES);
    let handle = attributes.get(3)?.try_into().ok()?;
    Some(ListedRule {
        chain: text(attributes.get(2)?),
        handle: u64::from_be_bytes(handle),
        comment: attributes.get(7).map(read_comment).unwrap_or_default(),
        refuses: attributes.inside(4).any(|(_, expression)| refuses(Attributes::new(expression))),
    })
}

/// Whether an expression rejects or drops.
fn refuses(expression: Attributes<'_>) -> bool {
    let data = expression.inside(2);
    match expression.get(1).map(text).as_deref() {
        Some("reject") => true,
        Some("immediate") => data.inside(2).inside(2).get(1).and_then(be_number) == Some(0),
        // iptables' own name for a target: REJECT.
        Some("target") => data.get(1).map(text).as_deref() == Some("REJECT"),
        _ => false,
    }
}

/// Reads the elements of `set`; empty for other answers.
#[must_use]
pub fn read_elements(reply: &Reply, set: &'static str) -> Vec<Element> {
    if operation(reply.kind) != Some(NEW_ELEMENT) {
        return Vec::new();
    }
    let list = reply.attributes(HEADER_BYTES).inside(3);
    let read = |(_, item): (u16, &[u8])| {
        let item = Attributes::new(item);
        Some(Element {
            set,
            key: item.inside(1).get(1)?.to_vec(),
            value: item.inside(2).get(1).unwrap_or_default().to_vec(),
            comment: item.get(6).map(read_comment).unwrap_or_default(),
        })
    };
    list.filter_map(read).collect()
}
