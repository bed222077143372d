//! `container …`: single containers, whatever project they belong to.

mod attach;
mod commit;
mod cp;
mod create;
mod diff;
mod exec;
mod export;
mod fetch;
mod filter;
mod find;
mod inspect;
mod kill;
mod logs;
pub mod ls;
mod make;
mod names;
mod options;
mod pause;
mod port;
mod prune;
mod rename;
mod rm;
mod run;
mod start;
mod stats;
mod stop;
mod top;
mod update;
mod wait;

use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Observed;
use crate::resource::observed::Scope;

pub use attach::Attach;
pub use commit::Commit;
pub use cp::Cp;
pub use create::Create;
pub use diff::Diff;
pub use exec::Exec;
pub use export::Export;
pub use find::find;
pub use inspect::{Inspect, inspect};
pub use kill::Kill;
pub use logs::Logs;
pub use ls::Ls;
pub use make::default_network;
pub use options::{BRIDGE, check_bridge};
pub use pause::{Pause, Unpause};
pub use port::Port;
pub use prune::{Prune, prune};
pub use rename::Rename;
pub use rm::Rm;
pub use run::Run;
pub use start::Start;
pub use stats::Stats;
pub use stop::{Restart, Stop};
pub use top::Top;
pub use update::Update;
pub use wait::Wait;

/// Manage single containers
#[derive(clap::Subcommand, Debug)]
pub enum Container {
    Attach(Attach),
    Commit(Commit),
    Cp(Cp),
    Create(Box<Create>),
    Diff(Diff),
    Exec(Exec),
    Export(Export),
    Inspect(Inspect),
    Kill(Kill),
    Logs(Logs),
    #[command(visible_aliases = ["list", "ps"])]
    Ls(Ls),
    Pause(Pause),
    Port(Port),
    Prune(Prune),
    Rename(Rename),
    Restart(Restart),
    #[command(visible_alias = "remove")]
    Rm(Rm),
    Run(Box<Run>),
    Start(Start),
    Stats(Stats),
    Stop(Stop),
    Top(Top),
    Unpause(Unpause),
    Update(Update),
    Wait(Wait),
}

impl Container {
    /// Hands on to the command.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Container::Attach(command) => command.run(cx).await,
            Container::Commit(command) => command.run(cx).await,
            Container::Cp(command) => command.run(cx).await,
            Container::Create(command) => command.run(cx).await,
            Container::Diff(command) => command.run(cx).await,
            Container::Exec(command) => command.run(cx).await,
            Container::Export(command) => command.run(cx).await,
            Container::Inspect(command) => command.run(cx).await,
            Container::Kill(command) => command.run(cx).await,
            Container::Logs(command) => command.run(cx).await,
            Container::Ls(command) => command.run(cx).await,
            Container::Pause(command) => command.run(cx).await,
            Container::Port(command) => command.run(cx).await,
            Container::Prune(command) => command.run(cx).await,
            Container::Rename(command) => command.run(cx).await,
            Container::Restart(command) => command.run(cx).await,
            Container::Rm(command) => command.run(cx).await,
            Container::Run(command) => command.run(cx).await,
            Container::Start(command) => command.run(cx).await,
            Container::Stats(command) => command.run(cx).await,
            Container::Stop(command) => command.run(cx).await,
            Container::Top(command) => command.run(cx).await,
            Container::Unpause(command) => command.run(cx).await,
            Container::Update(command) => command.run(cx).await,
            Container::Wait(command) => command.run(cx).await,
        }
    }
}

/// Everything that exists.
async fn everything(cx: &Context<impl Engine>) -> Result<Observed> {
    Ok(cx.engine()?.observe(&Scope::default()).await?)
}
