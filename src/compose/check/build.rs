//! `build`, `develop`, hooks, device requests and providers.

use super::super::model::{DeviceRequest, Service, WatchAction};
use super::super::node::Node;
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    build(check, service);
    develop(check, service);
    devices(check, service);
    for (index, hook) in service.pre_start.iter().enumerate() {
        if hook.per_replica {
            let place = check.at(service, &["pre_start", &index.to_string(), "per_replica"]);
            check.out.warning(
                "no-effect",
                place,
                "`per_replica` has no effect yet: the hook runs once",
            );
        }
    }
    if let Some(provider) = &service.provider
        && provider.kind == "compose"
    {
        let place = check.at(service, &["provider", "type"]);
        check.out.error("bad-value", place, "a provider cannot be `compose` itself");
    }
}

fn build(check: &mut Check, service: &Service) {
    let Some(build) = &service.build else { return };
    if build.dockerfile.is_some() && build.dockerfile_inline.is_some() {
        let place = check.key(service, &["build", "dockerfile_inline"]);
        let other = check.key(service, &["build", "dockerfile"]);
        check
            .out
            .error("conflict", place, "`dockerfile` and `dockerfile_inline` exclude each other")
            .label(other, "the other key")
            .hint("keep one of them");
    }
    if let Some(platform) = &service.platform
        && !build.platforms.is_empty()
        && !build.platforms.contains(platform)
    {
        let place = check.key(service, &["build", "platforms"]);
        let other = check.at(service, &["platform"]);
        let message = format!("the image is not built for `{platform}`, on which the service runs");
        check
            .out
            .error("conflict", place, message)
            .label(other, "the service's platform")
            .hint(format!("add `{platform}` to the list"));
    }
    for (name, context) in &build.additional_contexts {
        let Some(needed) = context.strip_prefix("service:") else { continue };
        // A service that is off or was not asked for is built all the same.
        let services = check.project.document.find(&["services"]).and_then(Node::as_mapping);
        if !services.is_some_and(|all| all.contains_key(needed)) {
            let place = check.at(service, &["build", "additional_contexts", name]);
            let message =
                format!("the context `{name}` is the service `{needed}`, which is not defined");
            let known: Vec<&str> =
                services.into_iter().flat_map(|all| all.keys().map(String::as_str)).collect();
            check.out.error("unknown-service", place, message).suggest(needed, known);
        }
    }
}

fn develop(check: &mut Check, service: &Service) {
    let rules = service.develop.as_ref().map(|it| it.watch.as_slice()).unwrap_or_default();
    for (index, rule) in rules.iter().enumerate() {
        let name = index.to_string();
        let item = ["develop", "watch", &name];
        if rule.path.trim().is_empty() {
            let place = check.at(service, &item);
            check.out.error("bad-value", place, "a rule of `watch` has an empty `path`");
        }
        let copies = matches!(
            rule.action,
            WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec
        );
        if copies && rule.target.is_none() {
            let place = check.at(service, &["develop", "watch", &name, "action"]);
            check
                .out
                .error("missing-key", place, "this action copies files, and needs a `target`")
                .hint("say where in the container the files belong");
        }
        if rule.action == WatchAction::SyncExec && rule.exec.is_none() {
            let place = check.at(service, &["develop", "watch", &name, "action"]);
            check
                .out
                .error("missing-key", place, "this action runs a command, and needs `exec`")
                .hint("add `exec: {command: …}`");
        }
        if rule.action == WatchAction::Rebuild && service.build.is_none() {
            let place = check.at(service, &["develop", "watch", &name, "action"]);
            let message =
                format!("service `{}` cannot be rebuilt, as it has no `build`", service.name);
            check.out.warning("no-effect", place, message);
        }
    }
}

fn devices(check: &mut Check, service: &Service) {
    let reserved = service
        .deploy
        .as_ref()
        .and_then(|deploy| deploy.resources.reservations.as_ref())
        .map(|it| it.devices.as_slice())
        .unwrap_or_default();
    for (index, request) in reserved.iter().enumerate() {
        let index = index.to_string();
        exclusive(
            check,
            service,
            request,
            &["deploy", "resources", "reservations", "devices", &index],
        );
    }
    for (index, request) in service.gpus.iter().enumerate() {
        exclusive(check, service, request, &["gpus", &index.to_string()]);
    }
}

fn exclusive(check: &mut Check, service: &Service, request: &DeviceRequest, path: &[&str]) {
    if request.count.is_some() && !request.device_ids.is_empty() {
        let place = check.key(service, &[path, &["count"]].concat());
        let other = check.key(service, &[path, &["device_ids"]].concat());
        check
            .out
            .error("conflict", place, "`count` and `device_ids` exclude each other")
            .label(other, "the other key")
            .hint("say how many devices, or which");
    }
}
