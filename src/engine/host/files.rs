//! Files in containers, looked at and copied by descriptor.
//!
//! Every path is resolved below the container's root (`openat2(2)`, `RESOLVE_IN_ROOT`), through
//! its mounts, and never by its text from ours: a program in the container may rename and link what
//! it likes meanwhile (CVE-2018-15664, CVE-2019-10152, CVE-2019-18466, CVE-2026-41568).

use std::ffi::CString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use oci_spec::runtime::Process;
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::CopyOptions;
use crate::image::pack::{archive_directory, archive_file};
use crate::image::unpack::{Placement, unpack_into};
use crate::resource::container::{ContainerSpec, State, Status};
use crate::resource::file::{FileKind, FileStat};
use crate::runtime::root::{Make, Root};
use crate::runtime::view;
use crate::shim::alive;
use crate::state::{self, ContainerDir};

use super::containers::{delete, missing};
use super::observe::{self, Record};
use super::resolve::resolve;
use super::{Host, start};

/// How long a shim that has told of its container's end may take to go.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is at `path`; links on the way are followed, the last one only with a slash behind it.
pub(super) fn stat(host: &Host, id: &ContainerId, path: &str) -> Result<Option<FileStat>> {
    within(host, id, false, |root| match look(root, path) {
        Ok(stat) => Ok(Some(stat)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error).context(|| format!("cannot look at {path}")),
    })
}

fn look(root: &Root, path: &str) -> io::Result<FileStat> {
    let file = open_place(root, path)?;
    let stat = rustix::fs::fstat(&file)?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => FileKind::File,
        FileType::Directory => FileKind::Directory,
        FileType::Symlink => FileKind::Link,
        _ => FileKind::Special,
    };
    let target = match kind {
        FileKind::Link => rustix::fs::readlinkat(&file, "", Vec::new())?,
        _ => CString::default(),
    };
    Ok(FileStat {
        kind,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        mode: stat.st_mode & 0o7777,
        target: target.to_string_lossy().into_owned(),
    })
}

fn open_place(root: &Root, path: &str) -> io::Result<OwnedFd> {
    let (place, flags) = match path.trim_end_matches('.').ends_with('/') {
        true => (path, OFlags::PATH),
        false => (path, OFlags::PATH | OFlags::NOFOLLOW),
    };
    root.open(Path::new(place), flags)
}

/// Writes what is at `path` as an archive whose entries are called `top`, or lie below it.
pub(super) fn copy_out(
    host: &Host,
    id: &ContainerId,
    path: &str,
    top: &str,
    out: OwnedFd,
) -> Result<()> {
    spec(host, id).map(|spec| host.tell("archive-path", id, &spec))?;
    within(host, id, false, |root| {
        let out = io::BufWriter::with_capacity(1 << 18, File::from(out));
        let written = archive(root, path, top.as_bytes(), out);
        match written {
            // Whoever reads it has enough; why is theirs to tell.
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(not_found(id, path)),
            written => written.context(|| format!("cannot read {path}")),
        }
    })
}

fn archive(root: &Root, path: &str, top: &[u8], out: impl io::Write) -> io::Result<()> {
    let kind = FileType::from_raw_mode(rustix::fs::fstat(open_place(root, path)?)?.st_mode);
    if kind == FileType::Directory {
        let directory = root.open(Path::new(path), OFlags::RDONLY | OFlags::DIRECTORY)?;
        return archive_directory(directory.as_fd(), top, out);
    }
    let path = Path::new(path);
    let name = path.file_name().ok_or(ErrorKind::NotFound)?;
    let parent = path.parent().map(Path::to_owned).unwrap_or_else(|| PathBuf::from("/"));
    let parent = root.open(&parent, OFlags::PATH | OFlags::DIRECTORY)?;
    archive_file(parent.as_fd(), &CString::new(name.as_bytes())?, top, out)
}

/// Unpacks an archive into the directory `into`.
pub(super) fn copy_in(
    host: &Host,
    id: &ContainerId,
    into: &str,
    archive: OwnedFd,
    options: CopyOptions,
) -> Result<()> {
    let spec = spec(host, id)?;
    may_write(&spec, into)?;
    host.tell("extract-to-dir", id, &spec);
    within(host, id, true, |root| {
        let directory = root.open(Path::new(into), OFlags::PATH | OFlags::DIRECTORY);
        match directory {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(not_found(id, into)),
            opened => opened.map(drop).context(|| format!("cannot copy into {into}"))?,
        }
        let copy = root.as_fd().try_clone_to_owned();
        let copy = copy.context(|| "cannot copy a descriptor".to_owned())?;
        let below = into.trim_matches('/').as_bytes().to_vec();
        let placement = Placement {
            below: if below == b"." { Vec::new() } else { below },
            plain: true,
            owner: (!options.keep_owner).then_some((0, 0)),
        };
        unpack_into(File::from(archive), copy, &placement).map(drop)
    })
}

/// Docker: these words. Where links lead is for the kernel to refuse.
fn may_write(spec: &ContainerSpec, into: &str) -> Result<()> {
    let into = Path::new("/").join(into);
    let mounts = spec.all_mounts();
    let below = mounts.iter().rev().find(|mount| into.starts_with(&mount.target));
    let what = match below {
        Some(mount) if mount.read_only => "mounted volume",
        None if spec.read_only => "container rootfs",
        _ => return Ok(()),
    };
    let message = format!("cannot copy into {}: {what} is marked read-only", into.display());
    Err(Error::new(Kind::Conflict, message))
}

/// Removes what is at `paths`.
pub(super) fn remove(host: &Host, id: &ContainerId, paths: &[String]) -> Result<()> {
    within(host, id, true, |root| {
        for path in paths {
            match remove_path(root, Path::new(path)) {
                Err(error)
                    if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    return Err(error).context(|| format!("cannot remove {path}"));
                }
                _ => {}
            }
        }
        Ok(())
    })
}

fn remove_path(root: &Root, path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(ErrorKind::InvalidInput)?;
    let parent = path.parent().unwrap_or(Path::new("/"));
    let parent = root.open(parent, OFlags::PATH | OFlags::DIRECTORY)?;
    match rustix::fs::unlinkat(&parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR) => {
            // Through the descriptor, whatever happens to its path. Below it, the standard library
            // removes by descriptor and follows no link.
            let parent = Path::new("/proc/self/fd").join(parent.as_raw_fd().to_string());
            std::fs::remove_dir_all(parent.join(name))
        }
        removed => Ok(removed?),
    }
}

/// Docker: the same words.
fn not_found(id: &ContainerId, path: &str) -> Error {
    let message = format!("Could not find the file {path} in container {}", id.short());
    Error::new(Kind::NotFound, message)
}

fn spec(host: &Host, id: &ContainerId) -> Result<ContainerSpec> {
    let record: Option<Record> = state::read(&host.roots().container(id).spec())?;
    record.map(|record| record.spec).ok_or_else(|| missing(id))
}

/// Does `work` on the container's files as its programs see them, whether it runs or not.
fn within<T: Send>(
    host: &Host,
    id: &ContainerId,
    writing: bool,
    work: impl FnOnce(&Root) -> Result<T> + Send,
) -> Result<T> {
    let dir = host.roots().container(id);
    let spec = spec(host, id)?;
    let deadline = Instant::now() + PATIENCE;
    // While its files are mounted here, nobody may start it.
    let (_lock, is_new) = loop {
        let status = observe::settled(&dir)?;
        match status.state {
            State::Running | State::Paused => {
                let root = proc(&dir, &status, "root", OFlags::PATH | OFlags::DIRECTORY)?;
                return work(&Root::new(root));
            }
            State::Restarting => {
                let message = format!("container {} is restarting, wait until it runs", spec.name);
                return Err(Error::new(Kind::Conflict, message));
            }
            State::Created | State::Exited | State::Dead => {}
        }
        if let Some(lock) = alive::take(&dir)? {
            break (lock, status.state == State::Created);
        }
        if Instant::now() > deadline {
            let message = format!("container {} is being started, try again", spec.name);
            return Err(Error::new(Kind::Conflict, message));
        }
        // Its shim is on its way out: who waited for the end is told of it a little earlier.
        std::thread::park_timeout(Duration::from_millis(2));
    };
    start::make_bind_sources(&spec)?;
    let bundle = resolve(host, id, &spec)?;
    let mounts = bundle.spec.mounts().as_deref().unwrap_or_default();
    let binds = mounts.iter().filter(|mount| mount.typ().as_deref() == Some("bind"));
    let binds: Vec<_> = binds.cloned().collect();
    let cwd = bundle.spec.process().as_ref().filter(|_| is_new).map(Process::cwd);
    let result = view::assembled(&bundle.rootfs, &binds, writing && spec.read_only, |root| {
        if let Some(cwd) = cwd {
            // Docker: it is there from the beginning. Where it cannot be made, the start says so.
            let _ = root.make(&Path::new("/").join(cwd), Make::Directory);
        }
        work(root)
    });
    delete(dir.run())?;
    result
}

/// A file below `/proc/<pid>` of the container's first process.
pub(super) fn proc(
    dir: &ContainerDir,
    status: &Status,
    file: &str,
    flags: OFlags,
) -> Result<OwnedFd> {
    let ended = || Error::new(Kind::Conflict, "the container has just ended");
    // The machine's first process is no container's.
    let pid = status.pid.filter(|pid| *pid > 1).ok_or_else(ended)?;
    let path = format!("/proc/{pid}/{file}");
    let opened = rustix::fs::open(path, flags | OFlags::CLOEXEC, Mode::empty());
    let opened = opened.map_err(|_| ended())?;
    // An id is not used again while its process is not reaped, and a shim writes what it reaped
    // before it starts another: if the status has not changed, it was its process.
    match observe::status(dir)?.pid == Some(pid) {
        true => Ok(opened),
        false => Err(ended()),
    }
}
