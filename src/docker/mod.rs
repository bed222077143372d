//! Docker's wire shapes: what `inspect`, lists as JSON, events, `info` and `version` look like, and
//! the texts of Docker's columns.
//!
//! Pure: nouns of [`crate::resource`] come in, JSON or text goes out. The command line prints it
//! now; an HTTP API sends it later. Nothing here reads a file or a clock, or decides anything.

pub mod builtin;
pub mod container;
pub mod events;
pub mod human;
pub mod image;
pub mod info;
pub mod network;
pub mod ports;
pub mod status;
pub mod version;
pub mod volume;

use serde_json::Value as Json;

/// The version of Docker whose command line and shapes these are: what asks for it wants to know
/// that.
pub const SPOKEN: &str = "28.2.2";

/// The version of Docker's Engine API whose shapes these are.
pub const API: &str = "1.50";

/// The version of this program.
pub const OWN: &str = env!("CARGO_PKG_VERSION");

/// JSON as Go writes it: safe to put into HTML.
#[must_use]
pub fn go_json(value: &Json) -> String {
    // The three letters can only be inside strings.
    value.to_string().replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// Go's name of the processor this program was built for.
#[must_use]
pub fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
pub mod tests {
    //! What the tests of several files here need.

    use crate::resource::container::{Container, ContainerSpec, State, Status};

    /// A container with this name and state, and nothing else.
    pub fn container(name: &str, state: State) -> Container {
        Container {
            id: "4f".repeat(32).parse().unwrap(),
            spec: ContainerSpec { name: name.to_owned(), ..ContainerSpec::default() },
            created_at: jiff::Timestamp::UNIX_EPOCH,
            status: Status { state, ..Status::default() },
        }
    }
}
