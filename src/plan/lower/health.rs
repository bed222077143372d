//! Health checks: the service's, with the image's where it says nothing, then Docker's defaults.

use std::time::Duration;

use crate::compose::model::Healthcheck;
use crate::resource::ImageConfig;
use crate::resource::image::ImageHealth;
use crate::resource::process::HealthCheck;

/// The container's health check; `None`: there is none, or it was disabled.
pub(super) fn health(service: Option<&Healthcheck>, image: &ImageConfig) -> Option<HealthCheck> {
    let nothing = (Healthcheck::default(), ImageHealth::default());
    let own = service.unwrap_or(&nothing.0);
    let base = image.health.as_ref().unwrap_or(&nothing.1);
    let test = if own.test.is_empty() { &base.test } else { &own.test };
    let argv = argv(test, &image.shell).filter(|_| !own.disable)?;
    // Zero means unset on both sides (Docker: the same).
    let pick = |own: Option<Duration>, base: u64, default: Duration| {
        let base = Some(Duration::from_nanos(base));
        let set = |it: &Duration| !it.is_zero();
        own.filter(set).or(base.filter(set)).unwrap_or(default)
    };
    let own_retries = own.retries.and_then(|it| u32::try_from(it).ok());
    let retries = own_retries.filter(|it| *it > 0).or(Some(base.retries).filter(|it| *it > 0));
    let seconds = Duration::from_secs;
    Some(HealthCheck {
        argv,
        interval: pick(own.interval, base.interval, seconds(30)),
        timeout: pick(own.timeout, base.timeout, seconds(30)),
        retries: retries.unwrap_or(3),
        start_period: pick(own.start_period, base.start_period, Duration::ZERO),
        start_interval: pick(own.start_interval, base.start_interval, seconds(5)),
    })
}

/// `["CMD", …]` or `["CMD-SHELL", line]` as program and arguments.
fn argv(test: &[String], shell: &[String]) -> Option<Vec<String>> {
    let (kind, rest) = test.split_first()?;
    match (kind.as_str(), rest) {
        ("NONE", _) | (_, []) => None,
        ("CMD-SHELL", rest) => {
            let default = || vec!["/bin/sh".to_owned(), "-c".to_owned()];
            let mut argv = if shell.is_empty() { default() } else { shell.to_vec() };
            argv.extend(rest.iter().cloned());
            Some(argv)
        }
        (_, rest) => Some(rest.to_vec()),
    }
}
