//! `system install-links`: be called `docker` and `docker-compose`.

use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::base::{self, Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

/// The names.
const NAMES: [&str; 2] = ["docker", "docker-compose"];

/// Make links named `docker` and `docker-compose` to this program
///
/// What tutorials say can then be typed as it is. A program of that name that is there, in the
/// directory or elsewhere in PATH, is never touched.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system install-links              In /usr/local/bin
  compose system install-links ~/bin        For oneself")]
pub struct InstallLinks {
    /// Where to make them
    #[arg(value_name = "DIRECTORY", default_value = "/usr/local/bin")]
    directory: PathBuf,
}

impl InstallLinks {
    /// Makes them, all or none.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let own = std::env::current_exe().context(|| "cannot find this program".to_owned())?;
        let directory = cx.directory().join(&self.directory);
        let path = cx.environment().get("PATH").unwrap_or_default().to_owned();
        let mut missing = Vec::new();
        for name in NAMES {
            let link = directory.join(name);
            let elsewhere = path.split(':').filter(|dir| !dir.is_empty());
            let elsewhere = elsewhere.map(|dir| Path::new(dir).join(name));
            let mut taken = std::iter::once(link.clone()).chain(elsewhere);
            if let Some(other) = taken.find(|it| is_another(it, &own)) {
                let message = format!("{} is another program", other.display());
                return Err(Error::new(Kind::Conflict, message)
                    .hint("remove it first, or do without the links")
                    .into());
            }
            if link.symlink_metadata().is_err() {
                missing.push(link);
            }
        }
        for link in missing {
            make(&own, &link)?;
            cx.output().print_line(format!("{} -> {}", link.display(), own.display()))?;
        }
        Ok(Exit::Success)
    }
}

/// Something is there, and it is not us.
fn is_another(path: &Path, own: &Path) -> bool {
    match path.canonicalize() {
        Ok(found) => own.canonicalize().is_ok_and(|own| own != found),
        // A link to nowhere is somebody's all the same.
        Err(_) => path.symlink_metadata().is_ok(),
    }
}

fn make(own: &Path, link: &Path) -> base::Result<()> {
    match symlink(own, link) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(Error::new(
            Kind::Conflict,
            format!("{} was made by somebody else just now", link.display()),
        )),
        made => made.context(|| format!("cannot make {}", link.display())),
    }
}
