//! Changes as netlink messages, in one transaction.

use super::{Base, Change, Element, Expression, Set, Table, Type};
use crate::sys::netlink::message::{Message, flag};

pub(super) const SUBSYSTEM: u16 = 10;
const NFNL_MSG_BATCH_BEGIN: u16 = 16;
const NFNL_MSG_BATCH_END: u16 = 17;
/// Operations of `enum nf_tables_msg_types`.
pub(super) const NEW_TABLE: u16 = 0;
pub(super) const GET_TABLE: u16 = 1;
const DELETE_TABLE: u16 = 2;
pub(super) const NEW_CHAIN: u16 = 3;
pub(super) const GET_CHAIN: u16 = 4;
pub(super) const NEW_RULE: u16 = 6;
pub(super) const GET_RULE: u16 = 7;
const DELETE_RULE: u16 = 8;
const NEW_SET: u16 = 9;
pub(super) const NEW_ELEMENT: u16 = 12;
pub(super) const GET_ELEMENT: u16 = 13;
const DELETE_ELEMENT: u16 = 14;
/// Attribute types that most messages share.
const TABLE: u16 = 1;
pub(super) const TABLE_USERDATA: u16 = 6;
const RULE_CHAIN: u16 = 2;
const RULE_HANDLE: u16 = 3;
const RULE_EXPRESSIONS: u16 = 4;
const RULE_USERDATA: u16 = 7;
const VALUE: u16 = 1;
/// A text in user data, as `nft` writes comments.
const USERDATA_COMMENT: u8 = 0;

/// One transaction on `table`: all of `changes` happen in their order, or none.
#[must_use]
pub fn batch(table: &Table, changes: &[Change]) -> Vec<Message> {
    let mark = |kind| Message::new(kind, 0).fixed(&header(0, SUBSYSTEM));
    let mut messages = vec![mark(NFNL_MSG_BATCH_BEGIN)];
    for (number, change) in changes.iter().enumerate() {
        messages.push(encode(table, change, number as u32 + 1));
    }
    messages.push(mark(NFNL_MSG_BATCH_END));
    messages
}

/// A message of nftables; `table` only for its family.
pub(super) fn message(table: &Table, operation: u16, flags: u16) -> Message {
    let fixed = header(table.family.number(), 0);
    Message::new(SUBSYSTEM << 8 | operation, flags).fixed(&fixed)
}

/// The operation of an answer, if it is one of nftables.
pub(super) fn operation(kind: u16) -> Option<u16> {
    (kind >> 8 == SUBSYSTEM).then_some(kind & 0xff)
}

/// `struct nfgenmsg`.
pub(super) fn header(family: u8, resource: u16) -> [u8; 4] {
    let [high, low] = resource.to_be_bytes();
    [family, 0, high, low]
}

fn encode(table: &Table, change: &Change, number: u32) -> Message {
    let start = |operation, flags| message(table, operation, flags).text(TABLE, &table.name);
    match change {
        Change::AddTable(text) => {
            start(NEW_TABLE, flag::CREATE).attribute(TABLE_USERDATA, &comment(text))
        }
        Change::DeleteTable => start(DELETE_TABLE, 0),
        Change::AddChain(name, base) => chain(start(NEW_CHAIN, flag::CREATE), name, *base),
        Change::AddSet(described) => set(start(NEW_SET, flag::CREATE), described, number),
        Change::AddRule(chain, expressions) => {
            rule(start(NEW_RULE, flag::CREATE | flag::APPEND), chain, expressions)
        }
        Change::InsertRule(chain, expressions, text) => {
            rule(start(NEW_RULE, flag::CREATE), chain, expressions)
                .attribute(RULE_USERDATA, &comment(text))
        }
        Change::DeleteRule(chain, handle) => start(DELETE_RULE, 0)
            .text(RULE_CHAIN, chain)
            .attribute(RULE_HANDLE, &handle.to_be_bytes()),
        Change::AddElement(added) => element(start(NEW_ELEMENT, flag::CREATE), added),
        Change::CreateElement(added) => {
            element(start(NEW_ELEMENT, flag::CREATE | flag::EXCL), added)
        }
        Change::DeleteElement(deleted) => element(start(DELETE_ELEMENT, 0), deleted),
    }
}

fn chain(message: Message, name: &str, base: Option<Base>) -> Message {
    const NAME: u16 = 3;
    const HOOK: u16 = 4;
    const TYPE: u16 = 7;
    let message = message.text(NAME, name);
    let Some(base) = base else { return message };
    message
        .nest(HOOK, |hook| hook.be32(1, base.hook as u32).be32(2, base.priority.cast_unsigned()))
        .text(TYPE, if base.nat { "nat" } else { "filter" })
}

fn set(message: Message, set: &Set, number: u32) -> Message {
    const NAME: u16 = 2;
    const FLAGS: u16 = 3;
    const KEY_TYPE: u16 = 4;
    const KEY_LENGTH: u16 = 5;
    const VALUE_TYPE: u16 = 6;
    const VALUE_LENGTH: u16 = 7;
    const USERDATA: u16 = 13;
    const ID: u16 = 10;
    const NFT_SET_MAP: u32 = 8;
    // For `nft`'s listings alone: keys of names are in the machine's byte order.
    const HOST_ORDER: [u8; 6] = [0, 4, 1, 0, 0, 0];
    let message = message
        .text(NAME, set.name)
        .be32(KEY_TYPE, type_number(set.key))
        .be32(KEY_LENGTH, length(set.key))
        .be32(ID, number);
    let message = match set.key {
        [Type::Interface] => message.attribute(USERDATA, &HOST_ORDER),
        _ => message,
    };
    match set.value {
        [] => message,
        value => message
            .be32(FLAGS, NFT_SET_MAP)
            .be32(VALUE_TYPE, type_number(value))
            .be32(VALUE_LENGTH, length(value)),
    }
}

/// How `nft` numbers types and types made of several.
fn type_number(types: &[Type]) -> u32 {
    types.iter().fold(0, |number, kind| number << 6 | *kind as u32)
}

fn length(types: &[Type]) -> u32 {
    types.iter().map(|kind| crate::sys::netlink::message::aligned(kind.bytes()) as u32).sum()
}

fn rule(message: Message, chain: &str, expressions: &[Expression]) -> Message {
    message.text(RULE_CHAIN, chain).nest(RULE_EXPRESSIONS, |list| {
        expressions.iter().fold(list, |list, expression| expression.encode(list))
    })
}

fn element(message: Message, element: &Element) -> Message {
    const SET: u16 = 2;
    const ELEMENTS: u16 = 3;
    const KEY: u16 = 1;
    const DATA: u16 = 2;
    const USERDATA: u16 = 6;
    message.text(SET, element.set).nest(ELEMENTS, |list| {
        list.nest(1, |item| {
            let mut item = item.nest(KEY, |key| key.attribute(VALUE, &element.key));
            if !element.value.is_empty() {
                item = item.nest(DATA, |data| data.attribute(VALUE, &element.value));
            }
            match element.comment.as_str() {
                "" => item,
                text => item.attribute(USERDATA, &comment(text)),
            }
        })
    })
}

/// A comment as user data: type, length, text with its end mark.
fn comment(text: &str) -> Vec<u8> {
    let mut end = text.len().min(120);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut bytes = vec![USERDATA_COMMENT, end as u8 + 1];
    bytes.extend_from_slice(&text.as_bytes()[..end]);
    bytes.push(0);
    bytes
}

/// The comment in user data; empty when there is none.
pub(super) fn read_comment(mut data: &[u8]) -> String {
    while let [kind, length, rest @ ..] = data {
        let length = usize::from(*length).min(rest.len());
        if *kind == USERDATA_COMMENT {
            return crate::sys::netlink::message::text(&rest[..length]);
        }
        data = &rest[length..];
    }
    String::new()
}
