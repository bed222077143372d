//! Mistakes with places: sources, spans, diagnostics, and how they are shown.
//!
//! Whoever finds a mistake in a user's text reports it to [`Diagnostics`] and goes on to the next;
//! nothing here stops anything. The command line renders what was collected, once, at the end.

mod diagnostic;
mod json;
mod render;
mod sarif;
mod source;
mod suggest;

pub use diagnostic::{Diagnostic, Diagnostics, Label, Severity};
pub use json::to_json;
pub use render::{Style, render};
pub use sarif::to_sarif;
pub use source::{Place, Source, SourceId, Sources, Span};
pub use suggest::{closest, list};
