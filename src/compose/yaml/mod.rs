//! From YAML text to [`Node`] trees: one for each document of a file.
//!
//! The parser is hidden here. Anchors and `<<` are resolved, `!reset` and `!override` are kept as
//! tags, and hostile input ends in an error before it takes noticeable time or memory.

mod message;
mod number;
mod reader;
mod resolve;

pub use message::report;
pub use number::{parse_float, parse_int, sprint};
pub use resolve::resolve;

use crate::diag::{Diagnostics, SourceId, Sources};

use super::node::Node;

/// Files larger than this are refused: nobody writes them, and reading them takes seconds.
pub const MAX_BYTES: usize = 8 << 20;

/// The documents of a text. After a mistake in the text itself, those before it.
#[must_use]
pub fn read(source: SourceId, sources: &Sources, out: &mut Diagnostics) -> Vec<Node> {
    let text = sources.get(source).text.clone();
    if text.len() > MAX_BYTES {
        let name = &sources.get(source).name;
        let size = text.len() >> 20;
        out.error(
            "too-large",
            None,
            format!("`{name}` is too large for a compose file: {size} MiB"),
        )
        .note(format!("the limit is {} MiB", MAX_BYTES >> 20));
        return Vec::new();
    }
    reader::Reader::new(&text, source, out).documents()
}

#[cfg(test)]
mod tests;
