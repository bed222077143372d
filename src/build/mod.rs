//! Dockerfiles become images.
//!
//! [`build`] parses the Dockerfile, finds the stages that are needed, and builds each in a thread.
//! A step's key is made of everything that decides its result; a step whose key was built before
//! is not built again. `COPY` writes into an overlay over the layers below, `RUN` runs a container
//! on it, and the overlay's upper directory becomes the new layer by rename. There is no archive
//! of the context, nor of a layer until it is pushed or saved.
//!
//! Nothing here knows registries, or draws progress: the caller hands in a [`World`] and a
//! [`Progress`].

mod archive;
mod cache;
pub mod check;
mod copy;
pub mod dockerfile;
pub mod export;
pub mod git;
mod glob;
mod graph;
mod history;
mod ignore;
mod key;
mod layer;
mod mode;
mod remote;
mod request;
pub mod sandbox;
mod solve;
mod state;
mod stubs;
mod tree;

pub use cache::{CachePlace, CacheTarget};
pub use ignore::Ignore;
pub use request::{
    Event, Failure, Layers, NamedContext, Network, Outcome, Progress, Recipe, Remote, Request,
    Secret, Silent, World,
};
pub use solve::{Outline, Survey, Target, build, survey};
