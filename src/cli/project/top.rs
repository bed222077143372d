//! `top`: the processes in containers.

use crate::cli::ui::processes::Listing;
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;

use crate::cli::app::selection::{is_one_off, number_of, service_of};

/// Show the processes that run in containers
///
/// Process ids are those of this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose top       All processes of the project
  compose top web   Those of one service")]
pub struct Top {
    /// Only these services
    services: Vec<String>,
}

impl Top {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let shown = |it: &&Container| {
            let service = service_of(it);
            it.status.state.is_active() && (services.is_empty() || services.contains(service))
        };
        let mut containers: Vec<&Container> = observed.containers.iter().filter(shown).collect();
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        let listing = Listing::default();
        let named = ["SERVICE", "#"].map(str::to_owned).into_iter();
        let mut rows: Vec<Vec<String>> = vec![named.chain(listing.header()).collect()];
        for container in containers {
            let number = match is_one_off(container) {
                true => "run".to_owned(),
                false => number_of(container).to_string(),
            };
            for cells in listing.rows(&cx.engine()?.processes(&container.id).await?) {
                let mut row = vec![service_of(container).to_owned(), number.clone()];
                row.extend(cells);
                rows.push(row);
            }
        }
        if rows.len() > 1 {
            cx.output().print(Columns::NARROW.align(&rows))?;
        }
        Ok(Exit::Success)
    }
}
