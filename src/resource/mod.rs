//! The nouns that the compiler side and the runtime side share.
//!
//! Plain data without behaviour beyond what its own fields say. A [`ContainerSpec`] is what is
//! wanted, with nothing left to decide; a [`Container`] is what exists. Everything here is
//! written to disk as JSON, so new fields need a `serde(default)`.

pub mod container;
pub mod event;
pub mod file;
pub mod image;
pub mod inspection;
pub mod labels;
pub mod limits;
pub mod log;
pub mod mount;
pub mod network;
pub mod observed;
pub mod platform;
pub mod process;
pub mod sharing;
pub mod stats;
pub mod update;
pub mod volume;

pub use container::{Container, ContainerSpec, State, Status};
pub use image::{Image, ImageConfig};
pub use inspection::Inspection;
pub use mount::Mount;
pub use network::{Endpoint, Network, NetworkSpec};
pub use observed::Observed;
pub use stats::Stats;
pub use update::Update;
pub use volume::{Volume, VolumeSpec};
