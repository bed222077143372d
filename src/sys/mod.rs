//! System calls as safe functions; the only module with unsafe code.
#![allow(unsafe_code)]

pub mod bpf;
pub mod fs;
pub mod keyring;
pub mod memory;
pub mod mount;
pub mod netlink;
pub mod netns;
pub mod pidfd;
pub mod process;
pub mod schedule;
pub mod seccomp;
pub mod selfexe;
pub mod signal;
pub mod xtables;
