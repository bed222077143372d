//! `container run`: a new container, from its image to its exit code.

use clap::ValueEnum;

use crate::base::{ContainerId, Error, Kind};
use crate::cli::app::options::Switch;
use crate::cli::app::report::Failure;
use crate::cli::console::signals::Signals;
use crate::cli::console::stdio::{Talk, with_container};
use crate::cli::console::terminal::{DetachKeys, size};
use crate::cli::{Context, Exit, Result};
use crate::engine::{AttachOptions, Engine, RemoveOptions};

use super::make::draft;
use super::options::Options;

/// Run a command in a new container
///
/// The exit code is the command's; 125 if there was none to run, 126 if it cannot be executed, 127
/// if it does not exist.
#[derive(clap::Args, Debug)]
#[command(
    disable_help_flag = true,
    args_override_self = true,
    after_help = "\
Examples:
  compose container run -it --rm debian bash                   A shell, gone afterwards
  compose container run -d --name web -p 8080:80 nginx         A server in the background
  compose container run --rm -v ./site:/srv -w /srv node:22 npm test
  compose container run -d --restart unless-stopped --memory 512m redis"
)]
pub struct Run {
    /// Run it in the background, and print its id
    #[arg(short, long)]
    detach: bool,

    /// Connect only these streams: stdin, stdout, stderr
    #[arg(short, long, value_name = "STREAM", ignore_case = true)]
    attach: Vec<Attached>,

    /// Keys that leave it running, as in `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true)]
    detach_keys: String,

    /// Hand signals on to it
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, hide_default_value = true)]
    sig_proxy: Switch,

    #[command(flatten)]
    options: Options,

    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

/// A stream to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Attached {
    Stdin,
    Stdout,
    Stderr,
}

impl Run {
    /// Makes it, starts it, and stays until it ends.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        self.check(cx)?;
        let keys = cx.detach_keys(&self.detach_keys)?;
        let (engine, mut signals) = (cx.engine()?, Signals::listen()?);
        let draft = signals.during(draft(cx, &self.options)).await.map_err(before_start)?;
        let id = draft.create(engine).await.map_err(before_start)?;
        if let Err(failure) = signals.none_yet().await {
            return Err(self.not_started(cx, &id, failure).await);
        }
        if self.detach {
            match engine.start_container(&id).await {
                Ok(_) => cx.output().print_line(id.as_str())?,
                Err(error) => return Err(self.not_started(cx, &id, error.into()).await),
            }
            return Ok(Exit::Success);
        }
        let talk = match self.talk(cx, &id, signals, keys).await {
            Ok(talk) => talk,
            Err(failure) => return Err(self.not_started(cx, &id, failure).await),
        };
        if self.options.life.rm && talk != Talk::Detached {
            let options = RemoveOptions { volumes: true, force: true };
            engine.remove_container(&id, &options).await?;
        }
        Ok(match talk {
            Talk::Ended(code) => Exit::of_program(code),
            Talk::Detached => Exit::Success,
        })
    }

    fn check(&self, cx: &Context<impl Engine>) -> Result<()> {
        if self.detach && !self.attach.is_empty() {
            let message = "conflicting options: cannot specify both --attach and --detach";
            return Err(Failure::Coded(Error::new(Kind::Invalid, message), 125));
        }
        let typed = self.stdin() && !self.detach;
        if self.options.tty() && typed && !cx.input_is_terminal() {
            return Err(not_a_terminal());
        }
        Ok(())
    }

    fn stdin(&self) -> bool {
        match self.attach.is_empty() {
            true => self.options.interactive(),
            false => self.attach.contains(&Attached::Stdin),
        }
    }

    /// Starts it with us at the other end of its streams.
    async fn talk<E: Engine>(
        &self,
        cx: &Context<E>,
        id: &ContainerId,
        mut signals: Signals,
        keys: DetachKeys,
    ) -> Result<Talk> {
        let (tty, stdin) = (self.options.tty(), self.stdin());
        let options = AttachOptions { stdin, start: true, size: size().filter(|_| tty) };
        let engine = cx.engine()?;
        let mut attachment = engine.attach(id, &options).await?;
        signals.stop_what_begins(engine, id).await?;
        // Docker: who sees none of its output gets its id, as with `--detach`.
        if self.attach == [Attached::Stdin] {
            cx.output().print_line(id.as_str())?;
        }
        let shows = |stream| self.attach.is_empty() || self.attach.contains(&stream);
        let output = cx.output().only(shows(Attached::Stdout), shows(Attached::Stderr));
        let talk = with_container(&mut attachment, &output, stdin, tty.then_some(keys));
        cx.with_signals(id, signals, self.sig_proxy.0 && !tty, talk).await
    }

    /// A container that did not start stays, unless it was to be removed at its end.
    async fn not_started<E: Engine>(
        &self,
        cx: &Context<E>,
        id: &ContainerId,
        failure: Failure,
    ) -> Failure {
        if self.options.life.rm
            && let Ok(engine) = cx.engine()
        {
            let options = RemoveOptions { volumes: true, force: true };
            // The reason why it did not start says more than why it cannot be removed.
            let _ = engine.remove_container(id, &options).await;
        }
        before_start(failure)
    }
}

/// There is a terminal to be had only where there is one.
pub fn not_a_terminal() -> Failure {
    Error::new(Kind::Invalid, "the input device is not a TTY")
        .hint("without -t it can be piped into")
        .into()
}

/// Docker: 125 where no program was started, 126 and 127 as shells.
fn before_start(failure: Failure) -> Failure {
    match failure {
        Failure::Error(error) => {
            let code = match error.kind() {
                Kind::NotExecutable => 126,
                Kind::NoSuchProgram => 127,
                Kind::Interrupted => 130,
                _ => 125,
            };
            Failure::Coded(error, code)
        }
        other => other,
    }
}
