//! All commands, and how arguments become one of them.

use std::ffi::OsString;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::base::Context as _;
use crate::cli::app::context::Context;
use crate::cli::app::fast_grammar;
use crate::cli::app::global::Global;
use crate::cli::app::report::{Exit, Result};
use crate::cli::build::Build;
use crate::cli::build::builder::Builder;
use crate::cli::container::Container;
use crate::cli::docker::{Contexts, DockerVersion, Said};
use crate::cli::files::config::Config;
use crate::cli::files::fmt::Fmt;
use crate::cli::files::init::Init;
use crate::cli::files::lint::Lint;
use crate::cli::files::lock::LockImages;
use crate::cli::help::bridge::Bridge;
use crate::cli::help::completion::Completion;
use crate::cli::help::man::Man;
use crate::cli::help::version::Version;
use crate::cli::image::Image;
use crate::cli::network::Network;
use crate::cli::oci::Oci;
use crate::cli::project::attach::Attach;
use crate::cli::project::commit::Commit;
use crate::cli::project::cp::Cp;
use crate::cli::project::create::{Create, Scale};
use crate::cli::project::down::Down;
use crate::cli::project::events::Events;
use crate::cli::project::exec::Exec;
use crate::cli::project::export::Export;
use crate::cli::project::images::Images;
use crate::cli::project::kill::Kill;
use crate::cli::project::logs::Logs;
use crate::cli::project::ls::Ls;
use crate::cli::project::pause::{Pause, Unpause};
use crate::cli::project::port::Port;
use crate::cli::project::ps::Ps;
use crate::cli::project::restart::Restart;
use crate::cli::project::rm::Rm;
use crate::cli::project::run::Run;
use crate::cli::project::start::Start;
use crate::cli::project::stats::Stats;
use crate::cli::project::stop::Stop;
use crate::cli::project::top::Top;
use crate::cli::project::up::Up;
use crate::cli::project::volumes::Volumes;
use crate::cli::project::wait::Wait;
use crate::cli::project::watch::Watch;
use crate::cli::registry::login::Login;
use crate::cli::registry::logout::Logout;
use crate::cli::registry::publish::Publish;
use crate::cli::registry::pull::Pull;
use crate::cli::registry::push::Push;
use crate::cli::registry::{Registry, Search};
use crate::cli::system::inspect::Inspect;
use crate::cli::system::{Info, System};
use crate::cli::volume::Volume;
use crate::engine::Engine;

/// Define and run applications of several containers
///
/// Commands act on the project in this directory: its services, networks and volumes.
#[derive(Parser, Debug)]
#[command(name = "compose")]
struct Arguments {
    #[command(flatten)]
    front: Front,
    #[command(subcommand)]
    command: Command,
}

/// What may stand before the command.
#[derive(clap::Args, Debug)]
#[command(
    disable_version_flag = true,
    infer_long_args = false,
    version = concat!("version v", env!("CARGO_PKG_VERSION"))
)]
struct Front {
    #[command(flatten)]
    global: Global,
    /// Show the version
    #[arg(short = 'v', long, hide = true, action = clap::ArgAction::Version)]
    version: Option<bool>,
}

/// What to do.
#[derive(Subcommand, Debug)]
pub enum Command {
    Attach(Attach),
    Bridge(Bridge),
    Build(Build),
    #[command(subcommand)]
    Builder(Builder),
    Completion(Completion),
    Commit(Commit),
    Config(Config),
    #[command(subcommand)]
    Container(Container),
    #[command(skip)]
    Contexts(Contexts),
    Cp(Cp),
    Create(Create),
    #[command(skip)]
    DockerVersion(DockerVersion),
    Down(Down),
    Events(Events),
    Exec(Exec),
    Export(Export),
    Fmt(Fmt),
    #[command(subcommand)]
    Image(Image),
    Images(Images),
    Init(Init),
    Info(Info),
    Inspect(Inspect),
    Kill(Kill),
    Lint(Lint),
    Lock(LockImages),
    Login(Login),
    Logout(Logout),
    Logs(Logs),
    Ls(Ls),
    Man(Man),
    #[command(subcommand)]
    Network(Network),
    Oci(Oci),
    Pause(Pause),
    Port(Port),
    Ps(Ps),
    Publish(Publish),
    Pull(Pull),
    Push(Push),
    #[command(subcommand)]
    Registry(Registry),
    Restart(Restart),
    Rm(Rm),
    Run(Run),
    #[command(skip)]
    Say(Said),
    Scale(Scale),
    Search(Search),
    Start(Start),
    Stats(Stats),
    Stop(Stop),
    #[command(subcommand)]
    System(System),
    Top(Top),
    Unpause(Unpause),
    Up(Up),
    Wait(Wait),
    Watch(Watch),
    Volumes(Volumes),
    Version(Version),
    #[command(subcommand)]
    Volume(Volume),
}

impl Command {
    /// Does it. Only those that need one get a runtime for asynchronous work.
    ///
    /// # Errors
    /// Whatever went wrong; not reported yet.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        match self {
            Command::Build(command) => wait(command.run(cx)),
            Command::Builder(command) => wait(command.run(cx)),
            Command::Attach(command) => wait(command.run(cx)),
            Command::Bridge(command) => command.run(cx),
            Command::Completion(command) => command.run(cx),
            Command::Commit(command) => wait(command.run(cx)),
            Command::Config(command) => wait(command.run(cx)),
            Command::Container(command) => wait(command.run(cx)),
            Command::Contexts(command) => command.run(cx),
            Command::Cp(command) => wait(command.run(cx)),
            Command::Create(command) => wait(command.run(cx)),
            Command::DockerVersion(command) => command.run(cx),
            Command::Down(command) => wait(command.run(cx)),
            Command::Events(command) => wait(command.run(cx)),
            Command::Exec(command) => wait(command.run(cx)),
            Command::Export(command) => wait(command.run(cx)),
            Command::Fmt(command) => command.run(cx),
            Command::Image(command) => wait(command.run(cx)),
            Command::Images(command) => wait(command.run(cx)),
            Command::Init(command) => command.run(cx),
            Command::Info(command) => wait(command.run(cx)),
            Command::Inspect(command) => wait(command.run(cx)),
            Command::Kill(command) => wait(command.run(cx)),
            Command::Lint(command) => command.run(cx),
            Command::Lock(command) => wait(command.run(cx)),
            Command::Login(command) => wait(command.run(cx)),
            Command::Logout(command) => command.run(cx),
            Command::Logs(command) => wait(command.run(cx)),
            Command::Ls(command) => wait(command.run(cx)),
            Command::Man(command) => command.run(cx),
            Command::Network(command) => wait(command.run(cx)),
            Command::Oci(command) => Ok(Exit::Code(command.run())),
            Command::Pause(command) => wait(command.run(cx)),
            Command::Port(command) => wait(command.run(cx)),
            Command::Ps(command) => wait(command.run(cx)),
            Command::Publish(command) => wait(command.run(cx)),
            Command::Pull(command) => wait(command.run(cx)),
            Command::Push(command) => wait(command.run(cx)),
            Command::Registry(command) => wait(command.run(cx)),
            Command::Restart(command) => wait(command.run(cx)),
            Command::Rm(command) => wait(command.run(cx)),
            Command::Run(command) => wait(command.run(cx)),
            Command::Say(command) => command.run(cx),
            Command::Scale(command) => wait(command.run(cx)),
            Command::Search(command) => wait(command.run(cx)),
            Command::Start(command) => wait(command.run(cx)),
            Command::Stats(command) => wait(command.run(cx)),
            Command::Stop(command) => wait(command.run(cx)),
            Command::System(command) => wait(command.run(cx)),
            Command::Top(command) => wait(command.run(cx)),
            Command::Unpause(command) => wait(command.run(cx)),
            Command::Up(command) => wait(command.run(cx)),
            Command::Wait(command) => wait(command.run(cx)),
            Command::Watch(command) => wait(command.run(cx)),
            Command::Volumes(command) => wait(command.run(cx)),
            Command::Version(command) => command.run(cx),
            Command::Volume(command) => wait(command.run(cx)),
        }
    }
}

/// Runs a command's asynchronous work on this thread.
fn wait(work: impl Future<Output = Result<Exit>>) -> Result<Exit> {
    block_on(work)?
}

/// Runs asynchronous work on this thread.
///
/// # Errors
/// The operating system does not give us what waiting needs.
pub fn block_on<T>(work: impl Future<Output = T>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context(|| "cannot set up asynchronous work".to_owned())?;
    let result = runtime.block_on(work);
    // A thread that still reads standard input must not keep us from ending.
    runtime.shutdown_background();
    Ok(result)
}

/// Reads the arguments, the program's name first.
///
/// # Errors
/// The arguments are wrong, or ask for help: see [`crate::cli::app::report::usage`].
pub fn parse(arguments: &[OsString]) -> Result<(Global, Command), clap::Error> {
    read(arguments, |definition| definition)
}

/// As [`parse`], for a program of another name, which help and errors show.
///
/// # Errors
/// As [`parse`].
pub fn parse_as(arguments: &[OsString], name: &str) -> Result<(Global, Command), clap::Error> {
    read(arguments, |definition| definition.bin_name(name.to_owned()))
}

/// Reads the arguments with the grammar of the command they name, and if that does not do, with
/// all of it, which `named` gives the program's name.
fn read(
    arguments: &[OsString],
    named: impl FnOnce(clap::Command) -> clap::Command,
) -> Result<(Global, Command), clap::Error> {
    let narrow = define_one(arguments).map(|it| understand(it, arguments));
    if let Some(Ok(understood)) = narrow {
        return Ok(understood);
    }
    understand(named(definition_for(arguments)), arguments)
}

fn understand(
    definition: clap::Command,
    arguments: &[OsString],
) -> Result<(Global, Command), clap::Error> {
    let mut matches = definition.try_get_matches_from(arguments)?;
    let arguments = Arguments::from_arg_matches_mut(&mut matches)?;
    Ok((arguments.front.global, arguments.command))
}

/// The global options among words that need not be complete, for a shell that completes them.
#[must_use]
pub fn parse_global(words: &[OsString]) -> Global {
    let found = definition().ignore_errors(true).try_get_matches_from(words);
    found.ok().and_then(|it| Global::from_arg_matches(&it).ok()).unwrap_or_default()
}

/// The whole command line as clap knows it.
#[must_use]
pub fn definition() -> clap::Command {
    define(&|_| true)
}

/// As [`definition`], but complete only in commands that a word names: to read these words, no
/// other is needed, and making room in all of them takes longer than many a command.
fn definition_for(words: &[OsString]) -> clap::Command {
    define(&|command| {
        let mut names = std::iter::once(command.get_name()).chain(command.get_all_aliases());
        names.any(|name| words.iter().any(|word| word == name))
    })
}

/// The grammar of the one command that the words name, if there is one: see [`narrow`].
fn define_one(words: &[OsString]) -> Option<clap::Command> {
    let command = fast_grammar::command(words)?;
    let root = Front::augment_args(clap::Command::new("compose"));
    Some(with_room(fast_grammar::with_one(root, command), &|_| true))
}

fn define(wanted: &dyn Fn(&clap::Command) -> bool) -> clap::Command {
    with_room(Arguments::command(), wanted)
}

/// `root` with its global options in all commands that are wanted.
fn with_room(root: clap::Command, wanted: &dyn Fn(&clap::Command) -> bool) -> clap::Command {
    let global: Vec<_> = root.get_arguments().filter(|arg| arg.is_global_set()).cloned().collect();
    make_room_below(root, &global, wanted)
}

/// Makes room in those commands below this one that are wanted.
fn make_room_below(
    command: clap::Command,
    global: &[clap::Arg],
    wanted: &dyn Fn(&clap::Command) -> bool,
) -> clap::Command {
    let names: Vec<_> = command
        .get_subcommands()
        .filter(|sub| wanted(sub))
        .map(|sub| sub.get_name().to_owned())
        .collect();
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| make_room(sub, global, wanted))
    })
}

/// Gives a command the global options, out of sight in its help, and without the short names that
/// it has a use of its own for (`logs -f`, `run -p`).
fn make_room(
    command: clap::Command,
    global: &[clap::Arg],
    wanted: &dyn Fn(&clap::Command) -> bool,
) -> clap::Command {
    let taken: Vec<_> = command.get_arguments().filter_map(clap::Arg::get_short).collect();
    let long_names: std::collections::BTreeSet<String> =
        command.get_arguments().filter_map(clap::Arg::get_long).map(str::to_owned).collect();
    let own: Vec<_> = command.get_arguments().map(|arg| arg.get_id().clone()).collect();
    // One that a command has itself, under the same id, is the command's there.
    let foreign = global.iter().filter(|arg| !own.contains(arg.get_id()));
    let command = foreign.fold(command, |command, arg| {
        let short = arg.get_short().filter(|short| !taken.contains(short));
        // clap does not hand down a global argument where one with its id is already, but still
        // carries that one's value up. Its other names stay in front of the command: `exec` has a
        // `--workdir` of its own.
        let mut arg = arg.clone().short(short).alias(clap::builder::Resettable::Reset);
        // `image build --file` is the Dockerfile; without any name it would be a word of its own.
        if let Some(long) = arg.get_long().filter(|long| long_names.contains(*long)) {
            let elsewhere = format!("compose-{long}");
            arg = arg.long(elsewhere);
        }
        command.arg(arg.hide(true))
    });
    make_room_below(command, global, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        std::iter::once("compose").chain(line.split_whitespace()).map(OsString::from).collect()
    }

    /// Every command with a grammar of its own: its options are those of the whole grammar.
    #[test]
    fn a_narrow_grammar_is_a_part_of_the_whole_one() {
        for line in fast_grammar::lines() {
            let (one, all) = (define_one(&words(&line)).unwrap(), definition());
            let (mut one, mut all) = (&one, &all);
            for name in line.split(' ') {
                (one, all) =
                    (one.find_subcommand(name).unwrap(), all.find_subcommand(name).unwrap());
            }
            let shown = |it: &clap::Command| {
                let arguments = it.get_arguments().map(|it| format!("{it:?}"));
                (arguments.collect::<Vec<_>>(), it.is_trailing_var_arg_set())
            };
            assert_eq!(shown(one), shown(all), "{line}");
        }
    }

    #[test]
    fn what_a_narrow_grammar_understands_is_what_the_whole_one_does() {
        for line in [
            "up -d --wait web db",
            "-p demo -f up up",
            "-f a.yaml --profile x up -f b.yaml --profile y",
            "--project-directory /x exec -T web sh -c up",
            "run --rm -e A=b -v .:/x web container run",
            "container run --rm -it --name x busybox sh -c ls",
            "container exec -e A -u 1:2 x true",
            "--dry-run container rm -f x y",
            "logs -f --tail 3 web",
            "ps --format json",
            "down -v -t 0",
        ] {
            let narrow = understand(define_one(&words(line)).unwrap(), &words(line)).unwrap();
            let whole = understand(definition(), &words(line)).unwrap();
            assert_eq!(format!("{narrow:?}"), format!("{whole:?}"), "{line}");
        }
    }

    #[test]
    fn what_a_narrow_grammar_does_not_understand_the_whole_one_sees() {
        for line in [
            "-p up down",
            "-p container up",
            "container --help",
            "up --help",
            "up --no-such-option",
            "container list",
            "images up",
        ] {
            let said = |it: Result<(Global, Command), clap::Error>| match it {
                Ok(understood) => format!("{understood:?}"),
                Err(error) => error.to_string(),
            };
            let both = parse(&words(line));
            assert_eq!(said(both), said(understand(definition(), &words(line))), "{line}");
        }
    }
}
