//! `image prune`: remove images that nobody needs.

use jiff::Timestamp;

use crate::cli::app::bulk::Filters;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::image::Store;
use crate::image::store::Reclaimed;

use super::rm::text;

/// Remove images that nobody needs
///
/// Only those without a name, unless asked for all that no container uses.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image prune                        Images without a name, after asking
  compose image prune -af                    All that no container uses, without asking
  compose image prune -a --filter until=240h")]
pub struct Prune {
    /// Images with a name too
    #[arg(short, long)]
    all: bool,

    /// Only images that match: label=KEY[=VALUE] or until=TIME
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,
}

impl Prune {
    /// Removes them, and prints what went.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let which = PruneImages::parse(self.all, &self.filter)?;
        let warning = match self.all {
            true => "WARNING! This will remove all images that no container uses.",
            false => "WARNING! This will remove all images without a name.",
        };
        if !cx.agreed(self.force, warning)? {
            return Ok(Exit::Success);
        }
        let reclaimed = which.prune(cx, &cx.images()?).await?;
        if !reclaimed.removed.is_empty() {
            // Docker: here in lower case.
            let removed = text(&reclaimed.removed);
            let removed =
                removed.replace("Untagged: ", "untagged: ").replace("Deleted: ", "deleted: ");
            cx.output().print(format!("Deleted Images:\n{removed}\n"))?;
        }
        let bytes = human::exact_size(reclaimed.bytes);
        cx.output().print_line(format!("Total reclaimed space: {bytes}"))?;
        Ok(Exit::Success)
    }
}

/// Which images nobody needs.
pub struct PruneImages {
    all: bool,
    filters: Filters,
    until: Option<Timestamp>,
}

impl PruneImages {
    /// Those that match: without a name, or `all` that no container uses.
    ///
    /// # Errors
    /// A filter is wrong.
    pub fn parse(all: bool, filter: &[String]) -> Result<PruneImages> {
        let filters = Filters::parse(filter, &["label", "until"])?;
        let until = filters.until()?;
        Ok(PruneImages { all, filters, until })
    }

    /// Removes them.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub async fn prune(&self, cx: &Context<impl Engine>, store: &Store) -> Result<Reclaimed> {
        let usage = cx.image_usage(store).await?;
        // One that cannot be read is not removed because of what it might say.
        let stays = |id: &_| {
            store.config(id).map_or(true, |it| {
                let old = self.until.is_none_or(|until| it.created.is_none_or(|at| at < until));
                !old || !self.filters.labels(&it.config.labels)
            })
        };
        Ok(store.prune(self.all, &usage, stays)?)
    }
}
