//! The program in a container: command, variables, user, terminal, labels.

use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::compose::Service;
use crate::engine::Engine;

use super::{lines, pair, variables_of};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Program")]
pub struct Program {
    /// A program instead of the image's entrypoint; empty: none
    #[arg(long, value_name = "PROGRAM")]
    entrypoint: Option<String>,

    /// Set a variable, as in `NAME=value`; without a value: as it is here
    #[arg(short, long = "env", value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Read variables from a file, one a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,

    /// Hand standard input on, and keep it open
    #[arg(short, long)]
    pub interactive: bool,

    /// With a terminal
    #[arg(short, long)]
    pub tty: bool,

    /// As this user, as in `1000`, `www-data` or `1000:1000`
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// Add a group, by name or number
    #[arg(long, value_name = "GROUP")]
    group_add: Vec<String>,

    /// In this directory of the container
    #[arg(short, long = "workdir", id = "directory_inside", value_name = "DIRECTORY")]
    workdir: Option<String>,

    /// Add a label
    #[arg(short, long, value_name = "NAME=VALUE")]
    label: Vec<String>,

    /// Read labels from a file, one a line
    #[arg(long, value_name = "FILE")]
    label_file: Vec<PathBuf>,

    /// Add an annotation for the OCI runtime
    #[arg(long, value_name = "NAME=VALUE")]
    annotation: Vec<String>,

    /// Run an init that reaps processes and forwards signals
    #[arg(long)]
    init: bool,
}

impl Program {
    pub fn apply(&self, cx: &Context<impl Engine>, service: &mut Service) -> Result<()> {
        service.entrypoint = self.entrypoint.as_ref().map(|program| match program.as_str() {
            "" => Vec::new(),
            program => vec![program.to_owned()],
        });
        self.variables(cx, service)?;
        self.labels(cx, service)?;
        service.stdin_open = self.interactive;
        service.tty = self.tty;
        service.user.clone_from(&self.user);
        service.group_add.clone_from(&self.group_add);
        if let Some(directory) = self.workdir.as_ref().filter(|it| !it.starts_with('/')) {
            // Docker: the same words.
            let message = format!(
                "the working directory '{directory}' is invalid, it needs to be an absolute path"
            );
            return Err(Error::new(Kind::Invalid, message));
        }
        service.working_dir.clone_from(&self.workdir);
        service.init = self.init.then_some(true);
        Ok(())
    }

    /// Those of files first; a name without a value takes it from here, or takes it away.
    fn variables(&self, cx: &Context<impl Engine>, service: &mut Service) -> Result<()> {
        let here = |name: &str| cx.environment().get(name).map(str::to_owned);
        for text in variables_of(cx, &self.env_file)?.iter().chain(&self.env) {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text.as_str(), here(text)),
            };
            if name.is_empty() {
                let message = format!("invalid environment variable: {text:?}");
                return Err(Error::new(Kind::Invalid, message).hint("write NAME=VALUE, or NAME"));
            }
            service.environment.insert(name.to_owned(), value);
        }
        Ok(())
    }

    fn labels(&self, cx: &Context<impl Engine>, service: &mut Service) -> Result<()> {
        for path in &self.label_file {
            let lines = lines::read(&cx.directory().join(path))?;
            let labels = lines.into_iter().map(|(name, value)| (name, value.unwrap_or_default()));
            service.labels.extend(labels);
        }
        for text in &self.label {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            service.labels.insert(name.to_owned(), value.to_owned());
        }
        for text in &self.annotation {
            let (name, value) = pair(text, "--annotation")?;
            service.annotations.insert(name, value);
        }
        Ok(())
    }
}
