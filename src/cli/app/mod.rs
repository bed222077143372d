//! What every command stands on: how arguments become a command, global and shared options, the
//! context (environment, streams, engine, project), and how a command ends.
//!
//! Holds no commands: those are in the folders named after what they act on.

pub mod address;
pub mod before_clap;
pub mod bulk;
pub mod command;
pub mod context;
pub mod disk;
pub mod environment;
pub mod fast_grammar;
pub mod global;
pub mod invoked_as;
pub mod options;
pub mod output;
pub mod project_lock;
pub mod refused;
pub mod report;
pub mod selection;
pub mod short_syntax;
