//! What happened since the machine was booted: one line of JSON for each event.
//!
//! Every process that does something appends to one file, whole lines in one write. A file that
//! has grown long becomes the previous one, and the one before that goes. Followers read on where
//! they stopped, and go over to the new file once they have read the old one to its end: whoever
//! appends holds a shared lock, whoever changes files an exclusive one, so a file that was put
//! aside does not grow any more.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::inotify;

use crate::base::{Context, Result};
use crate::resource::event::Event;

use super::Roots;

/// Bytes after which a file is put aside. The last two files are kept.
const LONGEST: u64 = 1 << 20;

/// How often a writer looks again for the present file while others change files.
const TRIES: usize = 16;

/// Appends an event. Never waits for anybody.
///
/// # Errors
/// The file cannot be written. Callers go on: what they did is done, whether it is told or not.
pub fn append(roots: &Roots, event: &Event) -> Result<()> {
    let path = roots.journal();
    let line = serde_json::to_vec(event).map(|mut line| {
        line.push(b'\n');
        line
    });
    line.map_err(io::Error::from)
        .and_then(|line| write(&path, &line))
        .context(|| format!("cannot write {}", path.display()))
}

fn write(path: &Path, line: &[u8]) -> io::Result<()> {
    for attempt in 1..=TRIES {
        let mut file = File::options().append(true).create(true).mode(0o600).open(path)?;
        // The last attempt is made without a lock: better a line that a follower misses than none.
        let locked = file.try_lock_shared().is_ok() && is_at(&file, path)?;
        if !locked && attempt < TRIES {
            std::thread::yield_now();
            continue;
        }
        file.write_all(line)?;
        let length = file.metadata()?.len();
        drop(file);
        return if length > LONGEST { put_aside(path) } else { Ok(()) };
    }
    Ok(())
}

/// Whether this file is the one at `path`.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let ours = file.metadata()?;
    match fs::metadata(path) {
        Ok(theirs) => Ok((ours.dev(), ours.ino()) == (theirs.dev(), theirs.ino())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Makes the file at `path` the previous one, unless somebody is writing to it: then that one does.
fn put_aside(path: &Path) -> io::Result<()> {
    let file = File::open(path)?;
    match file.try_lock() {
        Ok(()) if is_at(&file, path)? => fs::rename(path, previous(path)),
        Ok(()) | Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn previous(path: &Path) -> PathBuf {
    path.with_extension("1")
}

/// Reads events in the order in which they were written.
#[derive(Debug)]
pub struct Follower {
    path: PathBuf,
    /// Tells of writes.
    news: OwnedFd,
    /// The previous file, until it is read to its end.
    older: Option<File>,
    /// The present file; `None`: nothing has happened yet.
    file: Option<File>,
    /// The beginning of a line whose end was not there yet.
    rest: Vec<u8>,
}

impl Follower {
    /// Begins with the oldest event that is kept.
    ///
    /// # Errors
    /// The files cannot be read, or no more files can be watched.
    pub fn open(roots: &Roots) -> Result<Follower> {
        let path = roots.journal();
        Follower::watching(&path).context(|| format!("cannot follow {}", path.display()))
    }

    fn watching(path: &Path) -> io::Result<Follower> {
        let flags = inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK;
        let news = inotify::init(flags)?;
        let dir = path.parent().unwrap_or(Path::new("/"));
        let changes = inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE;
        inotify::add_watch(&news, dir, changes)?;
        loop {
            let file = open(path)?;
            let older = open(&previous(path))?;
            // Put aside in between: both are the same now.
            if file.as_ref().map(|file| is_at(file, path)).transpose()?.unwrap_or(true) {
                return Ok(Follower { path: path.to_owned(), news, older, file, rest: Vec::new() });
            }
        }
    }

    /// Readable when there may be something new.
    #[must_use]
    pub fn news(&self) -> &OwnedFd {
        &self.news
    }

    /// All events since the last call; none when nothing happened.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn read(&mut self) -> Result<Vec<Event>> {
        self.read_on().context(|| format!("cannot read {}", self.path.display()))
    }

    fn read_on(&mut self) -> io::Result<Vec<Event>> {
        // First: what is written from here on is news again.
        self.take_news();
        let mut events = Vec::new();
        if let Some(mut older) = self.older.take() {
            read_lines(&mut older, &mut self.rest, &mut events)?;
        }
        loop {
            let Some(file) = &mut self.file else {
                self.file = open(&self.path)?;
                match self.file {
                    Some(_) => continue,
                    None => return Ok(events),
                }
            };
            let present = is_at(file, &self.path)?;
            // Nobody writes to one that was put aside: its end is its end.
            read_lines(file, &mut self.rest, &mut events)?;
            if present {
                return Ok(events);
            }
            self.file = None;
            self.rest.clear();
        }
    }

    fn take_news(&self) {
        let mut buffer = [0; 4096];
        // Empty, or interrupted: then it is still readable.
        while rustix::io::read(self.news.as_fd(), &mut buffer).is_ok_and(|length| length > 0) {}
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Reads to the end. A line that is no event (of a newer version, or torn by a full disk) is
/// skipped.
fn read_lines(file: &mut File, rest: &mut Vec<u8>, events: &mut Vec<Event>) -> io::Result<()> {
    file.read_to_end(rest)?;
    let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(()) };
    let lines = rest[..end].split(|byte| *byte == b'\n');
    events.extend(lines.filter_map(|line| serde_json::from_slice::<Event>(line).ok()));
    rest.drain(..=end);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::event::EventKind;

    fn event(action: &str) -> Event {
        Event::now(EventKind::Container, action, "c1")
    }

    fn world() -> (tempfile::TempDir, Roots) {
        let dir = tempfile::tempdir().unwrap();
        let root = |name: &str| match name {
            "COMPOSE_DATA_ROOT" => Some(dir.path().join("data")),
            "COMPOSE_RUN_ROOT" => Some(dir.path().join("run")),
            _ => None,
        };
        let roots = Roots::open(root).unwrap();
        (dir, roots)
    }

    fn actions(follower: &mut Follower) -> Vec<String> {
        follower.read().unwrap().into_iter().map(|event| event.action).collect()
    }

    #[test]
    fn followers_get_what_was_and_what_comes() {
        let (_dir, roots) = world();
        let mut early = Follower::open(&roots).unwrap();
        append(&roots, &event("create")).unwrap();
        let mut late = Follower::open(&roots).unwrap();
        append(&roots, &event("start")).unwrap();
        for follower in [&mut early, &mut late] {
            assert_eq!(actions(follower), ["create", "start"]);
            assert_eq!(actions(follower), [""; 0]);
        }
        append(&roots, &event("die")).unwrap();
        assert_eq!(actions(&mut early), ["die"]);
    }

    #[test]
    fn the_journal_stays_short_and_followers_miss_nothing() {
        let (_dir, roots) = world();
        let mut follower = Follower::open(&roots).unwrap();
        let mut seen = 0;
        for round in 0..400 {
            for _ in 0..10 {
                append(&roots, &event("start").with("text", "x".repeat(1000))).unwrap();
            }
            if round % 50 == 0 {
                seen += actions(&mut follower).len();
            }
        }
        seen += actions(&mut follower).len();
        assert_eq!(seen, 4000);
        let size = |path: PathBuf| fs::metadata(path).unwrap().len();
        assert!(size(roots.journal()) <= LONGEST + 2000);
        assert!(size(previous(&roots.journal())) <= LONGEST + 2000);
    }

    #[test]
    fn writers_do_not_mix_their_lines() {
        let (_dir, roots) = world();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for number in 0..400 {
                        let event = event("start").with("text", "y".repeat(number));
                        append(&roots, &event).unwrap();
                    }
                });
            }
        });
        assert_eq!(actions(&mut Follower::open(&roots).unwrap()).len(), 1600);
    }

    #[test]
    fn what_is_no_event_is_skipped() {
        let (_dir, roots) = world();
        append(&roots, &event("create")).unwrap();
        let mut file = File::options().append(true).open(roots.journal()).unwrap();
        file.write_all(b"{\"time\":1}\ngarbage\n").unwrap();
        append(&roots, &event("start")).unwrap();
        assert_eq!(actions(&mut Follower::open(&roots).unwrap()), ["create", "start"]);
    }
}
