//! `image load`: read images from an archive.

use std::fs::File;

use crate::base::{Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::archive::{self, Parts};

use super::import::Input;

/// Read images from an archive
///
/// Archives of Docker, podman and skopeo, and OCI layouts; compressed with gzip or zstd, or a
/// directory.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image load -i app.tar.zst
  ssh elsewhere docker save app:1 | compose image load")]
pub struct Load {
    /// From this file or directory instead of standard input
    #[arg(short, long, value_name = "FILE")]
    input: Option<String>,

    /// Of images for several platforms take this one, as in linux/arm64
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,

    /// Print nothing
    #[arg(short, long)]
    quiet: bool,
}

impl Load {
    /// Reads them, and prints what they are called.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let platform = self.platform.as_deref().map(str::parse).transpose()?;
        let store = cx.images()?;
        let parts = match &self.input {
            Some(name) => {
                let path = cx.directory().join(name);
                match path.is_dir() {
                    true => Parts::of_directory(&path),
                    false => {
                        let failed = || format!("cannot open {}", path.display());
                        Parts::of_archive(&store, File::open(&path).context(failed)?)?
                    }
                }
            }
            None if cx.input_is_terminal() => {
                let error = Error::new(Kind::Invalid, "there is no archive on standard input");
                return Err(error.hint("name one with -i, or redirect standard input").into());
            }
            None => Parts::of_archive(&store, Input)?,
        };
        for loaded in archive::load(&store, &parts, platform.as_ref())? {
            if self.quiet {
                continue;
            }
            for name in &loaded.names {
                cx.output().print_line(format!("Loaded image: {}", name.familiar()))?;
            }
            if loaded.names.is_empty() {
                cx.output().print_line(format!("Loaded image ID: {}", loaded.image.id))?;
            }
        }
        Ok(Exit::Success)
    }
}
