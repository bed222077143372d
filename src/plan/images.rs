//! Which images must be fetched before containers can be lowered.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;

use crate::base::{Context, Error, Kind, Result};
use crate::compose::model::{MountKind, PullPolicy};
use crate::compose::{Project, Service};
use crate::resource::Observed;
use crate::resource::platform::Platform;

use super::lower::{self, image_of};
use super::step::{Action, Fetch, Plan};

/// How images are fetched.
#[derive(Clone, Debug, Default)]
pub struct ImageOptions {
    /// For all services, whatever they say (`--pull`); `None`: as each says.
    pub policy: Option<PullPolicy>,
    /// Fetch images of services that could be built, too (`pull` does, `up` does not).
    pub include_buildable: bool,
    /// The present time; `None`: `pull_policy: daily` and its like only fetch what is missing.
    pub now: Option<Timestamp>,
}

/// The images of all services, by name.
#[must_use]
pub fn image_names(project: &Project) -> BTreeSet<String> {
    let services = project.services.values().filter(|service| service.provider.is_none());
    services.map(|service| image_of(project, service)).collect()
}

/// The images of all services, and others that they need, by name: what a snapshot must
/// look up.
#[must_use]
pub fn needed_images(project: &Project) -> BTreeSet<String> {
    let services = project.services.values().filter(|service| service.provider.is_none());
    services.flat_map(others).map(str::to_owned).chain(image_names(project)).collect()
}

/// Images that a service needs besides its own: those whose files it mounts, and those of
/// containers that run before it.
fn others(service: &Service) -> impl Iterator<Item = &str> {
    let images = service.volumes.iter().filter(|volume| volume.kind == MountKind::Image);
    images.filter_map(|volume| volume.source.as_deref()).chain(lower::pre_start_images(service))
}

/// Plans what to fetch, one step an image.
///
/// # Errors
/// `Kind::NotFound` for an image that is not there and must not be fetched, or would have to be
/// built.
pub fn images(project: &Project, observed: &Observed, options: &ImageOptions) -> Result<Plan> {
    let mut wanted: BTreeMap<String, (Option<Fetch>, Option<String>, String)> = BTreeMap::new();
    for service in project.services.values().filter(|service| service.provider.is_none()) {
        let image = image_of(project, service);
        let (fetch, reason) = decide(service, &image, observed, options)?;
        let entry = wanted.entry(image).or_insert((None, service.platform.clone(), reason.clone()));
        // One service that always wants the newest decides for all with the same image.
        if fetch == Some(Fetch::Always) || entry.0.is_none() {
            *entry = (fetch, service.platform.clone(), reason);
        }
        for image in others(service).filter(|image| !observed.images.contains_key(*image)) {
            let reason = format!("service {} needs it", service.name);
            let missing = (Some(Fetch::Missing), service.platform.clone(), reason);
            wanted.entry(image.to_owned()).or_insert(missing);
        }
    }
    let mut plan = Plan::default();
    for (image, (fetch, platform, reason)) in wanted {
        match fetch {
            Some(fetch) => drop(plan.push(Action::Pull { image, fetch, platform }, reason, [])),
            None => plan.kept.push(image),
        }
    }
    Ok(plan)
}

/// Whether a service's image is fetched, and why.
fn decide(
    service: &Service,
    image: &str,
    observed: &Observed,
    options: &ImageOptions,
) -> Result<(Option<Fetch>, String)> {
    let policy = options.policy.or(service.pull_policy).unwrap_or(PullPolicy::Missing);
    let found = observed.images.get(image);
    let platform = platform(service)?;
    let other = platform.as_ref().filter(|wanted| found.is_some_and(|it| !it.is_for(wanted)));
    let is_there = found.is_some() && other.is_none();
    if service.build.is_some() && !options.include_buildable && !is_there {
        if let (Some(found), Some(wanted)) = (found, other) {
            return Err(found.not_for(image, wanted).hint("build it with `compose build`"));
        }
        let message = format!("image {image} of service {} must be built", service.name);
        return Err(Error::new(Kind::NotFound, message).hint("build it with `compose build`"));
    }
    let missing = (!is_there).then_some(Fetch::Missing);
    let tagged = observed.images.get(image).and_then(|image| image.tagged_at);
    let refresh = |age| is_older(options.now, tagged, age).then_some(Fetch::Always);
    let day = Duration::from_secs(24 * 3600);
    let fetch = match policy {
        PullPolicy::Always => Some(Fetch::Always),
        PullPolicy::Missing | PullPolicy::Refresh => missing,
        PullPolicy::Every(age) => missing.or_else(|| refresh(age)),
        PullPolicy::Daily => missing.or_else(|| refresh(day)),
        PullPolicy::Weekly => missing.or_else(|| refresh(7 * day)),
        PullPolicy::Never | PullPolicy::Build if is_there => None,
        PullPolicy::Never | PullPolicy::Build => {
            if let (Some(found), Some(wanted)) = (found, other) {
                return Err(found.not_for(image, wanted));
            }
            let message = format!("no such image: {image}");
            let hint = format!("service {} has pull_policy {policy}", service.name);
            return Err(Error::new(Kind::NotFound, message).hint(hint));
        }
    };
    let reason = match (fetch, other) {
        (Some(Fetch::Always), _) => format!("pull_policy {policy}"),
        (_, Some(wanted)) => format!("what is in the store is not for {wanted}"),
        (_, None) => "is not in the store".to_owned(),
    };
    Ok((fetch, reason))
}

/// The platform that a service asks for.
fn platform(service: &Service) -> Result<Option<Platform>> {
    let Some(text) = &service.platform else { return Ok(None) };
    let of = || format!("service {}", service.name);
    let wanted = text.parse::<Platform>().context(of)?;
    if wanted.os != "linux" {
        let message = format!("platform {wanted} of service {} cannot run here", service.name);
        return Err(Error::new(Kind::Invalid, message).hint("only Linux containers can"));
    }
    Ok(Some(wanted))
}

/// Whether an image came this long ago, or nobody knows when (Docker Compose: the same).
fn is_older(now: Option<Timestamp>, tagged: Option<Timestamp>, age: Duration) -> bool {
    now.is_some_and(|now| tagged.is_none_or(|at| now.duration_since(at).unsigned_abs() >= age))
}
