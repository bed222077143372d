//! The process in which one `RUN` runs: our own binary, executed anew with one thread, which makes
//! the container, waits for it, and takes it down when whoever built dies.

mod bundle;
mod client;
mod server;
mod wiring;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::runtime::Bundle;
use crate::state::Roots;

pub use bundle::{Wanted, bundle, mount};
pub use client::{End, run};
pub use server::main;

/// The first argument of the process.
pub const ARGUMENT: &str = "__build-step";

/// What the process is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The container.
    pub bundle: Bundle,
    /// The installation whose bridge leads the step to the outside; `None`: it has the network
    /// that its bundle says, with nothing in it when that is its own.
    pub bridge: Option<Roots>,
    /// Trees to be mounted before, which the bundle's mounts refer to.
    pub grafts: Vec<Graft>,
    /// Where to write why the container could not be started.
    pub report: PathBuf,
}

/// A file or directory of a tree, shown at a path of the host, in this process only.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Graft {
    /// The tree.
    pub tree: TreeSource,
    /// The path in it; links do not lead out of the tree.
    pub source: PathBuf,
    /// Where it is shown: a name in a directory that nobody else uses.
    pub point: PathBuf,
}

/// A tree of files.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TreeSource {
    /// A directory of the host.
    Directory(PathBuf),
    /// Layers, topmost first, under a directory that takes what is written.
    Layers {
        /// The layers.
        lowers: Vec<PathBuf>,
        /// Takes what is written.
        upper: PathBuf,
        /// Overlay's work directory.
        work: PathBuf,
    },
}

/// Why a container could not be started.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// The sentence.
    pub message: String,
}
