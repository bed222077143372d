//! `volume backup` and `volume restore`: a volume's content as an archive.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

use crate::base::{self, Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::pack::archive_directory;
use crate::image::unpack::{Placement, unpack_into};
use crate::resource::observed::Scope;
use crate::resource::{Container, Observed, VolumeSpec};

use super::users;

/// Name of a volume's own entry in its archive.
const TOP: &[u8] = b".";

/// Write a volume's content to an archive
///
/// A tar archive with owners, modes and extended attributes. Containers that write meanwhile are
/// named in a warning: stop them first for a state that fits together.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume backup data -o data.tar
  compose volume backup data | zstd > data.tar.zst")]
pub struct Backup {
    /// Which volume
    name: String,

    /// Where to write it [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Backup {
    /// Writes it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let data = directory(cx, &observed, &self.name)?;
        warn(cx, &observed, &self.name, "writes to it meanwhile")?;
        let failed = || format!("cannot archive volume {}", self.name);
        match &self.output {
            Some(path) => {
                let path = cx.directory().join(path);
                let file =
                    File::create(&path).context(|| format!("cannot write {}", path.display()))?;
                let mut out = io::BufWriter::with_capacity(1 << 18, file);
                archive_directory(data.as_fd(), TOP, &mut out).context(failed)?;
                out.flush().context(failed)?;
            }
            None if cx.output().out_is_terminal() => {
                let message = "an archive is nothing for a terminal";
                return Err(Error::new(Kind::Invalid, message).hint("use -o, or a pipe").into());
            }
            None => {
                let out = io::BufWriter::with_capacity(1 << 18, ToOutput(cx.output().clone()));
                archive_directory(data.as_fd(), TOP, out).context(failed)?;
            }
        }
        Ok(Exit::Success)
    }
}

/// Fill a volume from an archive
///
/// The volume is made if there is none. What is in it stays, unless the archive has a file of the
/// same name. The archive may be compressed.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume restore data data.tar
  compose volume restore data - < data.tar.gz")]
pub struct Restore {
    /// Which volume
    name: String,

    /// The archive; `-` is standard input
    #[arg(value_name = "FILE")]
    archive: PathBuf,
}

impl Restore {
    /// Fills it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let path = cx.directory().join(&self.archive);
        let source: Box<dyn Read + Send> = match self.archive.as_os_str() == "-" {
            true => Box::new(io::stdin()),
            false => {
                let file = File::open(&path);
                Box::new(file.context(|| format!("cannot read {}", path.display()))?)
            }
        };
        let engine = cx.engine()?;
        let spec = VolumeSpec { name: self.name.clone(), ..VolumeSpec::default() };
        engine.create_volume(&spec).await?;
        let observed = engine.observe(&Scope::default()).await?;
        let data = directory(cx, &observed, &self.name)?;
        warn(cx, &observed, &self.name, "uses it meanwhile")?;
        let placement = Placement { below: Vec::new(), plain: true, owner: None };
        unpack_into(source, data, &placement)
            .context(|| format!("cannot fill volume {}", self.name))?;
        cx.output().print_line(&self.name)?;
        Ok(Exit::Success)
    }
}

/// The volume's directory, open.
fn directory(cx: &Context<impl Engine>, observed: &Observed, name: &str) -> Result<OwnedFd> {
    if !observed.volumes.contains_key(name) {
        let error = Error::new(Kind::NotFound, format!("get {name}: no such volume"));
        return Err(error.hint("`volume ls` lists them").into());
    }
    Ok(open(&cx.roots()?.volume_data(name))?)
}

fn open(path: &Path) -> base::Result<OwnedFd> {
    let opened = rustix::fs::open(path, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    opened.map_err(io::Error::from).context(|| format!("cannot open {}", path.display()))
}

/// Names containers that run and mount the volume.
fn warn(cx: &Context<impl Engine>, observed: &Observed, name: &str, what: &str) -> Result<()> {
    let running = |it: &&Container| it.status.state.is_active();
    for container in users(observed, name).filter(running) {
        cx.output().warn(format!("container {} {what}", container.spec.name))?;
    }
    Ok(())
}

/// Standard output as commands know it.
struct ToOutput(crate::cli::Output);

impl Write for ToOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.print(bytes).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
