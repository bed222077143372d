//! `image history`: the steps that made an image.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::image::config::History as Step;

/// Show the steps that made an image, the last one first
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image history nginx
  compose image history --no-trunc --format '{{.CreatedBy}}' nginx")]
pub struct History {
    /// Which image, by name or id
    image: String,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Sizes and times for people; `false`: bytes and dates
    #[arg(short = 'H', long, value_name = "BOOL", num_args = 0..=1, default_value_t = true)]
    #[arg(default_missing_value = "true", require_equals = true)]
    human: bool,

    /// Whole commands and ids
    #[arg(long)]
    no_trunc: bool,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,
}

/// What Docker shows for images in between, which are not in the store.
const MISSING: &str = "<missing>";

/// Docker: characters of a command.
const COMMAND: usize = 45;

impl History {
    /// Shows them.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let image = store.get(&self.image)?;
        let document = store.config(&image.id)?;
        let mut layers = document.diff_ids.iter();
        let mut rows = Vec::new();
        // Some tools write no history: then there is a step for each layer.
        let nameless = document.diff_ids.iter().map(|_| Step::default());
        let steps: Vec<Step> = match document.history.is_empty() {
            true => nameless.collect(),
            false => document.history.clone(),
        };
        for step in &steps {
            let layer = if step.empty_layer { None } else { layers.next() };
            let record = layer.map(|diff_id| store.layer(diff_id)).transpose()?.flatten();
            rows.push(self.row(step, record.map_or(0, |record| record.size)));
        }
        rows.reverse();
        let id = if self.no_trunc { image.id.to_string() } else { image.id.short().to_owned() };
        if let Some(first) = rows.first_mut() {
            *first = first.clone().with("ID", id.as_str());
        }
        if self.quiet {
            let ids = rows.iter().enumerate();
            let ids = ids.map(|(at, _)| if at == 0 { id.as_str() } else { MISSING });
            cx.output().print(ids.map(|id| format!("{id}\n")).collect::<String>())?;
            return Ok(Exit::Success);
        }
        let columns = vec![
            ("IMAGE", "ID"),
            if self.human { ("CREATED", "CreatedSince") } else { ("CREATED AT", "CreatedAt") },
            ("CREATED BY", "CreatedBy"),
            ("SIZE", "Size"),
            ("COMMENT", "Comment"),
        ];
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        cx.output().print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }

    fn row(&self, step: &Step, size: u64) -> Row {
        let command = step.created_by.replace('\t', " ");
        let command = match self.no_trunc {
            true => command,
            false => human::ellipsis(&command, COMMAND),
        };
        let at = step.created.map(|time| time.to_zoned(TimeZone::system()));
        let at = at.map(|time| time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
        // Go: RFC 3339 has a letter for no offset.
        let at = at.map(|text| text.replace("+00:00", "Z"));
        let since = step.created.map(|time| human::since(time, Timestamp::now()));
        let since = since.map(|since| human::duration(since) + " ago");
        Row::default()
            .with("Comment", step.comment.as_str())
            .with("CreatedAt", at.unwrap_or_default())
            .with("CreatedBy", command)
            .with("CreatedSince", since.unwrap_or_else(|| "N/A".to_owned()))
            .with("ID", MISSING)
            .with("Size", if self.human { human::size(size) } else { size.to_string() })
    }
}
