//! What every command works with: options, streams, the engine and the project.

use std::cell::OnceCell;
use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::base;
use crate::cli::app::environment::Environment;
use crate::cli::app::global::{Global, ProgressStyle};
use crate::cli::app::invoked_as::InvokedAs;
use crate::cli::app::output::Output;
use crate::cli::app::report::Result;
use crate::compose::Project;
use crate::engine::Engine;
use crate::state::Roots;

/// What a command finds around it: all that a test replaces.
#[derive(Clone)]
pub struct Surroundings {
    /// Where it prints.
    pub output: Output,
    /// Where answers to its questions come from.
    pub input: Arc<Mutex<dyn BufRead + Send>>,
    /// Somebody sits at the other end of `input`.
    pub input_is_terminal: bool,
    /// Variables.
    pub environment: Environment,
    /// The working directory, absolute.
    pub directory: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    #[must_use]
    pub fn of_process() -> Surroundings {
        Surroundings {
            output: Output::of_process(),
            input: Arc::new(Mutex::new(std::io::BufReader::new(std::io::stdin()))),
            input_is_terminal: std::io::stdin().is_terminal(),
            environment: Environment::of_process(),
            // A removed directory is reported by whoever needs it: relative paths fail by name.
            directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        }
    }
}

/// Options, streams, the engine and the project; the last two are made when first asked for.
pub struct Context<E> {
    global: Global,
    surroundings: Surroundings,
    style: ProgressStyle,
    invoked_as: InvokedAs,
    project: OnceCell<Project>,
    engine: OnceCell<E>,
    open: Box<dyn Fn(Roots) -> base::Result<E>>,
}

impl<E: Engine> Context<E> {
    /// A context for one command.
    ///
    /// # Errors
    /// A global option or its variable has a wrong value.
    pub fn new(
        global: Global,
        mut surroundings: Surroundings,
        open: impl Fn(Roots) -> base::Result<E> + 'static,
    ) -> Result<Context<E>> {
        let ansi = global.ansi(&surroundings.environment)?;
        let terminal = surroundings.output.err_is_terminal();
        let style = global.progress(&surroundings.environment, ansi, terminal)?;
        surroundings.output = surroundings.output.with_ansi(ansi);
        let (project, engine) = (OnceCell::new(), OnceCell::new());
        let (invoked_as, open) = (InvokedAs::default(), Box::new(open));
        Ok(Context { global, surroundings, style, invoked_as, project, engine, open })
    }

    /// The same, called by this name.
    #[must_use]
    pub fn called(self, invoked_as: InvokedAs) -> Context<E> {
        Context { invoked_as, ..self }
    }

    /// By which name we were called.
    pub fn invoked_as(&self) -> InvokedAs {
        self.invoked_as
    }

    /// The global options.
    pub fn global(&self) -> &Global {
        &self.global
    }

    /// Where to print.
    pub fn output(&self) -> &Output {
        &self.surroundings.output
    }

    /// The process environment.
    pub fn environment(&self) -> &Environment {
        &self.surroundings.environment
    }

    /// The working directory.
    pub fn directory(&self) -> &Path {
        &self.surroundings.directory
    }

    /// Where answers to questions come from.
    pub fn input(&self) -> MutexGuard<'_, dyn BufRead + Send + 'static> {
        self.surroundings.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody sits at the other end of standard input.
    pub fn input_is_terminal(&self) -> bool {
        self.surroundings.input_is_terminal
    }

    /// How to show work in progress; never `Auto`.
    pub fn style(&self) -> ProgressStyle {
        self.style
    }

    /// The project, made by `load` when it is first asked for.
    pub(in crate::cli) fn loaded_once(
        &self,
        load: impl FnOnce() -> Result<Project>,
    ) -> Result<&Project> {
        if let Some(project) = self.project.get() {
            return Ok(project);
        }
        let project = load()?;
        Ok(self.project.get_or_init(|| project))
    }

    /// Refuses to go on if the command is meant for another machine.
    ///
    /// # Errors
    /// See [`crate::cli::app::address::Address::check`].
    pub fn check_address(&self) -> Result<()> {
        Ok(self.global.address.check(self.environment())?)
    }

    /// Where state is on disk.
    ///
    /// # Errors
    /// The directories cannot be made, or the command is meant for another machine.
    pub fn roots(&self) -> Result<Roots> {
        self.check_address()?;
        let variable = |name: &str| self.environment().get(name).map(PathBuf::from);
        Ok(Roots::open(variable)?)
    }

    /// The engine.
    ///
    /// # Errors
    /// Its state cannot be read.
    pub fn engine(&self) -> Result<&E> {
        if let Some(engine) = self.engine.get() {
            return Ok(engine);
        }
        let engine = (self.open)(self.roots()?)?;
        Ok(self.engine.get_or_init(|| engine))
    }

    /// Variables as `--env` takes them: `NAME=value`, or `NAME` for its value here, if it has one.
    pub fn variables(&self, given: &[String]) -> Vec<String> {
        let complete = |text: &String| match text.contains('=') {
            true => Some(text.clone()),
            false => self.environment().get(text).map(|value| format!("{text}={value}")),
        };
        given.iter().filter_map(complete).collect()
    }
}
