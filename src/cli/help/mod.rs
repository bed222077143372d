//! Commands about this program: its version, manual pages and shell completion.

pub mod bridge;
pub mod completion;
pub mod man;
pub mod version;
