//! What is to be built, and what the builder asks and tells while it builds.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::base::{Digest, Error, Result};
use crate::diag::{Diagnostics, Sources, Style, render};
use crate::image::archive::Layout;
use crate::image::{Platform, Reference, Store};
use crate::resource::Image;

use super::cache::{CachePlace, CacheTarget};

/// What is to be built.
#[derive(Clone, Debug)]
pub struct Request {
    /// Directory that `COPY` and `ADD` read; `None`: an empty one.
    pub context: Option<PathBuf>,
    /// Where the context is fetched from first; it then goes before `context`.
    pub remote: Option<Remote>,
    /// Where the instructions come from.
    pub dockerfile: Recipe,
    /// Named contexts by name: for `FROM`, `COPY --from` and mounts.
    pub contexts: BTreeMap<String, NamedContext>,
    /// The stage to build; `None`: the last.
    pub target: Option<String>,
    /// Values for `ARG`.
    pub args: BTreeMap<String, String>,
    /// Labels for the image, besides those of the Dockerfile.
    pub labels: BTreeMap<String, String>,
    /// Names for the image.
    pub names: Vec<Reference>,
    /// Secrets by id.
    pub secrets: BTreeMap<String, Secret>,
    /// Sockets of SSH agents by id.
    pub ssh: BTreeMap<String, PathBuf>,
    /// Build every step anew.
    pub no_cache: bool,
    /// Stages that are built anew, by name.
    pub no_cache_filter: Vec<String>,
    /// Where steps may have been built before, besides here.
    pub cache_from: Vec<CachePlace>,
    /// Who else may use the steps of this build.
    pub cache_to: Vec<CacheTarget>,
    /// Ask the registry for newer base images.
    pub pull: bool,
    /// Network of the steps.
    pub network: Network,
    /// Lines for `/etc/hosts` of the steps: name and address.
    pub extra_hosts: Vec<(String, String)>,
    /// Bytes of `/dev/shm`; `None`: 64 MiB.
    pub shm_size: Option<u64>,
    /// Process limits: name as in `nofile`, soft and hard value.
    pub ulimits: Vec<(String, u64, u64)>,
    /// All privileges for all steps; otherwise only `RUN --security=insecure` asks for them.
    pub privileged: bool,
    /// `RUN --security=insecure` is allowed.
    pub allow_insecure: bool,
    /// `RUN --network=host` is allowed.
    pub allow_host_network: bool,
    /// What the image is for.
    pub platform: Platform,
    /// Seconds since 1970: nothing in the image is younger, and two builds are equal.
    pub epoch: Option<i64>,
}

impl Request {
    /// A build of the Dockerfile in `context`, with nothing else asked for.
    #[must_use]
    pub fn new(context: PathBuf) -> Request {
        Request {
            context: Some(context),
            remote: None,
            dockerfile: Recipe::File(PathBuf::from("Dockerfile")),
            contexts: BTreeMap::new(),
            target: None,
            args: BTreeMap::new(),
            labels: BTreeMap::new(),
            names: Vec::new(),
            secrets: BTreeMap::new(),
            ssh: BTreeMap::new(),
            no_cache: false,
            no_cache_filter: Vec::new(),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
            pull: false,
            network: Network::Default,
            extra_hosts: Vec::new(),
            shm_size: None,
            ulimits: Vec::new(),
            privileged: false,
            allow_insecure: false,
            allow_host_network: false,
            platform: Platform::host(),
            epoch: None,
        }
    }

    /// As [`Request::new`], with nothing to copy from.
    #[must_use]
    pub fn without_context() -> Request {
        Request { context: None, ..Request::new(PathBuf::new()) }
    }
}

/// Where a Dockerfile comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// A file; relative to the context. No link in the context leads out of it.
    File(PathBuf),
    /// This text.
    Text(String),
    /// What this address yields.
    Url(String),
}

/// A build context that is elsewhere, fetched before the build begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remote {
    /// A git repository, or the address of an archive or of a Dockerfile.
    Url(String),
    /// An archive or a Dockerfile that this file yields; it may be a pipe.
    Stream(PathBuf),
}

/// A context that has a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamedContext {
    /// A directory of the host.
    Directory(PathBuf),
    /// An image, by name or id.
    Image(String),
    /// A git repository, or the address of an archive.
    Remote(String),
    /// An OCI layout in a directory: `PATH[:TAG]`.
    Layout(String),
}

/// A secret's value.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// These bytes.
    Value(Vec<u8>),
    /// What this file has in it.
    File(PathBuf),
}

/// Shows where it comes from, never what it is.
impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Secret::Value(_) => f.write_str("Value(…)"),
            Secret::File(path) => write!(f, "File({})", path.display()),
        }
    }
}

/// Network of build steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// Its own, with a way to the outside through a bridge.
    #[default]
    Default,
    /// Only a loopback device.
    None,
    /// The host's.
    Host,
}

/// An image that is elsewhere, whose layers are fetched when they are needed.
pub trait Layers: Send + Sync {
    /// Its configuration.
    fn config(&self) -> &[u8];

    /// Brings those of its layers into the store that are `wanted` and not there.
    ///
    /// # Errors
    /// They cannot be had.
    fn fetch(&self, store: &Store, wanted: &[Digest]) -> Result<()>;
}

impl Layers for Layout {
    fn config(&self) -> &[u8] {
        Layout::config(self)
    }

    fn fetch(&self, store: &Store, wanted: &[Digest]) -> Result<()> {
        Layout::fetch(self, store, wanted)
    }
}

/// What the builder needs from the world: images and downloads.
pub trait World: Sync {
    /// The image with this name, fetched when the store does not have it, or when `pull` says so.
    ///
    /// # Errors
    /// There is none, or no way to it.
    fn image(&self, name: &str, pull: bool) -> Result<Image>;

    /// An image of a registry as it is there now, of which nothing is fetched yet.
    ///
    /// # Errors
    /// There is none, or no way to it.
    fn cache(&self, name: &Reference) -> Result<Box<dyn Layers>>;

    /// Sends an image of the store to a registry.
    ///
    /// # Errors
    /// The registry refuses.
    fn push(&self, image: &Image, name: &Reference) -> Result<()>;

    /// Downloads `url` into a file of at most `most` bytes; returns its modification time if the
    /// server told it.
    ///
    /// # Errors
    /// The server says no, nothing at all, or too much.
    fn download(&self, url: &str, to: &std::path::Path, most: u64) -> Result<Option<i64>>;

    /// The AppArmor profile that confines steps without `--security=insecure`; `None`: nothing
    /// does.
    ///
    /// # Errors
    /// It cannot be loaded.
    fn profile(&self) -> Result<Option<String>>;
}

/// What happens while it builds.
#[derive(Clone, Debug, PartialEq)]
pub enum Event<'a> {
    /// A step begins; `name` as in `[build 2/5] RUN make`.
    Started {
        /// Its number in this build, from 1.
        step: usize,
        /// What it is called.
        name: &'a str,
    },
    /// A step's program printed something: whole lines.
    Output {
        /// Its number.
        step: usize,
        /// The lines.
        text: &'a [u8],
    },
    /// A step is done.
    Done {
        /// Its number.
        step: usize,
        /// Its result was known from before.
        cached: bool,
    },
    /// A step failed; the build's error says why.
    Failed {
        /// Its number.
        step: usize,
    },
}

/// Is told what happens.
pub trait Progress: Send + Sync {
    /// Something happened; called from several threads.
    fn event(&self, event: Event<'_>);
}

/// Tells nobody.
#[derive(Clone, Copy, Debug)]
pub struct Silent;

impl Progress for Silent {
    fn event(&self, _: Event<'_>) {}
}

/// What a build made.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The image.
    pub image: Image,
    /// The store did not have it before.
    pub is_new: bool,
    /// What looks wrong in the Dockerfile, though it could be built.
    pub warnings: Diagnostics,
    /// The texts they are about.
    pub sources: Sources,
}

/// Why there is no image.
#[derive(Debug)]
pub enum Failure {
    /// The Dockerfile is wrong, or one of its steps failed.
    Mistakes {
        /// What, and where.
        mistakes: Diagnostics,
        /// The texts.
        sources: Sources,
    },
    /// The world said no.
    Error(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Error(error)
    }
}

impl Failure {
    /// As people see it.
    #[must_use]
    pub fn show(&self, style: Style) -> String {
        match self {
            Failure::Mistakes { mistakes, sources } => render(mistakes, sources, style),
            Failure::Error(error) => error.to_string(),
        }
    }
}
