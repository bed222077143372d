//! `docker VERB`: Docker's grammar, and which of our commands each verb is.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::cli::app::address::Address;
use crate::cli::app::command::Command;
use crate::cli::app::global::Global;
use crate::cli::build::builder::Builder;
use crate::cli::container::{self, Container};
use crate::cli::image::{self, Image};
use crate::cli::network::Network;
use crate::cli::registry::Search;
use crate::cli::registry::login::Login;
use crate::cli::registry::logout::Logout;
use crate::cli::system::inspect::Inspect;
use crate::cli::system::{Events, Info, System};
use crate::cli::volume::Volume;

use super::{Contexts, DockerVersion, Said, version};

/// Single containers, images, networks and volumes, as Docker's command line has them
///
/// `docker compose` acts on the project in this directory.
#[derive(Parser, Debug)]
#[command(name = "docker", disable_version_flag = true, infer_long_args = false)]
struct Docker {
    /// Print the version
    #[arg(short, long)]
    version: bool,

    #[command(flatten)]
    remote: Remote,

    #[command(subcommand)]
    verb: Option<Verb>,
}

/// Docker's options about where its engine is. Any other machine than this one is refused.
#[derive(clap::Args, Debug)]
struct Remote {
    /// Directory of the client's configuration
    #[arg(long, value_name = "DIRECTORY", hide = true)]
    config: Option<PathBuf>,
    /// Name of an address, which must be this machine's
    #[arg(short, long, value_name = "NAME", hide = true)]
    context: Option<String>,
    /// Accepted for old scripts
    #[arg(short = 'D', long, hide = true)]
    debug: bool,
    /// Address of the engine, which must be this machine's
    #[arg(short = 'H', long, value_name = "SOCKET", hide = true)]
    host: Vec<String>,
    /// Accepted for old scripts
    #[arg(short, long, value_name = "LEVEL", hide = true)]
    log_level: Option<String>,
}

impl Remote {
    fn address(&self) -> Address {
        let (hosts, context) = (self.host.clone(), self.context.clone());
        Address { hosts, context, config: self.config.clone() }
    }
}

#[derive(Subcommand, Debug)]
enum Verb {
    Attach(container::Attach),
    Build(Box<image::Build>),
    #[command(subcommand)]
    Builder(Builder),
    #[command(subcommand)]
    Buildx(Buildx),
    Commit(container::Commit),
    #[command(subcommand)]
    Container(Container),
    #[command(subcommand)]
    Context(Contexts),
    Cp(container::Cp),
    Create(Box<container::Create>),
    Diff(container::Diff),
    Events(Events),
    Exec(container::Exec),
    Export(container::Export),
    History(image::History),
    #[command(subcommand)]
    Image(Image),
    Images(image::Ls),
    Import(image::Import),
    Info(Info),
    Inspect(Inspect),
    Kill(container::Kill),
    Load(image::Load),
    Login(Login),
    Logout(Logout),
    Logs(container::Logs),
    #[command(subcommand)]
    Network(Network),
    Pause(container::Pause),
    Port(container::Port),
    Ps(container::Ls),
    Pull(image::Pull),
    Push(image::Push),
    Rename(container::Rename),
    Restart(container::Restart),
    Rm(container::Rm),
    Rmi(image::Rm),
    Run(Box<container::Run>),
    Save(image::Save),
    Search(Search),
    Start(container::Start),
    Stats(container::Stats),
    Stop(container::Stop),
    #[command(subcommand)]
    System(System),
    Tag(image::Tag),
    Top(container::Top),
    Unpause(container::Unpause),
    Update(container::Update),
    Version(DockerVersion),
    #[command(subcommand)]
    Volume(Volume),
    Wait(container::Wait),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Docker's other name for its builder
#[derive(Subcommand, Debug)]
enum Buildx {
    Build(Box<image::Build>),
    #[command(flatten)]
    Builder(Builder),
    /// Show the builder: there is one, and it is part of this program
    Ls,
    /// Show the builder's version, which is this program's
    Version,
}

impl Buildx {
    /// What is said of the one builder that there is.
    fn said(list: bool) -> Said {
        let (version, platform) = (env!("CARGO_PKG_VERSION"), crate::docker::architecture());
        let text = match list {
            true => format!(
                "NAME/NODE     DRIVER/ENDPOINT   STATUS    BUILDKIT   PLATFORMS\n\
                 default*      compose                                \n \\_ default    \\_ default        \
                 running   {version}      linux/{platform}\n"
            ),
            false => format!("compose v{version}, a builder of its own\n"),
        };
        Said { text, code: 0 }
    }
}

/// Reads a command line, the program's name first.
///
/// # Errors
/// The arguments are wrong, or ask for help or the version.
pub fn parse(arguments: Vec<OsString>) -> Result<(Global, Command), clap::Error> {
    let mut matches = definition().try_get_matches_from(arguments)?;
    let docker = Docker::from_arg_matches_mut(&mut matches)?;
    let command = match docker.verb {
        _ if docker.version => Command::Say(Said { text: version::line() + "\n", code: 0 }),
        None => Command::Say(Said { text: definition().render_help().to_string(), code: 0 }),
        Some(verb) => command(verb),
    };
    Ok((Global::addressed(docker.remote.address()), command))
}

/// The whole grammar; examples say `docker` where ours say `compose`.
fn definition() -> clap::Command {
    let mut root = Docker::command();
    let names: Vec<_> = root.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    for name in names {
        root = root.mut_subcommand(name, speak_docker);
    }
    root
}

fn speak_docker(command: clap::Command) -> clap::Command {
    let names: Vec<_> = command.get_subcommands().map(|it| it.get_name().to_owned()).collect();
    let command = match command.get_after_help().map(ToString::to_string) {
        Some(examples) => command.after_help(examples.replace("  compose ", "  docker ")),
        None => command,
    };
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, speak_docker))
}

fn command(verb: Verb) -> Command {
    match verb {
        Verb::Builder(command) | Verb::Buildx(Buildx::Builder(command)) => {
            Command::Builder(command)
        }
        Verb::Buildx(Buildx::Ls) => Command::Say(Buildx::said(true)),
        Verb::Buildx(Buildx::Version) => Command::Say(Buildx::said(false)),
        Verb::Container(command) => Command::Container(command),
        Verb::Context(command) => Command::Contexts(command),
        Verb::Events(command) => Command::System(System::Events(command)),
        Verb::Image(command) => Command::Image(command),
        Verb::Info(command) => Command::Info(command),
        Verb::Inspect(command) => Command::Inspect(command),
        Verb::Login(command) => Command::Login(command),
        Verb::Logout(command) => Command::Logout(command),
        Verb::Network(command) => Command::Network(command),
        Verb::Search(command) => Command::Search(command),
        Verb::System(command) => Command::System(command),
        Verb::Version(command) => Command::DockerVersion(command),
        Verb::Volume(command) => Command::Volume(command),
        Verb::Other(words) => Command::Say(unknown(&words)),
        verb => match on_images(verb) {
            Ok(command) => Command::Image(command),
            Err(verb) => match on_containers(*verb) {
                Some(command) => Command::Container(command),
                None => Command::Say(unknown(&[])),
            },
        },
    }
}

/// Verbs that are about an image.
fn on_images(verb: Verb) -> Result<Image, Box<Verb>> {
    Ok(match verb {
        Verb::Build(command) | Verb::Buildx(Buildx::Build(command)) => Image::Build(command),
        Verb::History(command) => Image::History(command),
        Verb::Images(command) => Image::Ls(command),
        Verb::Import(command) => Image::Import(command),
        Verb::Load(command) => Image::Load(command),
        Verb::Pull(command) => Image::Pull(command),
        Verb::Push(command) => Image::Push(command),
        Verb::Rmi(command) => Image::Rm(command),
        Verb::Save(command) => Image::Save(command),
        Verb::Tag(command) => Image::Tag(command),
        other => return Err(Box::new(other)),
    })
}

/// Verbs that are about a container: all the others.
fn on_containers(verb: Verb) -> Option<Container> {
    Some(match verb {
        Verb::Attach(command) => Container::Attach(command),
        Verb::Commit(command) => Container::Commit(command),
        Verb::Cp(command) => Container::Cp(command),
        Verb::Create(command) => Container::Create(command),
        Verb::Diff(command) => Container::Diff(command),
        Verb::Exec(command) => Container::Exec(command),
        Verb::Export(command) => Container::Export(command),
        Verb::Kill(command) => Container::Kill(command),
        Verb::Logs(command) => Container::Logs(command),
        Verb::Pause(command) => Container::Pause(command),
        Verb::Port(command) => Container::Port(command),
        Verb::Ps(command) => Container::Ls(command),
        Verb::Rename(command) => Container::Rename(command),
        Verb::Restart(command) => Container::Restart(command),
        Verb::Rm(command) => Container::Rm(command),
        Verb::Run(command) => Container::Run(command),
        Verb::Start(command) => Container::Start(command),
        Verb::Stats(command) => Container::Stats(command),
        Verb::Stop(command) => Container::Stop(command),
        Verb::Top(command) => Container::Top(command),
        Verb::Unpause(command) => Container::Unpause(command),
        Verb::Update(command) => Container::Update(command),
        Verb::Wait(command) => Container::Wait(command),
        _ => return None,
    })
}

/// Families of Docker's that need what this is not: a cluster, a daemon.
const ABSENT: [(&str, &str); 10] = [
    ("checkpoint", "containers cannot be frozen to disk here"),
    ("config", "it is for clusters, and this is one machine"),
    ("manifest", "images for several platforms are not put together here"),
    ("node", "it is for clusters, and this is one machine"),
    ("plugin", "there is no daemon that could have plugins"),
    ("secret", "it is for clusters, and this is one machine: `docker compose` has secrets"),
    ("service", "it is for clusters, and this is one machine: `docker compose` has services"),
    ("stack", "it is for clusters, and this is one machine: `docker compose up` is the way"),
    ("swarm", "it is for clusters, and this is one machine"),
    ("trust", "signatures of Docker's old kind are not checked"),
];

fn unknown(words: &[String]) -> Said {
    let name = words.first().map_or("", String::as_str);
    let text = match ABSENT.iter().find(|(absent, _)| *absent == name) {
        Some((_, why)) => format!("docker {name} is not supported: {why}\n"),
        None => format!(
            "docker: unknown command: docker {name}\n\nRun 'docker --help' for more information\n"
        ),
    };
    Said { text, code: 1 }
}
