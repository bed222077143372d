//! What people see: tables, durations, progress, colours, questions.
//!
//! Pure as far as it can be: text comes out, commands print it.

pub mod colour;
pub mod container;
pub mod diff;
pub mod events;
pub mod human;
pub mod inspect;
pub mod lines;
pub mod listing;
pub mod ports;
pub mod prefix;
pub mod processes;
pub mod progress;
pub mod stats;
pub mod status;
pub mod table;
pub mod template;

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
