//! The Compose language against recordings, a gallery of mistakes, the schema and hostile files.

#![expect(clippy::unwrap_used, reason = "what a test cannot read, it fails on")]

mod format;
mod gallery;
mod grammar;
mod oracle;
mod readme;
mod support;
