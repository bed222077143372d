//! `state list ps events features spec`.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::Value;

use crate::base::{Context, Error, Kind, Result};
use crate::cli::oci::Setting;
use crate::oci::{self, Container};

/// How a list is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Print a container's state as JSON
#[derive(clap::Args, Debug)]
pub(super) struct State {
    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl State {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        print_json(&Container::open(&setting.root, &self.id)?.state()?)
    }
}

/// List containers
#[derive(clap::Args, Debug)]
pub(super) struct List {
    /// How they are shown
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Names only
    #[arg(short, long)]
    quiet: bool,
}

impl List {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let containers = Container::all(&setting.root)?;
        if self.quiet {
            containers.iter().for_each(|container| println!("{}", container.id()));
            return Ok(0);
        }
        // One may be removed meanwhile.
        let states: Vec<Value> = containers.iter().filter_map(|it| it.state().ok()).collect();
        if self.format == Format::Json {
            return print_compact(&Value::Array(states));
        }
        let mut rows =
            vec![["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"].map(str::to_owned)];
        rows.extend(states.iter().map(|state| {
            ["id", "pid", "status", "bundle", "created", "owner"].map(|key| match &state[key] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            })
        }));
        print_table(&rows);
        Ok(0)
    }
}

/// Columns as wide as they need be, three blanks between them.
fn print_table(rows: &[[String; 6]]) {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(|column| width(column).max(9) + 3).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
        println!("{}", cells.collect::<String>().trim_end());
    }
}

/// List a container's processes
#[derive(clap::Args, Debug)]
pub(super) struct Ps {
    /// How they are shown
    #[arg(short, long, value_enum, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,

    /// Options of ps [default: -ef]
    #[arg(value_name = "OPTION", trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

impl Ps {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let processes = Container::open(&setting.root, &self.id)?.processes()?;
        if self.format == Format::Json {
            return print_compact(&Value::from(processes));
        }
        let options = if self.options.is_empty() { vec!["-ef".to_owned()] } else { self.options };
        let output = Command::new("ps").args(&options).output();
        let output = output.context(|| "cannot run ps".to_owned())?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(Error::other(format!("ps failed: {text}")));
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let wanted: BTreeSet<String> = processes.iter().map(ToString::to_string).collect();
        let title = text.lines().next().unwrap_or_default();
        let column = title.split_whitespace().position(|word| word == "PID");
        let column = column
            .ok_or_else(|| Error::new(Kind::Invalid, "couldn't find PID field in ps output"))?;
        println!("{title}");
        for line in text.lines().skip(1) {
            if line.split_whitespace().nth(column).is_some_and(|pid| wanted.contains(pid)) {
                println!("{line}");
            }
        }
        Ok(0)
    }
}

/// Print what a container uses, again and again, and when it runs out of memory
#[derive(clap::Args, Debug)]
pub(super) struct Events {
    /// Once, and then stop
    #[arg(long)]
    stats: bool,

    /// Time between, as in 5s
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    interval: String,

    /// Name of the container
    #[arg(value_name = "ID")]
    id: String,
}

impl Events {
    pub(super) fn run(self, setting: &Setting) -> Result<u8> {
        let container = Container::open(&setting.root, &self.id)?;
        let first = container.usage()?;
        print_compact(&first)?;
        if self.stats {
            return Ok(0);
        }
        let interval = crate::base::duration::parse(&self.interval);
        let interval = interval.map_err(|_| {
            Error::new(Kind::Invalid, format!("invalid interval {:?}", self.interval))
        })?;
        let interval = interval.max(Duration::from_millis(100));
        let mut killed = container.oom_kills()?;
        while !container.ends_within(interval)? {
            let now = container.oom_kills().unwrap_or(killed);
            for _ in killed..now {
                print_compact(&container.oom())?;
            }
            killed = now;
            print_compact(&container.usage()?)?;
        }
        Ok(0)
    }
}

/// Print what this runtime can do
#[derive(clap::Args, Debug)]
pub(super) struct Features {}

impl Features {
    pub(super) fn run(self) -> Result<u8> {
        print_json(&oci::features())
    }
}

/// Write a config.json to begin with
#[derive(clap::Args, Debug)]
pub(super) struct Spec {
    /// The bundle's directory
    #[arg(short, long, value_name = "DIRECTORY", default_value = ".")]
    bundle: PathBuf,

    /// For whoever is not root
    #[arg(long)]
    rootless: bool,
}

impl Spec {
    pub(super) fn run(self) -> Result<u8> {
        let path = self.bundle.join("config.json");
        let failed = || format!("cannot write {}", path.display());
        let mut file = match File::options().write(true).create_new(true).open(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let message = format!("File {} exists. Remove it first", path.display());
                return Err(Error::new(Kind::Conflict, message));
            }
            file => file.context(failed)?,
        };
        writeln!(file, "{:#}", oci::template(self.rootless)).context(failed)?;
        Ok(0)
    }
}

fn print_json(value: &Value) -> Result<u8> {
    writeln!(io::stdout(), "{value:#}").context(|| "cannot write the answer".to_owned())?;
    Ok(0)
}

fn print_compact(value: &Value) -> Result<u8> {
    writeln!(io::stdout(), "{value}").context(|| "cannot write the answer".to_owned())?;
    Ok(0)
}
