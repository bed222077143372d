//! What is mounted where.

use std::collections::HashMap;

use crate::base::path::stays_within;

use super::super::model::{MountKind, Service};
use super::Check;

pub fn check(check: &mut Check, service: &Service) {
    let mut targets: HashMap<&str, String> = HashMap::new();
    for (index, volume) in service.volumes.iter().enumerate() {
        let name = index.to_string();
        let item = ["volumes", &name];
        let place = check.at(service, &item);
        if volume.target.is_empty() {
            let message = format!("a mount of service `{}` has no `target`", service.name);
            check
                .out
                .error("missing-key", place, message)
                .hint("say where it appears in the container");
            continue;
        }
        if volume.kind == MountKind::Bind && volume.source.is_none() {
            let message = format!("the bind mount at `{}` has no `source`", volume.target);
            check
                .out
                .error("missing-key", place, message)
                .hint("say which path of the host is mounted");
        }
        if volume.kind == MountKind::Image && volume.source.is_none() {
            let message = format!("the image mount at `{}` has no `source`", volume.target);
            check.out.error("missing-key", place, message).hint("name the image in `source`");
        }
        if volume.kind == MountKind::Tmpfs && volume.source.is_some() {
            let place = check.at(service, &["volumes", &name, "source"]);
            check.out.error("conflict", place, "a tmpfs mount has no `source`").hint("remove it");
        }
        if !volume.target.starts_with('/') && !is_windows(&volume.target) {
            let message = format!("`{}` is not an absolute path in the container", volume.target);
            let place = check.at(service, &["volumes", &name, "target"]);
            let hint = match volume.source.is_none() && volume.kind == MountKind::Volume {
                true => format!("write SOURCE:TARGET, as in {}:/data", volume.target),
                false => format!("begin it with a slash: /{}", volume.target),
            };
            check.out.warning("relative-target", place, message).hint(hint);
        }
        options(check, service, index);
        subpath(check, service, index);
        same_target(check, service, &mut targets, &volume.target, &item);
    }
    for (index, tmpfs) in service.tmpfs.iter().enumerate() {
        let target = tmpfs.split(':').next().unwrap_or_default();
        same_target(check, service, &mut targets, target, &["tmpfs", &index.to_string()]);
    }
}

/// Only one thing can be mounted at a path.
fn same_target<'a>(
    check: &mut Check,
    service: &Service,
    targets: &mut HashMap<&'a str, String>,
    target: &'a str,
    path: &[&str],
) {
    let bare = if target.len() > 1 { target.trim_end_matches('/') } else { target };
    if let Some(first) = targets.get(bare) {
        let first: Vec<&str> = first.split(' ').collect();
        let (place, other) = (check.at(service, path), check.at(service, &first));
        let message = format!("two things are mounted at `{bare}`");
        check.out.error("duplicate-mount", place, message).label(other, "the other one");
        return;
    }
    targets.insert(bare, path.join(" "));
}

/// What is mounted of a volume or an image lies in it (Docker: the same).
fn subpath(check: &mut Check, service: &Service, index: usize) {
    let (volume, name) = (&service.volumes[index], index.to_string());
    let written = [
        ("volume", volume.volume.as_ref().and_then(|it| it.subpath.as_deref())),
        ("image", volume.image.as_ref().and_then(|it| it.subpath.as_deref())),
    ];
    for (kind, path) in written {
        // Docker Compose takes a path of an image from its root.
        let path =
            path.map(|path| if kind == "image" { path.trim_start_matches('/') } else { path });
        let Some(path) = path.filter(|path| !path.is_empty() && !stays_within(path)) else {
            continue;
        };
        let place = check.at(service, &["volumes", &name, kind, "subpath"]);
        check
            .out
            .error("bad-subpath", place, format!("`{path}` does not lie within the {kind}"))
            .hint(format!("write a relative path without `..`, as it is in the {kind}: data/web"));
    }
}

/// Options are for one kind of mount.
fn options(check: &mut Check, service: &Service, index: usize) {
    let volume = &service.volumes[index];
    let name = index.to_string();
    let given = [
        ("bind", volume.bind.is_some(), MountKind::Bind),
        ("volume", volume.volume.is_some(), MountKind::Volume),
        ("tmpfs", volume.tmpfs.is_some(), MountKind::Tmpfs),
        ("image", volume.image.is_some(), MountKind::Image),
    ];
    for (key, present, kind) in given {
        // A label for SELinux is given to volumes in short form, too.
        if present && kind != volume.kind && !(key == "bind" && volume.kind == MountKind::Volume) {
            let place = check.key(service, &["volumes", &name, key]);
            let message = format!("`{key}` has no effect on this type of mount");
            let other = check.at(service, &["volumes", &name, "type"]);
            check.out.warning("no-effect", place, message).label(other, "the type");
        }
    }
}

fn is_windows(path: &str) -> bool {
    path.starts_with('\\') || path.as_bytes().get(1) == Some(&b':')
}
