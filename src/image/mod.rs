//! Images: references, registry client, store, unpacking.

pub mod archive;
pub mod artifact;
pub mod chain;
pub mod change;
pub mod config;
pub mod diff;
mod download;
pub mod emulation;
pub mod gzip;
pub mod hash;
pub mod import;
pub mod manifest;
pub mod pack;
pub mod pattern;
pub mod platform;
pub mod progress;
pub mod publish;
pub mod pull;
pub mod push;
pub mod reference;
pub mod registry;
pub mod store;
pub mod unpack;

pub use import::{ImportOptions, import};
pub use platform::Platform;
pub use progress::{Event, Phase, Progress, Quiet};
pub use pull::{Opened, Policy, PullOptions, Pulled, pull};
pub use push::{Pushed, push, push_image};
pub use reference::Reference;
pub use registry::{Found, Settings, download, search, tags};
pub use store::{Removed, Store, Usage, User};

#[cfg(test)]
mod tests;
