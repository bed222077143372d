//! `config`: the project as one file, and lists of what is in it.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::selection::no_such_service;
use crate::cli::files::pinned::{locked, resolve_digests};
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::compose::config::{
    document_json, document_yaml, explain, to_json, to_json_all, to_portable, to_yaml, to_yaml_all,
    variables_json, variables_yaml,
};
use crate::compose::diagram::{self, draw};
use crate::compose::{LoadOptions, Loaded, Node, Project, config_hash, variables};
use crate::diag::{Severity, Span, list};
use crate::engine::Engine;
use crate::plan;

/// Check the compose files, and print what they come to
///
/// All files merged, variables replaced, short forms written out. The output is a compose file.
#[derive(clap::Args, Debug)]
#[command(
    visible_alias = "convert",
    after_help = "\
Examples:
  compose config                      The whole project, as YAML
  compose config -q                   Only say what is wrong
  compose config --format json web    One service and what it needs
  compose config --services           Names of services
  compose config --variables          Variables, and their defaults
  compose config --graph              Which service needs which, as a tree
  compose config --graph svg -o a.svg"
)]
pub struct Config {
    /// Only these services, and what they need
    services: Vec<String>,

    /// `yaml` or `json`
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,

    /// Write to a file
    #[arg(short, long, value_name = "FILE")]
    output: Option<std::path::PathBuf>,

    /// Print nothing unless something is wrong
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    list: List,

    /// Where a value comes from, as in `services.web.image`: through every file and variable
    #[arg(long, value_name = "PATH", conflicts_with = "graph")]
    explain: Option<String>,

    /// Which service needs which, as `text`, `dot`, `mermaid` or `svg`
    #[arg(long, value_name = "FORMAT", num_args = 0..=1, default_missing_value = "text")]
    graph: Option<String>,

    /// With `--graph`: networks and volumes, too
    #[arg(long, requires = "graph")]
    graph_resources: bool,

    /// One file that means the same in another directory and on another machine
    #[arg(long, conflicts_with_all = ["explain", "graph"])]
    portable: bool,

    #[command(flatten)]
    passes: Passes,
}

/// Lists of one thing instead of everything.
#[derive(clap::Args, Debug)]
#[group(multiple = false)]
struct List {
    /// The environment that variables are taken from
    #[arg(long)]
    environment: bool,

    /// The hash of services' configurations; `*`: of all
    #[arg(long, value_name = "SERVICES")]
    hash: Option<String>,

    /// Names of images
    #[arg(long)]
    images: bool,

    /// Names of AI models
    #[arg(long)]
    models: bool,

    /// Names of networks
    #[arg(long)]
    networks: bool,

    /// Names of profiles
    #[arg(long)]
    profiles: bool,

    /// Names of services, each after what it needs
    #[arg(long = "services", id = "list_services")]
    services: bool,

    /// Variables in the compose files
    #[arg(long)]
    variables: bool,

    /// Names of volumes
    #[arg(long)]
    volumes: bool,
}

/// What is left as it was written.
#[derive(clap::Args, Debug)]
struct Passes {
    /// Print nothing but images, as digests
    #[arg(long)]
    lock_image_digests: bool,

    /// Do not check that parts fit together
    #[arg(long)]
    no_consistency: bool,

    /// Do not read `env_file`
    #[arg(long)]
    no_env_resolution: bool,

    /// Do not replace variables
    #[arg(long)]
    no_interpolate: bool,

    /// Do not add what is implied
    #[arg(long)]
    no_normalize: bool,

    /// Do not make paths absolute
    #[arg(long)]
    no_path_resolution: bool,

    /// Name images by their digests
    #[arg(long)]
    resolve_image_digests: bool,
}

impl Config {
    /// Prints it. Needs the engine only for digests.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut options = self.passes.options();
        // Variables are listed as they are written.
        options.interpolate &= !self.list.variables;
        let mut loaded = cx.load(options);
        self.quieten(&mut loaded);
        if self.list.variables {
            cx.output().print(self.variables(&loaded)?)?;
            return Ok(Exit::Success);
        }
        let mistakes = cx.mistakes(&loaded);
        if self.passes.no_interpolate && !loaded.diagnostics.has_errors() {
            cx.output().say(mistakes)?;
            let text = match self.list.names(&loaded)? {
                Some(text) => text,
                None => self.uninterpolated(&loaded)?,
            };
            return self.write(cx, text);
        }
        if let Some(path) = &self.explain {
            cx.output().say(mistakes)?;
            return self.write(cx, explain(&loaded, path)?);
        }
        let Some(project) = loaded.project else { return Err(cx.unloaded(&loaded)) };
        cx.output().say(mistakes)?;
        let project = match self.services.is_empty() {
            true => project,
            false => project.select(&self.services, true)?,
        };
        let listed = match cx.global().all_resources {
            true => project.clone(),
            false => project.used(),
        };
        let text = match self.list.text(&listed)? {
            Some(text) => text,
            None => self.whole(cx, project).await?,
        };
        self.write(cx, text)
    }

    /// Leaves out warnings that the user did not ask for: with `--quiet` all, and else those of
    /// services that are not named.
    fn quieten(&self, loaded: &mut Loaded) {
        let Some(project) = &loaded.project else { return };
        let selected = match self.services.is_empty() {
            true => None,
            false => project.select(&self.services, true).ok(),
        };
        let all = project.document.find(&["services"]).and_then(Node::as_mapping);
        let others: Vec<Span> = all
            .into_iter()
            .flatten()
            .filter(|(name, _)| {
                selected.as_ref().is_some_and(|it| !it.services.contains_key(*name))
            })
            .filter_map(|(_, entry)| entry.node.span)
            .collect();
        let inside = |span: Span, other: &Span| {
            other.source == span.source && other.start <= span.start && span.end <= other.end
        };
        let elsewhere = |span: Span| others.iter().any(|other| inside(span, other));
        loaded.diagnostics.retain(|it| {
            it.severity == Severity::Error || !(self.quiet || it.span.is_some_and(elsewhere))
        });
    }

    /// Prints a text, or writes it to the file that was asked for.
    fn write(&self, cx: &Context<impl Engine>, text: String) -> Result<Exit> {
        match &self.output {
            _ if self.quiet => {}
            Some(file) => {
                let path = cx.directory().join(file);
                std::fs::write(&path, text)
                    .context(|| format!("cannot write {}", path.display()))?;
            }
            None => cx.output().print(text)?,
        }
        Ok(Exit::Success)
    }

    /// The merged files, with their variables.
    fn uninterpolated(&self, loaded: &Loaded) -> Result<String> {
        match self.format.as_deref() {
            None | Some("yaml") => Ok(document_yaml(&loaded.document)),
            Some("json") => Ok(document_json(&loaded.document)),
            Some(other) => Err(unknown_format(other).into()),
        }
    }

    async fn whole(&self, cx: &Context<impl Engine>, mut project: Project) -> Result<String> {
        if self.passes.lock_image_digests || self.passes.resolve_image_digests {
            resolve_digests(cx, &mut project).await?;
        }
        if self.passes.lock_image_digests {
            return Ok(locked(&project));
        }
        if let Some(format) = &self.graph {
            return Ok(draw(&project, self.graph_resources, diagram_format(format)?));
        }
        if self.portable {
            return Ok(to_portable(&project));
        }
        match self.format.as_deref() {
            None | Some("yaml") if cx.global().all_resources => Ok(to_yaml_all(&project)),
            None | Some("yaml") => Ok(to_yaml(&project)),
            Some("json") if cx.global().all_resources => Ok(to_json_all(&project)),
            Some("json") => Ok(to_json(&project)),
            Some(other) => Err(unknown_format(other).into()),
        }
    }

    fn variables(&self, loaded: &Loaded) -> Result<String> {
        let mut found = BTreeMap::new();
        variables(&loaded.document.root, &mut found);
        match self.format.as_deref() {
            Some("json") => return Ok(variables_json(&found)),
            Some("yaml") => return Ok(variables_yaml(&found)),
            _ => {}
        }
        let row = |(name, used): (&String, &crate::compose::VariableUse)| {
            Row::default()
                .with("Name", name.as_str())
                .with("Required", used.required.to_string())
                .with("Default", used.default.as_str())
                .with("Alternate", used.alternate.as_str())
        };
        let columns = vec![
            ("NAME", "Name"),
            ("REQUIRED", "Required"),
            ("DEFAULT VALUE", "Default"),
            ("ALTERNATE VALUE", "Alternate"),
        ];
        let rows = found.iter().map(row).collect();
        let list = Listing { columns, rows, layout: Columns::WIDE, json: JsonStyle::Lines };
        Ok(list.text("table")?)
    }
}

impl Passes {
    fn options(&self) -> LoadOptions {
        LoadOptions {
            interpolate: !self.no_interpolate,
            normalize: !self.no_normalize,
            resolve_paths: !self.no_path_resolution,
            resolve_environment: !self.no_env_resolution,
            check_consistency: !self.no_consistency,
        }
    }
}

impl List {
    /// The list that was asked for, one entry a line; `None`: none was.
    fn text(&self, project: &Project) -> Result<Option<String>> {
        let services = &project.services;
        let list: Vec<String> = match () {
            () if self.environment => {
                project.environment.iter().map(|(name, value)| format!("{name}={value}")).collect()
            }
            () if self.hash.is_some() => hashes(project, self.hash.as_deref().unwrap_or("*"))?,
            () if self.images => plan::image_names(project).into_iter().collect(),
            () if self.models => project.models.keys().cloned().collect(),
            () if self.networks => project.networks.keys().cloned().collect(),
            () if self.profiles => {
                let all = services.values().chain(project.disabled.values());
                let names: BTreeSet<_> = all.flat_map(|it| it.profiles.iter().cloned()).collect();
                names.into_iter().collect()
            }
            () if self.services => project.order().into_iter().map(str::to_owned).collect(),
            () if self.volumes => project.volumes.keys().cloned().collect(),
            () => return Ok(None),
        };
        Ok(Some(list.iter().map(|line| format!("{line}\n")).collect()))
    }
}

impl List {
    /// The list that was asked for, of a project whose variables were not replaced.
    fn names(&self, loaded: &Loaded) -> Result<Option<String>> {
        let of = |path: &[&str]| loaded.document.find(path);
        let keys = |kind: &str| -> Vec<String> {
            let all = of(&[kind]).and_then(Node::as_mapping).into_iter().flatten();
            all.map(|(name, _)| name.clone()).collect()
        };
        let texts = |key: &str| -> BTreeSet<String> {
            let values = keys("services").into_iter();
            let values = values.filter_map(|name| of(&["services", &name, key]));
            let items = values.flat_map(|it| it.as_sequence().unwrap_or(std::slice::from_ref(it)));
            items.filter_map(Node::as_str).map(str::to_owned).collect()
        };
        let list: Vec<String> = match () {
            () if self.services => keys("services"),
            () if self.networks => keys("networks"),
            () if self.volumes => keys("volumes"),
            () if self.models => keys("models"),
            () if self.images => texts("image").into_iter().collect(),
            () if self.profiles => texts("profiles").into_iter().collect(),
            () if self.environment => {
                loaded.environment.to_map().iter().map(|(k, v)| format!("{k}={v}")).collect()
            }
            () if self.hash.is_some() => {
                let message = "a hash is that of a service with its variables replaced";
                return Err(Error::new(Kind::Invalid, message)
                    .hint("leave out --no-interpolate")
                    .into());
            }
            () => return Ok(None),
        };
        Ok(Some(list.iter().map(|line| format!("{line}\n")).collect()))
    }
}

/// The way to draw that `--graph` names.
fn diagram_format(name: &str) -> Result<diagram::Format> {
    diagram::Format::named(name).ok_or_else(|| {
        let known = diagram::Format::ALL.map(|(known, _)| known);
        let error = Error::new(Kind::Invalid, format!("`{name}` is not a way to draw"));
        error.hint(format!("use {}", list(known))).into()
    })
}

fn unknown_format(format: &str) -> Error {
    Error::new(Kind::Invalid, format!("unsupported format {format:?}")).hint("use yaml or json")
}

/// `web 3b1f…`, for all services or those in a list with commas.
fn hashes(project: &Project, names: &str) -> Result<Vec<String>> {
    let names: BTreeSet<&str> = match names {
        "*" => project.services.keys().map(String::as_str).collect(),
        list => list.split(',').collect(),
    };
    let hash = |name: &str| match project.services.get(name) {
        Some(service) => Ok(format!("{name} {}", config_hash(service))),
        None => Err(no_such_service(name, project.services.keys().map(String::as_str)).into()),
    };
    names.into_iter().map(hash).collect()
}
