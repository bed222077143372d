//! The order of services: what others depend on comes first, and names decide between equals.

use std::collections::{BTreeMap, BTreeSet};

use petgraph::Direction::{Incoming, Outgoing};
use petgraph::graph::{DiGraph, NodeIndex};

/// Names in dependency order. `needs` has for each name those that must come before it; names it
/// does not have as keys are ignored. In a cycle, which `compose` refuses but labels of old
/// containers may have, the smallest name comes first.
pub(super) fn in_order<'a>(needs: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<&'a str> {
    // Nodes are added by name, so their indices sort as names do.
    let mut graph = DiGraph::<&str, ()>::with_capacity(needs.len(), needs.len());
    let nodes: BTreeMap<&str, NodeIndex> =
        needs.keys().map(|name| (*name, graph.add_node(name))).collect();
    for (name, before) in needs {
        for other in before.iter().filter(|other| *other != name) {
            if let Some(other) = nodes.get(other) {
                graph.add_edge(*other, nodes[name], ());
            }
        }
    }
    let missing = |node| graph.neighbors_directed(node, Incoming).count();
    let mut waiting: BTreeMap<NodeIndex, usize> =
        graph.node_indices().map(|node| (node, missing(node))).collect();
    let mut ready: BTreeSet<NodeIndex> =
        graph.node_indices().filter(|node| waiting[node] == 0).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(node) = ready.pop_first().or_else(|| waiting.keys().next().copied()) {
        waiting.remove(&node);
        order.push(graph[node]);
        for next in graph.neighbors_directed(node, Outgoing) {
            if let Some(count) = waiting.get_mut(&next) {
                *count -= 1;
                if *count == 0 {
                    ready.insert(next);
                }
            }
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(needs: &[(&'static str, &[&'static str])]) -> Vec<&'static str> {
        in_order(
            &needs.iter().map(|(name, before)| (*name, before.iter().copied().collect())).collect(),
        )
    }

    #[test]
    fn what_is_needed_comes_first_and_names_decide_between_equals() {
        assert_eq!(
            order(&[("web", &["db", "cache"]), ("db", &[]), ("cache", &[]), ("app", &[])]),
            ["app", "cache", "db", "web"]
        );
    }

    #[test]
    fn what_is_unknown_or_in_a_cycle_still_gets_an_order() {
        assert_eq!(
            order(&[("b", &["a", "gone"]), ("a", &["b", "a"]), ("c", &["b"])]),
            ["a", "b", "c"]
        );
    }
}
