//! `compose oci`: bundles of busybox, run by the program itself and looked at from inside.
//!
//! Needs root and a static busybox (`apt-get install busybox-static`).

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/cgroup.rs"]
mod cgroup;
mod config;
mod hooks;
mod lifecycle;
mod streams;
mod users;
mod world;
