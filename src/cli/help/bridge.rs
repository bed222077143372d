//! `bridge`: a name that is kept free.

use crate::base::{Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Reserved: convert compose files for other platforms
#[derive(clap::Args, Debug)]
#[command(hide = true)]
pub struct Bridge {
    /// Whatever Docker Compose takes here
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    words: Vec<String>,
}

impl Bridge {
    /// Says that it is not there.
    pub fn run(self, _: &Context<impl Engine>) -> Result<Exit> {
        let what = self.words.join(" ");
        let message =
            format!("`compose {}` is not part of this program", ["bridge", &what].join(" ").trim());
        Err(Error::new(Kind::Invalid, message)
            .hint("`compose config` prints the whole project for other converters to read")
            .into())
    }
}
