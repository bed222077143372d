//! Paths inside a container's root, walked by descriptor: no link or race leads out of it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;

/// How often a lookup is repeated when another process renamed something meanwhile.
const RETRIES: usize = 128;

/// Longest chain of links that is followed while making a path, as in the kernel.
const MAX_LINKS: usize = 40;

/// A directory that no path given to its methods leads out of.
#[derive(Debug)]
pub struct Root(OwnedFd);

/// What a mount point is made as, when it is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Make {
    /// A directory, mode 0755.
    Directory,
    /// An empty file, mode 0644.
    File,
}

impl Root {
    /// The root at this directory.
    #[must_use]
    pub fn new(directory: OwnedFd) -> Root {
        Root(directory)
    }

    /// Its descriptor.
    #[must_use]
    pub fn descriptor(&self) -> &OwnedFd {
        &self.0
    }

    /// Opens `path`, following links as if this were `/`. Magic links (`/proc/self/fd/3`) are
    /// refused.
    ///
    /// # Errors
    /// `ENOENT`, `ELOOP` (magic links too), `ENOTDIR`.
    pub fn open(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlags::empty())
    }

    /// Opens `path` if no component of it is a link.
    ///
    /// # Errors
    /// `ELOOP` for any link.
    pub fn open_plain(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        self.resolve(path, flags, ResolveFlags::NO_SYMLINKS)
    }

    fn resolve(&self, path: &Path, flags: OFlags, how: ResolveFlags) -> io::Result<OwnedFd> {
        let path = match path.as_os_str().is_empty() {
            true => Path::new("."),
            false => path,
        };
        let how = how | ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        for _ in 0..RETRIES {
            match openat2(&self.0, path, flags | OFlags::CLOEXEC, Mode::empty(), how) {
                Err(Errno::AGAIN) => {}
                result => return Ok(result?),
            }
        }
        Err(Errno::AGAIN.into())
    }

    /// Opens `path` as a place, without a way to read or write it; made, with its parents, when
    /// missing. Where links lead nowhere, what they name is made.
    ///
    /// # Errors
    /// `ENOTDIR` when a parent is no directory, `EROFS`, `ELOOP`.
    pub fn make(&self, path: &Path, make: Make) -> io::Result<OwnedFd> {
        match self.open(path, OFlags::PATH) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.make_missing(path, make),
            result => result,
        }
    }

    fn make_missing(&self, path: &Path, make: Make) -> io::Result<OwnedFd> {
        let mut done = PathBuf::new();
        let mut rest: Vec<PathBuf> = parts(path);
        let mut links = 0;
        while let Some(part) = rest.pop() {
            if part.as_os_str() == ".." {
                done.pop();
                continue;
            }
            let next = done.join(&part);
            let kind = if rest.is_empty() { make } else { Make::Directory };
            match self.step(&done, &part, kind)? {
                Step::Made => done = next,
                Step::Link(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    if target.is_absolute() {
                        done = PathBuf::new();
                    }
                    rest.extend(parts(&target));
                }
            }
        }
        self.open(&done, OFlags::PATH)
    }

    /// Makes `part` in the directory `parent`, which has no links in its path, unless it exists.
    ///
    /// `/proc/self/fd/3` may not exist before the walk and be this walk's own descriptor when it
    /// gets there: what the text of such a link says is no path to go.
    fn step(&self, parent: &Path, part: &Path, make: Make) -> io::Result<Step> {
        let directory = self.open_plain(parent, OFlags::PATH | OFlags::DIRECTORY)?;
        let made = match make {
            Make::Directory => rustix::fs::mkdirat(&directory, part, Mode::from_raw_mode(0o755)),
            Make::File => {
                let flags = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                rustix::fs::openat(&directory, part, flags, Mode::from_raw_mode(0o644)).map(drop)
            }
        };
        let step = match made {
            Ok(()) => Step::Made,
            Err(Errno::EXIST) => existing(directory.as_fd(), part)?,
            // Read-only, but what is looked for may be there.
            Err(error) => existing(directory.as_fd(), part).map_err(|_| io::Error::from(error))?,
        };
        if let Step::Link(_) = step
            && let Err(error) = self.open(&parent.join(part), OFlags::PATH)
            && Errno::from_io_error(&error) == Some(Errno::LOOP)
        {
            return Err(error);
        }
        Ok(step)
    }
}

/// What [`Root::step`] came to.
enum Step {
    /// There is a file or directory now.
    Made,
    /// There is a link; it leads here.
    Link(PathBuf),
}

fn existing(directory: BorrowedFd<'_>, part: &Path) -> io::Result<Step> {
    let stat = rustix::fs::statat(directory, part, AtFlags::SYMLINK_NOFOLLOW)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
        return Ok(Step::Made);
    }
    let target = rustix::fs::readlinkat(directory, part, Vec::new())?;
    let target = target.into_string().map_err(|_| io::ErrorKind::InvalidFilename)?;
    Ok(Step::Link(PathBuf::from(target)))
}

/// Names and `..` of a path, last one first.
fn parts(path: &Path) -> Vec<PathBuf> {
    let parts = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    });
    parts.rev().collect()
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether the descriptor is of a directory.
///
/// # Errors
/// Those of `fstat(2)`.
pub fn is_directory(fd: impl AsFd) -> io::Result<bool> {
    Ok(FileType::from_raw_mode(rustix::fs::fstat(fd)?.st_mode) == FileType::Directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn root(directory: &Path) -> Root {
        Root::new(rustix::fs::open(directory, OFlags::PATH, Mode::empty()).unwrap())
    }

    #[test]
    fn magic_links_are_refused_even_if_the_walk_makes_them() {
        let root = root(Path::new("/"));
        for fd in 3..64 {
            let path = format!("/proc/self/fd/{fd}");
            assert!(root.make(Path::new(&path), Make::Directory).is_err(), "{path}");
        }
    }

    #[test]
    fn links_stay_inside_and_dangling_ones_are_filled() {
        let directory = tempfile::tempdir().unwrap();
        let inside = directory.path().join("root");
        std::fs::create_dir_all(inside.join("real")).unwrap();
        symlink("/nowhere/deep", inside.join("absolute")).unwrap();
        symlink("../../../out", inside.join("real/up")).unwrap();
        let root = root(&inside);

        root.make(Path::new("/absolute/a/file"), Make::File).unwrap();
        root.make(Path::new("real/up/b"), Make::Directory).unwrap();

        assert!(inside.join("nowhere/deep/a/file").is_file());
        assert!(inside.join("out/b").is_dir());
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("file"), "").unwrap();
        let error = root(directory.path()).make(Path::new("/file/x"), Make::Directory).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ENOTDIR));
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        symlink("b", directory.path().join("a")).unwrap();
        symlink("a", directory.path().join("b")).unwrap();
        let error = root(directory.path()).make(Path::new("/a/x"), Make::Directory).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    }

    #[test]
    fn magic_links_are_refused() {
        let root = root(Path::new("/"));
        let error = root.open(Path::new("/proc/self/root"), OFlags::PATH).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ELOOP));
    }
}
