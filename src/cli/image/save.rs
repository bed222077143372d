//! `image save`: write images into an archive.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use crate::base::{Context as _, Error, Kind};
use crate::cli::{Context, Exit, Output, Result};
use crate::engine::Engine;
use crate::image::archive;

/// Write images into an archive
///
/// It is an OCI layout that Docker, podman and skopeo can load too.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image save -o app.tar app:1 db:2
  compose image save app:1 | zstd > app.tar.zst")]
pub struct Save {
    /// Which images; a name without a tag means all its tags
    #[arg(required = true)]
    images: Vec<String>,

    /// Into this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

impl Save {
    /// Writes it.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let chosen = archive::choose(&store, &self.images)?;
        let Some(name) = &self.output else {
            if cx.output().out_is_terminal() {
                let error = Error::new(Kind::Invalid, "an archive is nothing for a terminal");
                return Err(error.hint("write it to a file with -o, or redirect it").into());
            }
            archive::save(&store, &chosen, BufWriter::with_capacity(PIECE, Printer(cx.output())))?;
            return Ok(Exit::Success);
        };
        let path = cx.directory().join(name);
        // Whole or absent; what was there stays until then.
        let mut part = path.clone().into_os_string();
        part.push(format!(".part{}", std::process::id()));
        let failed = || format!("cannot write {}", path.display());
        let file = File::create(&part).context(failed)?;
        let saved = archive::save(&store, &chosen, BufWriter::with_capacity(PIECE, file))
            .and_then(|()| std::fs::rename(&part, &path).context(failed));
        if let Err(error) = saved {
            // The first failure is the one to tell.
            let _ = std::fs::remove_file(&part);
            return Err(error.into());
        }
        Ok(Exit::Success)
    }
}

/// Bytes that are written at once.
const PIECE: usize = 256 << 10;

/// Standard output as a writer.
pub(in crate::cli) struct Printer<'a>(pub &'a Output);

impl Write for Printer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The cause of a closed pipe is looked for in the chain of sources.
        self.0.print(bytes).map(|()| bytes.len()).map_err(cause)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The operating system's word in an error.
fn cause(error: Error) -> io::Error {
    match crate::cli::app::output::is_closed_pipe(&error) {
        true => io::ErrorKind::BrokenPipe.into(),
        false => io::Error::other(error),
    }
}
