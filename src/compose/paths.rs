//! Relative paths become absolute (Spec: 03-compose-file.md, compose-go: paths).

use std::path::{Component, Path, PathBuf};

use super::node::{Node, Value};

/// Makes paths of a file's tree, or of a single service's, relative to a directory.
pub struct Paths<'a> {
    /// What relative paths are relative to.
    pub base: &'a Path,
    /// What `~` stands for; `None`: it stays.
    pub home: Option<&'a str>,
    /// Variables were not replaced: what begins with one may be absolute, and stays as it is.
    pub raw: bool,
}

impl Paths<'_> {
    /// All paths of a whole file.
    pub fn project(&self, root: &mut Node) {
        each(root, "services", |service| self.service(service));
        for kind in ["configs", "secrets"] {
            each(root, kind, |resource| self.key(resource, "file"));
        }
        each(root, "volumes", |volume| self.volume(volume));
    }

    /// All paths of one service.
    pub fn service(&self, service: &mut Node) {
        if let Some(build) = service.get_mut("build") {
            self.build(build);
        }
        if let Some(files) = service.get_mut("label_file") {
            items(files, |file| self.text(file));
        }
        if let Some(files) = service.get_mut("env_file") {
            items(files, |file| self.key(file, "path"));
        }
        if let Some(watch) = service.get_mut("develop").and_then(|it| it.get_mut("watch")) {
            items(watch, |rule| self.key(rule, "path"));
        }
        if let Some(file) = service.get_mut("extends").and_then(|it| it.get_mut("file")) {
            self.context(file);
        }
        if let Some(volumes) = service.get_mut("volumes") {
            items(volumes, |volume| {
                if volume.get("type").and_then(Node::as_str) == Some("bind") {
                    self.key(volume, "source");
                }
            });
        }
    }

    fn build(&self, build: &mut Node) {
        if let Some(context) = build.get_mut("context") {
            self.context(context);
        }
        if let Some(Value::Mapping(contexts)) =
            build.get_mut("additional_contexts").map(|it| &mut it.value)
        {
            contexts.values_mut().for_each(|entry| self.context(&mut entry.node));
        }
        if let Some(Value::Mapping(keys)) = build.get_mut("ssh").map(|it| &mut it.value) {
            keys.values_mut().for_each(|entry| self.text(&mut entry.node));
        }
    }

    /// A directory, or something remote that stays as it is.
    fn context(&self, node: &mut Node) {
        if node.as_str().is_some_and(|text| !is_remote(text)) {
            self.text(node);
        }
    }

    /// Only a plain bind mount of the local driver names a path.
    fn volume(&self, volume: &mut Node) {
        let driver = volume.get("driver").and_then(Node::as_str).unwrap_or("local");
        let options = volume.get("driver_opts");
        let bind = options.and_then(|it| it.get("o")).and_then(Node::as_str) == Some("bind");
        if driver == "local"
            && bind
            && let Some(options) = volume.get_mut("driver_opts")
        {
            self.key(options, "device");
        }
    }

    fn key(&self, node: &mut Node, key: &str) {
        if let Some(value) = node.get_mut(key) {
            self.text(value);
        }
    }

    fn text(&self, node: &mut Node) {
        if let Value::Scalar(scalar) = &mut node.value
            && !scalar.text.is_empty()
            && !is_windows(&scalar.text)
            && !(self.raw && scalar.text.starts_with('$'))
        {
            scalar.text = absolute(self.base, &scalar.text, self.home);
        }
    }
}

fn each(root: &mut Node, key: &str, mut change: impl FnMut(&mut Node)) {
    if let Some(Value::Mapping(mapping)) = root.get_mut(key).map(|it| &mut it.value) {
        mapping.values_mut().for_each(|entry| change(&mut entry.node));
    }
}

fn items(node: &mut Node, change: impl FnMut(&mut Node)) {
    if let Value::Sequence(items) = &mut node.value {
        items.iter_mut().for_each(change);
    }
}

/// A path of the other system, which nothing here can resolve.
fn is_windows(text: &str) -> bool {
    let bytes = text.as_bytes();
    let drive = bytes.len() > 2 && bytes[0].is_ascii_alphabetic() && bytes[1] == b':';
    drive && matches!(bytes[2], b'\\' | b'/') || text.starts_with("\\\\")
}

/// Whether a build context is not a directory.
#[must_use]
pub fn is_remote(text: &str) -> bool {
    text.contains("://")
        || text.starts_with("service:")
        || text.starts_with("github.com/")
        || text.starts_with("git@")
        || text.starts_with("target:")
        || text == "-"
}

/// `text` as a path below `base`, with `~`, `.` and `..` resolved by name alone. A path that is
/// absolute stays as it is.
#[must_use]
pub fn absolute(base: &Path, text: &str, home: Option<&str>) -> String {
    let expanded = match (text.strip_prefix('~'), home) {
        (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
            format!("{home}{rest}")
        }
        _ => text.to_owned(),
    };
    match text.starts_with('/') {
        true => text.to_owned(),
        false => clean(&base.join(expanded)).to_string_lossy().into_owned(),
    }
}

/// The path without `.`, `..` and doubled slashes.
#[must_use]
pub fn clean(path: &Path) -> PathBuf {
    let mut cleaned = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => match cleaned.components().next_back() {
                Some(Component::Normal(_)) => {
                    cleaned.pop();
                }
                Some(Component::RootDir | Component::Prefix(_)) => {}
                _ => cleaned.push(".."),
            },
            part => cleaned.push(part),
        }
    }
    match cleaned.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => cleaned,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_by_name() {
        for (text, path) in [
            ("a/./b/../c", "/p/a/c"),
            ("../x", "/x"),
            ("/a//b/", "/a//b/"),
            ("~/x", "/home/u/x"),
            ("~x", "/p/~x"),
            (".", "/p"),
        ] {
            assert_eq!(absolute(Path::new("/p"), text, Some("/home/u")), path, "{text}");
        }
        assert_eq!(clean(Path::new("../../a/..")), Path::new("../.."));
    }
}
