//! Limits that can be given in two ways, and limits that contradict each other.

use super::super::model::{Service, SwapLimit};
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    let limits = service.deploy.as_ref().and_then(|deploy| deploy.resources.limits.as_ref());
    let reservations =
        service.deploy.as_ref().and_then(|deploy| deploy.resources.reservations.as_ref());
    let limit = ["deploy", "resources", "limits"];
    if let Some(limits) = limits {
        same(check, service, "mem_limit", (&limit, "memory"), service.mem_limit, limits.memory);
        same(check, service, "cpus", (&limit, "cpus"), service.cpus, limits.cpus);
        same(check, service, "pids_limit", (&limit, "pids"), service.pids_limit, limits.pids);
    }
    if let Some(reserved) = reservations {
        let path = ["deploy", "resources", "reservations"];
        let own = service.mem_reservation;
        same(check, service, "mem_reservation", (&path, "memory"), own, reserved.memory);
    }
    memory(check, service);
    for (name, limit) in &service.ulimits {
        if limit.hard >= 0 && (limit.soft > limit.hard || limit.soft < 0) {
            let place = check.at(service, &["ulimits", name]);
            let message = format!("the soft limit of `{name}` exceeds the hard one");
            check
                .out
                .error("conflict", place, message)
                .hint("the hard limit must be at least the soft one");
        }
    }
}

/// Reports two values for one thing, unless they are the same.
fn same<T: PartialEq>(
    check: &mut Check,
    service: &Service,
    key: &str,
    (path, name): (&[&str], &str),
    own: Option<T>,
    deploy: Option<T>,
) {
    if let (Some(own), Some(deploy)) = (own, deploy)
        && own != deploy
    {
        let path = [path, &[name]].concat();
        let place = check.at(service, &[key]);
        let other = check.at(service, &path);
        let message = format!("`{key}` and `{}` differ", path.join("."));
        check
            .out
            .error("conflict", place, message)
            .label(other, "the other value")
            .hint("keep one");
    }
}

fn memory(check: &mut Check, service: &Service) {
    let Some(limit) = service.memory_limit() else { return };
    if let Some(reserved) = service.memory_reservation()
        && reserved > limit
    {
        let place = check.at(service, &["mem_reservation"]);
        check.out.error("conflict", place, "more memory is reserved than the limit allows");
    }
    if let Some(SwapLimit::Limit(swap)) = service.memswap_limit
        && swap.0 > 0
        && swap < limit
    {
        let place = check.at(service, &["memswap_limit"]);
        let other = check.at(service, &["mem_limit"]);
        check
            .out
            .error("conflict", place, "`memswap_limit` is less than the memory limit")
            .label(other, "the memory limit")
            .note("it is memory and swap together");
    }
}
