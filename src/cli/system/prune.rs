//! `system prune`: remove everything that is not used.

use crate::cli::container::prune as containers;
use crate::cli::image::{PruneImages, text as removed_text};
use crate::cli::network::unused as networks;
use crate::cli::volume::unused as volumes;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;

/// Remove everything that is not used
///
/// Containers that do not run, networks without containers, images without a name, and what builds
/// keep. Volumes only when asked for, and then anonymous ones.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system prune             After asking
  compose system prune -af         Every image that no container uses, without asking
  compose system prune --volumes   Anonymous volumes too")]
pub struct Prune {
    /// All images that no container uses
    #[arg(short, long)]
    all: bool,

    /// Only what matches: label=KEY[=VALUE] or until=TIME
    #[arg(long, value_name = "FILTER")]
    filter: Vec<String>,

    /// Do not ask
    #[arg(short, long)]
    force: bool,

    /// Anonymous volumes too
    #[arg(long = "volumes", id = "with_volumes")]
    volumes: bool,
}

impl Prune {
    /// Removes it, and prints what went.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if !cx.agreed(self.force, &self.warning())? {
            return Ok(Exit::Success);
        }
        let mut bytes = 0;
        let show = |heading: &str, text: String| match text.is_empty() {
            true => Ok(()),
            false => cx.output().print(format!("{heading}:\n{text}\n")),
        };
        let lines = |names: &[String]| names.iter().map(|it| format!("{it}\n")).collect::<String>();
        let gone = containers(cx, &self.filter).await?;
        bytes += gone.bytes;
        show("Deleted Containers", lines(&gone.names))?;
        show("Deleted Networks", lines(&networks(cx, &self.filter).await?))?;
        if self.volumes {
            let gone = volumes(cx, false, &self.filter).await?;
            bytes += gone.bytes;
            show("Deleted Volumes", lines(&gone.names))?;
        }
        let store = cx.images()?;
        if self.filter.is_empty() {
            store.forget_builds()?;
        }
        let images = PruneImages::parse(self.all, &self.filter)?;
        let reclaimed = images.prune(cx, &store).await?;
        bytes += reclaimed.bytes;
        show("Deleted Images", removed_text(&reclaimed.removed))?;
        cx.output().print_line(format!("Total reclaimed space: {}", human::size(bytes)))?;
        Ok(Exit::Success)
    }

    fn warning(&self) -> String {
        let mut lines = vec![
            "WARNING! This will remove:".to_owned(),
            "  - all stopped containers".to_owned(),
            "  - all networks not used by at least one container".to_owned(),
        ];
        if self.volumes {
            lines.push("  - all anonymous volumes not used by at least one container".to_owned());
        }
        lines.push(match self.all {
            true => "  - all images without at least one container associated to them".to_owned(),
            false => "  - all dangling images".to_owned(),
        });
        if self.filter.is_empty() {
            lines.push("  - unused build cache".to_owned());
        } else {
            lines.push(format!(
                "\n  Items to be pruned will be filtered with:\n  - {}",
                self.filter.join("\n  - ")
            ));
        }
        lines.join("\n") + "\n"
    }
}
