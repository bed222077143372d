//! `container rename`: give a container another name.

use crate::base::{Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use super::{everything, find};

/// Give a container another name
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container rename web old-web")]
pub struct Rename {
    /// Which container
    container: String,

    /// Its new name
    name: String,
}

impl Rename {
    /// Renames it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let name = self.name.strip_prefix('/').unwrap_or(&self.name);
        if container.spec.name == name {
            let message = "Renaming a container with the same name as its current name";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        cx.engine()?.rename_container(&container.id, name).await?;
        Ok(Exit::Success)
    }
}
