//! From `build:` and the command line to what the builder takes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::exchange::{cache_from, cache_to};
use crate::base::{Bytes, Error, Kind};
use crate::build::{
    CachePlace, CacheTarget, NamedContext, Network, Recipe, Remote, Request, Secret, git,
};
use crate::cli::{Context, Result};
use crate::compose::Project;
use crate::compose::model::Build;
use crate::engine::Engine;
use crate::image::emulation;
use crate::resource::Image;

/// How images are built, whatever the compose files say.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct Choices {
    /// A value for an ARG of the Dockerfile; without `=VALUE`: that of the environment
    #[arg(long = "build-arg", value_name = "NAME=VALUE")]
    args: Vec<String>,

    /// Build every step anew
    #[arg(long)]
    no_cache: bool,

    /// Look for newer base images
    #[arg(long = "pull")]
    pull_bases: bool,

    /// SSH agent for RUN --mount=type=ssh: `default`, or `ID=SOCKET`
    #[arg(long, value_name = "ID")]
    ssh: Vec<String>,

    /// Name of a builder (accepted, and of no effect: there is only one)
    #[arg(long, hide = true)]
    builder: Option<String>,

    /// Attest how the image was made: only `false` is possible
    #[arg(long, value_name = "OPTIONS", hide = true)]
    provenance: Option<String>,

    /// Attest what is in the image: only `false` is possible
    #[arg(long, value_name = "OPTIONS", hide = true)]
    sbom: Option<String>,

    #[command(flatten)]
    idle: Idle,
}

/// Options of Docker's that change nothing here: for its older builder, or for a daemon.
#[derive(clap::Args, Clone, Debug, Default)]
struct Idle {
    /// Limit of memory (accepted, and of no effect)
    #[arg(short, long, hide = true)]
    memory: Option<String>,

    /// Compress the context (accepted: it is not sent anywhere)
    #[arg(long, hide = true)]
    compress: bool,

    /// Remove containers of steps (accepted: they never stay)
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    rm: Option<bool>,

    /// The same after a failure
    #[arg(long, hide = true, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    force_rm: Option<bool>,

    /// Keep them (accepted: there are none)
    #[arg(long, hide = true)]
    no_rm: bool,
}

/// The request for a service's image. `built` are images of services that were built before.
///
/// # Errors
/// The build asks for what cannot be done.
pub fn of_service<E: Engine>(
    cx: &Context<E>,
    project: &Project,
    build: &Build,
    tag: &str,
    choices: &Choices,
    built: &BTreeMap<String, Image>,
) -> Result<Request> {
    let mut request = context(&build.context, project)?;
    request.dockerfile = match (&build.dockerfile_inline, &build.dockerfile) {
        (Some(text), _) => Recipe::Text(text.clone()),
        (None, Some(path)) => Recipe::File(PathBuf::from(path)),
        (None, None) => Recipe::File(PathBuf::from("Dockerfile")),
    };
    for (name, context) in &build.additional_contexts {
        request.contexts.insert(name.to_lowercase(), named(context, built)?);
    }
    request.names.push(tag.parse()?);
    for tag in &build.tags {
        request.names.push(tag.parse()?);
    }
    request.target.clone_from(&build.target);
    request.labels.clone_from(&build.labels);
    for text in &build.cache_from {
        request.cache_from.extend(cache_from(text, &project.working_dir)?);
    }
    for text in &build.cache_to {
        request.cache_to.extend(cache_to(text, &project.working_dir)?);
    }
    request.no_cache = build.no_cache;
    request.no_cache_filter.clone_from(&build.no_cache_filter);
    request.pull = build.pull;
    request.privileged = build.privileged;
    request.allow_insecure = build.entitlements.iter().any(|it| it == "security.insecure");
    request.allow_host_network = build.entitlements.iter().any(|it| it == "network.host");
    request.shm_size = build.shm_size.map(|Bytes(size)| size);
    let hosts = build.extra_hosts.iter();
    request.extra_hosts = hosts.map(|host| (host.name.clone(), host.address.clone())).collect();
    // A negative limit means none, which the kernel writes as the largest number.
    let limit = |value: i64| u64::try_from(value).unwrap_or(u64::MAX);
    let limits = build.ulimits.iter();
    request.ulimits =
        limits.map(|(name, it)| (name.clone(), limit(it.soft), limit(it.hard))).collect();
    request.network = network(build.network.as_deref())?;
    platform(&build.platforms, &mut request)?;
    request.secrets = secrets(project, build)?;
    let variable = |name: &str| cx.environment().get(name).map(str::to_owned);
    request.ssh =
        ssh(build.ssh.clone().into_iter().collect(), variable("SSH_AUTH_SOCK").as_deref())?;
    for (name, value) in &build.args {
        if let Some(value) = value.clone().or_else(|| variable(name)) {
            request.args.insert(name.clone(), value);
        }
    }
    choices.apply(cx, &mut request)?;
    Ok(request)
}

impl Choices {
    /// The command line goes before the compose file.
    ///
    /// # Errors
    /// An option has a wrong value.
    pub fn apply<E: Engine>(&self, cx: &Context<E>, request: &mut Request) -> Result<()> {
        let variable = |name: &str| cx.environment().get(name).map(str::to_owned);
        request.no_cache |= self.no_cache;
        request.pull |= self.pull_bases;
        for text in &self.args {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (text.as_str(), variable(text)),
            };
            if let Some(value) = value {
                request.args.insert(name.to_owned(), value);
            }
        }
        let agents = self.ssh.iter().map(|text| match text.split_once('=') {
            Some((id, path)) => (id.to_owned(), Some(path.to_owned())),
            None => (text.clone(), None),
        });
        request.ssh.extend(ssh(agents.collect(), variable("SSH_AUTH_SOCK").as_deref())?);
        // Docker: BuildKit's own argument for what is `--cache-to type=inline` too.
        if request.args.get("BUILDKIT_INLINE_CACHE").is_some_and(|value| value == "1") {
            request.cache_to.push(CacheTarget { place: CachePlace::Inline, all: false });
        }
        for (option, value) in [("provenance", &self.provenance), ("sbom", &self.sbom)] {
            attestation(cx, option, value.as_deref())?;
        }
        request.epoch = epoch(&request.args, variable("SOURCE_DATE_EPOCH"))?;
        Ok(())
    }
}

/// Says that there is none, where one is asked for: `true`, or how it should be.
///
/// # Errors
/// Standard error is gone.
pub fn attestation<E: Engine>(cx: &Context<E>, option: &str, value: Option<&str>) -> Result<()> {
    let is_wanted =
        |text: &str| text != "false" && !text.split(',').any(|it| it == "disabled=true");
    if value.is_some_and(is_wanted) {
        let what = format!("{option}: no attestation is made, the image itself is the same");
        cx.output().warn(what)?;
    }
    Ok(())
}

/// `NAME=VALUE`; without a value it is empty.
#[must_use]
pub fn label(text: &str) -> (String, String) {
    let (name, value) = text.split_once('=').unwrap_or((text, ""));
    (name.to_owned(), value.to_owned())
}

/// `nofile=1024:2048`; one number is for both. -1 is no limit.
///
/// # Errors
/// It is none.
pub fn limit(text: &str) -> Result<(String, u64, u64)> {
    let wrong = || Error::new(Kind::Invalid, format!("`{text}` should look like nofile=1024:2048"));
    let (name, values) = text.split_once('=').ok_or_else(wrong)?;
    let (soft, hard) = values.split_once(':').unwrap_or((values, values));
    let number = |text: &str| match text {
        "-1" => Ok(u64::MAX),
        text => text.parse::<u64>().map_err(|_| wrong()),
    };
    Ok((name.to_owned(), number(soft)?, number(hard)?))
}

/// A request with the context of a service; without one it is the project's directory.
fn context(text: &str, project: &Project) -> Result<Request> {
    Ok(match (text, is_elsewhere(text)) {
        ("", _) => Request::new(project.working_dir.clone()),
        (_, false) => Request::new(PathBuf::from(text)),
        (_, true) => {
            check_scheme(text)?;
            Request { remote: Some(Remote::Url(text.to_owned())), ..Request::without_context() }
        }
    })
}

/// Whether a context is to be fetched first.
#[must_use]
pub fn is_elsewhere(context: &str) -> bool {
    context.contains("://") || git::is_git(context)
}

/// Contexts come from git repositories and web servers.
///
/// # Errors
/// It is from elsewhere.
pub fn check_scheme(context: &str) -> Result<()> {
    let web = context.starts_with("http://") || context.starts_with("https://");
    match web || git::is_git(context) {
        true => Ok(()),
        false => {
            let error = Error::new(Kind::Invalid, format!("cannot build from `{context}`"));
            let hint = "a build context is a directory, a git repository, or the URL of an archive";
            Err(error.hint(hint).into())
        }
    }
}

/// A named context; `built` are images of services.
///
/// # Errors
/// It is elsewhere than on this machine.
pub fn named(context: &str, built: &BTreeMap<String, Image>) -> Result<NamedContext> {
    if let Some(service) = context.strip_prefix("service:") {
        let missing = || Error::new(Kind::NotFound, format!("service {service} was not built"));
        let image = built.get(service).ok_or_else(missing)?;
        return Ok(NamedContext::Image(image.id.to_string()));
    }
    if let Some(image) = context.strip_prefix("docker-image://") {
        return Ok(NamedContext::Image(image.to_owned()));
    }
    if let Some(path) = context.strip_prefix("oci-layout://") {
        return Ok(NamedContext::Layout(path.to_owned()));
    }
    if is_elsewhere(context) {
        check_scheme(context)?;
        return Ok(NamedContext::Remote(context.to_owned()));
    }
    Ok(NamedContext::Directory(PathBuf::from(context)))
}

/// Network of build steps.
///
/// # Errors
/// It is another than default, none and host.
pub fn network(name: Option<&str>) -> Result<Network> {
    match name {
        None | Some("default" | "bridge") => Ok(Network::Default),
        Some("none") => Ok(Network::None),
        Some("host") => Ok(Network::Host),
        Some(other) => {
            let error = Error::new(Kind::Invalid, format!("cannot build in network `{other}`"));
            Err(error.hint("networks of builds are default, none and host").into())
        }
    }
}

/// Only what runs here can be built here: for this machine, or by an emulator that the kernel knows.
///
/// # Errors
/// None of the platforms is one that runs here.
pub fn platform(wanted: &[String], request: &mut Request) -> Result<()> {
    let Some(first) = wanted.first() else { return Ok(()) };
    let host = crate::image::Platform::host();
    let parse = |text: &String| text.parse::<crate::image::Platform>();
    let wanted = wanted.iter().map(parse).collect::<crate::base::Result<Vec<_>>>()?;
    let own = wanted.iter().find(|platform| platform.accepts(&host));
    match own.or_else(|| wanted.iter().find(|platform| emulation::is_ready(platform))) {
        Some(platform) => request.platform = platform.clone(),
        None => {
            let message = format!("cannot build for {first} on {host}");
            let error = Error::new(Kind::Invalid, message);
            let hint = "an emulator that is registered in /proc/sys/fs/binfmt_misc makes it \
                        possible, as the package qemu-user-static does";
            return Err(error.hint(hint).into());
        }
    }
    Ok(())
}

/// Seconds since 1970, from an argument or a variable.
fn epoch(args: &BTreeMap<String, String>, variable: Option<String>) -> Result<Option<i64>> {
    let Some(text) = args.get("SOURCE_DATE_EPOCH").cloned().or(variable) else { return Ok(None) };
    let parsed = text.parse().map_err(|_| {
        let message = format!("SOURCE_DATE_EPOCH is `{text}`, and not a number of seconds");
        Error::new(Kind::Invalid, message)
    });
    Ok(parsed.map(Some)?)
}

fn ssh(
    agents: Vec<(String, Option<String>)>,
    own: Option<&str>,
) -> Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for (id, path) in agents {
        let missing = || {
            let message = format!("there is no SSH agent for `{id}`");
            Error::new(Kind::NotFound, message).hint("SSH_AUTH_SOCK is not set")
        };
        let path = path.filter(|path| !path.is_empty()).or_else(|| own.map(str::to_owned));
        let path = PathBuf::from(path.ok_or_else(missing)?);
        found.insert(id, path);
    }
    Ok(found)
}

/// Secrets of a build by their ids: the target where one is given, else the name.
fn secrets(project: &Project, build: &Build) -> Result<BTreeMap<String, Secret>> {
    let mut secrets = BTreeMap::new();
    for wanted in &build.secrets {
        let id = wanted.target.clone().unwrap_or_else(|| wanted.source.clone());
        let missing =
            || Error::new(Kind::NotFound, format!("build secret {} is not defined", wanted.source));
        let secret = project.secrets.get(&wanted.source).ok_or_else(missing)?;
        let value = match (&secret.file, &secret.environment) {
            (Some(file), _) => Secret::File(Path::new(file).to_owned()),
            (None, Some(name)) => {
                let value = project.environment.get(name).cloned().unwrap_or_default();
                Secret::Value(value.into_bytes())
            }
            (None, None) => return Err(missing().into()),
        };
        secrets.insert(id, value);
    }
    Ok(secrets)
}
