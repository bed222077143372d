//! `volume create`: make a volume.

use crate::cli::app::bulk::pairs;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::VolumeSpec;

/// Create a volume
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume create data                      An empty volume
  compose volume create --label team=web uploads  With a label")]
pub struct Create {
    /// Its name; drawn at random when left out
    name: Option<String>,

    /// Accepted for old scripts: the name, as it was given before Docker 1.9
    #[arg(long = "name", value_name = "NAME", conflicts_with = "name", hide = true)]
    old_name: Option<String>,

    /// Volume driver: only `local`
    #[arg(short, long, value_name = "DRIVER", default_value = "local")]
    driver: String,

    /// A label, as in `team=web`
    #[arg(long, value_name = "KEY=VALUE")]
    label: Vec<String>,

    /// An option of the driver, as in `type=tmpfs`
    #[arg(short = 'o', long = "opt", value_name = "KEY=VALUE")]
    options: Vec<String>,
}

impl Create {
    /// Makes it, and prints its name.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let name = self.name.or(self.old_name);
        let spec = VolumeSpec {
            anonymous: name.is_none(),
            name: name.unwrap_or_default(),
            driver: self.driver,
            driver_opts: pairs(&self.options),
            labels: pairs(&self.label),
        };
        let volume = cx.engine()?.create_volume(&spec).await?;
        cx.output().print_line(&volume.spec.name)?;
        Ok(Exit::Success)
    }
}
