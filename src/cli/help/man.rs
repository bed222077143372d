//! `man`: a manual page for each command.

use std::path::{Path, PathBuf};

use crate::base::Context as _;
use crate::cli::app::command;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// Write manual pages into a directory
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose man /usr/local/share/man/man1    Then `man compose-up`
  compose man . && man -l compose.1")]
pub struct Man {
    /// Where to; it is made if need be
    directory: PathBuf,
}

impl Man {
    /// Writes them.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let directory = cx.directory().join(&self.directory);
        std::fs::create_dir_all(&directory)
            .context(|| format!("cannot make {}", directory.display()))?;
        let mut root = command::definition();
        root.build();
        let count = pages(&root, "", &directory)?;
        cx.output().say_line(format!("{count} pages in {}", self.directory.display()))?;
        Ok(Exit::Success)
    }
}

/// Writes the page of a command, and those of the commands below it. Returns how many.
fn pages(command: &clap::Command, parent: &str, directory: &Path) -> Result<usize> {
    if command.is_hide_set() || command.get_name() == "help" {
        return Ok(0);
    }
    let name = match parent {
        "" => command.get_name().to_owned(),
        parent => format!("{parent}-{}", command.get_name()),
    };
    let mut page = Vec::new();
    let file = directory.join(format!("{name}.1"));
    let cannot = || format!("cannot write {}", file.display());
    clap_mangen::Man::new(command.clone().name(name.clone())).render(&mut page).context(cannot)?;
    std::fs::write(&file, page).context(cannot)?;
    let below = command.get_subcommands().map(|below| pages(below, &name, directory));
    Ok(1 + below.sum::<Result<usize>>()?)
}
