//! `search`: find images in a registry.

use crate::cli::app::bulk::Filters;
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::image::{self, Found};

/// Find images in Docker Hub, or another registry
///
/// A registry without a search of its own is searched by the names it lists.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose search nginx
  compose search --filter is-official=true --limit 5 php
  compose search registry.example.com/app
  compose registry tags nginx              Which versions there are")]
pub struct Search {
    /// What to look for; a registry may stand in front of it
    term: String,

    /// Only images that match: is-official=true or stars=NUMBER
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    format: String,

    /// At most so many, 1 to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 25,
        value_parser = clap::value_parser!(u64).range(1..=100))]
    limit: u64,

    /// Do not cut long texts
    #[arg(long)]
    no_trunc: bool,
}

impl Search {
    /// Lists what it finds.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let filters = Filters::parse(&self.filter, &["is-automated", "is-official", "stars"])?;
        let yes = |wanted: &str| matches!(wanted, "true" | "1");
        let shows = |found: &&Found| {
            filters.any("is-official", |wanted| yes(wanted) == found.official)
                && filters.any("is-automated", |wanted| !yes(wanted))
                && filters
                    .any("stars", |least| least.parse().is_ok_and(|it: u64| found.stars >= it))
        };
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let found = image::search(&cx.registries()?, &self.term, limit).await?;
        let rows = found.iter().filter(shows).map(|found| self.row(found)).collect();
        let columns = vec![
            ("NAME", "Name"),
            ("DESCRIPTION", "Description"),
            ("STARS", "StarCount"),
            ("OFFICIAL", "IsOfficial"),
        ];
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        cx.output().print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }

    fn row(&self, found: &Found) -> Row {
        let description = found.description.replace(['\n', '\r'], " ");
        let description = match self.no_trunc {
            true => description,
            false => human::ellipsis(&description, 45),
        };
        Row::default()
            .with("Description", description)
            .with("IsAutomated", "false")
            .with("IsOfficial", found.official.to_string())
            .with("Name", found.name.as_str())
            .with("StarCount", found.stars.to_string())
            .showing("IsOfficial", if found.official { "[OK]" } else { "" })
    }
}
