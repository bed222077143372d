//! `init`: a new project, with everything it needs to come up.

mod ask;
mod choices;
mod files;
mod php;
mod services;

use std::path::PathBuf;

use crate::base::{Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;

use choices::{Choices, Database, Stack};

/// Make a new project: LAMP, LEMP, WordPress, Node or Django
///
/// Asks what it shall be made of, unless options say so. Writes a compose file, a Dockerfile,
/// settings, passwords in `.env`, and a first page that works.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose init                                      Asks for everything
  compose init lemp --php 8.3 --extension intl,gd -y
  compose init wordpress --database mariadb --redis --mail -y
  compose init node --directory shop --database postgres -y
  compose init lamp --xdebug -y && compose up -d")]
pub struct Init {
    /// What it is
    #[arg(value_enum)]
    stack: Option<Stack>,

    /// Where to; it is made if need be
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    directory: PathBuf,

    /// Name of the project [default: the directory's]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Version of PHP: 8.1, 8.2, 8.3 or 8.4
    #[arg(long, value_name = "VERSION")]
    php: Option<String>,

    /// Further extensions of PHP, as in `gd,intl,zip`
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    extension: Vec<String>,

    /// mysql, mariadb, postgres or none
    #[arg(long, value_name = "DATABASE", hide_possible_values = true)]
    database: Option<Database>,

    /// With a Redis
    #[arg(long)]
    redis: bool,

    /// With a mail catcher
    #[arg(long)]
    mail: bool,

    /// With Xdebug
    #[arg(long)]
    xdebug: bool,

    /// Where it can be reached on this machine
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Replace files that are there
    #[arg(long)]
    force: bool,

    /// Ask nothing
    #[arg(short, long)]
    yes: bool,
}

impl Init {
    /// Writes the files.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let choices = self.choices(cx)?;
        choices.check()?;
        let directory = cx.directory().join(&self.directory);
        let files = files::files(&choices, password);
        let there = files.iter().find(|(name, _)| directory.join(name).exists());
        if let Some((name, _)) = there.filter(|_| !self.force) {
            let message = format!("{} is there already", self.directory.join(name).display());
            let error = Error::new(Kind::Conflict, message);
            return Err(error.hint("--force replaces it; --directory writes elsewhere").into());
        }
        for (name, text) in &files {
            let path = directory.join(name);
            let cannot = || format!("cannot write {}", path.display());
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).context(cannot)?;
            }
            std::fs::write(&path, text).context(cannot)?;
            cx.output().print_line(self.directory.join(name).display().to_string())?;
        }
        let there = match self.directory.as_os_str() == "." {
            true => String::new(),
            false => format!("cd {} && ", self.directory.display()),
        };
        let port = choices.port;
        cx.output()
            .say_line(format!("Now: {there}compose up -d   then http://127.0.0.1:{port}"))?;
        Ok(Exit::Success)
    }

    fn choices(&self, cx: &Context<impl Engine>) -> Result<Choices> {
        let stack = match self.stack {
            Some(stack) => stack,
            None if self.yes => {
                let error = Error::new(Kind::Invalid, "which stack?");
                return Err(error.hint("lamp, lemp, wordpress, node or django").into());
            }
            None => ask::stack(cx)?,
        };
        let usual = Choices::usual(stack, &self.name(cx));
        let choices = Choices {
            php: self.php.clone().unwrap_or(usual.php),
            extensions: self.extension.clone(),
            database: self.database.unwrap_or(usual.database),
            redis: self.redis,
            mail: self.mail,
            xdebug: self.xdebug,
            port: self.port.unwrap_or(usual.port),
            ..usual
        };
        match self.yes {
            true => Ok(choices),
            false => ask::ask(cx, choices),
        }
    }

    /// The given name, or the directory's as far as a project may be called so.
    fn name(&self, cx: &Context<impl Engine>) -> String {
        let directory = cx.directory().join(&self.directory);
        let own = directory.file_name().map(|name| name.to_string_lossy().to_lowercase());
        let name = self.name.clone().or(own).unwrap_or_default();
        let fits = |it: &char| it.is_ascii_alphanumeric() || *it == '-' || *it == '_';
        let name: String = name.to_lowercase().chars().filter(fits).collect();
        match name.trim_start_matches(['-', '_']) {
            "" => "app".to_owned(),
            name => name.to_owned(),
        }
    }
}

/// Letters and digits that nobody guesses.
fn password() -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnopqrstuvwxyz2345678";
    let mut bytes = [0; 24];
    // Without randomness the operating system is not up yet; the compose file then asks for it.
    if getrandom::fill(&mut bytes).is_err() {
        return String::new();
    }
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect()
}
