//! `commit`: make an image of a service's container.

use crate::base::{Error, Kind};
use crate::cli::app::options::Switch;
use crate::cli::{Context, Exit, Result};
use crate::engine::{CommitOptions, Engine};
use crate::image::Reference;

/// Make an image of a service's container
///
/// What the container changed of its image's files becomes a layer on top of it. Volumes and other
/// mounts are not part of it. Prints the new image's id.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose commit web                     An image without a name
  compose commit -m 'fixed' web site:2   With a name
  compose commit -c 'CMD [\"serve\"]' -c 'ENV A=b' web site:3")]
pub struct Commit {
    /// The service
    service: String,

    /// The image's name
    image: Option<String>,

    #[command(flatten)]
    how: How,

    /// Number of the replica [default: the first]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,
}

/// How an image is made of a container.
#[derive(clap::Args, Clone, Debug)]
pub struct How {
    /// Who made it, as in `Ada <ada@example.org>`
    #[arg(short, long, value_name = "NAME", default_value = "", hide_default_value = true)]
    author: String,

    /// Change a setting, in Dockerfile words
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,

    /// A remark
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,

    /// Freeze the container meanwhile
    #[arg(short, long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true)]
    pause: Switch,
}

impl How {
    /// For the engine.
    ///
    /// # Errors
    /// `image` is no name that an image can have.
    pub fn options(&self, image: Option<&str>) -> Result<CommitOptions> {
        let name = image.map(str::parse::<Reference>).transpose()?;
        if name.as_ref().is_some_and(|name| name.digest().is_some()) {
            let message = "an image cannot be given a name with a digest";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        Ok(CommitOptions {
            name: name.map(Reference::or_latest),
            changes: self.change.clone(),
            message: self.message.clone(),
            author: self.author.clone(),
            pause: self.pause.0,
        })
    }
}

impl Commit {
    /// Makes it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let options = self.how.options(self.image.as_deref())?;
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let container = subject.replica(&observed, &self.service, self.index)?;
        let image = cx.engine()?.commit(&container.id, &options).await?;
        cx.output().print_line(image.id.to_string())?;
        Ok(Exit::Success)
    }
}
