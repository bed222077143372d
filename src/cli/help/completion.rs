//! `completion`: shells complete commands, options, and the names of what exists.
//!
//! The script that a shell reads is short: it calls this program again, with [`VARIABLE`] set, for
//! the words that may follow. What they are is known from the definition of the command line; where
//! a name of something is wanted, the compose files and the engine's records are looked at.

use std::ffi::{OsStr, OsString};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Arg, ValueEnum};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use crate::base::{self, Error};
use crate::cli::app::command::{self, definition};
use crate::cli::app::output::Output;
use crate::cli::app::selection::service_of;
use crate::cli::{Context, Exit, Result, Surroundings};
use crate::compose::LoadOptions;
use crate::engine::Engine;
use crate::engine::host::Host;
use crate::resource::Observed;
use crate::resource::observed::Scope;
use crate::state::Roots;

/// Names the shell that asks for words.
pub const VARIABLE: &str = "COMPOSE_COMPLETE";

/// Print a script that completes commands, services, containers and images
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose completion bash > /etc/bash_completion.d/compose
  compose completion fish | source
  source <(compose completion zsh)    In this shell; in ~/.zshrc, in every one")]
pub struct Completion {
    /// The shell
    shell: Shell,
}

/// Shells that we know.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Shell {
    fn completer(self) -> &'static dyn EnvCompleter {
        match self {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
        }
    }
}

impl Completion {
    /// Prints the script.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut script = Vec::new();
        let failed = |error| Error::other("cannot write the script").with_source(error);
        self.shell
            .completer()
            .write_registration(VARIABLE, "compose", "compose", "compose", &mut script)
            .map_err(failed)?;
        cx.output().print(script)?;
        Ok(Exit::Success)
    }
}

/// Answers a shell: `arguments` are `compose -- compose up w`. Whatever is wrong, the shell gets
/// no words, and the user's line is left alone.
pub fn answer(shell: &OsStr, arguments: &[OsString]) -> ExitCode {
    let Ok(shell) = Shell::from_str(&shell.to_string_lossy(), true) else {
        return ExitCode::FAILURE;
    };
    let words: Vec<OsString> =
        arguments.iter().skip_while(|word| *word != "--").skip(1).cloned().collect();
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|it| it.parse().ok());
    let index = index.unwrap_or(words.len().saturating_sub(1));
    let mut command = with_names(&words, index, Surroundings::of_process(), Host::open);
    let (mut text, output) = (Vec::new(), Output::of_process());
    let here = std::env::current_dir().ok();
    let written = shell.completer().write_complete(&mut command, words, here.as_deref(), &mut text);
    match written.is_ok() && output.print(text).is_ok() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Words that may stand at `index` of a command line, as a shell would get them.
pub fn candidates<E: Engine + 'static>(
    words: &[&str],
    index: usize,
    surroundings: &Surroundings,
    open: impl Fn(Roots) -> base::Result<E> + Clone + Send + Sync + 'static,
) -> Vec<String> {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let directory = surroundings.directory.clone();
    let mut command = with_names(&words, index, surroundings.clone(), open);
    let found = clap_complete::engine::complete(&mut command, words, index, Some(&directory));
    let names = found.into_iter().flatten();
    names.map(|it| it.get_value().to_string_lossy().into_owned()).collect()
}

/// Things whose names are completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Service,
    Container,
    Image,
    Volume,
    Network,
    Profile,
}

impl Named {
    /// What an argument wants a name of, as its own name and its family's tell.
    fn wanted_by(arg: &Arg, family: &str) -> Option<Named> {
        let positional = arg.is_positional();
        match arg.get_id().as_str() {
            "names" | "ids" if positional => match family {
                "container" => Some(Named::Container),
                "image" => Some(Named::Image),
                "network" => Some(Named::Network),
                "volume" => Some(Named::Volume),
                _ => None,
            },
            "services" | "service" | "scale" if positional => Some(Named::Service),
            "attach" | "no_attach" | "exit_code_from" => Some(Named::Service),
            "containers" | "container" if positional => Some(Named::Container),
            "images" | "image" if positional => Some(Named::Image),
            "volumes" | "volume" if positional => Some(Named::Volume),
            "networks" | "network" if positional => Some(Named::Network),
            "profile" => Some(Named::Profile),
            _ => None,
        }
    }
}

/// The command line's definition, with a look at what exists wherever a name is wanted.
fn with_names<E: Engine + 'static>(
    words: &[OsString],
    index: usize,
    surroundings: Surroundings,
    open: impl Fn(Roots) -> base::Result<E> + Clone + Send + Sync + 'static,
) -> clap::Command {
    let words: Vec<OsString> = words.to_vec();
    // Options are offered to who asks for them with a dash, as shells do it elsewhere.
    let dash = words.get(index).is_some_and(|word| word.to_string_lossy().starts_with('-'));
    let look: Look = Arc::new(move |named| {
        names(&words, surroundings.clone(), open.clone(), named).unwrap_or_default()
    });
    attach(definition(), "", dash, &look)
}

/// Finds names. Called at most once, for the argument that the cursor is at.
type Look = Arc<dyn Fn(Named) -> Vec<String> + Send + Sync>;

fn attach(command: clap::Command, family: &str, dash: bool, look: &Look) -> clap::Command {
    let complete = |arg: Arg| match Named::wanted_by(&arg, family) {
        None => arg,
        Some(named) => {
            let look = Arc::clone(look);
            arg.add(ArgValueCompleter::new(move |typed: &OsStr| {
                let typed = typed.to_string_lossy().into_owned();
                let fits = |name: &String| name.starts_with(&typed);
                look(named).into_iter().filter(fits).map(CompletionCandidate::new).collect()
            }))
        }
    };
    let name = command.get_name().to_owned();
    let command = match dash {
        true => command,
        false => command.disable_help_flag(true),
    };
    let seen = |arg: Arg| match dash || arg.is_positional() {
        true => arg,
        false => arg.hide(true),
    };
    command
        .mut_args(|arg| seen(complete(arg)))
        .mut_subcommands(|command| attach(command, &name, dash, look))
}

/// Names of everything of a kind, in order.
fn names<E: Engine>(
    words: &[OsString],
    mut surroundings: Surroundings,
    open: impl Fn(Roots) -> base::Result<E> + 'static,
    named: Named,
) -> Result<Vec<String>> {
    // Nothing that is wrong with the files shall end up on the user's line.
    surroundings.output = Output::captured().0;
    let global = command::parse_global(words);
    let cx = Context::new(global, surroundings, open)?;
    let mut names = match named {
        Named::Service => services(&cx)?,
        Named::Profile => profiles(&cx),
        Named::Image => images(&cx)?,
        Named::Container => existing(&cx, None, |it| &it.containers, |it| it.spec.name.clone())?,
        Named::Volume => observed(&cx, None)?.volumes.into_keys().collect(),
        Named::Network => observed(&cx, None)?.networks.into_keys().collect(),
    };
    names.sort();
    names.dedup();
    Ok(names)
}

/// Those of the compose files; without any, those that have containers.
fn services<E: Engine>(cx: &Context<E>) -> Result<Vec<String>> {
    let loaded = cx.load(LoadOptions::default());
    if let Some(project) = loaded.project {
        return Ok(project.services.into_keys().chain(project.disabled.into_keys()).collect());
    }
    let name = cx.subject()?.name;
    existing(cx, Some(name), |it| &it.containers, |it| service_of(it).to_owned())
}

fn profiles<E: Engine>(cx: &Context<E>) -> Vec<String> {
    let Some(project) = cx.load(LoadOptions::default()).project else { return Vec::new() };
    let all = project.services.values().chain(project.disabled.values());
    all.flat_map(|service| service.profiles.clone()).collect()
}

/// Names with their tags, and short ids of images that have no name.
fn images<E: Engine>(cx: &Context<E>) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for image in cx.images()?.list()? {
        match image.tags.is_empty() {
            true => names.push(image.id.short().to_owned()),
            false => names.extend(image.tags),
        }
    }
    Ok(names)
}

fn existing<E: Engine, T>(
    cx: &Context<E>,
    project: Option<String>,
    all: impl Fn(&Observed) -> &Vec<T>,
    name: impl Fn(&T) -> String,
) -> Result<Vec<String>> {
    Ok(all(&observed(cx, project)?).iter().map(name).collect())
}

fn observed<E: Engine>(cx: &Context<E>, project: Option<String>) -> Result<Observed> {
    let scope = Scope { project, images: Vec::new(), ..Scope::default() };
    Ok(command::block_on(cx.engine()?.observe(&scope))??)
}
