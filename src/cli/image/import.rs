//! `image import`: an image from the archive of a root file system.

use std::fs::File;
use std::io::Read;

use crate::base::{Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::{self, ImportOptions, Reference};

/// Make an image from the archive of a root file system
///
/// The archive may be compressed with gzip, xz or zstd.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image import rootfs.tar base:1
  compose image import https://example.com/rootfs.tar.xz base:1
  compose image import - base:1 -c 'CMD [\"sh\"]' -c 'ENV TERM=xterm' < rootfs.tar.zst")]
pub struct Import {
    /// Where the archive is: a path, a URL, or `-` for standard input
    archive: String,

    /// What to call the image
    name: Option<String>,

    /// Say something about the image in the words of a Dockerfile
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,

    /// A remark for the image's history
    #[arg(short, long, value_name = "TEXT", default_value = "")]
    message: String,

    /// What the image is for, as in linux/arm64, if not this machine
    #[arg(long, value_name = "PLATFORM")]
    platform: Option<String>,
}

impl Import {
    /// Makes it, and prints its id.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let name: Option<Reference> = self.name.as_deref().map(str::parse).transpose()?;
        if name.as_ref().is_some_and(|name| name.digest().is_some()) {
            let message = "an image cannot be given a name with a digest";
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let options = ImportOptions {
            changes: self.change,
            message: self.message,
            platform: self.platform.as_deref().map(str::parse).transpose()?,
            created: None,
        };
        let store = cx.images()?;
        let image = match self.archive.as_str() {
            "-" => image::import(&store, Input, name.as_ref(), &options)?,
            url if is_url(url) => {
                let file = downloaded(cx, url).await?;
                image::import(&store, file, name.as_ref(), &options)?
            }
            path => {
                let path = cx.directory().join(path);
                let file =
                    File::open(&path).context(|| format!("cannot open {}", path.display()))?;
                image::import(&store, file, name.as_ref(), &options)?
            }
        };
        cx.output().print_line(image.id.to_string())?;
        Ok(Exit::Success)
    }
}

/// Docker: everything else is a path.
fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// The archive behind a URL, in a file without a name: it goes with its last reader.
async fn downloaded(cx: &Context<impl Engine>, url: &str) -> Result<File> {
    let directory = cx.roots()?.tmp();
    let path = directory.join(format!("import-{}", std::process::id()));
    // A root file system may be of any size: whoever names it knows it.
    let fetched = image::download(&*cx.registries()?, url, &path, u64::MAX).await;
    let file = File::open(&path).context(|| format!("cannot open {}", path.display()));
    // Without a download there need not be a file.
    let _ = std::fs::remove_file(&path);
    fetched?;
    Ok(file?)
}

/// Standard input without a buffer of its own, from whichever thread unpacks.
pub struct Input;

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}
