//! `events`: what happens to a project's containers, as it happens.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::app::options::moment;
use crate::cli::{Context, Exit, Result};
use crate::docker::events::{compose_json, compose_line};
use crate::engine::{Engine, EventOptions, Events as _};
use crate::resource::event::{Event, EventKind};
use crate::resource::labels;

/// Show what happens to containers, as it happens
///
/// Until Ctrl-C, or until the time given. Events of the past are known since the machine was
/// booted; the oldest are forgotten when there are many.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose events                          All of the project
  compose events --json web               One service, for machines
  compose events --since 10m --until 0s   The last ten minutes")]
pub struct Events {
    /// Only these services
    services: Vec<String>,

    /// One JSON object a line
    #[arg(long)]
    json: bool,

    /// Begin with what happened since, as in `2026-01-31T12:00:00Z` or `10m`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// End with what happened until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

impl Events {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let now = Timestamp::now();
        let at = |text: &Option<String>| text.as_deref().map(|it| moment(it, now)).transpose();
        let options = EventOptions { since: at(&self.since)?, until: at(&self.until)? };
        // Before anything is looked up: nothing that happens from now on is missed.
        let mut events = cx.engine()?.events(&options).await?;
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let zone = TimeZone::system();
        while let Some(event) = events.next().await? {
            let label = |name: &str| event.attributes.get(name).map_or("", String::as_str);
            let wanted = event.kind == EventKind::Container
                && label(labels::PROJECT) == subject.name
                && label(labels::ONE_OFF) != "True"
                && (services.is_empty() || services.contains(label(labels::SERVICE)));
            if wanted {
                cx.output().print_line(self.line(&event, &zone))?;
            }
        }
        Ok(Exit::Success)
    }

    fn line(&self, event: &Event, zone: &TimeZone) -> String {
        if self.json { compose_json(event, zone) } else { compose_line(event, zone) }
    }
}
