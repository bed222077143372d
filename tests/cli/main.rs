//! Commands from their arguments to every byte they print, on an engine in memory.

#![allow(clippy::unwrap_used)]

mod config;
mod container;
mod control;
mod docker;
mod files;
mod help;
mod lifecycle;
mod lists;
mod logs;
mod machine;
mod programs;
mod remote;
mod up;
