//! `COPY` and `ADD`.

use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::stage::Position;
use super::{Builder, StepResult, lock};
use crate::base::{Context, Digest, Error, Kind, Result};
use crate::build::archive;
use crate::build::copy::{Marks, Target, is_written_as_directory};
use crate::build::dockerfile::{Copy, Instruction, MAX_SIZE, Step, Word, expand, show};
use crate::build::git::without_credentials;
use crate::build::history;
use crate::build::ignore::Ignore;
use crate::build::key::Key;
use crate::build::layer::{self, Draft, Lazy};
use crate::build::mode::Change;
use crate::build::request::NamedContext;
use crate::build::state::State;
use crate::build::tree::{Item, Tree};
use crate::image::store::BuildRecord;
use crate::runtime::root::Root;
use crate::runtime::{UserSpec, user};

/// A step's layer, and when it was made.
pub(super) type Made = (Digest, Timestamp);

/// Where files are copied from.
enum From<'a> {
    Context(&'a Tree),
    Other(Tree),
}

impl From<'_> {
    fn tree(&self) -> &Tree {
        match self {
            From::Context(tree) => tree,
            From::Other(tree) => tree,
        }
    }
}

/// Everything about a copy that was found out before anything is written.
struct Prepared {
    marks: Marks,
    /// Items, and the path they go below; `None`: of the step's own tree, else of the one
    /// unpacked or downloaded there.
    parts: Vec<Part>,
    /// Files with content from the Dockerfile: path and content.
    inline: Vec<(PathBuf, String)>,
    /// They go into the destination, not where it says.
    into: bool,
    /// The line of the history.
    text: String,
}

pub(super) struct Part {
    pub tree: Option<Tree>,
    pub items: Vec<Item>,
    pub to: PathBuf,
    /// Says all about the items: they need not be read for the key.
    pub identity: Option<String>,
    /// They were in an archive.
    pub unpacked: bool,
}

impl Builder<'_> {
    /// `COPY` and `ADD`.
    pub(super) fn copy(
        &self,
        step: &Step,
        copy: &Copy,
        state: &mut State,
        at: &Position,
    ) -> StepResult<()> {
        let from = self.copy_from(step, copy, at)?;
        let name = self.label(at, &step.text);
        let (made, text) = self.step(&name, |_| {
            let below: &[Digest] = if copy.link { &[] } else { &state.layers };
            // For what is downloaded and unpacked; goes when the step is done.
            let draft = Lazy::new(self.store, below);
            let prepared = self.prepare(copy, from.tree(), state, &draft)?;
            let key = self.copy_key(copy, from.tree(), below, &prepared)?;
            let (made, cached) = self.cached_or(&key, &step.text, below, at, || {
                let draft = draft.take()?;
                self.write(&prepared, from.tree(), &draft)
                    .map_err(|error| self.blame(step.span, &error))?;
                Ok(draft.finish(self.store, self.request.epoch)?)
            })?;
            Ok(((made, prepared.text), cached))
        })?;
        state.record(&text, Some(made));
        Ok(())
    }

    /// The layer of the step with this key: from an earlier build, or made now.
    pub(super) fn cached_or(
        &self,
        key: &Digest,
        text: &str,
        below: &[Digest],
        at: &Position,
        make: impl FnOnce() -> StepResult<Digest>,
    ) -> StepResult<(Made, bool)> {
        if self.may_use_cache(at)
            && let Some(record) = self.known_step(key)?
        {
            let made = (record.layer.clone(), record.created);
            lock(&self.steps).push((key.clone(), record));
            return Ok((made, true));
        }
        let layer = make()?;
        let created = Timestamp::now();
        let record = BuildRecord {
            layer: layer.clone(),
            below: below.to_vec(),
            created,
            text: text.to_owned(),
        };
        self.store.keep_build_record(key, &record)?;
        lock(&self.steps).push((key.clone(), record));
        Ok(((layer, created), false))
    }

    fn copy_from(&self, step: &Step, copy: &Copy, at: &Position) -> StepResult<From<'_>> {
        match &copy.from {
            None => self.context_or_mistake(step).map(From::Context),
            Some(word) => self.tree_of(word, at.index).map(From::Other),
        }
    }

    fn context_or_mistake(&self, step: &Step) -> StepResult<&Tree> {
        let missing = || self.mistake("no-context", step.span, "this build has no context", |_| ());
        self.context.as_ref().ok_or_else(missing)
    }

    /// The tree of a stage, image or named context.
    pub(super) fn tree_of(&self, word: &Word, stage: usize) -> StepResult<Tree> {
        match self.layers_of(&word.text, stage, word.span)? {
            Some(layers) => {
                let view = layer::view(self.store, &layers)?;
                Ok(Tree::of_image(view, &format!("`{}`", word.text)))
            }
            None => match self.request.contexts.get(&word.text.to_lowercase()) {
                Some(NamedContext::Directory(path)) => Ok(self.directory_tree(path)?),
                _ => Err(Error::other(format!("there is no context `{}`", word.text)).into()),
            },
        }
    }

    fn directory_tree(&self, path: &Path) -> Result<Tree> {
        let tree = Tree::open(path, Ignore::default())?;
        let ignore = match tree.text(Path::new(".dockerignore"), MAX_SIZE) {
            Ok(text) => Ignore::parse(&text).map_err(|text| Error::new(Kind::Invalid, text))?,
            Err(_) => Ignore::default(),
        };
        Tree::open(path, ignore)
    }

    fn prepare(
        &self,
        copy: &Copy,
        tree: &Tree,
        state: &State,
        draft: &Lazy<'_>,
    ) -> StepResult<Prepared> {
        let destination = self.expand(&copy.destination, state)?;
        let marks = self.marks(copy, state)?;
        let exclude = self.excludes(copy, state)?;
        let blame = |word: &Word, error: Error| self.blame(word.span, &error);
        let (mut local, mut remote) = (Vec::new(), Vec::new());
        let mut texts = Vec::new();
        for word in &copy.sources {
            let text = self.expand(word, state)?;
            if copy.add && archive::is_remote(&text) {
                texts.push(without_credentials(&text));
                remote.push((word, text));
                continue;
            }
            texts.push(text.clone());
            if let Some(checksum) = &copy.checksum {
                let message = "a checksum is for URLs and repositories";
                return Err(self.mistake("bad-checksum", checksum.span, message, |_| ()));
            }
            let sources = tree.sources(&text).map_err(|error| blame(word, error))?;
            if sources.is_empty() {
                let message = format!("`{text}` matches nothing");
                lock(&self.trouble).mistakes.warning("empty-pattern", word.span, message);
            }
            local.extend(sources.into_iter().map(|source| (word, text.clone(), source)));
        }
        texts.extend(copy.inline.iter().map(|heredoc| format!("<<{}", heredoc.name)));
        let absolute = state.absolute(&destination);
        let exists = || match copy.link || copy.parents {
            true => Ok(copy.parents),
            false => self.is_directory(state, &absolute),
        };
        let into = is_written_as_directory(&destination) || exists()?;
        let files = local.iter().filter(|(.., source)| !source.is_directory).count();
        if !into && files + remote.len() + copy.inline.len() > 1 {
            let span = copy.destination.span;
            let message =
                format!("several files are copied to `{destination}`: the last one stays");
            lock(&self.trouble)
                .mistakes
                .warning("several-files", span, message)
                .hint("a destination that is a directory ends with /");
        }
        let to = PathBuf::from(&absolute);
        let mut parts = Vec::new();
        let mut into = into;
        for (word, text, source) in local {
            let inner = match (copy.parents, source.is_directory, into) {
                (true, ..) => archive::below_pivot(&text, &source.path),
                (false, true, _) | (false, false, false) => PathBuf::new(),
                (false, false, true) => source.name.clone(),
            };
            if copy.add && copy.unpack != Some(false) && !source.is_directory {
                let unpacked = archive::unpack(tree, &source.path, draft, parts.len());
                if let Some(unpacked) = unpacked.map_err(|error| blame(word, error))? {
                    parts.push(Part::all_of(unpacked, to.clone())?);
                    continue;
                }
            }
            let items =
                tree.items(&source, &inner, &exclude).map_err(|error| blame(word, error))?;
            // It is a directory now, for the files after it (Docker).
            into |= source.is_directory;
            let to = to.clone();
            parts.push(Part { tree: None, items, to, identity: None, unpacked: false });
        }
        for (word, url) in remote {
            let part = self.download(copy, &url, &to, into, (draft, parts.len()));
            parts.push(part.map_err(|error| blame(word, error))?);
        }
        let inline = self.inline(copy, state, &to, into)?;
        let flag =
            |word: &Option<Word>| word.as_ref().map(|word| self.expand(word, state)).transpose();
        let flags = [("chown", flag(&copy.chown)?), ("chmod", flag(&copy.chmod)?)];
        let instruction = if copy.add { "ADD" } else { "COPY" };
        let text = history::copy(instruction, &flags, &texts, &destination);
        Ok(Prepared { marks, parts, inline, into, text })
    }

    fn marks(&self, copy: &Copy, state: &State) -> StepResult<Marks> {
        let mode = match &copy.chmod {
            None => None,
            Some(word) => {
                let text = self.expand(word, state)?;
                let change = Change::parse(&text);
                Some(change.ok_or_else(|| {
                    let message = format!("`{text}` is not a mode");
                    self.mistake("bad-mode", word.span, message, |_| ())
                })?)
            }
        };
        let owner = match &copy.chown {
            None => None,
            Some(word) => {
                let text = self.expand(word, state)?;
                let owner = self.owner(&text, state);
                Some(owner.map_err(|error| self.blame(word.span, &error))?)
            }
        };
        Ok(Marks { owner, mode })
    }

    /// Numbers of `user[:group]`; without a group it is the user's own, and of a number the same
    /// number (Docker).
    pub(super) fn owner(&self, text: &str, state: &State) -> Result<(u32, u32)> {
        let (name, group) = text.split_once(':').map_or((text, None), |(a, b)| (a, Some(b)));
        let numbers = (name.parse::<u32>(), group.map_or(Ok(0), str::parse::<u32>));
        // The highest number would mean "unchanged" to the kernel (CVE-2024-40635).
        if let (Ok(uid), Ok(gid)) = numbers
            && uid.max(gid) < u32::MAX
        {
            return Ok((uid, if group.is_some() { gid } else { uid }));
        }
        let root = Root::new(layer::view(self.store, &state.layers)?);
        let spec = UserSpec { user: text.to_owned(), groups: Vec::new() };
        let found = user::resolve(&root, &spec)?;
        Ok((found.uid, found.gid))
    }

    fn excludes(&self, copy: &Copy, state: &State) -> StepResult<Ignore> {
        let mut patterns = Vec::new();
        for word in &copy.exclude {
            patterns.push(self.expand(word, state)?);
        }
        Ignore::new(patterns.iter().map(String::as_str)).map_err(|message| {
            let span = copy.exclude.first().map_or(copy.destination.span, |word| word.span);
            self.mistake("bad-pattern", span, message, |_| ())
        })
    }

    fn is_directory(&self, state: &State, path: &str) -> Result<bool> {
        if path == "/" {
            return Ok(true);
        }
        let root = Root::new(layer::view(self.store, &state.layers)?);
        let flags = rustix::fs::OFlags::PATH | rustix::fs::OFlags::DIRECTORY;
        Ok(root.open(Path::new(path), flags).is_ok())
    }

    fn inline(
        &self,
        copy: &Copy,
        state: &State,
        to: &Path,
        into: bool,
    ) -> StepResult<Vec<(PathBuf, String)>> {
        let mut files = Vec::new();
        for heredoc in &copy.inline {
            let mut content = heredoc.body();
            if heredoc.expand {
                let lookup = |name: &str| state.variable(name);
                let escape = self.file.directives.escape;
                content = expand::document(&content, escape, &lookup).map_err(|message| {
                    self.mistake("bad-substitution", heredoc.span, message, |_| ())
                })?;
            }
            let path = if into { to.join(&heredoc.name) } else { to.to_owned() };
            files.push((path, content));
        }
        Ok(files)
    }

    fn copy_key(
        &self,
        copy: &Copy,
        tree: &Tree,
        below: &[Digest],
        prepared: &Prepared,
    ) -> Result<Digest> {
        let mut key = Key::new("copy");
        key.layers(below).part(show::instruction(&Instruction::Copy(copy.clone())));
        key.part(format!("{:?} {:?}", prepared.marks, self.request.epoch));
        for part in &prepared.parts {
            let tree = part.tree.as_ref().unwrap_or(tree);
            key.part(part.to.as_os_str().as_encoded_bytes());
            match &part.identity {
                Some(identity) => drop(key.part(identity)),
                None => tree.add_to(&mut key, &part.items)?,
            }
        }
        for (path, content) in &prepared.inline {
            key.part(path.as_os_str().as_encoded_bytes()).part(content);
        }
        Ok(key.finish())
    }

    fn write(&self, prepared: &Prepared, tree: &Tree, draft: &Draft) -> Result<()> {
        let root = draft.mount()?;
        let marks = &prepared.marks;
        for part in &prepared.parts {
            let target = Target { root: &root, marks, unpacked: part.unpacked };
            target.copy(part.tree.as_ref().unwrap_or(tree), &part.items, &part.to)?;
        }
        let target = Target { root: &root, marks, unpacked: false };
        for (path, content) in &prepared.inline {
            target
                .write(path, content.as_bytes(), 0o644, !prepared.into)
                .context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }
}

impl Part {
    /// All of a tree.
    pub(super) fn all_of(mut tree: Tree, to: PathBuf) -> Result<Part> {
        tree.owned = true;
        let mut items = Vec::new();
        for source in tree.sources("/")? {
            items.extend(tree.items(&source, Path::new(""), &Ignore::default())?);
        }
        Ok(Part { tree: Some(tree), items, to, identity: None, unpacked: true })
    }
}
