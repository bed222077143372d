//! Our nftables table in the kernel: brings it there, changes elements, keeps others' rules from
//! standing in the way.

use std::path::Path;

use sha2::Digest as _;

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::state::Roots;
use crate::sys::netlink::nft::{
    self, Change, Element, ListedChain, ListedRule, Table, TableFamily,
};
use crate::sys::netlink::{Failure, Family, Socket};

use super::{foreign, ruleset};

/// The table of one installation, and a socket to change it through.
#[derive(Debug)]
pub struct Firewall {
    socket: Socket,
    table: Table,
}

/// The table of the installation with these roots: `compose`, with a hash after it unless the run
/// root is the usual one. Tests have run roots, and so tables, of their own.
#[must_use]
pub fn table(roots: &Roots) -> Table {
    let usual = roots.run() == Path::new("/run/compose");
    let hash = sha2::Sha256::digest(roots.run().as_os_str().as_encoded_bytes());
    let hash = Digest::from_sha256(&hash);
    let name = if usual { "compose".to_owned() } else { format!("compose-{}", hash.short()) };
    Table { family: TableFamily::Inet, name }
}

impl Firewall {
    /// Opens a socket in the calling thread's network namespace.
    ///
    /// # Errors
    /// The kernel has no nftables.
    pub fn open(roots: &Roots) -> Result<Firewall> {
        let socket = Socket::open(Family::Netfilter)
            .context(|| "cannot reach nftables".to_owned())
            .map_err(|error| error.hint("the kernel needs nf_tables"))?;
        Ok(Firewall { socket, table: table(roots) })
    }

    /// Whether the table exists; `Some(false)` when another version of this program made it.
    ///
    /// # Errors
    /// nftables cannot be asked.
    pub fn is_current(&mut self) -> Result<Option<bool>> {
        let replies = match self.socket.exchange(&[nft::get_table(&self.table)]) {
            Ok(replies) => replies,
            Err(failure) if failure.is(libc::ENOENT) => return Ok(None),
            Err(failure) => return Err(self.error("cannot read", failure)),
        };
        let comment = replies.iter().find_map(nft::read_table_comment).unwrap_or_default();
        Ok(Some(matches!(&ruleset::base()[0], Change::AddTable(ours) if *ours == comment)))
    }

    /// Makes the table, or replaces an outdated one and keeps its elements; then adds `elements`.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn install(&mut self, elements: Vec<Element>) -> Result<()> {
        let state = self.is_current()?;
        let mut changes = match state {
            Some(true) => Vec::new(),
            Some(false) => vec![Change::DeleteTable],
            None => Vec::new(),
        };
        if state != Some(true) {
            let kept = if state.is_some() { self.all_elements()? } else { Vec::new() };
            changes.extend(ruleset::base());
            changes.extend(kept.into_iter().map(Change::AddElement));
        }
        changes.extend(elements.into_iter().map(Change::AddElement));
        self.apply(&changes)
    }

    /// Carries changes out in one transaction.
    ///
    /// # Errors
    /// The kernel refuses one of them; nothing has changed then.
    pub fn apply(&mut self, changes: &[Change]) -> Result<()> {
        self.try_apply(changes).map_err(|failure| {
            let what = match failure.index.and_then(|index| changes.get(index.wrapping_sub(1))) {
                Some(change) => format!("cannot {change} in"),
                None => "cannot change".to_owned(),
            };
            self.error(&what, failure)
        })
    }

    /// As [`apply`](Firewall::apply), for callers that tell errors apart.
    ///
    /// # Errors
    /// The kernel refuses one of them; nothing has changed then.
    pub fn try_apply(&mut self, changes: &[Change]) -> Result<(), Failure> {
        match changes {
            [] => Ok(()),
            changes => self.socket.exchange(&nft::batch(&self.table, changes)).map(drop),
        }
    }

    /// Deletes those of `elements` that exist.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn delete(&mut self, elements: &[Element]) -> Result<()> {
        let deletions = |elements: &[Element]| -> Vec<Change> {
            elements.iter().cloned().map(Change::DeleteElement).collect()
        };
        match self.try_apply(&deletions(elements)) {
            Err(failure) if failure.is(libc::ENOENT) && elements.len() > 1 => {
                // One is gone already: all together failed, so each alone.
                elements.iter().try_for_each(|element| self.delete(std::slice::from_ref(element)))
            }
            Err(failure) if failure.is(libc::ENOENT) => Ok(()),
            Err(failure) => Err(self.error("cannot delete elements of", failure)),
            Ok(()) => Ok(()),
        }
    }

    /// All elements of one set; none when the table does not exist.
    ///
    /// # Errors
    /// nftables cannot be asked.
    pub fn elements(&mut self, set: &'static str) -> Result<Vec<Element>> {
        match self.socket.dump(&nft::list_elements(&self.table, set)) {
            Ok(replies) => {
                Ok(replies.iter().flat_map(|reply| nft::read_elements(reply, set)).collect())
            }
            Err(failure) if failure.is(libc::ENOENT) => Ok(Vec::new()),
            Err(failure) => Err(self.error("cannot list elements of", failure)),
        }
    }

    fn all_elements(&mut self) -> Result<Vec<Element>> {
        let sets = ruleset::NETWORK_SETS.into_iter().chain(ruleset::PORT_SETS);
        let lists = sets.map(|set| self.elements(set)).collect::<Result<Vec<_>>>()?;
        Ok(lists.concat())
    }

    /// Lets the packets of `bridge` through other tables' forward chains. Returns warnings: a table
    /// that belongs to another program alone cannot be changed.
    ///
    /// # Errors
    /// nftables cannot be asked.
    pub fn open_foreign(&mut self, bridge: &str) -> Result<Vec<String>> {
        let mut warnings = Vec::new();
        for (chain, rules) in self.foreign_chains()? {
            if !foreign::is_in_the_way(&chain, &rules, &self.table) {
                continue;
            }
            let changes = foreign::missing(&chain, &rules, bridge);
            match self.change_foreign(&chain.table, &changes) {
                Ok(()) => {}
                Err(failure) if failure.is(libc::EPERM) => warnings.push(format!(
                    "the firewall table `{}` belongs to another program: its chain `{}` may drop \
                     packets of containers; let it trust the interface {bridge}",
                    chain.table, chain.name
                )),
                Err(failure) => {
                    let what = format!("cannot change firewall table `{}`", chain.table);
                    return Err(Error::other(what).with_source(failure));
                }
            }
        }
        Ok(warnings)
    }

    /// Deletes the table, and our rules in others' chains if no instance needs them any more.
    ///
    /// # Errors
    /// The kernel refuses.
    pub fn remove(&mut self, last_instance: bool) -> Result<()> {
        match self.try_apply(&[Change::DeleteTable]) {
            Ok(()) => {}
            Err(failure) if failure.is(libc::ENOENT) => {}
            Err(failure) => return Err(self.error("cannot delete", failure)),
        }
        if !last_instance {
            return Ok(());
        }
        for (chain, rules) in self.foreign_chains()? {
            let changes = foreign::removal(&rules);
            // A table that only its owner may change has no rules of ours.
            self.change_foreign(&chain.table, &changes).map_err(|failure| {
                Error::other(format!("cannot clean firewall table `{}`", chain.table))
                    .with_source(failure)
            })?;
        }
        Ok(())
    }

    /// Other tables' base chains of the forward hook, with their rules.
    fn foreign_chains(&mut self) -> Result<Vec<(ListedChain, Vec<ListedRule>)>> {
        const FORWARD: u32 = 2;
        let replies = self.socket.dump(&nft::list_chains());
        let replies =
            replies.map_err(|failure| self.error("cannot list chains beside", failure))?;
        let chains = replies.iter().filter_map(nft::read_chain);
        let foreign = chains.filter(|chain| chain.hook == FORWARD && chain.table != self.table);
        let mut found = Vec::new();
        for chain in foreign.collect::<Vec<_>>() {
            let rules = self.socket.dump(&nft::list_rules(&chain.table, &chain.name));
            // Gone meanwhile, or unreadable: then it has no rules that concern us.
            let rules = rules.unwrap_or_default().iter().filter_map(nft::read_rule).collect();
            found.push((chain, rules));
        }
        Ok(found)
    }

    fn change_foreign(&mut self, table: &Table, changes: &[Change]) -> Result<(), Failure> {
        match changes {
            [] => Ok(()),
            changes => self.socket.exchange(&nft::batch(table, changes)).map(drop),
        }
    }

    fn error(&self, what: &str, failure: Failure) -> Error {
        let kind = if failure.is(libc::ENOENT) { Kind::NotFound } else { Kind::Other };
        let powerless = failure.is(libc::EPERM);
        let error = Error::new(kind, format!("{what} firewall table `{}`", self.table));
        match (error.with_source(failure), powerless) {
            (error, true) => error.hint(
                "root lacks rights here, as in a container: give that one `--privileged` or `privileged: true`",
            ),
            (error, false) => error,
        }
    }
}
