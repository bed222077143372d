//! `export`: all files of a service's container, as an archive.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use crate::base::{Context as _, Error, Kind};
use crate::cli::console::copy::to_output;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;

/// Write all files of a service's container as a tar archive
///
/// Without volumes and other mounts. `compose image import` makes an image of it.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose export -o web.tar web
  compose export web | tar -t")]
pub struct Export {
    /// The service
    service: String,

    /// Number of the replica [default: the first]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
}

impl Export {
    /// Writes it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let container = subject.replica(&observed, &self.service, self.index)?;
        export(cx, container, self.output.as_deref()).await
    }
}

/// Writes all files of a container to a file, or to standard output.
///
/// # Errors
/// Standard output is a terminal; the file cannot be written.
pub async fn export<E: Engine>(
    cx: &Context<E>,
    container: &Container,
    output: Option<&str>,
) -> Result<Exit> {
    let engine = cx.engine()?;
    match output {
        None if cx.output().out_is_terminal() => {
            let message = "cowardly refusing to save to a terminal";
            return Err(Error::new(Kind::Invalid, message).hint("use -o, or redirect").into());
        }
        None => to_output(cx, |out| engine.export(&container.id, out)).await?,
        Some(name) => {
            let path = cx.directory().join(name);
            let file = create(&path)?;
            let exported = engine.export(&container.id, file).await;
            if exported.is_err() {
                // The first error is the one to tell.
                let _ = std::fs::remove_file(&path);
            }
            exported?;
        }
    }
    Ok(Exit::Success)
}

fn create(path: &Path) -> Result<OwnedFd> {
    let file = File::create(path).context(|| format!("cannot create {}", path.display()))?;
    Ok(file.into())
}
