//! A bundle becomes a process.
//!
//! [`start`] clones a child into new namespaces; the child assembles the container's mounts,
//! gives up its privileges and executes the program. [`exec`] does the same inside a container
//! that runs. A [`start`] returns when the program was executed, or with what went wrong before; what
//! [`exec`] begins can be waited for, or heard of from a loop.
//!
//! The caller has one thread: between clone and execve the child runs ordinary code. All mounts
//! are made detached and attached inside the child's own mount namespace, so nothing shows in the
//! host's mount table and nothing is left when the container's processes end.
//!
//! Nothing here knows about images, networks or Compose, and nothing here waits for the program
//! to end: that is the caller's loop.

pub mod bundle;
pub mod caps;
pub mod cgroup;
mod cgroupfs;
mod channel;
mod child;
mod clock;
mod contents;
mod copyup;
mod dev;
mod exec;
mod first;
pub mod foreign;
pub mod hooks;
mod idmap;
pub mod label;
mod listen;
pub mod masks;
mod mounts;
mod namespaces;
pub mod options;
mod procfs;
mod program;
pub mod reaper;
mod rlimits;
pub mod root;
pub mod rootfs;
mod schedule;
mod search;
pub mod seccomp;
pub mod start;
mod starting;
mod streams;
mod sysctl;
mod terminal;
pub mod user;
pub mod view;

pub use bundle::{Bundle, Content, Rootfs, Seccomp, UserSpec};
pub use cgroup::{Cgroup, CgroupPath};
pub use exec::exec;
pub use foreign::Foreign;
pub use start::{
    Alone, ExecSpec, Namespace, Setup, Size, Started, Stdio, hear, start, start_alone,
};
pub use starting::Starting;
