//! `container ls`: list containers (Docker: `ps`).

use jiff::Timestamp;

use crate::cli::app::bulk::unless_changed;
use crate::cli::project::ps;
use crate::cli::ui::listing::{JsonStyle, Listing, Row, unless_raw};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Container, Observed};

use super::everything;
use super::filter::Conditions;

/// List containers of all projects, and of none
///
/// Only running ones, unless asked for all.
#[derive(clap::Args, Debug)]
#[command(
    args_override_self = true,
    after_help = "\
Examples:
  compose container ls                                What runs
  compose container ls -a --filter status=exited      What has ended
  compose container ls -aq                            Ids, for scripts
  compose container ls --format '{{.Names}}: {{.Status}}'"
)]
pub struct Ls {
    /// Show those that do not run, too
    #[arg(short, long)]
    all: bool,

    /// Only containers that match, as in status=exited, name=web, ancestor=nginx, label=team
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Only the newest ones, whatever their state
    #[arg(short = 'n', long, value_name = "NUMBER", default_value_t = -1,
        allow_negative_numbers = true, hide_default_value = true)]
    last: i64,

    /// Only the newest one, whatever its state
    #[arg(short, long)]
    latest: bool,

    /// Do not cut long texts
    #[arg(long)]
    no_trunc: bool,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,

    /// Show how much each has written
    #[arg(short, long)]
    size: bool,
}

/// Docker: what `raw` shows.
pub const RAW: &str = "container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\n\
    created_at: {{.CreatedAt}}\nstate: {{- pad .State 1 0}}\nstatus: {{- pad .Status 1 0}}\n\
    names: {{.Names}}\nlabels: {{- pad .Labels 1 0}}\nports: {{- pad .Ports 1 0}}\n";

/// Docker's fields, in its order.
const FIELDS: [&str; 15] = [
    "Command",
    "CreatedAt",
    "ID",
    "Image",
    "Labels",
    "LocalVolumes",
    "Mounts",
    "Names",
    "Networks",
    "Platform",
    "Ports",
    "RunningFor",
    "Size",
    "State",
    "Status",
];

impl Ls {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut observed = everything(cx).await?;
        if !self.quiet {
            observed.images = self.images(cx, &observed).await?;
        }
        let conditions = Conditions::parse(&self.filter, &observed)?;
        let last = if self.latest { Some(1) } else { usize::try_from(self.last).ok() };
        let all = self.all || last.is_some_and(|last| last > 0) || conditions.about_states();
        let shown = |it: &&Container| {
            (all || it.status.state.is_active()) && conditions.hold(it, &observed)
        };
        let newest = observed.containers.iter().rev().filter(shown);
        let limit = last.filter(|last| *last > 0).unwrap_or(usize::MAX);
        let containers: Vec<&Container> = newest.take(limit).collect();
        if self.quiet {
            if self.format != "table" {
                let text = "WARNING: Ignoring custom format, because both --format and --quiet \
                    are set.";
                cx.output().say_line(text)?;
            }
            let id = |it: &&Container| {
                if self.no_trunc { it.id.as_str() } else { it.id.short() }.to_owned()
            };
            let ids: String = containers.iter().map(|it| id(it) + "\n").collect();
            cx.output().print(ids)?;
            return Ok(Exit::Success);
        }
        let mut rows = Vec::new();
        for container in containers {
            rows.push(self.row(cx, container, &observed).await?);
        }
        let mut columns = vec![
            ("CONTAINER ID", "ID"),
            ("IMAGE", "Image"),
            ("COMMAND", "Command"),
            ("CREATED", "RunningFor"),
            ("STATUS", "Status"),
            ("PORTS", "Ports"),
            ("NAMES", "Names"),
        ];
        columns.extend(self.size.then_some(("SIZE", "Size")));
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        let raw = RAW.to_owned() + if self.size { "size: {{.Size}}\n" } else { "" };
        cx.output().print(list.text(unless_raw(&self.format, &raw))?)?;
        Ok(Exit::Success)
    }

    /// The images that the containers' names for them mean by now, and those of filters.
    async fn images(
        &self,
        cx: &Context<impl Engine>,
        observed: &Observed,
    ) -> Result<std::collections::BTreeMap<String, crate::resource::Image>> {
        let asked = self.filter.iter().filter_map(|word| word.strip_prefix("ancestor="));
        let used = observed.containers.iter().map(|it| it.spec.image.as_str());
        let names: std::collections::BTreeSet<&str> = used.chain(asked).collect();
        let images = names.into_iter().map(str::to_owned).collect();
        // No project has this name: only images are looked up.
        let scope = Scope { project: Some(String::new()), images, ..Scope::default() };
        Ok(cx.engine()?.observe(&scope).await?.images)
    }

    async fn row(
        &self,
        cx: &Context<impl Engine>,
        container: &Container,
        observed: &Observed,
    ) -> Result<Row> {
        let mut row = ps::row(container, Timestamp::now(), !self.no_trunc);
        let spec = &container.spec;
        // A name that means another image by now, or none, would lie (Docker: the same).
        let now = observed.images.get(&spec.image).map(|image| &image.id);
        if let Some(then) = spec.image_id.as_ref().filter(|then| now != Some(then)) {
            let whole = || then.to_string();
            let id = if self.no_trunc { whole() } else { then.short().to_owned() };
            row = row.with("Image", id);
        }
        if self.size || self.format.contains(".Size") {
            let found = unless_changed(cx.engine()?.inspect(&container.id, true).await)?;
            let size = found.and_then(|it| it.size).unwrap_or_default();
            let (own, whole) = (human::size(size.writable), human::size(size.total));
            row = row.with("Size", format!("{own} (virtual {whole})"));
        }
        Ok(as_docker(row))
    }
}

/// A container's row with Docker's fields only, which are fewer than those of Docker Compose.
#[must_use]
pub fn as_docker(row: Row) -> Row {
    // Docker: known only where images of several platforms are kept.
    let mut row = row.with("Platform", serde_json::Value::Null);
    let mut fields = std::mem::take(&mut row.fields);
    let field = |name: &str| Some((name.to_owned(), fields.shift_remove(name)?));
    row.fields = FIELDS.into_iter().filter_map(field).collect();
    row
}
