//! Living beside other people's firewall rules. Pure.
//!
//! A packet passes only if every base chain of the forward hook lets it pass, so our `accept` does
//! not help against a policy of `drop` (Docker's, ufw's) or a final `reject` (firewalld's) in
//! another table. Into such chains we put two rules of our own, in front, that accept what enters
//! or leaves by one of our bridges. Our own chain still decides what of that is allowed. The rules
//! are written as iptables would, so that its listings show them.

use crate::sys::netlink::nft::{Change, Expression as E, ListedChain, ListedRule, Table, Verdict};

use super::ruleset;

/// Start of the names of all our bridges but those named by the user.
pub const BRIDGE_PREFIX: &str = "cmp-";
/// Start of the comments of our rules in other tables.
const TAG: &str = "compose:";
/// Number of the forward hook.
const FORWARD: u32 = 2;

/// Whether a chain stands in the way of forwarded packets, given its rules. Chains of tables that
/// are `ours` never do.
#[must_use]
pub fn is_in_the_way(chain: &ListedChain, rules: &[ListedRule], ours: &Table) -> bool {
    let foreign = chain.table != *ours && chain.hook == FORWARD && chain.kind == "filter";
    // Another instance of this program: its rules are about its bridges only.
    let kin = chain.table.family == ours.family && chain.table.name.starts_with("compose");
    foreign && !kin && (chain.drops || rules.iter().any(|rule| rule.refuses))
}

/// The rules that are missing in a chain that is in the way, for a bridge of this name.
#[must_use]
pub fn missing(chain: &ListedChain, rules: &[ListedRule], bridge: &str) -> Vec<Change> {
    let pattern = pattern(bridge);
    let shown = if pattern.ends_with('-') { format!("{pattern}*") } else { bridge.to_owned() };
    // A pattern is compared without the end mark, a whole name with all of its 16 bytes.
    let bytes = match pattern.ends_with('-') {
        true => pattern.as_bytes().to_vec(),
        false => ruleset::interface(bridge),
    };
    let directions = [("in", E::InInterface(0)), ("out", E::OutInterface(0))];
    let wanted = directions.into_iter().map(|(direction, load)| {
        let rule = vec![load, E::Equals(0, bytes.clone()), E::Counter, E::Verdict(Verdict::Accept)];
        (format!("{TAG} {direction} {shown}"), rule)
    });
    wanted
        .filter(|(comment, _)| !rules.iter().any(|rule| rule.comment == *comment))
        .map(|(comment, rule)| Change::InsertRule(chain.name.clone(), rule, comment))
        .collect()
}

/// Deletion of every rule of ours in another table's chain.
#[must_use]
pub fn removal(rules: &[ListedRule]) -> Vec<Change> {
    let ours = rules.iter().filter(|rule| rule.comment.starts_with(TAG));
    ours.map(|rule| Change::DeleteRule(rule.chain.clone(), rule.handle)).collect()
}

/// What of the name is compared: one pair of rules for all bridges that we named.
fn pattern(bridge: &str) -> &str {
    if bridge.starts_with(BRIDGE_PREFIX) { BRIDGE_PREFIX } else { bridge }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::netlink::nft::TableFamily;

    fn table(family: TableFamily, name: &str) -> Table {
        Table { family, name: name.to_owned() }
    }

    fn chain(table: Table, drops: bool) -> ListedChain {
        let (name, kind) = ("FORWARD".to_owned(), "filter".to_owned());
        ListedChain { table, name, hook: FORWARD, kind, drops }
    }

    fn rule(comment: &str, refuses: bool) -> ListedRule {
        ListedRule { chain: "FORWARD".to_owned(), handle: 7, comment: comment.to_owned(), refuses }
    }

    #[test]
    fn chains_that_drop_or_reject_are_in_the_way() {
        let ours = table(TableFamily::Inet, "compose");
        let filter = table(TableFamily::Ip, "filter");
        assert!(is_in_the_way(&chain(filter.clone(), true), &[], &ours));
        assert!(!is_in_the_way(&chain(filter.clone(), false), &[], &ours));
        assert!(is_in_the_way(&chain(filter, false), &[rule("", true)], &ours));
        assert!(!is_in_the_way(&chain(ours.clone(), true), &[], &ours));
        let sibling = table(TableFamily::Inet, "compose-0123456789ab");
        assert!(!is_in_the_way(&chain(sibling, false), &[rule("", true)], &ours));
    }

    #[test]
    fn one_pair_of_rules_serves_all_bridges_that_we_named() {
        let chain = chain(table(TableFamily::Ip, "filter"), true);
        let changes: Vec<String> =
            missing(&chain, &[], "cmp-0123456789a").iter().map(ToString::to_string).collect();
        assert_eq!(
            changes,
            [
                "insert rule FORWARD iifname == cmp- counter accept comment \"compose: in cmp-*\"",
                "insert rule FORWARD oifname == cmp- counter accept comment \"compose: out cmp-*\"",
            ]
        );
        let there = [rule("compose: in cmp-*", false), rule("compose: out cmp-*", false)];
        assert!(missing(&chain, &there, "cmp-fedcba98765").is_empty());
        assert_eq!(missing(&chain, &there, "br-web").len(), 2);
        let removed: Vec<String> = removal(&there).iter().map(ToString::to_string).collect();
        assert_eq!(removed, ["delete rule FORWARD handle 7"; 2]);
    }
}
