//! What commands share while they talk to a person: the terminal, signals, output that flows, and
//! the foreground of `up`.
//!
//! Holds no commands, and decides nothing about containers: plans come from [`crate::plan`].

pub mod copy;
pub mod follow;
pub mod foreground;
pub mod signals;
pub mod stdio;
pub mod terminal;
pub mod transfer;
