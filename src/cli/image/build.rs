//! `image build`: make an image from a Dockerfile.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::{Bytes, Context as _, Error, Kind};
use crate::build::{Recipe, Request, Secret};
use crate::cli::build::Choices;
use crate::cli::build::request::{label, limit, named, network};
use crate::cli::{Context, Exit, Result};
use crate::compose::model::HostEntry;
use crate::engine::Engine;

/// Build an image from a Dockerfile
///
/// A step that was built before with the same input is taken from the cache.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image build -t app .
  compose image build -t app -f docker/Dockerfile --target test .
  compose image build -t app --secret id=token,env=TOKEN .")]
pub struct Build {
    /// Directory that COPY and ADD read; `-`: none, and the Dockerfile is read from standard input
    context: String,

    /// Dockerfile [default: Dockerfile in the directory]; `-`: standard input
    #[arg(short, long, value_name = "PATH")]
    file: Option<String>,

    /// A name for the image
    #[arg(short, long, value_name = "NAME")]
    tag: Vec<String>,

    /// The stage to build
    #[arg(long, value_name = "STAGE")]
    target: Option<String>,

    /// A label for the image
    #[arg(long, value_name = "NAME=VALUE")]
    label: Vec<String>,

    /// A secret for RUN --mount=type=secret: `id=NAME,src=PATH` or `id=NAME,env=VARIABLE`
    #[arg(long, value_name = "SECRET")]
    secret: Vec<String>,

    /// A further context: `NAME=DIRECTORY` or `NAME=docker-image://IMAGE`
    #[arg(long, value_name = "NAME=CONTEXT")]
    build_context: Vec<String>,

    /// Build this stage anew
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    no_cache_filter: Vec<String>,

    /// Network of the steps: default, none or host
    #[arg(long, value_name = "NETWORK")]
    network: Option<String>,

    /// A line for /etc/hosts of the steps
    #[arg(long, value_name = "NAME:ADDRESS")]
    add_host: Vec<String>,

    /// Size of /dev/shm of the steps
    #[arg(long, value_name = "BYTES")]
    shm_size: Option<String>,

    /// A process limit of the steps
    #[arg(long, value_name = "NAME=SOFT[:HARD]")]
    ulimit: Vec<String>,

    /// Allow `security.insecure` or `network.host`
    #[arg(long, value_name = "WHAT")]
    allow: Vec<String>,

    /// Write the image's id to this file
    #[arg(long, value_name = "PATH")]
    iidfile: Option<PathBuf>,

    /// Print nothing but the image's id
    #[arg(short, long)]
    quiet: bool,

    #[command(flatten)]
    choices: Choices,
}

impl Build {
    /// Builds it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let request = self.request(cx)?;
        let name = self.tag.first().map_or("image", String::as_str);
        let image = cx.build_one(&request, name, self.quiet).await?;
        if let Some(path) = &self.iidfile {
            let path = cx.directory().join(path);
            std::fs::write(&path, image.id.to_string())
                .context(|| format!("cannot write {}", path.display()))?;
        }
        if self.quiet {
            cx.output().print_line(image.id.to_string())?;
        }
        Ok(Exit::Success)
    }

    fn request(&self, cx: &Context<impl Engine>) -> Result<Request> {
        let mut request = Request::new(cx.directory().join(&self.context));
        request.dockerfile = match self.file.as_deref() {
            _ if self.context == "-" => Recipe::Text(standard_input()?),
            Some("-") => Recipe::Text(standard_input()?),
            // As seen from here, also outside of the context (Docker).
            Some(path) => Recipe::File(cx.directory().join(path)),
            None => Recipe::File(PathBuf::from("Dockerfile")),
        };
        if self.context == "-" {
            request.context = None;
        }
        for text in &self.tag {
            request.names.push(text.parse()?);
        }
        request.target.clone_from(&self.target);
        for text in &self.label {
            let (name, value) = label(text);
            request.labels.insert(name, value);
        }
        for text in &self.build_context {
            let (name, context) = pair(text, "--build-context")?;
            let context = match context.contains("://") {
                true => context,
                false => cx.directory().join(context).display().to_string(),
            };
            request.contexts.insert(name.to_lowercase(), named(&context, &BTreeMap::new())?);
        }
        for text in &self.secret {
            let (id, secret) = secret(text, cx)?;
            request.secrets.insert(id, secret);
        }
        request.no_cache_filter.clone_from(&self.no_cache_filter);
        request.network = network(self.network.as_deref())?;
        for text in &self.add_host {
            let host: HostEntry = text.parse().map_err(|text| Error::new(Kind::Invalid, text))?;
            request.extra_hosts.push((host.name, host.address));
        }
        let size: Option<Bytes> = self.shm_size.as_deref().map(str::parse).transpose()?;
        request.shm_size = size.map(|Bytes(size)| size);
        for text in &self.ulimit {
            request.ulimits.push(limit(text)?);
        }
        request.allow_insecure = self.allow.iter().any(|it| it == "security.insecure");
        request.allow_host_network = self.allow.iter().any(|it| it == "network.host");
        self.choices.apply(cx, &mut request)?;
        Ok(request)
    }
}

fn standard_input() -> Result<String> {
    let mut text = String::new();
    std::io::stdin()
        .read_to_string(&mut text)
        .context(|| "cannot read the Dockerfile from standard input".to_owned())?;
    Ok(text)
}

fn pair(text: &str, option: &str) -> Result<(String, String)> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let wrong = || Error::new(Kind::Invalid, format!("{option} {text} should be NAME=VALUE"));
    Ok(pair.ok_or_else(wrong)?)
}

/// `id=NAME`, and `src=PATH` or `env=VARIABLE`; with neither the variable of that name, or else
/// the file of that name (Docker).
fn secret(text: &str, cx: &Context<impl Engine>) -> Result<(String, Secret)> {
    let (mut id, mut file, mut variable) = (None, None, None);
    for field in text.split(',') {
        let (key, value) = pair(field, "--secret")?;
        match key.as_str() {
            "id" => id = Some(value),
            "src" | "source" => file = Some(value),
            "env" => variable = Some(value),
            "type" if value == "file" || value == "env" => {}
            _ => {
                let message = format!("--secret {text}: unknown `{key}`");
                return Err(Error::new(Kind::Invalid, message).into());
            }
        }
    }
    let id = id.ok_or_else(|| Error::new(Kind::Invalid, format!("--secret {text} has no id")))?;
    let value_of = |name: &str| cx.environment().get(name).map(|it| it.as_bytes().to_vec());
    let secret = match (file, variable) {
        (Some(file), _) => Secret::File(cx.directory().join(file)),
        (None, Some(name)) => Secret::Value(value_of(&name).ok_or_else(|| {
            Error::new(Kind::NotFound, format!("--secret {text}: variable {name} is not set"))
        })?),
        (None, None) => match value_of(&id) {
            Some(value) => Secret::Value(value),
            None => Secret::File(cx.directory().join(Path::new(&id))),
        },
    };
    Ok((id, secret))
}
