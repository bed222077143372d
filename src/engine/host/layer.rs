//! A container's own files: what it changed, as a layer, and all of them, as an archive.

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::CommitOptions;
use crate::image::config::History;
use crate::image::diff::Change;
use crate::image::pack::{archive_root, is_opaque, pack_without};
use crate::image::{change, import};
use crate::resource::container::State;
use crate::resource::{ContainerSpec, Image, ImageConfig, labels};
use crate::runtime::root::Root;
use crate::runtime::{Rootfs, rootfs, view};
use crate::state;

use super::Host;
use super::containers::{missing, pause};
use super::files::proc;
use super::inspect::image_dirs;
use super::observe::{self, Record};

/// Mount points that every container has. Where the image has none they are made in the writable
/// layer, without being a change anybody made (Docker: the init layer).
const STUBS: [&str; 13] = [
    "dev",
    "dev/console",
    "dev/mqueue",
    "dev/pts",
    "dev/shm",
    "etc",
    "etc/hostname",
    "etc/hosts",
    "etc/mtab",
    "etc/resolv.conf",
    "proc",
    "sys",
    ".dockerenv",
];

/// What differs between a container's files and its image's: absolute paths, sorted.
pub(super) fn changes(host: &Host, id: &ContainerId) -> Result<Vec<(Change, PathBuf)>> {
    let spec = spec(host, id)?;
    let _pin = host.store().pin()?;
    let below = lower(image_dirs(host, &spec)?)?;
    let upper = host.roots().container(id).upper();
    between(&upper, &below)
}

/// The image's files, read-only.
fn lower(lowers: Vec<PathBuf>) -> Result<Root> {
    let all = Rootfs::Overlay { lowers, upper: None, work: None, volatile: false };
    rootfs::make(&all).map(Root::new)
}

/// What the layer in `upper` changes of what is below it.
fn between(upper: &Path, below: &Root) -> Result<Vec<(Change, PathBuf)>> {
    let failed = || format!("cannot read {}", upper.display());
    let directory = open_directory(upper).context(failed)?;
    let mut comparison = Comparison { below, found: Vec::new() };
    comparison.directory(&directory, Path::new("")).context(failed)?;
    let mut found = comparison.found;
    found.sort_by(|(_, one), (_, other)| one.cmp(other));
    Ok(found.into_iter().map(|(change, path)| (change, Path::new("/").join(path))).collect())
}

struct Comparison<'a> {
    below: &'a Root,
    found: Vec<(Change, PathBuf)>,
}

impl Comparison<'_> {
    fn directory(&mut self, directory: &OwnedFd, path: &Path) -> io::Result<()> {
        let names = names(directory)?;
        if is_opaque(directory.as_fd())?
            && let Ok(hidden) = self.below.open_plain(path, OFlags::RDONLY | OFlags::DIRECTORY)
        {
            let gone = self::names(&hidden)?.into_iter().filter(|name| !names.contains(name));
            let gone = gone.map(|name| (Change::Deleted, join(path, &name)));
            self.found.extend(gone);
        }
        for name in names {
            let stat = rustix::fs::statat(directory, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            self.entry(directory, &name, &join(path, &name), &stat)?;
        }
        Ok(())
    }

    fn entry(
        &mut self,
        parent: &OwnedFd,
        name: &CString,
        path: &Path,
        stat: &Stat,
    ) -> io::Result<()> {
        let before = self.before(path);
        let kind = FileType::from_raw_mode(stat.st_mode);
        if kind == FileType::CharacterDevice && stat.st_rdev == 0 {
            self.found.extend(before.map(|_| (Change::Deleted, path.to_owned())));
            return Ok(());
        }
        let change = match &before {
            None => Some(Change::Added),
            Some(before) if differs(before, stat) => Some(Change::Changed),
            Some(_) => None,
        };
        let is_stub = before.is_none() && is_stub(path, stat);
        if kind != FileType::Directory {
            self.found.extend(change.filter(|_| !is_stub).map(|it| (it, path.to_owned())));
            return Ok(());
        }
        let count = self.found.len();
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        self.directory(&rustix::fs::openat(parent, name, flags, Mode::empty())?, path)?;
        // Docker: a directory has changed when something in it has.
        let inside = self.found.len() > count;
        let change = match change.filter(|_| !is_stub || inside) {
            None if inside => Some(Change::Changed),
            change => change,
        };
        self.found.extend(change.map(|it| (it, path.to_owned())));
        Ok(())
    }

    /// What the image has at a path.
    fn before(&self, path: &Path) -> Option<Stat> {
        let file = self.below.open_plain(path, OFlags::PATH | OFlags::NOFOLLOW).ok()?;
        rustix::fs::fstat(file).ok()
    }
}

/// Docker: size and time count, but not those of directories.
fn differs(before: &Stat, after: &Stat) -> bool {
    let about = |it: &Stat| (it.st_mode, it.st_uid, it.st_gid, it.st_rdev);
    let content = |it: &Stat| (it.st_size, it.st_mtime, it.st_mtime_nsec);
    let is_directory = FileType::from_raw_mode(after.st_mode) == FileType::Directory;
    about(before) != about(after) || !is_directory && content(before) != content(after)
}

/// A mount point that the runtime made: an empty file, or a directory.
fn is_stub(path: &Path, stat: &Stat) -> bool {
    let is_empty =
        FileType::from_raw_mode(stat.st_mode) == FileType::Directory || stat.st_size == 0;
    is_empty && STUBS.iter().any(|stub| path == Path::new(stub))
}

/// Makes an image of a container: its own image, with what it changed on top.
pub(super) fn commit(host: &Host, id: &ContainerId, options: &CommitOptions) -> Result<Image> {
    let spec = spec(host, id)?;
    let dir = host.roots().container(id);
    let base = spec.image_id.as_ref();
    let base = base.ok_or_else(|| Error::other("the container has no image to build on"))?;
    let mut document = host.store().config(base)?;
    configure(&mut document.config, &spec);
    for text in &options.changes {
        change::apply(&mut document.config, text)?;
    }
    let _pin = host.store().pin()?;
    let below = lower(image_dirs(host, &spec)?)?;
    let running = observe::status(&dir)?.state == State::Running;
    let _paused = match (options.pause && running).then(|| Paused::new(host, id)).transpose() {
        // It has just ended: nothing changes its files any more.
        Err(error) if error.kind() == Kind::NotFound => None,
        paused => paused?,
    };
    let layer = add_layer(host, &dir.upper(), &below)?;
    document.diff_ids.push(layer);
    let created = Timestamp::now();
    document.created = Some(created);
    document.history.push(History {
        created: Some(created),
        created_by: spec.process.argv.join(" "),
        author: options.author.clone(),
        comment: options.message.clone(),
        ..History::default()
    });
    document.author.clone_from(&options.author);
    let names: Vec<_> = options.name.iter().cloned().collect();
    let image = host.store().create(&document, &names)?;
    host.tell("commit", id, &spec);
    let id = image.id.to_string();
    host.store().announce("create", &id, &image.tags.first().cloned().unwrap_or_default());
    Ok(image)
}

/// The writable layer, packed and unpacked again: nothing of it is shared with the container.
fn add_layer(host: &Host, upper: &Path, below: &Root) -> Result<crate::base::Digest> {
    // A directory that was made for mount points alone goes with them.
    let changed: BTreeSet<PathBuf> = between(upper, below)?
        .into_iter()
        .filter_map(|(_, path)| path.strip_prefix("/").ok().map(Path::to_owned))
        .collect();
    let skip = |path: &[u8], stat: &Stat| {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        is_stub(path, stat) && !changed.contains(path)
    };
    let pipe = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC);
    let (reader, writer) =
        pipe.map_err(io::Error::from).context(|| "cannot make a pipe".to_owned())?;
    std::thread::scope(|scope| {
        let packer = std::thread::Builder::new().name("pack".to_owned());
        let packer = packer
            .spawn_scoped(scope, || pack_without(upper, &skip, File::from(writer)))
            .context(|| "cannot start a thread".to_owned())?;
        let added = import::add_layer(host.store(), File::from(reader));
        let packed = packer.join().map_err(|_| Error::other("packing a layer ended early"))?;
        match packed {
            // The other side gave up first: its reason is the one.
            Err(error) if error.io_kind() == Some(io::ErrorKind::BrokenPipe) => {}
            packed => drop(packed?),
        }
        added.map(|(diff_id, _)| diff_id)
    })
}

/// A container that is frozen as long as this lives.
struct Paused<'a>(&'a Host, &'a ContainerId);

impl Paused<'_> {
    fn new<'a>(host: &'a Host, id: &'a ContainerId) -> Result<Paused<'a>> {
        pause(host, id, true)?;
        Ok(Paused(host, id))
    }
}

impl Drop for Paused<'_> {
    fn drop(&mut self) {
        // It may have been ended or thawed by somebody else meanwhile.
        let _ = pause(self.0, self.1, false);
    }
}

/// What the container's image and its user said becomes what the new image says.
fn configure(config: &mut ImageConfig, spec: &ContainerSpec) {
    let process = &spec.process;
    let (entrypoint, cmd) = process.argv.split_at(process.entrypoint_len.min(process.argv.len()));
    config.entrypoint = entrypoint.to_vec();
    config.cmd = cmd.to_vec();
    config.env.clone_from(&process.env);
    config.user.clone_from(&process.user);
    config.working_dir.clone_from(&process.cwd);
    // What ties a container to its project would tie those made from the image to it, too.
    let own = spec.labels.iter().filter(|(key, _)| !key.starts_with(labels::PREFIX));
    config.labels = own.map(|(key, value)| (key.clone(), value.clone())).collect();
    for port in &spec.expose {
        if !config.exposed_ports.contains(port) {
            config.exposed_ports.push(*port);
        }
    }
    config.stop_signal = Some(spec.stop.signal.clone());
}

/// Writes all files of a container as an archive, without what is mounted in it.
pub(super) fn export(host: &Host, id: &ContainerId, out: OwnedFd) -> Result<()> {
    let spec = spec(host, id)?;
    let dir = host.roots().container(id);
    let status = observe::settled(&dir)?;
    let _pin = host.store().pin()?;
    let root = match status.state {
        State::Running | State::Paused => {
            view::bare_root(proc(&dir, &status, "ns/mnt", OFlags::RDONLY)?.as_fd())?
        }
        _ => {
            let lowers = [vec![dir.upper()], image_dirs(host, &spec)?].concat();
            rootfs::make(&Rootfs::Overlay { lowers, upper: None, work: None, volatile: false })?
        }
    };
    host.tell("export", id, &spec);
    let failed = || format!("cannot export container {}", spec.name);
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    let root = rustix::fs::openat(&root, ".", flags, Mode::empty()).map_err(io::Error::from);
    let out = io::BufWriter::with_capacity(1 << 18, File::from(out));
    match archive_root(root.context(failed)?.as_fd(), out) {
        // Whoever reads it has enough; why is theirs to tell.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context(failed),
    }
}

fn spec(host: &Host, id: &ContainerId) -> Result<ContainerSpec> {
    let record: Option<Record> = state::read(&host.roots().container(id).spec())?;
    record.map(|record| record.spec).ok_or_else(|| missing(id))
}

fn open_directory(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, path, flags, Mode::empty())?)
}

fn names(directory: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(directory)? {
        let entry = entry?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            names.push(entry.file_name().to_owned());
        }
    }
    Ok(names)
}

fn join(path: &Path, name: &CString) -> PathBuf {
    path.join(std::ffi::OsStr::from_bytes(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn changes_are_what_docker_calls_changes() {
        let dir = tempfile::tempdir().unwrap();
        let (upper, lower) = (dir.path().join("a"), dir.path().join("b"));
        for path in ["b/same", "b/deep/er", "b/gone", "a/deep/er", "a/new/er", "a/dev", "a/etc"] {
            fs::create_dir_all(dir.path().join(path)).unwrap();
        }
        for path in ["b/deep/er/old", "a/deep/er/file", "a/etc/hosts", "a/etc/own"] {
            fs::write(dir.path().join(path), "").unwrap();
        }
        // Copied up, but not changed: the same file twice.
        fs::write(lower.join("same/f"), "x").unwrap();
        fs::create_dir(upper.join("same")).unwrap();
        fs::hard_link(lower.join("same/f"), upper.join("same/f")).unwrap();
        let white = (FileType::CharacterDevice, Mode::empty(), 0);
        rustix::fs::mknodat(CWD, upper.join("gone"), white.0, white.1, white.2).unwrap();
        for path in ["a/same", "b/same", "a/deep", "b/deep"] {
            fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let below = Root::new(open_directory(&lower).unwrap());
        let found = between(&upper, &below).unwrap();
        let found: Vec<_> = found.iter().map(|(it, path)| (*it, path.to_str().unwrap())).collect();
        let (added, changed, deleted) = (Change::Added, Change::Changed, Change::Deleted);
        assert_eq!(
            found,
            [
                (changed, "/deep"),
                (changed, "/deep/er"),
                (added, "/deep/er/file"),
                (added, "/etc"),
                (added, "/etc/own"),
                (deleted, "/gone"),
                (added, "/new"),
                (added, "/new/er"),
            ]
        );
    }
}
