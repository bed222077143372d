//! From changed files to what is to be done, service by service. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use crate::cli::project::watch::rules::Rule;
use crate::compose::model::{Hook, WatchAction};

/// What is to be done for one service. A rebuild brings everything else along.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Work {
    /// How many files have changed.
    pub changes: usize,
    /// Build the image, and replace the containers.
    pub rebuild: bool,
    /// Files to copy into the containers (or to remove there, when they are gone), and where to.
    pub copies: BTreeMap<String, PathBuf>,
    /// Commands to run after that, each once.
    pub commands: Vec<Hook>,
    /// Restart the containers at last.
    pub restart: bool,
}

/// What these changes (absolute paths) ask for, by service.
#[must_use]
pub fn work(rules: &[Rule], changed: &BTreeSet<PathBuf>) -> BTreeMap<String, Work> {
    let mut all: BTreeMap<String, Work> = BTreeMap::new();
    for path in changed {
        let mut counted = BTreeSet::new();
        for rule in rules.iter().filter(|rule| rule.concerns(path)) {
            let work = all.entry(rule.service.clone()).or_default();
            work.changes += usize::from(counted.insert(&rule.service));
            work.add(rule, path.clone());
        }
    }
    all
}

/// Everything below the paths of rules with `initial_sync`: `files` has what is there.
#[must_use]
pub fn initial(rules: &[Rule], files: &BTreeSet<PathBuf>) -> BTreeMap<String, Work> {
    let rules: Vec<Rule> =
        rules.iter().filter(|rule| rule.initial_sync && rule.action.syncs()).cloned().collect();
    let mut all = work(&rules, files);
    for work in all.values_mut() {
        // The containers have just been started.
        (work.restart, work.commands) = (false, Vec::new());
    }
    all
}

impl Work {
    fn add(&mut self, rule: &Rule, path: PathBuf) {
        if rule.action.syncs() {
            self.copies.insert(rule.place(&path), path);
        }
        match rule.action {
            WatchAction::Rebuild => self.rebuild = true,
            WatchAction::Restart | WatchAction::SyncRestart => self.restart = true,
            WatchAction::Sync => {}
            WatchAction::SyncExec => {
                let hook = rule.exec.iter().filter(|hook| !self.commands.contains(hook));
                let hook: Vec<Hook> = hook.cloned().collect();
                self.commands.extend(hook);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::project::watch::rules::of_service;
    use crate::compose::Memory;
    use crate::compose::{LoadRequest, load};

    fn rules(watch: &str) -> Vec<Rule> {
        let text = format!(
            "name: p\nservices:\n  web:\n    build: .\n    develop:\n      watch:\n{watch}"
        );
        let files = Memory::new().with("/p/compose.yaml", text);
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let loaded = load(&request, &files);
        let project = loaded.project.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        of_service(&project.services["web"], &files).unwrap().rules
    }

    fn changes(paths: &[&str]) -> BTreeSet<PathBuf> {
        paths.iter().map(PathBuf::from).collect()
    }

    const ALL: &str = "        - {path: src, action: sync, target: /app/src}
        - {path: package.json, action: rebuild}
        - {path: conf, action: sync+restart, target: /etc/app}
        - {path: css, action: sync+exec, target: /css, exec: {command: make css}}
        - {path: flag, action: restart}
";

    #[test]
    fn each_action_asks_for_its_own() {
        let rules = rules(ALL);
        let of = |paths: &[&str]| work(&rules, &changes(paths)).remove("web").unwrap_or_default();
        let synced = of(&["/p/src/a.js", "/p/src/b/c.js"]);
        assert_eq!(synced.changes, 2);
        assert_eq!(synced.copies["/app/src/b/c.js"], PathBuf::from("/p/src/b/c.js"));
        assert!(!synced.restart && !synced.rebuild && synced.commands.is_empty());
        assert!(of(&["/p/package.json"]).rebuild);
        let restarted = of(&["/p/conf/x"]);
        assert!(restarted.restart && restarted.copies.contains_key("/etc/app/x"));
        let styled = of(&["/p/css/a", "/p/css/b"]);
        assert_eq!((styled.copies.len(), styled.commands.len()), (2, 1));
        assert_eq!(styled.commands[0].command.as_deref().unwrap(), ["make", "css"]);
        assert!(of(&["/p/flag"]).restart);
        assert_eq!(of(&["/p/README"]), Work::default());
    }

    #[test]
    fn at_the_start_only_those_are_copied_that_ask_for_it() {
        let rules = rules(
            "        - {path: src, action: sync+restart, target: /app, initial_sync: true}
        - {path: lib, action: sync, target: /lib}
",
        );
        let work = initial(&rules, &changes(&["/p/src/a", "/p/lib/b"])).remove("web").unwrap();
        assert_eq!(work.copies.keys().collect::<Vec<_>>(), ["/app/a"]);
        assert!(!work.restart);
    }
}
