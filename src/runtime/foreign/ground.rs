//! What another runtime cannot make for itself, laid out where it finds it: the root file system,
//! secrets, parts of volumes, our init.

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount;
use rustix::fs::{Mode, OFlags};

use crate::base::{Context, Result};
use crate::sys::mount;
use crate::sys::selfexe;

use super::super::bundle::Bundle;
use super::super::mounts::Prepared;
use super::super::options::Options;
use super::super::root::{Root, is_directory};
use super::super::{contents, copyup, mounts, reaper, rootfs, user};
use super::config::INIT;

/// Options of a mount that still mean something when it has been made already.
const LASTING: &[&str] = &[
    "ro", "rro", "nodev", "rnodev", "nosuid", "noexec", "private", "rprivate", "slave", "rslave",
    "shared", "rshared",
];

/// A mount namespace with everything in place. This thread is in it until [`Ground::leave`].
#[derive(Debug)]
pub(super) struct Ground {
    /// The namespace that this thread was in.
    home: Option<OwnedFd>,
    root_path: PathBuf,
    root: Root,
    mounts: Vec<Mount>,
    init: bool,
}

impl Ground {
    /// Lays everything out below `directory`, in a new mount namespace.
    ///
    /// # Errors
    /// As for a start by our own runtime; this thread is where it was then.
    pub(super) fn lay(
        directory: &Path,
        bundle: &Bundle,
        given: &[(&Path, BorrowedFd<'_>)],
    ) -> Result<Ground> {
        let asked = bundle.spec.mounts().as_deref().unwrap_or_default();
        // Before the namespace: what is shared is shared with the host's mounts.
        let made: Vec<Option<Prepared>> =
            asked.iter().map(|mount| make(mount, bundle)).collect::<Result<_>>()?;
        let home = fs::File::open("/proc/self/ns/mnt").map(OwnedFd::from);
        let home = home.context(|| "cannot keep the mount namespace".to_owned())?;
        mount::leave_namespace().context(|| "cannot make a mount namespace".to_owned())?;
        let home = Home(Some(home));
        mount::change_all_propagation(libc::MS_SLAVE)
            .context(|| "cannot part from the host's mounts".to_owned())?;
        let root_path = directory.join("rootfs");
        make_directory(&root_path)?;
        let root = rootfs::make(&bundle.rootfs)?;
        attach(root.as_fd(), &root_path)?;
        let root = Root::new(root);
        let mut places = Places { directory: directory.join("mounts"), count: 0 };
        let mut mounts = Vec::new();
        for (mount, made) in asked.iter().zip(made) {
            let made = made.map(|made| made.into_mount(&root)).transpose()?.flatten();
            mounts.push(match made {
                Some(made) => {
                    fill(bundle, mount, &root, &made)?;
                    settled(mount, &places.put(made.as_fd())?)
                }
                None => mount.clone(),
            });
        }
        for (target, made) in given {
            mounts.push(bind(target, &places.put(*made)?, &["rbind", "rprivate"]));
        }
        mounts.extend(contents(bundle, &directory.join("contents"))?);
        if bundle.init {
            mounts.push(bind(
                Path::new(INIT),
                &own_program(directory, &mut places)?,
                &["bind", "rprivate", "ro", "nosuid", "nodev"],
            ));
        }
        Ok(Ground { home: home.stay(), root_path, root, mounts, init: bundle.init })
    }

    /// Where the root file system is mounted.
    pub(super) fn root_path(&self) -> PathBuf {
        self.root_path.clone()
    }

    /// Every mount the runtime is to make.
    pub(super) fn mounts(&self) -> Vec<Mount> {
        self.mounts.clone()
    }

    /// The first argument of our program when it is process 1; `None`: it is not.
    pub(super) fn init(&self) -> Option<&'static str> {
        self.init.then_some(reaper::ARGUMENT)
    }

    /// Who the program runs as, looked up in the image.
    pub(super) fn user(&self, bundle: &Bundle) -> Result<user::User> {
        let spec = bundle.user.clone().unwrap_or_default();
        user::resolve(&self.root, &spec)
    }

    /// Goes back. Everything goes that no container took over.
    ///
    /// # Errors
    /// The way back is refused.
    pub(super) fn leave(mut self) -> Result<()> {
        go_home(self.home.take()).context(|| "cannot leave a mount namespace".to_owned())
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        // As in `Home`.
        let _ = go_home(self.home.take());
    }
}

/// The way back from a namespace that is not ready yet.
struct Home(Option<OwnedFd>);

impl Home {
    /// The namespace is ready: it is somebody else's to leave it.
    fn stay(mut self) -> Option<OwnedFd> {
        self.0.take()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // The error that brought us here is the one to tell, and the way back is never refused to
        // who could come.
        let _ = go_home(self.0.take());
    }
}

fn go_home(home: Option<OwnedFd>) -> io::Result<()> {
    home.map_or(Ok(()), |home| mount::enter_namespace(home.as_fd()))
}

/// Makes what other runtimes cannot mount as we can: parts of directories, layers of images,
/// volumes that are filled from the image; and what propagates to the host, which their own
/// namespace would keep to itself.
fn make(mount: &Mount, bundle: &Bundle) -> Result<Option<Prepared>> {
    let options = Options::parse(mount.options().as_deref().unwrap_or_default());
    let ours = options.subpath.is_some()
        || options.copy_up
        || options.propagation == libc::MS_SHARED
        || mount.typ().as_deref() == Some("overlay")
        || bundle.copy_up.contains(mount.destination());
    if !ours {
        return Ok(None);
    }
    let prepared = mounts::prepare(std::slice::from_ref(mount), &mut [])?;
    Ok(prepared.into_iter().next())
}

fn fill(bundle: &Bundle, mount: &Mount, root: &Root, made: &OwnedFd) -> Result<()> {
    let target = mount.destination();
    let options = Options::parse(mount.options().as_deref().unwrap_or_default());
    if !bundle.copy_up.contains(target) && !options.copy_up {
        return Ok(());
    }
    // What the image does not have leaves the volume as it is.
    let Ok(image) = root.open(&Path::new("/").join(target), OFlags::PATH) else { return Ok(()) };
    copyup::fill(made.as_fd(), image.as_fd())
        .context(|| format!("cannot copy {} of the image to its volume", target.display()))
}

/// The mount, now that it lies at `source`.
fn settled(mount: &Mount, source: &Path) -> Mount {
    let asked = mount.options().iter().flatten().map(String::as_str);
    let lasting = asked.filter(|option| LASTING.contains(option));
    let options: Vec<&str> = ["rbind"].into_iter().chain(lasting).collect();
    bind(mount.destination(), source, &options)
}

fn bind(target: &Path, source: &Path, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(target.to_owned())
        .set_typ(Some("bind".to_owned()))
        .set_source(Some(source.to_owned()))
        .set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}

/// Secrets and configs, as files on a tmpfs that each is mounted from.
fn contents(bundle: &Bundle, directory: &Path) -> Result<Vec<Mount>> {
    if bundle.contents.is_empty() {
        return Ok(Vec::new());
    }
    make_directory(directory)?;
    let failed = || "cannot make a tmpfs for secrets".to_owned();
    let store = contents::store().context(failed)?;
    attach(store.as_fd(), directory)?;
    let mut made = Vec::new();
    for (index, content) in bundle.contents.iter().enumerate() {
        let name = index.to_string();
        contents::write(&store, &name, content)
            .context(|| format!("cannot put a file on {}", content.target.display()))?;
        let exec = if content.is_executable() { "exec" } else { "noexec" };
        let options = ["bind", "rprivate", "ro", "nosuid", "nodev", exec];
        made.push(bind(&content.target, &directory.join(name), &options));
    }
    Ok(made)
}

/// A file of our own executable that nobody can write to.
fn own_program(directory: &Path, places: &mut Places) -> Result<PathBuf> {
    let failed = || "cannot give the container our init".to_owned();
    let executable = selfexe::protected().context(failed)?;
    if let Ok(copy) = mount::copy(executable.as_fd(), "", false) {
        return places.put(copy.as_fd());
    }
    // What runs from memory, or before Linux 6.15 from a mount that is nowhere attached.
    let path = directory.join("init");
    fs::copy("/proc/self/exe", &path).context(failed)?;
    Ok(path)
}

/// Numbered places to attach mounts to.
struct Places {
    directory: PathBuf,
    count: usize,
}

impl Places {
    fn put(&mut self, mount: BorrowedFd<'_>) -> Result<PathBuf> {
        let path = self.directory.join(self.count.to_string());
        self.count += 1;
        make_directory(&self.directory)?;
        let failed = || format!("cannot make {}", path.display());
        match is_directory(mount).context(failed)? {
            true => make_directory(&path)?,
            false => drop(fs::File::create(&path).context(failed)?),
        }
        attach(mount, &path)?;
        Ok(path)
    }
}

fn attach(mount: BorrowedFd<'_>, path: &Path) -> Result<()> {
    let attach = || -> io::Result<()> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let place = rustix::fs::open(path, flags, Mode::empty())?;
        mount::attach(mount, place.as_fd())
    };
    attach().context(|| format!("cannot mount on {}", path.display()))
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).context(|| format!("cannot make directory {}", path.display()))
}
