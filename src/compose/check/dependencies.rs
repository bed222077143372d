//! Services that are needed exist, are on, and do not need each other in a circle.

use crate::diag::Span;

use super::super::model::{Condition, Service};
use super::Check;

/// Every dependency names a service of this project (Spec: 05-services.md#depends_on).
pub fn check(check: &mut Check, service: &Service) {
    let project = check.project;
    for (name, dependency) in &service.depends_on {
        let place = place(check, service, name);
        if let Some(target) = project.services.get(name) {
            healthy(check, service, name, dependency.condition, target, place);
            continue;
        }
        let owner = check.key(service, &[]);
        if let Some(off) = project.disabled.get(name) {
            if dependency.required {
                let profiles = off.profiles.join("`, `");
                let message = format!("service `{}` needs `{name}`, which is not on", service.name);
                let profile = check.at(off, &["profiles"]);
                check
                    .out
                    .error("service-off", place, message)
                    .label(owner, "needed by this service")
                    .label(profile, "on with one of these profiles only")
                    .hint(format!(
                        "turn it on with --profile `{profiles}`, or write `required: false`"
                    ));
            }
            continue;
        }
        if check.is_broken(&["services"])
            && check.project.document.find(&["services", name]).is_some()
        {
            continue;
        }
        let message = format!("service `{}` needs `{name}`, which is not defined", service.name);
        let known = project.services.keys().map(String::as_str);
        let diagnostic = match dependency.required {
            true => check.out.error("unknown-service", place, message),
            false => check.out.warning("unknown-service", place, message),
        };
        diagnostic.label(owner, "needed by this service").suggest(name, known);
    }
}

/// A dependency without a health check never becomes healthy, unless its image brings one.
fn healthy(
    check: &mut Check,
    service: &Service,
    name: &str,
    condition: Condition,
    target: &Service,
    place: Option<Span>,
) {
    let health = target.healthcheck.as_ref();
    let off = health.is_some_and(|it| it.disable || it.test.first().is_some_and(|it| it == "NONE"));
    if condition == Condition::Healthy && off {
        let message = format!(
            "service `{}` waits for `{name}` to be healthy, but its health check is disabled",
            service.name
        );
        let other = check.key(target, &["healthcheck"]);
        check.out.error("never-healthy", place, message).label(other, "disabled here");
    }
    let replicas_end = target.restart_policy();
    if condition == Condition::CompletedSuccessfully
        && matches!(
            replicas_end,
            super::super::model::Restart::Always | super::super::model::Restart::UnlessStopped
        )
    {
        let message = format!(
            "service `{}` waits for `{name}` to end, but `{name}` is always restarted",
            service.name
        );
        let other = check.at(target, &["restart"]);
        check.out.warning("never-ends", place, message).label(other, "restarted because of this");
    }
}

/// Where a service says that it needs another: in `depends_on`, or by a link or namespace.
fn place(check: &Check, service: &Service, name: &str) -> Option<Span> {
    let document = &check.project.document;
    let path = ["services", &service.name, "depends_on", name];
    let key = ["services", &service.name, "depends_on"];
    if let Some(entry) = document.find(&key).and_then(|it| it.as_mapping()?.get(name))
        && entry.key.is_some()
    {
        return document.key_place(&path);
    }
    for list in ["links", "volumes_from"] {
        let items = document.find(&["services", &service.name, list]);
        for item in items.and_then(|it| it.as_sequence()).unwrap_or_default() {
            if item.as_str().is_some_and(|it| it.split(':').next() == Some(name)) {
                return item.span;
            }
        }
    }
    for mode in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        let node = document.find(&["services", &service.name, mode]);
        let named = node.and_then(|it| it.as_str()?.strip_prefix("service:"));
        if named == Some(name) {
            return node.and_then(|it| it.span);
        }
    }
    check.key(service, &[])
}

/// Of a longer circle only the beginning is shown.
const LONG_RING: usize = 12;

/// A circle of services could never start.
pub fn cycle(check: &mut Check) {
    let Some(ring) = check.project.cycle() else { return };
    let shown = match ring.len() {
        0..=LONG_RING => ring.join(" -> "),
        length => {
            let (start, left) = (ring[..LONG_RING].join(" -> "), length - LONG_RING - 1);
            format!("{start} -> … {left} more … -> {}", ring[0])
        }
    };
    let message = format!("services need each other in a circle: {shown}");
    let places: Vec<(Option<Span>, String)> = ring
        .windows(2)
        .take(LONG_RING)
        .filter_map(|pair| {
            let service = check.project.services.get(&pair[0])?;
            let text = format!("`{}` needs `{}`", pair[0], pair[1]);
            Some((place(check, service, &pair[1]), text))
        })
        .collect();
    let Some((first, rest)) = places.split_first() else { return };
    let diagnostic = check.out.error("dependency-cycle", first.0, message).here(&first.1);
    for (span, text) in rest {
        diagnostic.label(*span, text);
    }
    diagnostic.hint("remove one of these dependencies");
}
