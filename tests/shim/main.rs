//! Real containers under real shims: streams, restarts, health, commands, the end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/cgroup.rs"]
mod cgroup;
mod container;
mod lifecycle;
mod streams;
