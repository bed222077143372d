//! `attach`: connect to a container's own input and output.

use crate::base::{Error, Kind};
use crate::cli::app::options::Switch;
use crate::cli::console::signals::Signals;
use crate::cli::console::stdio::{Talk, with_container};
use crate::cli::console::terminal::size;
use crate::cli::{Context, Exit, Result};
use crate::engine::{AttachOptions, Engine};

/// Connect to the input and output of a service's container
///
/// The detach keys leave it running; the end of its program is the end of this too.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose attach web                          Detach with Ctrl-P Ctrl-Q
  compose attach --no-stdin --index 2 worker  Only watch
  compose attach --detach-keys ctrl-x web")]
pub struct Attach {
    /// The service
    service: String,

    /// Keys that leave it, as in `ctrl-p,ctrl-q`
    #[arg(long, value_name = "KEYS", default_value = "")]
    detach_keys: String,

    /// Number of the replica [default: the first]
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    index: u32,

    /// Do not hand standard input on
    #[arg(long)]
    no_stdin: bool,

    /// Hand signals on to the container
    #[arg(long, value_name = "BOOL", default_value = "true", default_missing_value = "true",
        num_args = 0..=1, require_equals = true)]
    sig_proxy: Switch,
}

impl Attach {
    /// Connects.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let keys = cx.detach_keys(&self.detach_keys)?;
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let container = subject.replica(&observed, &self.service, self.index)?;
        if !container.status.state.is_active() {
            let error =
                Error::new(Kind::Conflict, "cannot attach to a stopped container, start it first");
            return Err(error.hint(format!("`compose up -d {}` starts it", self.service)).into());
        }
        let process = &container.spec.process;
        // Whoever types needs a terminal here; whoever only watches does not.
        let tty = process.tty && cx.input_is_terminal();
        let stdin = process.stdin_open && !self.no_stdin;
        let options = AttachOptions { stdin, start: false, size: size().filter(|_| tty) };
        let (engine, signals) = (cx.engine()?, Signals::listen()?);
        let mut attachment = engine.attach(&container.id, &options).await?;
        let talk = with_container(&mut attachment, cx.output(), stdin, tty.then_some(keys));
        let proxied = self.sig_proxy.0 && !tty;
        match cx.with_signals(&container.id, signals, proxied, talk).await? {
            Talk::Ended(code) => Ok(Exit::of_program(code)),
            Talk::Detached => {
                cx.output().say_line("read escape sequence")?;
                Ok(Exit::Success)
            }
        }
    }
}
