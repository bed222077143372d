//! `lint`: what is wrong with the compose files, and what is likely to cause trouble.

use clap::ValueEnum;

use crate::cli::app::disk::Disk;
use crate::cli::{Context, Exit, Result};
use crate::compose::lint::lint;
use crate::compose::{LoadOptions, Loaded};
use crate::diag::{Style, render, to_json, to_sarif};
use crate::engine::Engine;

/// Check the compose files, and look for what is likely to cause trouble
///
/// Nothing is run. Exits with 1 when there are errors, or, with `--strict`, warnings.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose lint                            For people
  compose lint --format sarif > out.json  For a code host
  compose lint --allow unused             All rules but one
  compose lint --rules                    Names of rules")]
pub struct Lint {
    /// text, json (one object a line) or sarif
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_possible_values = true)]
    format: Format,

    /// A rule to leave out
    #[arg(long, value_name = "RULE")]
    allow: Vec<String>,

    /// List the rules, and check nothing
    #[arg(long)]
    rules: bool,
}

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
    Sarif,
}

impl Lint {
    /// Prints what it finds.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        if self.rules {
            let line = |(code, about): &(&str, &str)| format!("{code:<24}{about}\n");
            let rules: String = crate::compose::lint::RULES.iter().map(line).collect();
            cx.output().print(rules)?;
            return Ok(Exit::Success);
        }
        let Loaded { project, mut diagnostics, sources, .. } = cx.load(LoadOptions::default());
        if let Some(project) = &project {
            let files = Disk { environment: cx.environment() };
            lint(project, (&files, &sources), &self.allow, &mut diagnostics);
        }
        diagnostics.tidy();
        if cx.global().strict {
            diagnostics.deny_warnings();
        }
        let text = match self.format {
            Format::Text => {
                let colour = cx.output().out_has_colour();
                render(&diagnostics, &sources, Style { colour, ..Style::default() })
            }
            Format::Json => to_json(&diagnostics, &sources),
            Format::Sarif => to_sarif(&diagnostics, &sources, env!("CARGO_PKG_VERSION")),
        };
        cx.output().print(text)?;
        Ok(if diagnostics.has_errors() { Exit::Code(1) } else { Exit::Success })
    }
}
