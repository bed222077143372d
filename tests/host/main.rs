//! Real containers on this kernel: each test has its own namespaces, state roots and projects.
//!
//! These tests need root, busybox's fixture image (`fixtures/images/build.sh`), and util-linux,
//! iproute2, nftables and curl. They fail, and do not pass, when something is missing.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attached;
mod attacks;
mod build;
mod build_asked;
mod build_attacks;
mod build_contexts;
mod build_details;
mod build_keys;
mod build_language;
mod build_network;
#[path = "../support/cgroup.rs"]
mod cgroup;
mod changes;
mod connect;
mod container;
mod control;
mod copy;
mod crash;
mod damage;
mod followed;
mod foreign;
mod hooks;
mod hostile;
mod hub;
mod init;
mod inside;
mod keys;
mod lifecycle;
mod logging;
mod mounts;
mod nested;
mod network;
mod networks;
mod plane;
mod points;
mod races;
mod registry;
mod secrets;
mod shapes;
mod sharing;
mod stacks;
mod streams;
mod typed;
mod waiting;
mod world;
