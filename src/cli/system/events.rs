//! `system events`: what happens to everything, as it happens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::base::{Error, Kind};
use crate::cli::app::bulk::Filters;
use crate::cli::app::options::moment;
use crate::cli::ui::template::Format;
use crate::cli::{Context, Exit, Result};
use crate::docker::events::{docker_json, docker_line};
use crate::docker::go_json;
use crate::engine::{Engine, EventOptions, Events as _};
use crate::resource::event::{Event, EventKind};

/// Show what happens to containers, images, networks and volumes, as it happens
///
/// Until Ctrl-C, or until the time given.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system events
  compose system events --filter type=container --filter event=die
  compose system events --since 10m --until 0s --format json")]
pub struct Events {
    /// Only events that match, as in type=container, event=die, container=web, image=nginx
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// A Go template, or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,

    /// Begin with what happened since, as in `2026-01-31T12:00:00Z` or `10m`
    #[arg(long, value_name = "TIME")]
    since: Option<String>,

    /// End with what happened until then
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
}

/// Docker's words, as far as there are such things here.
const KNOWN: [&str; 8] =
    ["container", "event", "image", "label", "network", "scope", "type", "volume"];

impl Events {
    /// Shows them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let filters = Filters::parse(&self.filter, &KNOWN)?;
        let template = match self.format.as_deref() {
            None | Some("" | "json") => None,
            Some(template) => Some(Format::verbatim(template)?),
        };
        let now = Timestamp::now();
        let at = |text: &Option<String>| text.as_deref().map(|it| moment(it, now)).transpose();
        let (since, until) = (at(&self.since)?, at(&self.until)?);
        // Docker: who names only the end wants all that was before it.
        let since = since.or(until.map(|_| Timestamp::UNIX_EPOCH));
        let options = EventOptions { since, until };
        if let (Some(since), Some(until)) = (options.since, options.until)
            && since > until
        {
            let message = format!("`since` time ({since}) cannot be after `until` time ({until})");
            return Err(Error::new(Kind::Invalid, message).into());
        }
        // A mistake in the template shows now, and not when something happens at last.
        if let Some(template) = &template {
            let sample = Event::now(EventKind::Container, "start", "");
            template.render(&docker_json(&sample), &BTreeMap::new())?;
        }
        let mut events = cx.engine()?.events(&options).await?;
        let zone = TimeZone::system();
        while let Some(event) = events.next().await? {
            if !shows(&filters, &event) {
                continue;
            }
            let line = match (&template, self.format.as_deref()) {
                (Some(template), _) => template.render(&docker_json(&event), &BTreeMap::new())?,
                (None, Some("json")) => go_json(&docker_json(&event)),
                (None, _) => docker_line(&event, &zone),
            };
            cx.output().print_line(line)?;
        }
        Ok(Exit::Success)
    }
}

fn shows(filters: &Filters, event: &Event) -> bool {
    let kind = event.kind.as_str();
    let attribute = |name: &str| event.attributes.get(name).map_or("", String::as_str);
    // A thing is meant by its id, the beginning of it, or its name.
    let is = |wanted_kind: &str, text: &str| {
        kind == wanted_kind && (event.id.starts_with(text) || attribute("name") == text)
    };
    let word = event.action.split(':').next().unwrap_or(&event.action);
    filters.any("type", |wanted| wanted == kind)
        && filters.any("scope", |wanted| wanted == "local")
        && filters.any("event", |wanted| wanted == event.action || wanted == word)
        && filters.any("container", |wanted| is("container", wanted))
        && filters.any("network", |wanted| is("network", wanted))
        && filters.any("volume", |wanted| is("volume", wanted))
        && filters.any("image", |wanted| {
            // Docker: without a tag, every tag is meant.
            let image = attribute(if kind == "image" { "name" } else { "image" });
            let name = image.rsplit_once(':').filter(|(_, tag)| !tag.contains('/'));
            is("image", wanted) || image == wanted || name.is_some_and(|(name, _)| name == wanted)
        })
        && filters.labels(&event.attributes)
}
