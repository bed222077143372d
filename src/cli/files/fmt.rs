//! `fmt`: compose files in the one layout.

use std::path::{Path, PathBuf};

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::disk::Disk;
use crate::cli::ui::diff::unified;
use crate::cli::{Context, Exit, Failure, Result};
use crate::compose::fmt::{Formatted, format};
use crate::compose::{Files as _, LoadOptions, find};
use crate::diag::{Style, render};
use crate::engine::Engine;

/// Lay out compose files in one way
///
/// Two blanks for each level, a blank line between services, quotes only where a value would be
/// something else without them. Order, comments, anchors and tags stay; the result is read again
/// and compared before anything is written.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose fmt                     The project's files, in place
  compose fmt --check             Only say which ones would change (exit code 1)
  compose fmt --diff              Show what would change
  compose fmt --upgrade old.yml   Replace what is obsolete: v1 files, `version`, `net`, ...
  compose fmt - < a.yaml          From standard input to standard output")]
pub struct Fmt {
    /// Files, or `-` for standard input [default: the project's]
    files: Vec<PathBuf>,

    /// Write nothing; name the files that would change, and exit with 1 if there are any
    #[arg(long)]
    check: bool,

    /// Write nothing; show what would change
    #[arg(long)]
    diff: bool,

    /// Replace what is obsolete, too
    #[arg(long)]
    upgrade: bool,
}

impl Fmt {
    /// Lays them out.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let disk = Disk { environment: cx.environment() };
        let (mut wrong, mut changed) = (String::new(), false);
        for path in self.paths(cx)? {
            let name = path.strip_prefix(cx.directory()).unwrap_or(&path).display().to_string();
            let name = if name == "-" { "<stdin>".to_owned() } else { name };
            let text = disk.read(&path).context(|| format!("cannot read {name}"))?;
            match format(&name, &text, self.upgrade) {
                Ok(formatted) => changed |= self.put(cx, &path, &name, &text, &formatted)?,
                Err((mistakes, sources)) => {
                    let colour = cx.output().err_has_colour();
                    wrong += &render(&mistakes, &sources, Style { colour, ..Style::default() });
                }
            }
        }
        match (wrong.is_empty(), changed && self.check) {
            (false, _) => Err(Failure::Mistakes(wrong)),
            (_, true) => Ok(Exit::Code(1)),
            _ => Ok(Exit::Success),
        }
    }

    /// Shows or writes one file; returns whether it changes.
    fn put(
        &self,
        cx: &Context<impl Engine>,
        path: &Path,
        name: &str,
        old: &str,
        new: &Formatted,
    ) -> Result<bool> {
        let output = cx.output();
        for change in &new.changes {
            output.say_line(format!("{name}:{}: {}", change.line, change.text))?;
        }
        let changes = old != new.text;
        if self.diff {
            output.print(unified(name, old, &new.text))?;
        }
        match (self.check, self.diff) {
            (true, false) if changes => output.print_line(name)?,
            (false, false) if path.as_os_str() == "-" => output.print(&new.text)?,
            (false, false) if changes => {
                write(path, &new.text).context(|| format!("cannot write {name}"))?;
                output.print_line(name)?;
            }
            _ => {}
        }
        Ok(changes)
    }

    fn paths(&self, cx: &Context<impl Engine>) -> Result<Vec<PathBuf>> {
        if !self.files.is_empty() {
            let absolute = |path: &PathBuf| match path.as_os_str() == "-" {
                true => path.clone(),
                false => cx.directory().join(path),
            };
            return Ok(self.files.iter().map(absolute).collect());
        }
        let disk = Disk { environment: cx.environment() };
        let (found, mistakes) = find(&cx.request(LoadOptions::default()), &disk);
        match mistakes.iter().next() {
            None => Ok(found),
            Some(mistake) => {
                let error = Error::new(Kind::NotFound, &mistake.message);
                Err(error.hint("name the files: `compose fmt FILE...`").into())
            }
        }
    }
}

/// Replaces a file as a whole, so that it is never half written; a link stays one.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".fmt");
    std::fs::write(&beside, text)?;
    std::fs::set_permissions(&beside, std::fs::metadata(&path)?.permissions())?;
    std::fs::rename(&beside, &path)
}
