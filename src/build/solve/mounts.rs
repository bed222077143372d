//! `RUN --mount`: resolved for the key first, made only when the step is not in the cache.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Mount as OciMount;
use rustix::fs::{CWD, RenameFlags};
use rustix::io::Errno;

use super::stage::Position;
use super::{Builder, StepResult};
use crate::base::{Context, Digest, Result};
use crate::build::copy::{Marks, Target};
use crate::build::dockerfile::{Mount, MountKind, Run, Sharing, Word};
use crate::build::ignore::Ignore;
use crate::build::key::Key;
use crate::build::layer::{self, Draft};
use crate::build::request::Secret;
use crate::build::sandbox::{Graft, TreeSource, mount};
use crate::build::state::State;
use crate::build::tree::{Item, Tree};
use crate::image::hash::sha256;
use crate::runtime::Content;
use crate::runtime::root::Root;
use crate::state::Lock;
use crate::state::roots::make_dir;
use crate::sys::fs::read_bounded;

/// No secret of a build is larger (BuildKit: 500 kB).
const SECRET_BYTES: u64 = 32 << 20;

/// The mounts of a step, with everything looked up.
pub(super) struct Mounts {
    list: Vec<Found>,
    /// What of them decides the step's result.
    pub key: String,
}

struct Found {
    mount: Mount,
    target: String,
    source: Where,
}

/// Where a mount's files come from.
enum Where {
    /// Of layers: these, and the path in them.
    Layers(Vec<Digest>, String),
    /// Of a directory of the host: what is to be copied.
    Files(Tree, Vec<Item>, bool),
    /// Cache directory with this name, and layers it is filled from first.
    Cache(Digest, Option<(Vec<Digest>, String)>),
    Tmpfs,
    Secret(Vec<u8>),
    Socket(PathBuf),
    /// An optional secret or agent that nobody gave.
    Nothing,
}

/// The mounts as the container gets them.
#[derive(Default)]
pub(super) struct Fitted {
    pub grafts: Vec<Graft>,
    pub mounts: Vec<OciMount>,
    pub contents: Vec<Content>,
    pub env: Vec<String>,
    pub targets: Vec<PathBuf>,
    /// Held as long as the step runs.
    _locks: Vec<Lock>,
}

impl Builder<'_> {
    /// Looks up what a step's mounts refer to; waits for other stages.
    pub(super) fn mounts(&self, run: &Run, state: &State, at: &Position) -> StepResult<Mounts> {
        let mut list = Vec::new();
        let mut key = Key::new("mounts");
        for (number, mount) in run.mounts.iter().enumerate() {
            let found = self.find(mount, number, state, at, &mut key)?;
            key.part(&found.target);
            list.push(found);
        }
        Ok(Mounts { list, key: key.finish().to_string() })
    }

    fn find(
        &self,
        mount: &Mount,
        number: usize,
        state: &State,
        at: &Position,
        key: &mut Key,
    ) -> StepResult<Found> {
        let expand = |text: &Option<String>| -> StepResult<Option<String>> {
            let Some(text) = text else { return Ok(None) };
            Ok(Some(self.expanded(text, mount.span, state)?.text))
        };
        let (target, source, id) =
            (expand(&mount.target)?, expand(&mount.source)?, expand(&mount.id)?);
        let path = source.clone().unwrap_or_else(|| "/".to_owned());
        let from = match &mount.from {
            Some(from) => self.layers_of(from, at.index, mount.span)?,
            None => None,
        };
        let named = source.clone();
        let source = match mount.kind {
            MountKind::Bind => match from {
                Some(layers) => {
                    key.layers(&layers).part(&path);
                    Where::Layers(layers, path)
                }
                None => self.bound_files(mount, &path, at, key)?,
            },
            MountKind::Cache => {
                let mut name = id.clone().or_else(|| target.clone()).unwrap_or_default();
                // Docker: one that begins as something else is another cache.
                for layer in from.iter().flatten() {
                    name += &format!(":{layer}");
                }
                Where::Cache(sha256(name.as_bytes()), from.map(|layers| (layers, path)))
            }
            MountKind::Tmpfs => Where::Tmpfs,
            MountKind::Secret => {
                let of_target = || Some(target.as_ref()?.rsplit('/').next()?.to_owned());
                let name = source.clone().or_else(|| id.clone()).or_else(of_target);
                self.secret(mount, &name.unwrap_or_default())?
            }
            MountKind::Ssh => {
                let name = id.clone().unwrap_or_else(|| "default".to_owned());
                self.agent(mount, &name)?
            }
        };
        let target = target.map(|target| state.absolute(&target)).unwrap_or_else(|| {
            let name = named.or(id).unwrap_or_default();
            match mount.kind {
                MountKind::Ssh => format!("/run/buildkit/ssh_agent.{number}"),
                _ => format!("/run/secrets/{}", name.rsplit('/').next().unwrap_or_default()),
            }
        });
        Ok(Found { mount: mount.clone(), target, source })
    }

    /// Files of the context, or of a named one.
    fn bound_files(
        &self,
        mount: &Mount,
        path: &str,
        at: &Position,
        key: &mut Key,
    ) -> StepResult<Where> {
        let tree = match (&mount.from, &self.request.context) {
            (Some(from), _) => {
                self.tree_of(&Word { text: from.clone(), span: mount.span }, at.index)?
            }
            (None, Some(_)) => self.own_context()?,
            (None, None) => {
                let message = "this build has no context";
                return Err(self.mistake("no-context", mount.span, message, |_| ()));
            }
        };
        let blame = |error| self.blame(mount.span, &error);
        let sources = tree.sources(&crate::build::archive::quoted(path)).map_err(blame)?;
        let mut items = Vec::new();
        let is_directory = sources.iter().all(|source| source.is_directory);
        for source in &sources {
            let to = if source.is_directory { Path::new("") } else { Path::new("file") };
            items.extend(tree.items(source, to, &Ignore::default()).map_err(blame)?);
        }
        tree.add_to(key, &items)?;
        Ok(Where::Files(tree, items, is_directory))
    }

    fn secret(&self, mount: &Mount, id: &str) -> StepResult<Where> {
        match self.request.secrets.get(id) {
            Some(Secret::Value(value)) => Ok(Where::Secret(value.clone())),
            Some(Secret::File(path)) => {
                let value = read_bounded(path, SECRET_BYTES);
                Ok(Where::Secret(value.context(|| format!("cannot read secret {id}"))?))
            }
            None if mount.required => {
                let message = format!("secret `{id}` is required, and was not given");
                let known = self.request.secrets.keys().map(String::as_str);
                Err(self.mistake("no-secret", mount.span, message, |it| {
                    it.suggest(id, known);
                }))
            }
            None => Ok(Where::Nothing),
        }
    }

    fn agent(&self, mount: &Mount, id: &str) -> StepResult<Where> {
        match self.request.ssh.get(id) {
            Some(path) => Ok(Where::Socket(path.clone())),
            None if mount.required => {
                let message = format!("SSH agent `{id}` is required, and was not given");
                let hint = "give it with --ssh";
                Err(self.mistake("no-agent", mount.span, message, |it| {
                    it.hint(hint);
                }))
            }
            None => Ok(Where::Nothing),
        }
    }

    /// Makes the mounts for a step that runs now.
    pub(super) fn fit(&self, mounts: &Mounts, draft: &Draft) -> Result<Fitted> {
        let mut fitted = Fitted::default();
        for (number, found) in mounts.list.iter().enumerate() {
            self.fit_one(found, number, draft, &mut fitted)?;
        }
        Ok(fitted)
    }

    fn fit_one(&self, found: &Found, number: usize, draft: &Draft, out: &mut Fitted) -> Result<()> {
        let it = &found.mount;
        let target = &found.target;
        let bind = |path: &Path, read_only: bool| {
            let lock = if read_only { "ro" } else { "rw" };
            mount(target, "bind", path, &["rbind", "rprivate", lock])
        };
        let point =
            || Ok::<_, crate::base::Error>(draft.scratch(&format!("point-{number}"))?.join("at"));
        match &found.source {
            Where::Nothing => return Ok(()),
            Where::Tmpfs => {
                let size = it.size.map(|size| format!("size={size}"));
                let mut options = vec!["nosuid", "nodev", "mode=1777"];
                options.extend(size.as_deref());
                out.mounts.push(mount(target, "tmpfs", Path::new("tmpfs"), &options));
            }
            Where::Secret(data) => {
                let wants_file = it.env.is_none() || it.target.is_some();
                let text = || String::from_utf8_lossy(data).into_owned();
                out.env.extend(it.env.as_ref().map(|name| format!("{name}={}", text())));
                if !wants_file {
                    return Ok(());
                }
                out.contents.push(Content {
                    target: PathBuf::from(target),
                    data: data.clone(),
                    uid: it.uid.unwrap_or(0),
                    gid: it.gid.unwrap_or(0),
                    mode: it.mode.unwrap_or(0o400),
                });
            }
            Where::Socket(path) => {
                out.env.push(format!("SSH_AUTH_SOCK={target}"));
                out.mounts.push(bind(path, false));
            }
            Where::Cache(name, first) => {
                let dir = self.cache_directory(it, name, first.as_ref(), draft, number, out)?;
                out.mounts.push(bind(&dir, it.read_only == Some(true)));
            }
            Where::Layers(layers, path) => {
                let tree = TreeSource::Layers {
                    lowers: self.store.layer_dirs(layers),
                    upper: open_directory(&draft.scratch(&format!("upper-{number}"))?)?,
                    work: draft.scratch(&format!("work-{number}"))?,
                };
                let point = point()?;
                out.mounts.push(bind(&point, it.read_only != Some(false)));
                out.grafts.push(Graft { tree, source: PathBuf::from(path), point });
            }
            Where::Files(tree, items, is_directory) => {
                let dir = open_directory(&draft.scratch(&format!("files-{number}"))?)?;
                copy_into(&dir, tree, items)?;
                let point = point()?;
                let source = if *is_directory { "/" } else { "/file" };
                out.mounts.push(bind(&point, it.read_only != Some(false)));
                let source = PathBuf::from(source);
                out.grafts.push(Graft { tree: TreeSource::Directory(dir), source, point });
            }
        }
        out.targets.push(PathBuf::from(target));
        Ok(())
    }

    /// The directory of a cache, locked as the mount wants it.
    fn cache_directory(
        &self,
        it: &Mount,
        name: &Digest,
        first: Option<&(Vec<Digest>, String)>,
        draft: &Draft,
        number: usize,
        out: &mut Fitted,
    ) -> Result<PathBuf> {
        let dir = self.store.build_cache(name);
        make_dir(&dir)?;
        let path = dir.join("lock");
        let lock = match it.sharing {
            Sharing::Shared => Some(Lock::wait_shared(&path)?),
            Sharing::Locked => Some(Lock::wait(&path)?),
            Sharing::Private => Lock::try_take(&path)?,
        };
        let data = match lock {
            Some(lock) => {
                out._locks.push(lock);
                dir.join("data")
            }
            // Somebody else has it: this step gets one that is thrown away.
            None => draft.scratch(&format!("cache-{number}"))?.join("data"),
        };
        if data.exists() {
            return Ok(data);
        }
        // Another step that shares it sees it whole: nobody writes where we still copy.
        let random = getrandom::u64().unwrap_or_else(|_| u64::from(std::process::id()));
        let fresh = data.with_extension(format!("{random:016x}"));
        open_directory(&fresh)?;
        if let Some((layers, path)) = first {
            let tree = Tree::of_image(layer::view(self.store, layers)?, "the cache's source");
            for source in tree.sources(path)? {
                copy_into(&fresh, &tree, &tree.items(&source, Path::new(""), &Ignore::default())?)?;
            }
        }
        let describe = || format!("cannot make cache directory {}", data.display());
        let mode = std::fs::Permissions::from_mode(it.mode.unwrap_or(0o755));
        std::fs::set_permissions(&fresh, mode).context(describe)?;
        std::os::unix::fs::chown(&fresh, Some(it.uid.unwrap_or(0)), Some(it.gid.unwrap_or(0)))
            .context(describe)?;
        match rustix::fs::renameat_with(CWD, &fresh, CWD, &data, RenameFlags::NOREPLACE) {
            // The other step was faster.
            Err(Errno::EXIST) => std::fs::remove_dir_all(&fresh).context(describe)?,
            renamed => renamed.map_err(std::io::Error::from).context(describe)?,
        }
        Ok(data)
    }

    /// The build context once more, for a mount that outlives this call.
    fn own_context(&self) -> Result<Tree> {
        let path = self.request.context.clone().unwrap_or_default();
        let ignore = self.context.as_ref().map(|tree| tree.ignore().clone()).unwrap_or_default();
        Tree::open(&path, ignore)
    }
}

/// A directory that all users of the container may enter.
fn open_directory(path: &Path) -> Result<PathBuf> {
    make_dir(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
        .context(|| format!("cannot open {} to the step", path.display()))?;
    Ok(path.to_owned())
}

fn copy_into(dir: &Path, tree: &Tree, items: &[Item]) -> Result<()> {
    let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
    let root = rustix::fs::open(dir, flags, rustix::fs::Mode::empty())
        .map_err(std::io::Error::from)
        .context(|| format!("cannot open {}", dir.display()))?;
    let root = Root::new(root);
    Target { root: &root, marks: &Marks::default(), unpacked: false }.copy(
        tree,
        items,
        Path::new("/"),
    )
}
