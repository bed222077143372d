//! `container exec`: run a command in a running container.

use std::path::PathBuf;

use crate::base::{Error, Kind};
use crate::cli::console::stdio::{Talk, with_pipes, with_terminal};
use crate::cli::console::terminal::size;
use crate::cli::project::exec::null;
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, Exec as _, ExecStdio, TerminalSize};
use crate::resource::Container;
use crate::resource::container::State;
use crate::resource::process::ExecSpec;

use super::options::variables_of;
use super::run::not_a_terminal;
use super::{everything, find};

/// Run a command in a running container
///
/// The exit code is the command's; 126 if it cannot be executed, 127 if it does not exist.
#[derive(clap::Args, Debug)]
#[command(
    args_override_self = true,
    after_help = "\
Examples:
  compose container exec -it web sh                     A shell
  compose container exec db pg_dump app > app.sql
  compose container exec -u root -w /etc web ls"
)]
pub struct Exec {
    /// The container, then the command and its arguments
    #[arg(required = true, num_args = 2.., trailing_var_arg = true,
        value_names = ["CONTAINER", "COMMAND"])]
    words: Vec<String>,

    /// Run it in the background
    #[arg(short, long)]
    detach: bool,

    /// Keys that leave it running, as in `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true)]
    detach_keys: String,

    /// Set a variable, as in `NAME=value`; without a value: as it is here
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Read variables from a file, one a line
    #[arg(long, value_name = "FILE")]
    env_file: Vec<PathBuf>,

    /// Hand standard input on
    #[arg(short, long)]
    interactive: bool,

    /// With all capabilities
    #[arg(long)]
    privileged: bool,

    /// With a terminal
    #[arg(short, long)]
    tty: bool,

    /// As this user, as in `1000`, `www-data` or `1000:1000`
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// In this directory of the container
    #[arg(short, long = "workdir", id = "directory_inside", value_name = "DIRECTORY")]
    workdir: Option<String>,
}

impl Exec {
    /// Runs it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let keys = cx.detach_keys(&self.detach_keys)?;
        if self.tty && self.interactive && !self.detach && !cx.input_is_terminal() {
            return Err(not_a_terminal());
        }
        let observed = everything(cx).await?;
        let container = find(&observed, &self.words[0])?;
        must_run(container)?;
        let (spec, engine) = (self.spec(cx)?, cx.engine()?);
        if self.detach {
            engine.exec(&container.id, &spec, ExecStdio::Pipes(null()?)).await?;
            return Ok(Exit::Success);
        }
        if !self.tty {
            let stdin = self.interactive;
            let code = with_pipes(engine, &container.id, &spec, cx.output(), stdin).await?;
            return Ok(Exit::of_program(code));
        }
        let size = size().unwrap_or(TerminalSize { rows: 24, columns: 80 });
        let mut exec = engine.exec(&container.id, &spec, ExecStdio::Terminal(size)).await?;
        let code = match exec.terminal() {
            Some(master) => {
                match with_terminal(exec, master, cx.output(), keys, self.interactive).await? {
                    Talk::Ended(code) => code,
                    Talk::Detached => 0,
                }
            }
            None => exec.wait().await?,
        };
        Ok(Exit::of_program(code))
    }

    fn spec(&self, cx: &Context<impl Engine>) -> Result<ExecSpec> {
        let mut env: Vec<String> =
            if self.tty { vec!["TERM=xterm".to_owned()] } else { Vec::new() };
        env.extend(variables_of(cx, &self.env_file)?);
        env.extend(cx.variables(&self.env));
        Ok(ExecSpec {
            argv: self.words[1..].to_vec(),
            env,
            cwd: self.workdir.clone(),
            user: self.user.clone(),
            tty: self.tty,
            privileged: self.privileged,
        })
    }
}

fn must_run(container: &Container) -> Result<()> {
    let id = &container.id;
    let message = match container.status.state {
        State::Running => return Ok(()),
        State::Paused => format!("Container {id} is paused, unpause the container before exec"),
        State::Restarting => {
            format!("Container {id} is restarting, wait until the container is running")
        }
        _ => format!("container {id} is not running"),
    };
    Err(Error::new(Kind::Conflict, message).into())
}
