//! Living beside rules of the older `iptables`, which are not part of nftables.
//!
//! As in [`super::foreign`], two rules of ours go in front of a forward chain whose policy drops.
//! The kernel takes whole tables only: ours is the old one with two rules more or less.

use std::io;

use crate::base::{Context, Result};
use crate::sys::xtables::{self, FORWARD, HOOKS, Rules};

/// Length of `struct ipt_entry` without matches and target.
const ENTRY_BYTES: usize = 112;
/// Length of `struct xt_standard_target`.
const TARGET_BYTES: usize = 40;
/// Length of one of our rules.
const RULE_BYTES: usize = ENTRY_BYTES + TARGET_BYTES;
/// Verdicts are kept as their negative minus one.
const ACCEPT: i32 = -2;
const DROP: i32 = -1;
/// Offsets in `struct ipt_entry`.
const IN_NAME: usize = 16;
const OUT_NAME: usize = 32;
const IN_MASK: usize = 48;
const OUT_MASK: usize = 64;
const TARGET_OFFSET: usize = 88;
const NEXT_OFFSET: usize = 90;

/// Lets packets of our bridges through a forward chain whose policy drops.
///
/// # Errors
/// The table cannot be read or replaced.
pub fn open(bridge: &str) -> Result<()> {
    change(|rules| opened(rules, bridge)).context(|| "cannot change legacy iptables rules".into())
}

/// Removes our rules.
///
/// # Errors
/// The table cannot be read or replaced.
pub fn close() -> Result<()> {
    change(closed).context(|| "cannot change legacy iptables rules".into())
}

/// Replaces the table if `decide` wants another one; again if somebody else was faster.
fn change(decide: impl Fn(&Rules) -> Option<Change>) -> io::Result<()> {
    const ATTEMPTS: usize = 5;
    for attempt in 1..=ATTEMPTS {
        let Some(rules) = xtables::filter()? else { return Ok(()) };
        if decide(&rules).is_none() {
            return Ok(());
        }
        let _lock = xtables::lock()?;
        let Some(rules) = xtables::filter()? else { return Ok(()) };
        let Some(change) = decide(&rules) else { return Ok(()) };
        match xtables::replace_filter(&change.rules, rules.count, &change.order) {
            Err(error) if error.raw_os_error() == Some(libc::EAGAIN) && attempt < ATTEMPTS => {}
            other => return other,
        }
    }
    Ok(())
}

/// A new table, and which old rule each of its rules was.
struct Change {
    rules: Rules,
    order: Vec<Option<u32>>,
}

/// The table with our rules in front of the forward chain; `None` when they are there, or not
/// needed.
fn opened(rules: &Rules, bridge: &str) -> Option<Change> {
    let policy = entries(rules).find(|(at, _)| *at == rules.underflow[FORWARD])?.1;
    let wanted: Vec<Vec<u8>> = [true, false].map(|inward| our_rule(inward, bridge)).into();
    let known = |rule: &&Vec<u8>| !entries(rules).any(|(_, bytes)| same(bytes, rule));
    let missing: Vec<&Vec<u8>> = wanted.iter().filter(known).collect();
    if verdict(policy) != Some(DROP) || missing.is_empty() {
        return None;
    }
    let at = rules.entry[FORWARD];
    let added: Vec<u8> = missing.iter().flat_map(|rule| rule.iter().copied()).collect();
    let length = i64::try_from(added.len()).ok()?;
    let before = entries(rules).take_while(|(offset, _)| *offset < at).count() as u32;
    let mut new = shifted(rules, at, length);
    // What begins at the head of the forward chain begins there still, but its policy has moved.
    new.entry[FORWARD] = at;
    let at = at as usize;
    new.bytes.splice(at..at, added);
    new.count += missing.len() as u32;
    let order = (0..before)
        .map(Some)
        .chain(missing.iter().map(|_| None))
        .chain((before..rules.count).map(Some))
        .collect();
    Some(Change { rules: new, order })
}

/// The table without our rules; `None` when there are none.
fn closed(rules: &Rules) -> Option<Change> {
    let ours = |bytes: &[u8]| {
        let name =
            |at: usize| bytes.get(at..at + 4) == Some(super::foreign::BRIDGE_PREFIX.as_bytes());
        bytes.len() == RULE_BYTES
            && (name(IN_NAME) || name(OUT_NAME))
            && verdict(bytes) == Some(ACCEPT)
    };
    let mut order: Vec<Option<u32>> = (0..rules.count).map(Some).collect();
    let mut new = rules.clone();
    loop {
        let found = entries(&new).enumerate().find(|(_, (_, bytes))| ours(bytes));
        let Some((number, (at, _))) = found else { break };
        let head = new.entry[FORWARD];
        new = shifted(&new, at + 1, -(RULE_BYTES as i64));
        new.entry[FORWARD] = head;
        let at = at as usize;
        new.bytes.drain(at..at + RULE_BYTES);
        new.count -= 1;
        order.remove(number);
    }
    (new.count != rules.count).then_some(Change { rules: new, order })
}

/// The table with everything that leads to `from` or behind it leading `by` bytes further.
fn shifted(rules: &Rules, from: u32, by: i64) -> Rules {
    let moved = |offset: u32| match offset >= from {
        true => u32::try_from(i64::from(offset) + by).unwrap_or(offset),
        false => offset,
    };
    let mut new = rules.clone();
    for hook in 0..HOOKS {
        if rules.valid_hooks & 1 << hook != 0 {
            new.entry[hook] = moved(rules.entry[hook]);
            new.underflow[hook] = moved(rules.underflow[hook]);
        }
    }
    for (at, bytes) in entries(rules) {
        let (Some(verdict), Some(target)) = (verdict(bytes), short(bytes, TARGET_OFFSET)) else {
            continue;
        };
        if let Ok(offset) = u32::try_from(verdict) {
            let place = at as usize + target + 32;
            let offset = moved(offset).cast_signed().to_ne_bytes();
            new.bytes[place..place + 4].copy_from_slice(&offset);
        }
    }
    new
}

/// The rules with their offsets.
fn entries(rules: &Rules) -> impl Iterator<Item = (u32, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = short(rules.bytes.get(at..)?, NEXT_OFFSET).filter(|length| *length > 0)?;
        let bytes = rules.bytes.get(at..at + length)?;
        let found = (at as u32, bytes);
        at += length;
        Some(found)
    })
}

/// The verdict of a rule with a standard target: negative, or the offset that it jumps to.
fn verdict(rule: &[u8]) -> Option<i32> {
    let target = rule.get(short(rule, TARGET_OFFSET)?..)?;
    // The name of the standard target is empty.
    let standard = target.get(2) == Some(&0) && target.len() == TARGET_BYTES;
    let bytes = target.get(32..36).filter(|_| standard)?;
    bytes.try_into().ok().map(i32::from_ne_bytes)
}

/// Whether two rules say the same, whatever they have counted and wherever they are.
fn same(rule: &[u8], other: &[u8]) -> bool {
    const CALLER: std::ops::Range<usize> = 84..88;
    let plain = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[CALLER].fill(0);
        // The chain that the kernel came from, and the counters.
        bytes[92..ENTRY_BYTES].fill(0);
        bytes
    };
    rule.len() == other.len() && plain(rule) == plain(other)
}

fn short(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: [u8; 2] = bytes.get(at..at + 2)?.try_into().ok()?;
    Some(usize::from(u16::from_ne_bytes(bytes)))
}

/// A rule that accepts what comes in, or goes out, by our bridges.
fn our_rule(inward: bool, bridge: &str) -> Vec<u8> {
    let prefix = super::foreign::BRIDGE_PREFIX;
    let mut rule = vec![0; RULE_BYTES];
    let (name, mask) = if inward { (IN_NAME, IN_MASK) } else { (OUT_NAME, OUT_MASK) };
    // A name of ours by its beginning, another one with its end mark.
    let (text, compared) = match bridge.starts_with(prefix) {
        true => (prefix, prefix.len()),
        false => (bridge, bridge.len() + 1),
    };
    rule[name..name + text.len()].copy_from_slice(text.as_bytes());
    rule[mask..mask + compared].fill(0xff);
    let short = |number: usize| (number as u16).to_ne_bytes();
    rule[TARGET_OFFSET..TARGET_OFFSET + 2].copy_from_slice(&short(ENTRY_BYTES));
    rule[NEXT_OFFSET..NEXT_OFFSET + 2].copy_from_slice(&short(RULE_BYTES));
    rule[ENTRY_BYTES..ENTRY_BYTES + 2].copy_from_slice(&short(TARGET_BYTES));
    rule[ENTRY_BYTES + 32..ENTRY_BYTES + 36].copy_from_slice(&ACCEPT.to_ne_bytes());
    rule
}
