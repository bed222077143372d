//! Files between here and a container: as an archive through a pipe, in one process.

pub mod place;

use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{self, Context as _, Error, Kind};
use crate::cli::{Context, Output, Result};
use crate::docker::human;
use crate::engine::{CopyOptions, Engine};
use crate::image::pack::{archive_directory, archive_file};
use crate::image::unpack::{Placement, unpack_into};
use crate::resource::Container;
use crate::resource::file::{FileKind, FileStat};

use place::{Found, Source, beside, place};

/// Longest chain of links that is followed, as in the kernel.
const MAX_LINKS: usize = 40;

/// How files are copied.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// Owners stay as they are.
    pub archive: bool,
    /// A link at the source stands for what it leads to.
    pub follow: bool,
    /// Say nothing.
    pub quiet: bool,
}

/// Copies `from` of a container to `to` here; `-`: as an archive to standard output.
///
/// # Errors
/// There is nothing at `from`; what is at `to` does not fit; the disk is full.
pub async fn from_container<E: Engine>(
    cx: &Context<E>,
    container: &Container,
    from: &str,
    to: &str,
    rules: Rules,
) -> Result<()> {
    let Some((path, stat)) = look(cx, container, from, rules.follow).await? else {
        let name = &container.spec.name;
        let message = format!("Could not find the file {from} in container {name}");
        return Err(Error::new(Kind::NotFound, message).into());
    };
    let source = Source::of(from, stat.kind == FileKind::Directory);
    let (reader, writer) = pipe()?;
    let size = Arc::new(AtomicU64::new(0));
    let reader = Counted { inner: File::from(reader), size: Arc::clone(&size) };
    let (top, read): (String, Reading) = match to {
        "-" => {
            let output = cx.output().clone();
            (source.name.clone(), Box::new(move || print(reader, &output)))
        }
        _ => {
            let local = led_on(cx.directory().join(to));
            let found = match std::fs::metadata(&local) {
                Ok(metadata) if metadata.is_dir() => Found::Directory,
                Ok(_) => Found::File,
                Err(_) => Found::Nothing,
            };
            let place = place(&source, &absolute(&local, to), found)?;
            let directory = open_directory(&place.directory)?;
            let own = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
            let owner = (!rules.archive).then_some(own);
            let placement = Placement { below: Vec::new(), plain: true, owner };
            let unpack = move || unpack_into(reader, directory, &placement).map(drop);
            (place.top, Box::new(unpack))
        }
    };
    let read = tokio::task::spawn_blocking(read);
    let sent = cx.engine()?.copy_out(&container.id, &path, &top, writer).await;
    let received =
        read.await.map_err(|error| Error::other("a copy ended early").with_source(error))?;
    // When the engine has a reason, what is missing at this end is only its consequence.
    sent?;
    received?;
    match to {
        "-" => Ok(()),
        _ => tell(cx, &size, to, rules),
    }
}

/// Hands what `send` writes into a pipe on to standard output.
///
/// # Errors
/// Those of `send`; nobody reads the output any more.
pub async fn to_output<E: Engine>(
    cx: &Context<E>,
    send: impl AsyncFnOnce(OwnedFd) -> base::Result<()>,
) -> Result<()> {
    let (reader, writer) = pipe()?;
    let reader = Counted { inner: File::from(reader), size: Arc::default() };
    let output = cx.output().clone();
    let printed = tokio::task::spawn_blocking(move || print(reader, &output));
    let sent = send(writer).await;
    let printed = printed.await;
    sent?;
    printed.map_err(|error| Error::other("a copy ended early").with_source(error))??;
    Ok(())
}

/// Copies `from` here into a container; `-`: an archive from standard input.
///
/// # Errors
/// As [`from_container`].
pub async fn into_container<E: Engine>(
    cx: &Context<E>,
    from: &str,
    container: &Container,
    to: &str,
    rules: Rules,
) -> Result<()> {
    let local = Local::find(cx.directory(), from, rules.follow)?;
    into_each(cx, &local, &[container], to, rules).await
}

/// Copies something into several containers, one after the other.
///
/// # Errors
/// As [`into_container`].
pub async fn into_each<E: Engine>(
    cx: &Context<E>,
    local: &Local,
    containers: &[&Container],
    to: &str,
    rules: Rules,
) -> Result<()> {
    for container in containers {
        let (path, found) = match walk(cx, container, to, true).await? {
            (path, Some(stat)) if stat.kind == FileKind::Directory => (path, Found::Directory),
            (path, Some(_)) => (path, Found::File),
            (path, None) => (path, Found::Nothing),
        };
        let size = Arc::new(AtomicU64::new(0));
        let (reader, writer) = pipe()?;
        let (directory, top) = match &local.source {
            Some(source) => {
                let place = place(source, &path, found)?;
                (place.directory, place.top)
            }
            None if found == Found::Directory => (path, String::new()),
            None => {
                let name = &container.spec.name;
                let message = format!("destination \"{name}:{to}\" must be a directory");
                return Err(Error::new(Kind::Invalid, message).into());
            }
        };
        let work =
            local.writing(top, Counted { inner: File::from(writer), size: Arc::clone(&size) })?;
        let written = tokio::task::spawn_blocking(work);
        // An archive says whose its files are.
        let options = CopyOptions { keep_owner: rules.archive || local.source.is_none() };
        let received = cx.engine()?.copy_in(&container.id, &directory, reader, &options).await;
        let sent = written.await;
        let sent = sent.map_err(|error| Error::other("a copy ended early").with_source(error))?;
        received?;
        sent?;
        tell(cx, &size, &format!("{}:{to}", container.spec.name), rules)?;
    }
    Ok(())
}

type Reading = Box<dyn FnOnce() -> base::Result<()> + Send>;

/// What is copied from here.
pub struct Local {
    /// `None`: an archive from standard input.
    source: Option<Source>,
    path: PathBuf,
    /// The archive, kept because it may be wanted several times.
    archive: Option<Arc<Vec<u8>>>,
}

impl Local {
    /// Finds `from` below `directory`; `-` is standard input, which is read to its end now.
    ///
    /// # Errors
    /// There is nothing.
    pub fn find(directory: &Path, from: &str, follow: bool) -> Result<Local> {
        if from == "-" {
            let mut archive = Vec::new();
            let read = io::stdin().lock().read_to_end(&mut archive);
            read.context(|| "cannot read standard input".to_owned())?;
            let (source, path) = (None, PathBuf::new());
            return Ok(Local { source, path, archive: Some(Arc::new(archive)) });
        }
        let path = directory.join(from);
        let follow = follow || from.ends_with('/') || from.ends_with("/.");
        let found =
            if follow { std::fs::metadata(&path) } else { std::fs::symlink_metadata(&path) };
        // Not as what is missing in a container: that is the engine's to say.
        let found = found.map_err(|error| {
            Error::new(Kind::Invalid, format!("cannot copy {}", path.display())).with_source(error)
        })?;
        let source = Source::of(&absolute(&path, from), found.is_dir());
        let path = match follow {
            true => path.canonicalize().context(|| format!("cannot copy {}", path.display()))?,
            false => path,
        };
        Ok(Local { source: Some(source), path, archive: None })
    }

    /// Writes it as an archive whose entries are called `top`.
    fn writing(&self, top: String, mut out: Counted) -> Result<Reading> {
        if let Some(archive) = self.archive.clone() {
            let mut write = move || io::Write::write_all(&mut out, &archive);
            return Ok(Box::new(move || forgiving(write())));
        }
        let path = self.path.clone();
        let is_directory = self.source.as_ref().is_some_and(|source| source.is_directory);
        Ok(Box::new(move || {
            let out = io::BufWriter::with_capacity(1 << 18, out);
            let written = match is_directory {
                true => open(&path, OFlags::RDONLY | OFlags::DIRECTORY).and_then(|directory| {
                    archive_directory(directory.as_fd(), top.as_bytes(), out)
                }),
                false => archive_one(&path, top.as_bytes(), out),
            };
            forgiving(written).context(|| format!("cannot copy {}", path.display()))
        }))
    }
}

fn archive_one(path: &Path, top: &[u8], out: impl io::Write) -> io::Result<()> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let name = path.file_name().unwrap_or_default();
    let parent = open(parent, OFlags::PATH | OFlags::DIRECTORY)?;
    archive_file(parent.as_fd(), &CString::new(name.as_bytes())?, top, out)
}

/// Whoever reads knows why it reads no more.
fn forgiving(written: io::Result<()>) -> base::Result<()> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context(|| "cannot write an archive".to_owned()),
    }
}

/// What is at a path of a container. With `follow`, links at its end are followed.
async fn look<E: Engine>(
    cx: &Context<E>,
    container: &Container,
    path: &str,
    follow: bool,
) -> Result<Option<(String, FileStat)>> {
    let (path, stat) = walk(cx, container, path, follow).await?;
    Ok(stat.map(|stat| (path, stat)))
}

/// Where a path of a container leads, and what is there. A link that leads nowhere is followed
/// too: a copy makes what it names (Docker: the same).
async fn walk<E: Engine>(
    cx: &Context<E>,
    container: &Container,
    path: &str,
    follow: bool,
) -> Result<(String, Option<FileStat>)> {
    let mut path = if path.is_empty() { "/".to_owned() } else { path.to_owned() };
    for _ in 0..MAX_LINKS {
        let stat = cx.engine()?.stat_file(&container.id, &path).await?;
        let stat = match stat {
            Some(stat) if stat.kind == FileKind::Link && follow => stat,
            end => return Ok((path, end)),
        };
        path = beside(&path, &stat.target);
    }
    let message = format!("cannot copy {path}: too many levels of symbolic links");
    Err(Error::new(Kind::Invalid, message).into())
}

/// Where a path of this machine leads: a copy goes through a link at its end, also through one
/// that leads nowhere yet (Docker: the same).
fn led_on(mut path: PathBuf) -> PathBuf {
    for _ in 0..MAX_LINKS {
        let Ok(target) = std::fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    path
}

/// The path with what was typed at its end: a slash, or `/.`, matters.
fn absolute(path: &Path, typed: &str) -> String {
    let text = path.display().to_string();
    match typed {
        "." | ".." => format!("{text}/."),
        _ => text,
    }
}

fn open(path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    Ok(rustix::fs::openat(CWD, path, flags | OFlags::CLOEXEC, Mode::empty())?)
}

fn open_directory(path: &str) -> Result<OwnedFd> {
    let opened = open(Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY);
    Ok(opened.context(|| format!("invalid output path: cannot open directory {path}"))?)
}

fn pipe() -> Result<(OwnedFd, OwnedFd)> {
    let made = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    Ok(made.map_err(io::Error::from).context(|| "cannot make a pipe".to_owned())?)
}

fn print(mut reader: Counted, output: &Output) -> base::Result<()> {
    let mut buffer = vec![0; 1 << 18];
    loop {
        match reader.read(&mut buffer).context(|| "cannot read an archive".to_owned())? {
            0 => return Ok(()),
            length => output.print(&buffer[..length])?,
        }
    }
}

fn tell<E: Engine>(cx: &Context<E>, size: &AtomicU64, to: &str, rules: Rules) -> Result<()> {
    if !rules.quiet {
        let size = human::size(size.load(Ordering::Relaxed));
        cx.output().say_line(format!("Successfully copied {size} to {to}"))?;
    }
    Ok(())
}

/// Counts what passes through a pipe.
struct Counted {
    inner: File,
    size: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.size.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl io::Write for Counted {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(buffer)?;
        self.size.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
