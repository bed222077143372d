//! `docker context`: there is one engine, this machine's.

use serde_json::json;

use crate::base::{Error, Kind};
use crate::cli::ui::inspect::Findings;
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// The only context.
const DEFAULT: &str = "default";

/// Show which engine is used: this machine's
#[derive(clap::Subcommand, Debug)]
pub enum Contexts {
    /// Show all that is known of the context
    Inspect {
        /// Its name
        name: Option<String>,
        /// A Go template instead of JSON
        #[arg(short, long, value_name = "FORMAT")]
        format: Option<String>,
    },
    /// List contexts
    #[command(visible_alias = "list")]
    Ls {
        /// `table`, `json` or a Go template
        #[arg(long, value_name = "FORMAT", default_value = "table")]
        format: String,
        /// Only names
        #[arg(short, long)]
        quiet: bool,
    },
    /// Print the name of the context
    Show,
    /// Choose the context
    Use {
        /// Its name
        name: String,
    },
}

impl Contexts {
    /// Does it.
    ///
    /// # Errors
    /// There is no such context.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Contexts::Show => cx.output().print_line(DEFAULT)?,
            Contexts::Use { name } => {
                known(&name)?;
                cx.output().print_line(DEFAULT)?;
            }
            Contexts::Ls { quiet: true, .. } => cx.output().print_line(DEFAULT)?,
            Contexts::Ls { format, .. } => cx.output().print(list().text(&format)?)?,
            Contexts::Inspect { name, format } => {
                let mut findings = Findings::default();
                findings.add(known(name.as_deref().unwrap_or(DEFAULT)).map(|()| {
                    json!({ "Name": DEFAULT, "Metadata": {}, "Endpoints": {}, "TLSMaterial": {} })
                }));
                return findings.print(format.as_deref(), cx);
            }
        }
        Ok(Exit::Success)
    }
}

fn known(name: &str) -> Result<(), Error> {
    match name {
        DEFAULT => Ok(()),
        _ => Err(Error::new(Kind::NotFound, format!("context {name:?}: context not found"))
            .hint("there is one engine, this machine's: `default`")),
    }
}

fn list() -> Listing {
    let row = Row::default()
        .with("Current", true)
        .with("Description", "This machine, without a daemon")
        .with("DockerEndpoint", "")
        .with("Error", "")
        .with("Name", DEFAULT)
        .showing("Name", format!("{DEFAULT} *"));
    let columns = vec![
        ("NAME", "Name"),
        ("DESCRIPTION", "Description"),
        ("DOCKER ENDPOINT", "DockerEndpoint"),
        ("ERROR", "Error"),
    ];
    Listing { columns, rows: vec![row], layout: Columns::DOCKER, json: JsonStyle::Lines }
}
