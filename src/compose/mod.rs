//! The Compose language: from files to a [`Project`].
//!
//! [`load`] reads, parses, interpolates, resolves `include` and `extends`, merges, checks and
//! binds, in the order of the specification, and reports every mistake it finds with its place
//! rather than stopping at the first.
//!
//! Pure: files are read through [`Files`], the environment comes with the request, there is no
//! clock and nothing is printed.

mod bind;
mod check;
pub mod config;
pub mod diagram;
mod discover;
pub mod dotenv;
mod environment;
mod files;
pub mod fmt;
mod graph;
mod hash;
mod interpolate;
pub mod lint;
mod loader;
pub mod lock;
mod merge;
pub mod model;
mod name;
mod node;
mod normalize;
mod paths;
mod remote;
mod request;
mod service_environment;
mod shape;
pub mod support;
mod template;
mod yaml;

pub use environment::Environment;
pub use files::{Files, Memory};
pub use graph::ServiceGraph;
pub use hash::{config_hash, resource_hash};
pub use interpolate::{VariableUse, variables};
pub use loader::{find, load};
pub use model::{Project, Service};
pub use node::{Document, Entry, Mapping, Node, Scalar, ScalarKind, Tag, Value};
pub use remote::Remote;
pub use request::{LoadOptions, LoadRequest, Loaded};
pub use shape::paths as keys;
