//! The command line as somebody sees it who sits at a terminal: a real one, with real containers.
//!
//! What the product writes goes through a terminal emulator, so that the tests look at the screen
//! and not at escape sequences. These tests need what `tests/host` needs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attached;
#[path = "../host/hub.rs"]
mod hub;
mod picture;
mod programs;
mod progress;
mod publish;
mod terminal;
mod watch;
#[allow(dead_code, reason = "the host tests use all of it")]
#[path = "../host/world.rs"]
mod world;
