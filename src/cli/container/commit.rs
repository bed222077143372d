//! `container commit`: make an image of a container.

use crate::cli::project::commit::How;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Make an image of a container
///
/// What the container changed of its image's files becomes a layer on top of it. Volumes and other
/// mounts are not part of it. Prints the new image's id.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container commit web                     An image without a name
  compose container commit -m 'fixed' web site:2   With a name
  compose container commit -c 'CMD [\"serve\"]' web site:3")]
pub struct Commit {
    /// Which container
    container: String,

    /// The image's name
    #[arg(value_name = "REPOSITORY[:TAG]")]
    image: Option<String>,

    #[command(flatten)]
    how: How,
}

impl Commit {
    /// Makes it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let options = self.how.options(self.image.as_deref())?;
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let image = cx.engine()?.commit(&container.id, &options).await?;
        cx.output().print_line(image.id.to_string())?;
        Ok(Exit::Success)
    }
}
