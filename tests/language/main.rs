//! The Compose language against recordings, a gallery of mistakes, the schema and hostile files.

#![expect(clippy::unwrap_used, reason = "what a test cannot read, it fails on")]

mod format;
mod fuzz;
mod gallery;
mod grammar;
#[path = "../bench/hostile.rs"]
mod hostile;
mod judge;
mod oracle;
mod readme;
mod support;
