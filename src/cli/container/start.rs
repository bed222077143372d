//! `container start`: start containers that do not run.

use crate::base::{Error, Kind};
use crate::cli::app::bulk::each_at_once;
use crate::cli::app::options::Switch;
use crate::cli::console::signals::Signals;
use crate::cli::console::stdio::{Talk, with_container};
use crate::cli::console::terminal::size;
use crate::cli::{Context, Exit, Result};
use crate::engine::{AttachOptions, Engine};
use crate::resource::container::State;
use crate::resource::{Container, Observed};

use super::run::not_a_terminal;
use super::{everything, find};

/// Start containers that do not run
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose container start web db       In the background
  compose container start -ai shell    And connect to it")]
pub struct Start {
    /// Which containers
    #[arg(required = true, value_name = "CONTAINER")]
    containers: Vec<String>,

    /// Show its output, hand signals on, and exit as it does
    #[arg(short, long)]
    attach: bool,

    /// Hand standard input on
    #[arg(short, long)]
    interactive: bool,

    /// Keys that leave it running, as in `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS", default_value = "", hide_default_value = true)]
    detach_keys: String,

    /// Hand signals on to it
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true, hide_default_value = true)]
    sig_proxy: Switch,
}

impl Start {
    /// Starts them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = everything(cx).await?;
        if self.attach || self.interactive {
            return self.attached(cx, &observed).await;
        }
        let engine = cx.engine()?;
        each_at_once(cx, &self.containers, async |name| {
            let container = startable(&observed, name)?;
            engine.start_container(&container.id).await.map(drop)
        })
        .await
    }

    async fn attached(&self, cx: &Context<impl Engine>, observed: &Observed) -> Result<Exit> {
        let [name] = &self.containers[..] else {
            let message = "you cannot start and attach multiple containers at once";
            return Err(Error::new(Kind::Invalid, message).into());
        };
        let container = startable(observed, name)?;
        let keys = cx.detach_keys(&self.detach_keys)?;
        let (process, id) = (&container.spec.process, &container.id);
        let stdin = self.interactive && process.stdin_open;
        if process.tty && stdin && !cx.input_is_terminal() {
            return Err(not_a_terminal());
        }
        let size = size().filter(|_| process.tty);
        let options = AttachOptions { stdin, start: !container.status.stays(), size };
        let signals = Signals::listen()?;
        let mut attachment = cx.engine()?.attach(id, &options).await?;
        let keys = process.tty.then_some(keys);
        let talk = with_container(&mut attachment, cx.output(), stdin, keys);
        match cx.with_signals(id, signals, self.sig_proxy.0 && !process.tty, talk).await? {
            Talk::Ended(code) => Ok(Exit::of_program(code)),
            Talk::Detached => Ok(Exit::Success),
        }
    }
}

/// A container that can be started, or runs.
fn startable<'a>(observed: &'a Observed, name: &str) -> crate::base::Result<&'a Container> {
    let container = find(observed, name)?;
    match container.status.state {
        State::Paused => {
            let message = "cannot start a paused container, try unpause instead";
            Err(Error::new(Kind::Conflict, message))
        }
        _ => Ok(container),
    }
}
