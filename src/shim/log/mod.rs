//! The container's output on disk: written by its shim, read by anyone.
//!
//! The format is that of Docker's `json-file`: one JSON object a line, long lines in parts of
//! 16 KiB. The way in is [`Lines`] (bytes to records) into [`LogFile`] (batches, rotation, full
//! disks); the way out is [`Reader`]. Neither ever waits for the other.

pub mod compress;
mod decode;
mod encode;
mod file;
mod files;
mod forward;
mod lines;
mod options;
mod reader;

pub use file::LogFile;
pub use forward::Forward;
pub use lines::{Lines, Sink};
pub use options::Options;
pub use reader::Reader;
