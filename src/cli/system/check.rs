//! `system check`: is anything left over that belongs to nothing?

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::engine::host::{Leftover, leftovers};
use crate::resource::observed::Scope;

/// Compare what the kernel has with what is recorded
///
/// Mounts, bridges, rules, control groups, processes and files that belong to nothing are shown,
/// and the exit code is 1 then. Every other command removes them before it does anything else.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system check           Only look
  compose system check --fix     Remove what is left over, and look again")]
pub struct Check {
    /// Remove what is left over
    #[arg(long)]
    fix: bool,

    /// `text`, or `json`: one object a line
    #[arg(long, value_name = "FORMAT", default_value = "text", hide_default_value = true,
        value_parser = ["text", "json"])]
    format: String,
}

impl Check {
    /// Looks, and shows what it finds.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let roots = cx.roots()?;
        let mut found = leftovers(&roots)?;
        self.show(cx, &found)?;
        if self.fix && !found.is_empty() {
            // The engine cleans up when it is opened.
            cx.engine()?.observe(&Scope::default()).await?;
            found = leftovers(&roots)?;
            let left = found.len();
            cx.output().say_line(match left {
                0 => "All of it is removed.".to_owned(),
                _ => format!("{left} of it cannot be removed."),
            })?;
        }
        Ok(if found.is_empty() { Exit::Success } else { Exit::Code(1) })
    }

    fn show(&self, cx: &Context<impl Engine>, found: &[Leftover]) -> Result<()> {
        if self.format == "json" {
            for it in found {
                let line = serde_json::json!({ "kind": it.kind, "name": it.name, "why": it.why });
                cx.output().print_line(line.to_string())?;
            }
            return Ok(());
        }
        for Leftover { kind, name, why } in found {
            cx.output().print_line(format!("{kind} {name}: {why}"))?;
        }
        if found.is_empty() {
            cx.output().print_line("Nothing is left over.")?;
        }
        Ok(())
    }
}
