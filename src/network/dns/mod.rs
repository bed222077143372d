//! Answers to a container's questions for names.
//!
//! Every container asks 127.0.0.11, where its own shim listens on sockets made inside its network
//! namespace. [`answer`] decides what it is told; [`Responder`] is the sockets and everything that
//! is on its way; questions that are not ours go to the host's resolvers through [`forward`].

mod answer;
mod forward;
mod redirect;
mod responder;
mod stream;

pub use answer::{Answer, answer, failure};
pub use responder::Responder;
pub use simple_dns::RCODE;

/// For tests of the parent module.
#[cfg(test)]
pub(in crate::network) mod test {
    pub use super::forward::Servers;
}
