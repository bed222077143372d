//! Pulls from, and pushes to, a registry that does everything wrong: each either succeeds or fails with a precise
//! message, leaves nothing half behind, and the next pull from a good registry succeeds.

#![allow(clippy::unwrap_used)]

mod auth;
mod content;
mod layers;
mod lazy;
mod manifests;
mod push;
mod scenario;
mod server;
mod tls;
mod transport;
mod web;
