//! Learns from the kernel which files change: directories are watched, since editors replace files.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use crate::base::Error;
use crate::cli::Result;
use crate::cli::project::watch::content::Contents;
use crate::cli::project::watch::rules::Rule;

/// Changes are taken together until nothing happens for so long…
const QUIET: Duration = Duration::from_millis(100);
/// …or they have come for so long.
const LONGEST: Duration = Duration::from_secs(1);

/// Watches what rules are about.
pub struct Notices {
    rules: Vec<Rule>,
    watcher: RecommendedWatcher,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    contents: Contents,
}

impl Notices {
    /// Begins to watch the paths of all rules, and looks at what is there.
    ///
    /// # Errors
    /// The kernel gives no more watches; a path and its directory do not exist.
    pub fn new(rules: Vec<Rule>) -> Result<Notices> {
        let (sender, events) = mpsc::unbounded_channel();
        let tell = move |event| {
            // The receiver is gone when nobody watches any more.
            let _ = sender.send(event);
        };
        let watcher = notify::recommended_watcher(tell).map_err(cannot_watch)?;
        let mut notices = Notices { rules, watcher, events, contents: Contents::default() };
        for path in notices.roots() {
            notices.look(&path)?;
            // A single file, or what is not there yet: its directory tells.
            if !path.is_dir()
                && let Some(parent) = path.parent()
            {
                notices.add(parent)?;
            }
        }
        Ok(notices)
    }

    /// Files that are there.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PathBuf> {
        self.contents.files()
    }

    /// The next paths that have changed: at least one that is another now than it was.
    ///
    /// # Errors
    /// The kernel gives no more watches.
    pub async fn next(&mut self) -> Result<BTreeSet<PathBuf>> {
        loop {
            let touched = self.batch().await?;
            let mut changed = BTreeSet::new();
            for path in touched {
                changed.append(&mut self.look(&path)?);
            }
            if !changed.is_empty() {
                return Ok(changed);
            }
        }
    }

    /// Paths that something happened to, until it is quiet.
    async fn batch(&mut self) -> Result<BTreeSet<PathBuf>> {
        let mut touched = BTreeSet::new();
        while touched.is_empty() {
            let Some(event) = self.events.recv().await else { std::future::pending().await };
            self.take(event, &mut touched)?;
        }
        let end = Instant::now() + LONGEST;
        while let Ok(Some(event)) =
            timeout_at(end.min(Instant::now() + QUIET), self.events.recv()).await
        {
            self.take(event, &mut touched)?;
        }
        Ok(touched)
    }

    fn take(&self, event: notify::Result<Event>, touched: &mut BTreeSet<PathBuf>) -> Result<()> {
        let event = event.map_err(cannot_watch)?;
        if event.need_rescan() {
            // The kernel's queue was full: whatever it was, it is found by looking.
            touched.extend(self.roots());
        } else if !matches!(event.kind, EventKind::Access(_)) {
            touched.extend(event.paths);
        }
        Ok(())
    }

    /// Looks at a path and everything below it that concerns a rule. Returns what has changed.
    fn look(&mut self, path: &Path) -> Result<BTreeSet<PathBuf>> {
        let mut changed = BTreeSet::new();
        for gone in self.contents.vanished(path) {
            self.contents.changed(&gone);
            changed.insert(gone);
        }
        let mut left = vec![path.to_owned()];
        while let Some(path) = left.pop() {
            if self.rules.iter().any(|rule| rule.concerns(&path)) && self.contents.changed(&path) {
                changed.insert(path.clone());
            }
            let is_dir = path.symlink_metadata().is_ok_and(|it| it.is_dir());
            if is_dir && !self.rules.iter().all(|rule| rule.skips(&path)) {
                // Watched first, so that nothing comes unseen between the list and the watch.
                self.add(&path)?;
                let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
                let below = |path: &PathBuf| self.is_within(path);
                left.extend(entries.map(|entry| entry.path()).filter(below));
            }
        }
        Ok(changed)
    }

    /// A file's directory is watched for that file alone.
    fn is_within(&self, path: &Path) -> bool {
        self.rules.iter().any(|rule| path.starts_with(&rule.path))
    }

    fn add(&mut self, directory: &Path) -> Result<()> {
        match self.watcher.watch(directory, RecursiveMode::NonRecursive) {
            // It went away again.
            Err(error) if matches!(error.kind, notify::ErrorKind::PathNotFound) => Ok(()),
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(cannot_watch(error).into()),
            Ok(()) => Ok(()),
        }
    }

    fn roots(&self) -> BTreeSet<PathBuf> {
        self.rules.iter().map(|rule| rule.path.clone()).collect()
    }
}

fn is_gone(error: &notify::Error) -> bool {
    matches!(&error.kind, notify::ErrorKind::Io(error) if error.kind() == std::io::ErrorKind::NotFound)
}

fn cannot_watch(error: notify::Error) -> Error {
    let full = matches!(error.kind, notify::ErrorKind::MaxFilesWatch);
    let error = Error::other("cannot watch files").with_source(error);
    match full {
        true => {
            error.hint("the limit is in /proc/sys/fs/inotify/max_user_watches; or `ignore` more")
        }
        false => error,
    }
}
