//! `image build`: make an image from a Dockerfile.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::base::{Bytes, Context as _, Error, Kind};
use crate::build::{Recipe, Remote, Request, Secret};
use crate::cli::build::ask::Question;
use crate::cli::build::exchange::{self, Destination};
use crate::cli::build::request::{
    attestation, check_scheme, is_elsewhere, label, limit, named, network, platform,
};
use crate::cli::build::{Choices, deliver};
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
  compose image build -t app --secret id=token,env=TOKEN .
  compose image build --check .                         What is allowed, but probably not meant
  compose image build --target dist -o out .            Only the files, into a directory
  compose image build -t app https://example.com/team/app.git#v2:docker
  tar -c Dockerfile src | compose image build -t app -")]
pub struct Build {
    /// Directory that COPY and ADD read, git repository (`URL#REFERENCE:DIRECTORY`), URL of an
    /// archive or of a Dockerfile, or `-`: either of these two on standard input
    context: String,

    /// Dockerfile [default: Dockerfile in the context]; `-`: standard input; or a URL
    #[arg(id = "dockerfile", short = 'f', long = "file", value_name = "PATH")]
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

    /// A further context: `NAME=DIRECTORY`, `NAME=docker-image://IMAGE`, `NAME=oci-layout://DIRECTORY`,
    /// or as the context itself
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

    /// Steps may have been built there: a name, `type=registry,ref=NAME` or `type=local,src=DIRECTORY`
    #[arg(long, value_name = "CACHE")]
    cache_from: Vec<String>,

    /// Keep the steps there too: `type=registry,ref=NAME`, `type=local,dest=DIRECTORY` or
    /// `type=inline` for the image itself; with `mode=max` those of all stages
    #[arg(long, value_name = "CACHE")]
    cache_to: Vec<String>,

    /// What else to do with the result: `DIRECTORY` or `type=local,dest=DIRECTORY` for its files,
    /// `type=tar,dest=FILE`, `type=oci,dest=FILE`, `type=docker,dest=FILE`, `type=registry`
    #[arg(short, long, value_name = "WHAT")]
    output: Vec<String>,

    /// Send the image to its registry when it is built
    #[arg(long)]
    push: bool,

    /// Keep the image here (accepted: it is kept anyway)
    #[arg(long, hide = true)]
    load: bool,

    /// What the image is for: only what this machine runs can be built
    #[arg(long, value_name = "PLATFORM", value_delimiter = ',')]
    platform: Vec<String>,

    /// Write what was made to this file, as JSON
    #[arg(long, value_name = "PATH")]
    metadata_file: Option<PathBuf>,

    /// Write the image's id to this file
    #[arg(long, value_name = "PATH")]
    iidfile: Option<PathBuf>,

    /// Print nothing but the image's id
    #[arg(short, long)]
    quiet: bool,

    /// Only check the Dockerfile; exit code 1 if there is something to say
    #[arg(long, conflicts_with = "call")]
    check: bool,

    /// Only tell about the Dockerfile: `check`, `outline` or `targets`, as JSON with `,format=json`
    #[arg(long, value_name = "METHOD")]
    call: Option<String>,

    /// An attestation to make: only none is possible
    #[arg(long, value_name = "type=KIND", hide = true)]
    attest: Vec<String>,

    #[command(flatten)]
    foreign: Foreign,

    #[command(flatten)]
    choices: Choices,
}

/// Options of Docker's that change nothing here, which is said where they are given.
#[derive(clap::Args, Debug)]
struct Foreign {
    /// An annotation of the manifest: a manifest is made when the image is sent
    #[arg(long, value_name = "NAME=VALUE", hide = true)]
    annotation: Vec<String>,

    /// Parent of the cgroups of steps
    #[arg(long, value_name = "PATH", hide = true)]
    cgroup_parent: Option<String>,

    /// How containers are kept apart, on Windows
    #[arg(long, value_name = "HOW", hide = true)]
    isolation: Option<String>,

    /// Make one layer of all
    #[arg(long, hide = true)]
    squash: bool,

    /// An option of Docker's older builder
    #[arg(long, value_name = "OPTION", hide = true)]
    security_opt: Vec<String>,
}

impl Foreign {
    /// Says what has no effect.
    fn notice(&self, cx: &Context<impl Engine>) -> Result<()> {
        let isolated = self.isolation.as_deref().is_some_and(|it| it != "default");
        for (option, is_given, instead) in [
            (
                "annotation",
                !self.annotation.is_empty(),
                "use --label, which is in the image itself",
            ),
            ("cgroup-parent", self.cgroup_parent.is_some(), "limit steps with --ulimit"),
            ("isolation", isolated, "it is for Windows"),
            ("squash", self.squash, "copy the files of a stage into one `FROM scratch`"),
            ("security-opt", !self.security_opt.is_empty(), "use `RUN --security=insecure`"),
        ] {
            if is_given {
                cx.output().warn(format!("--{option} has no effect here: {instead}"))?;
            }
        }
        Ok(())
    }
}

impl Build {
    /// Builds it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let mut request = self.request(cx)?;
        if let Some(question) = self.question()? {
            return cx.answer(question, &request).await;
        }
        let outputs = self.outputs(cx, &mut request)?;
        let name = self.tag.first().map_or("image", String::as_str);
        // An archive on standard output leaves no room for the id.
        let outcome = cx.build_one(&request, name, self.quiet).await?;
        let image = outcome.image.clone();
        let mut pushed = None;
        for output in &outputs {
            let sent = deliver::deliver(cx, output, &outcome, &request.names, self.quiet).await?;
            pushed = sent.or(pushed);
        }
        deliver::forget_unwanted(cx, &outputs, &outcome, &request.names)?;
        if let Some(path) = &self.metadata_file {
            let path = cx.directory().join(path);
            deliver::metadata(&path, &image, &request.names, pushed.as_ref())?;
        }
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

    /// What is done with the result; names that it gets on the way are added to the request.
    fn outputs(
        &self,
        cx: &Context<impl Engine>,
        request: &mut Request,
    ) -> Result<Vec<Destination>> {
        let mut outputs = Vec::new();
        for text in &self.output {
            let output = exchange::output(text, cx.directory())?;
            if let Destination::Image { name: Some(names), .. } = &output {
                for name in names.split(',') {
                    request.names.push(name.trim_matches('"').parse()?);
                }
            }
            outputs.push(output);
        }
        if self.push {
            outputs.push(Destination::Image { name: None, push: true });
        }
        Ok(outputs)
    }

    fn question(&self) -> Result<Option<Question>> {
        match &self.call {
            Some(text) => Question::read(text),
            None => Ok(self.check.then_some(Question::CHECK)),
        }
    }

    /// A request with nothing but the context.
    fn context(&self, cx: &Context<impl Engine>) -> Result<Request> {
        let remote = match self.context.as_str() {
            "-" => Remote::Stream(PathBuf::from("/dev/stdin")),
            url if is_elsewhere(url) => {
                check_scheme(url)?;
                Remote::Url(url.to_owned())
            }
            path => return Ok(Request::new(cx.directory().join(path))),
        };
        Ok(Request { remote: Some(remote), ..Request::without_context() })
    }

    fn request(&self, cx: &Context<impl Engine>) -> Result<Request> {
        let mut request = self.context(cx)?;
        let is_here = request.context.is_some();
        request.dockerfile = match self.file.as_deref() {
            Some("-") if self.context == "-" => {
                let message = "standard input cannot be both the context and the Dockerfile";
                return Err(Error::new(Kind::Invalid, message).into());
            }
            Some("-") => Recipe::Text(standard_input()?),
            Some(url) if url.contains("://") => {
                check_scheme(url)?;
                Recipe::Url(url.to_owned())
            }
            // As seen from here, also outside of the context (Docker).
            Some(path) if is_here => Recipe::File(cx.directory().join(path)),
            Some(path) => Recipe::File(PathBuf::from(path)),
            None => Recipe::File(PathBuf::from("Dockerfile")),
        };
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
            let context = match context.strip_prefix("oci-layout://") {
                Some(path) => format!("oci-layout://{}", cx.directory().join(path).display()),
                None if is_elsewhere(&context) => context,
                None => cx.directory().join(context).display().to_string(),
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
        for text in &self.cache_from {
            request.cache_from.extend(exchange::cache_from(text, cx.directory())?);
        }
        for text in &self.cache_to {
            request.cache_to.extend(exchange::cache_to(text, cx.directory())?);
        }
        for text in &self.attest {
            let (kind, options) = text.split_once(',').unwrap_or((text, "true"));
            attestation(cx, kind.trim_start_matches("type="), Some(options))?;
        }
        self.foreign.notice(cx)?;
        platform(&self.platform, &mut request)?;
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
