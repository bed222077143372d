//! What tutorials print, typed as it is: through links named `docker` and `docker-compose`, against
//! a registry on loopback that stands for Docker Hub.
//!
//! [`table`] has every row of what they teach, and says where it is held.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod build;
mod compose;
mod containers;
mod images;
mod shells;
mod table;
mod tutorial;
#[path = "../host/world.rs"]
#[allow(dead_code, reason = "the scenarios of tests/host use the rest")]
mod world;
