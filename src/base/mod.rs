//! Words with rules: the small types that every floor shares, each parsed once at the edge.
//!
//! Pure: no I/O, no clock, nothing from the environment.

pub mod bytes;
pub mod capability;
pub mod digest;
pub mod duration;
pub mod error;
pub mod id;
pub mod path;
pub mod port;
pub mod text;

pub use bytes::Bytes;
pub use digest::Digest;
pub use error::{Context, Error, Kind, Result, io_text};
pub use id::ContainerId;
pub use port::{PortRange, Protocol};
