//! `publish`: the compose files of a project as an artifact in a registry.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::disk::Disk;
use crate::cli::console::transfer::shown;
use crate::cli::ui::progress::{Event, Mark};
use crate::cli::{Context, Exit, Failure, Result};
use crate::compose::model::MountKind;
use crate::compose::{LoadOptions, Node, Project, Value, find};
use crate::engine::Engine;
use crate::image::Reference;
use crate::image::publish::{Document, Version, publish};

/// Send the compose files to a registry, for others to run
///
/// They go as they are, with their variables. `compose -f oci://NAME up` and `include: oci://NAME`
/// take them from there.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose publish registry.example.com/team/shop:1.2
  compose publish --resolve-image-digests team/shop   Everybody runs the images of today
  compose publish --with-env team/shop                With env_file and values of variables")]
pub struct Publish {
    /// Where to, as in `registry.example.com/team/shop:1.2`
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: String,

    /// Version of the OCI specification: 1.0 or 1.1
    #[arg(long, value_name = "VERSION", default_value = "1.1", hide_default_value = true)]
    oci_version: String,

    /// Name images by what they are now
    #[arg(long)]
    resolve_image_digests: bool,

    /// Send `env_file`s, and values that stand under `environment`
    #[arg(long)]
    with_env: bool,

    /// Answer yes to every question
    #[arg(short, long)]
    yes: bool,
}

/// What Docker Compose calls a project, its files and their names in a registry.
const KIND: &str = "application/vnd.docker.compose.project";
const FILE: &str = "application/vnd.docker.compose.file+yaml";
const ENV_FILE: &str = "application/vnd.docker.compose.envfile";
const FILE_NAME: &str = "com.docker.compose.file";
const ENV_FILE_NAME: &str = "com.docker.compose.envfile";
const VERSION: &str = "com.docker.compose.version";

impl Publish {
    /// Sends them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let version = match self.oci_version.as_str() {
            "1.0" => Version::V1_0,
            "1.1" => Version::V1_1,
            other => {
                let message = format!("unknown version {other:?} of the OCI specification");
                return Err(Error::new(Kind::Invalid, message).hint("use 1.0 or 1.1").into());
            }
        };
        let reference: Reference = self.repository.parse()?;
        let project = cx.project()?;
        // Files of variables are taken into the project when it is loaded to be run.
        let options = LoadOptions { resolve_environment: false, ..LoadOptions::default() };
        let written = cx.load(options).project;
        let written = written.as_ref().unwrap_or(project);
        self.check(written)?;
        if !self.accepted(cx, project)? {
            return Err(Error::new(Kind::Interrupted, "publishing was declined").into());
        }
        let mut documents = self.files(cx)?;
        if self.with_env {
            documents.extend(env_files(written)?);
        }
        if self.resolve_image_digests {
            documents.push(digests(cx, project).await?);
        }
        if cx.global().dry_run {
            let names = documents.iter().filter_map(|it| it.annotations.first());
            let names: Vec<&str> = names.map(|(_, name)| name.as_str()).collect();
            cx.output().print_line(format!("publish {} to {reference}", names.join(", ")))?;
            return Ok(Exit::Success);
        }
        let settings = cx.registries()?;
        shown(cx, "publish", false, async |progress| {
            let id = reference.to_string();
            let tell = |mark, text, details: &str| {
                progress.event(Event { id: &id, mark, text, details });
            };
            tell(Mark::Working, "publishing", "");
            let result = publish(&settings, &reference, KIND, version, &documents).await;
            match &result {
                Ok(digest) => tell(Mark::Done, "published", &digest.to_string()),
                Err(error) => tell(Mark::Failed, "Error", &error.to_string()),
            }
            result
        })
        .await?;
        Ok(Exit::Success)
    }

    /// Refuses what would be of no use elsewhere, or would give away more than its owner knows.
    fn check(&self, project: &Project) -> Result<()> {
        let all = || project.services.values().chain(project.disabled.values());
        let lone = all().filter(|it| it.build.is_some() && it.image.is_none());
        let lone: Vec<&str> = lone.map(|it| it.name.as_str()).collect();
        if !lone.is_empty() {
            let message = format!(
                "cannot publish: nobody else has the images of {}, which are only built",
                lone.join(", ")
            );
            let hint = "give them an `image` as well, and `compose push` it";
            return Err(Error::new(Kind::Invalid, message).hint(hint).into());
        }
        let with_files = all().filter(|it| !it.env_files.is_empty());
        let names: Vec<&str> = with_files.map(|it| it.name.as_str()).collect();
        if !names.is_empty() && !self.with_env {
            let message = format!("service {} has env_file", names.join(", "));
            let hint = "--with-env publishes what is in it";
            return Err(Error::new(Kind::Invalid, message).hint(hint).into());
        }
        Ok(())
    }

    /// Asks about what others will see or get to run.
    fn accepted(&self, cx: &Context<impl Engine>, project: &Project) -> Result<bool> {
        let services = project.services.values().chain(project.disabled.values());
        let mut binds = Vec::new();
        for service in services {
            for volume in service.volumes.iter().filter(|it| it.kind == MountKind::Bind) {
                let source = volume.source.as_deref().unwrap_or_default();
                binds.push(format!("  {}: {source}", service.name));
            }
        }
        if binds.is_empty() || self.yes {
            return Ok(true);
        }
        cx.output().say_line(format!(
            "These directories of this machine are mounted, and others may not have them:\n{}",
            binds.join("\n")
        ))?;
        cx.ask("Publish all the same?")
    }

    /// The compose files, as they are.
    fn files(&self, cx: &Context<impl Engine>) -> Result<Vec<Document>> {
        let options = LoadOptions { interpolate: false, ..LoadOptions::default() };
        let request = cx.request(options);
        let (paths, _) = find(&request, &Disk { environment: cx.environment() });
        let loaded = cx.load(options);
        if !self.with_env {
            let found = literals(&loaded.document.root);
            if !found.is_empty() {
                let message = format!("values stand under `environment`: {}", found.join(", "));
                let hint = "take them from variables, as in ${NAME}, or publish them --with-env";
                return Err(Error::new(Kind::Invalid, message).hint(hint).into());
            }
        }
        paths.iter().map(|path| file(path)).collect()
    }
}

fn file(path: &Path) -> Result<Document> {
    let bytes = std::fs::read(path).context(|| format!("cannot read {}", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    if let Some(what) = local(&text) {
        let message =
            format!("cannot publish {}: it takes {what} from this machine", path.display());
        return Err(Error::new(Kind::Invalid, message)
            .hint("`compose config --no-interpolate -o one.yaml` makes one file of all")
            .into());
    }
    Ok(document(FILE, FILE_NAME, &name_of(path), bytes))
}

fn document(media_type: &str, key: &str, name: &str, bytes: Vec<u8>) -> Document {
    let annotations = vec![
        (key.to_owned(), name.to_owned()),
        (VERSION.to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
    ];
    Document { media_type: media_type.to_owned(), bytes, annotations }
}

fn name_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// What a compose file includes or extends that is on this machine only.
fn local(text: &str) -> Option<String> {
    let root: serde_yaml::Value = serde_yaml::from_str(text).ok()?;
    let remote = |path: &str| {
        ["oci://", "https://", "git://", "ssh://", "git@"].iter().any(|it| path.starts_with(it))
    };
    for include in root.get("include").and_then(|it| it.as_sequence()).into_iter().flatten() {
        let path = include.get("path").unwrap_or(include);
        let path = path.as_str().or_else(|| path.get(0)?.as_str()).unwrap_or_default();
        if !remote(path) {
            return Some(format!("`include: {path}`"));
        }
    }
    let services = root.get("services").and_then(|it| it.as_mapping());
    for service in services.into_iter().flat_map(|it| it.values()) {
        if let Some(path) = service.get("extends").and_then(|it| it.get("file")?.as_str()) {
            return Some(format!("`extends: {{file: {path}}}`"));
        }
    }
    None
}

/// Names of variables whose values stand in the file itself.
fn literals(root: &Node) -> Vec<String> {
    let mut found = Vec::new();
    let Some(services) = root.get("services").and_then(Node::as_mapping) else { return found };
    for (service, entry) in services {
        let variables = entry.node.get("environment").and_then(Node::as_mapping);
        for (name, variable) in variables.into_iter().flatten() {
            let Value::Scalar(scalar) = &variable.node.value else { continue };
            if !scalar.text.is_empty() && !scalar.text.contains('$') {
                found.push(format!("{service}.{name}"));
            }
        }
    }
    found
}

/// The files of `env_file`, by the names they have beside the compose file.
fn env_files(project: &Project) -> Result<Vec<Document>> {
    let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
    for service in project.services.values().chain(project.disabled.values()) {
        for file in &service.env_files {
            let path = PathBuf::from(&file.path);
            if path.is_file() {
                files.insert(name_of(&path), path);
            }
        }
    }
    let read = |(name, path): (&String, &PathBuf)| -> Result<Document, Failure> {
        let bytes = std::fs::read(path).context(|| format!("cannot read {}", path.display()))?;
        Ok(document(ENV_FILE, ENV_FILE_NAME, name, bytes))
    };
    files.iter().map(read).collect()
}

/// A compose file that names all images by their digests.
async fn digests(cx: &Context<impl Engine>, project: &Project) -> Result<Document> {
    let mut text = "services:\n".to_owned();
    for service in project.services.values() {
        let Some(image) = &service.image else { continue };
        let reference: Reference = image.parse()?;
        let digest = cx.engine()?.resolve(image).await?;
        text += &format!("  {}:\n    image: {}\n", service.name, reference.pinned(digest));
    }
    Ok(document(FILE, FILE_NAME, "image-digests.yaml", text.into_bytes()))
}
