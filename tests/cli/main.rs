//! Commands from their arguments to every byte they print, on an engine in memory.

#![allow(clippy::unwrap_used)]

mod address;
mod completion;
mod config;
mod container;
mod control;
mod docker;
mod files;
mod help;
mod init;
mod lifecycle;
mod lists;
mod logs;
mod machine;
mod option_table;
mod programs;
mod publish;
mod remote;
mod shapes;
mod up;
