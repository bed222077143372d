//! What people see: tables, durations, progress, colours, questions.
//!
//! Pure as far as it can be: text comes out, commands print it.

pub mod colour;
pub mod diff;
pub mod inspect;
pub mod lines;
pub mod listing;
pub mod prefix;
pub mod processes;
pub mod progress;
pub mod stats;
pub mod table;
pub mod template;
