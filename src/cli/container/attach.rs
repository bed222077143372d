//! `container attach`: connect to a container's own input and output.

use crate::base::{Error, Kind};
use crate::cli::app::options::Switch;
use crate::cli::console::signals::Signals;
use crate::cli::console::stdio::{Talk, with_container};
use crate::cli::console::terminal::size;
use crate::cli::{Context, Exit, Result};
use crate::engine::{AttachOptions, Engine};
use crate::resource::container::State;

use super::run::not_a_terminal;
use super::{everything, find};

/// Connect to a container's own input and output
///
/// The detach keys leave it running; the end of its program is the end of this too.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container attach shell              Detach with Ctrl-P Ctrl-Q
  compose container attach --no-stdin web     Only watch")]
pub struct Attach {
    /// Which container
    container: String,

    /// Keys that leave it running, as in `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true)]
    detach_keys: String,

    /// Do not hand standard input on
    #[arg(long)]
    no_stdin: bool,

    /// Hand signals on to it
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, hide_default_value = true)]
    sig_proxy: Switch,
}

impl Attach {
    /// Connects.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let keys = cx.detach_keys(&self.detach_keys)?;
        let observed = everything(cx).await?;
        let container = find(&observed, &self.container)?;
        let message = match container.status.state {
            State::Running => "",
            State::Paused => "You cannot attach to a paused container, unpause it first",
            State::Restarting => {
                "You cannot attach to a restarting container, wait until it is running"
            }
            _ => "You cannot attach to a stopped container, start it first",
        };
        if !message.is_empty() {
            return Err(Error::new(Kind::Invalid, message).into());
        }
        let process = &container.spec.process;
        let stdin = process.stdin_open && !self.no_stdin;
        if process.tty && stdin && !cx.input_is_terminal() {
            return Err(not_a_terminal());
        }
        let size = size().filter(|_| process.tty);
        let options = AttachOptions { stdin, start: false, size };
        let signals = Signals::listen()?;
        let mut attachment = cx.engine()?.attach(&container.id, &options).await?;
        let talk = with_container(&mut attachment, cx.output(), stdin, process.tty.then_some(keys));
        let forward = self.sig_proxy.0 && !process.tty;
        match cx.with_signals(&container.id, signals, forward, talk).await? {
            Talk::Ended(code) => Ok(Exit::of_program(code)),
            Talk::Detached => {
                cx.output().say_line("read escape sequence")?;
                Ok(Exit::Success)
            }
        }
    }
}
