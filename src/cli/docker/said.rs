//! What is answered without doing anything: the version, the help, that there is no such verb.

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// An answer.
#[derive(Clone, Debug)]
pub struct Said {
    /// All of it.
    pub text: String,
    /// Exit code; any other than 0 means that it is a complaint.
    pub code: u8,
}

impl Said {
    /// Prints it.
    ///
    /// # Errors
    /// Nobody reads the output any more.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self.code {
            0 => cx.output().print(self.text)?,
            _ => cx.output().say(self.text)?,
        }
        Ok(Exit::Code(self.code))
    }
}
