//! `exec`: run a command in a running container.

use std::os::fd::OwnedFd;

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::options::Switch;
use crate::cli::console::stdio::{Talk, with_pipes, with_terminal};
use crate::cli::console::terminal::{is_interactive, size};
use crate::cli::{Context, Exit, Result};
use crate::engine::{Engine, Exec as _, ExecStdio, TerminalSize};
use crate::resource::Container;
use crate::resource::container::State;
use crate::resource::process::ExecSpec;

/// Run a command in a running container
///
/// With a terminal if there is one here. The exit code is the command's.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose exec web sh                        A shell
  compose exec -T db pg_dump app > app.sql   Without a terminal, into a file
  compose exec -u 1000 -w /srv -e A=b --index 2 web env")]
pub struct Exec {
    /// The service
    service: String,

    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,

    /// Run it in the background
    #[arg(short, long)]
    detach: bool,

    /// Set a variable, as in `NAME=value`; without a value: as it is here
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// Number of the replica [default: the first]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Without a terminal, even if there is one here
    #[arg(short = 'T', long = "no-tty", alias = "no-TTY")]
    no_tty: bool,

    /// With all capabilities
    #[arg(long)]
    privileged: bool,

    /// As this user, as in `1000`, `www-data` or `1000:1000`
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,

    /// In this directory of the container
    #[arg(short, long, value_name = "DIRECTORY")]
    workdir: Option<String>,

    #[command(flatten)]
    interactive: Interactive,
}

/// Options that are on anyway, and that people type all the same.
#[derive(clap::Args, Debug)]
pub struct Interactive {
    /// Hand standard input on
    #[arg(short, long, hide = true, default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true)]
    pub interactive: Switch,

    /// With a terminal
    #[arg(short, long, hide = true, default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true)]
    pub tty: Switch,
}

impl Exec {
    /// Runs it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let container = subject.replica(&observed, &self.service, self.index)?;
        self.must_run(container)?;
        let tty = !self.no_tty && self.interactive.tty.0 && !self.detach && is_interactive();
        let spec = self.spec(cx, tty);
        let engine = cx.engine()?;
        if self.detach {
            engine.exec(&container.id, &spec, ExecStdio::Pipes(null()?)).await?;
            return Ok(Exit::Success);
        }
        let stdin = self.interactive.interactive.0;
        if !tty {
            let code = with_pipes(engine, &container.id, &spec, cx.output(), stdin).await?;
            return Ok(Exit::of_program(code));
        }
        let keys = cx.detach_keys("")?;
        let size = size().unwrap_or(TerminalSize { rows: 24, columns: 80 });
        let mut exec = engine.exec(&container.id, &spec, ExecStdio::Terminal(size)).await?;
        let code = match exec.terminal() {
            Some(master) => match with_terminal(exec, master, cx.output(), keys, true).await? {
                Talk::Ended(code) => code,
                Talk::Detached => 0,
            },
            None => exec.wait().await?,
        };
        Ok(Exit::of_program(code))
    }

    fn must_run(&self, container: &Container) -> Result<()> {
        let (name, service) = (&container.spec.name, &self.service);
        let message = match (container.status.state, self.index) {
            (State::Running, _) => return Ok(()),
            (State::Paused, _) => {
                format!("Container {name} is paused, unpause the container before exec")
            }
            (_, 0) => format!("service {service:?} is not running"),
            (_, index) => format!("service {service:?} is not running container #{index}"),
        };
        let hint = match container.status.state {
            State::Paused => format!("`compose unpause {service}` lets it go on"),
            _ => format!("`compose up -d {service}` starts it"),
        };
        Err(Error::new(Kind::Conflict, message).hint(hint).into())
    }

    fn spec(&self, cx: &Context<impl Engine>, tty: bool) -> ExecSpec {
        let mut env: Vec<String> = if tty { vec!["TERM=xterm".to_owned()] } else { Vec::new() };
        env.extend(cx.variables(&self.env));
        ExecSpec {
            argv: self.command.clone(),
            env,
            cwd: self.workdir.clone(),
            user: self.user.clone(),
            tty,
            privileged: self.privileged,
        }
    }
}

/// Three streams with nothing at the other end.
///
/// # Errors
/// No descriptors are left.
pub fn null() -> Result<[OwnedFd; 3]> {
    let open = || {
        let file = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null");
        file.map(OwnedFd::from).context(|| "cannot open /dev/null".to_owned())
    };
    Ok([open()?, open()?, open()?])
}
