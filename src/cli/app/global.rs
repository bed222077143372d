//! Options that every command takes, before or after its name.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::base::{Error, Kind, Result};
use crate::cli::app::address::Address;
use crate::cli::app::environment::Environment;

/// Options of `compose` itself (Docker Compose: global options).
///
/// Where an option has a variable, the option wins. Variables that a project's `.env` file may set
/// too (`COMPOSE_FILE`, `COMPOSE_PROJECT_NAME`, `COMPOSE_PROFILES`) are read when the project is.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Compose file, or `-` for standard input; several are merged in order
    #[arg(short = 'f', long, global = true, value_name = "FILE")]
    pub file: Vec<PathBuf>,

    /// Name of the project [default: from the files, or the directory]
    #[arg(short = 'p', long, global = true, value_name = "NAME")]
    pub project_name: Option<String>,

    /// Enable the services of a profile; `*` enables all
    #[arg(long, global = true, value_name = "PROFILE")]
    pub profile: Vec<String>,

    /// File with variables for the compose files, instead of `.env`
    #[arg(long, global = true, value_name = "FILE")]
    pub env_file: Vec<PathBuf>,

    /// Directory that relative paths start from [default: that of the first compose file]
    #[arg(long, global = true, value_name = "DIRECTORY")]
    project_directory: Option<PathBuf>,

    /// Old name of `--project-directory`; only before the command, some of which have their own
    #[arg(long, hide = true, value_name = "DIRECTORY", conflicts_with = "project_directory")]
    workdir: Option<PathBuf>,

    /// Take warnings about the compose files for errors
    #[arg(long, global = true)]
    pub strict: bool,

    /// How to show what is wrong with the compose files: text or json
    #[arg(long, global = true, value_name = "FORMAT", hide_possible_values = true)]
    pub diagnostics: Option<DiagnosticsFormat>,

    /// When to use colours and move the cursor
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    ansi: Option<Ansi>,

    /// How to show what is being done: auto, tty, plain, json, rawjson or quiet
    #[arg(long, global = true, value_name = "STYLE", hide_possible_values = true)]
    progress: Option<ProgressStyle>,

    /// How many things to do at once; -1: no limit
    #[arg(long, global = true, value_name = "NUMBER", allow_negative_numbers = true)]
    parallel: Option<i32>,

    /// Show what would be done, and do nothing
    #[arg(long, global = true)]
    pub dry_run: bool,

    /// Name things as Docker Compose 1 did: `_` between the parts of a container's name
    #[arg(long, global = true)]
    pub compatibility: bool,

    /// Make networks and volumes that no service uses, too
    #[arg(long, global = true)]
    pub all_resources: bool,

    /// Registry that may be spoken to without TLS
    #[arg(long, global = true, hide = true, value_name = "REGISTRY")]
    pub insecure_registry: Vec<String>,

    /// Same as `--ansi never`
    #[arg(long, global = true, hide = true)]
    no_ansi: bool,

    /// Accepted for old scripts
    #[arg(long, global = true, hide = true)]
    pub verbose: bool,

    /// What Docker's own options say about the engine's place.
    #[arg(skip)]
    pub address: Address,
}

/// How mistakes in compose files are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DiagnosticsFormat {
    /// For people: the line, what is wrong with it, what to do.
    Text,
    /// For editors: one JSON object a line.
    Json,
}

/// When to use colours and move the cursor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Ansi {
    /// On a terminal.
    #[default]
    Auto,
    /// Nowhere.
    Never,
    /// In pipes and files too.
    Always,
}

/// How work in progress is shown on standard error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProgressStyle {
    /// `Tty` on a terminal, else `Plain`.
    #[default]
    Auto,
    /// One line for each thing, redrawn in place.
    Tty,
    /// One line for each event.
    Plain,
    /// One JSON object a line for each event.
    Json,
    /// Of builds the events that BuildKit's clients read; otherwise as `Json`.
    #[value(name = "rawjson")]
    RawJson,
    /// Nothing.
    Quiet,
}

impl Global {
    /// Nothing but Docker's own options.
    #[must_use]
    pub fn addressed(address: Address) -> Global {
        Global { address, ..Global::default() }
    }

    /// When to use colours (`--ansi`, `COMPOSE_ANSI`, `NO_COLOR`; where these say nothing, none
    /// for `TERM=dumb`, always for `CLICOLOR_FORCE`).
    ///
    /// # Errors
    /// [`Kind::Invalid`] if the variable has an unknown value.
    pub fn ansi(&self, environment: &Environment) -> Result<Ansi> {
        if self.no_ansi || environment.is_set("NO_COLOR") {
            return Ok(Ansi::Never);
        }
        let forced =
            || environment.get("CLICOLOR_FORCE").is_some_and(|it| !it.is_empty() && it != "0");
        let progress = || choice(self.progress, environment, "COMPOSE_PROGRESS", "--progress");
        match choice(self.ansi, environment, "COMPOSE_ANSI", "--ansi")? {
            Ansi::Auto if environment.is_dumb() => Ok(Ansi::Never),
            Ansi::Auto if forced() && progress()? != ProgressStyle::Plain => Ok(Ansi::Always),
            asked => Ok(asked),
        }
    }

    /// How to show progress (`--progress`, `COMPOSE_PROGRESS`), `Auto` already decided.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if the variable has an unknown value, or the style contradicts `ansi`.
    pub fn progress(
        &self,
        environment: &Environment,
        ansi: Ansi,
        stderr_is_terminal: bool,
    ) -> Result<ProgressStyle> {
        let asked = choice(self.progress, environment, "COMPOSE_PROGRESS", "--progress")?;
        match (asked, ansi) {
            (ProgressStyle::Auto, Ansi::Never) => Ok(ProgressStyle::Plain),
            (ProgressStyle::Auto, _) if stderr_is_terminal => Ok(ProgressStyle::Tty),
            (ProgressStyle::Auto, _) => Ok(ProgressStyle::Plain),
            (ProgressStyle::Tty, Ansi::Never) => Err(Error::new(
                Kind::Invalid,
                "can't use --progress tty while ANSI support is disabled",
            )),
            (ProgressStyle::Plain, Ansi::Always) => Err(Error::new(
                Kind::Invalid,
                "can't use --progress plain while ANSI support is forced",
            )),
            (ProgressStyle::RawJson, _) => Ok(ProgressStyle::Json),
            (style, _) => Ok(style),
        }
    }

    /// Whether builds tell what BuildKit's clients read (`--progress rawjson`).
    #[must_use]
    pub fn is_raw(&self, environment: &Environment) -> bool {
        let asked = choice(self.progress, environment, "COMPOSE_PROGRESS", "--progress");
        asked.is_ok_and(|style| style == ProgressStyle::RawJson)
    }

    /// Directory that relative paths start from; `None`: that of the first compose file.
    #[must_use]
    pub fn project_directory(&self) -> Option<&Path> {
        self.project_directory.as_deref().or(self.workdir.as_deref())
    }

    /// How errors are shown, whatever else is wrong with the options.
    #[must_use]
    pub fn error_style(&self, environment: &Environment) -> ProgressStyle {
        self.progress(environment, Ansi::Auto, false).unwrap_or_default()
    }

    /// How many things may be done at once (`--parallel`, `COMPOSE_PARALLEL_LIMIT`); `None`: no
    /// limit.
    ///
    /// # Errors
    /// [`Kind::Invalid`] if the variable is not a number.
    pub fn parallel(&self, environment: &Environment) -> Result<Option<usize>> {
        let limit = match (self.parallel, environment.get("COMPOSE_PARALLEL_LIMIT")) {
            (Some(limit), _) => limit,
            (None, Some(text)) if !text.is_empty() => text.parse().map_err(|_| {
                let message = format!("COMPOSE_PARALLEL_LIMIT must be a number, not `{text}`");
                Error::new(Kind::Invalid, message)
            })?,
            _ => return Ok(None),
        };
        Ok(usize::try_from(limit).ok().filter(|limit| *limit > 0))
    }
}

/// The option's value, or else the variable's.
fn choice<T: ValueEnum + Default>(
    option: Option<T>,
    environment: &Environment,
    variable: &str,
    name: &str,
) -> Result<T> {
    match (option, environment.get(variable)) {
        (Some(value), _) => Ok(value),
        (None, Some(text)) if !text.is_empty() => T::from_str(text, true).map_err(|_| {
            let values: Vec<_> = T::value_variants()
                .iter()
                .filter_map(|value| Some(value.to_possible_value()?.get_name().to_owned()))
                .collect();
            Error::new(Kind::Invalid, format!("unsupported {name} value {text:?} in {variable}"))
                .hint(format!("use one of {}", values.join(", ")))
        }),
        _ => Ok(T::default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(text: &[(&str, &str)]) -> Environment {
        text.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn no_color_beats_everything_when_it_is_not_empty() {
        let global = Global { ansi: Some(Ansi::Always), ..Global::default() };
        assert_eq!(global.ansi(&environment(&[("NO_COLOR", "1")])).unwrap(), Ansi::Never);
        assert_eq!(global.ansi(&environment(&[("NO_COLOR", "")])).unwrap(), Ansi::Always);
    }

    #[test]
    fn a_dumb_terminal_has_no_colours_and_a_forced_one_has_them() {
        let ansi = |asked, variables: &[(&str, &str)]| {
            Global { ansi: asked, ..Global::default() }.ansi(&environment(variables)).unwrap()
        };
        assert_eq!(ansi(None, &[("TERM", "dumb")]), Ansi::Never);
        assert_eq!(ansi(Some(Ansi::Always), &[("TERM", "dumb")]), Ansi::Always);
        assert_eq!(ansi(None, &[("CLICOLOR_FORCE", "1")]), Ansi::Always);
        assert_eq!(ansi(None, &[("CLICOLOR_FORCE", "0")]), Ansi::Auto);
        assert_eq!(ansi(Some(Ansi::Never), &[("CLICOLOR_FORCE", "1")]), Ansi::Never);
        let plain = [("CLICOLOR_FORCE", "1"), ("COMPOSE_PROGRESS", "plain")];
        assert_eq!(ansi(None, &plain), Ansi::Auto);
    }

    #[test]
    fn an_option_beats_its_variable() {
        let global = Global { parallel: Some(-1), ..Global::default() };
        let four = environment(&[("COMPOSE_PARALLEL_LIMIT", "4")]);
        assert_eq!(global.parallel(&four).unwrap(), None);
        assert_eq!(Global::default().parallel(&four).unwrap(), Some(4));
    }

    #[test]
    fn progress_is_live_on_a_terminal_only() {
        let style =
            |ansi, terminal| Global::default().progress(&environment(&[]), ansi, terminal).unwrap();
        assert_eq!(style(Ansi::Auto, true), ProgressStyle::Tty);
        assert_eq!(style(Ansi::Auto, false), ProgressStyle::Plain);
        assert_eq!(style(Ansi::Never, true), ProgressStyle::Plain);
    }

    #[test]
    fn a_wrong_variable_names_the_choices() {
        let wrong = environment(&[("COMPOSE_PROGRESS", "fancy")]);
        let error = Global::default().progress(&wrong, Ansi::Auto, true).unwrap_err();
        assert_eq!(error.to_string(), "unsupported --progress value \"fancy\" in COMPOSE_PROGRESS");
        assert_eq!(error.hints(), ["use one of auto, tty, plain, json, rawjson, quiet"]);
    }
}
