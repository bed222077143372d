//! `image inspect`: all that is known of images, as JSON.

use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Show all that is known of images
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image inspect nginx
  compose image inspect -f '{{.Config.Cmd}}' nginx")]
pub struct Inspect {
    /// Which images, by name or id
    #[arg(required = true)]
    names: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Inspect {
    /// Prints them.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(store.inspect(name).map(|found| crate::docker::image::shape(&found)));
        }
        findings.print(self.format.as_deref(), cx)
    }
}
