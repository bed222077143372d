//! `image rm`: remove images.

use crate::cli::app::report::line;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::Removed;

/// Remove images
///
/// A name goes alone while the image has others; the image goes with its last name.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image rm nginx:1.27 nginx:1.28
  compose image rm -f 401a74e859b2         All names of this image, and the image")]
pub struct Rm {
    /// Which images, by name or id
    #[arg(required = true)]
    images: Vec<String>,

    /// Even if it has several names or stopped containers use it
    #[arg(short, long)]
    force: bool,
}

impl Rm {
    /// Removes them; one that cannot be removed does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let usage = cx.image_usage(&store).await?;
        let mut exit = Exit::Success;
        for image in &self.images {
            match store.remove(image, self.force, &usage) {
                Ok(removed) => cx.output().print(text(&removed))?,
                Err(error) => {
                    cx.output().say_line(line(&error, cx.invoked_as()))?;
                    exit = Exit::Code(1);
                }
            }
        }
        Ok(exit)
    }
}

/// One line for each name and each image or layer, as Docker words them.
pub fn text(removed: &[Removed]) -> String {
    let line = |it: &Removed| match it {
        Removed::Untagged(name) => format!("Untagged: {name}\n"),
        Removed::Deleted(digest) => format!("Deleted: {digest}\n"),
    };
    removed.iter().map(line).collect()
}
