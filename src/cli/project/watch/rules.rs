//! Which changes of files concern which service, and how. Pure, but for reading ignore files.

use std::path::{Component, Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::build::Ignore;
use crate::compose::model::{Hook, MountKind, Watch, WatchAction};
use crate::compose::{Files, Service};

/// What editors leave behind while somebody types, and what version control keeps for itself
/// (Docker Compose: the same list).
const EPHEMERAL: [&str; 20] = [
    "**/.idea",
    "**/*___jb_tmp___",
    "**/*___jb_old___",
    "**/*~",
    "**/*.swp",
    "**/*.swx",
    "**/*.swo",
    "**/4913",
    "**/.*.kate-swp",
    "**/.sublime-*",
    "**/.#*",
    "**/#*#",
    "**/.goutputstream-*",
    "**/.~lock.*",
    "**/.DS_Store",
    "**/.git",
    "**/.hg",
    "**/.svn",
    "**/.nfs*",
    "**/*.crswap",
];

/// One item of a service's `develop.watch`.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The service.
    pub service: String,
    /// What happens.
    pub action: WatchAction,
    /// The file or directory, absolute.
    pub path: PathBuf,
    /// Where `path` is in the container.
    pub target: String,
    /// For `sync+exec`.
    pub exec: Option<Hook>,
    /// Everything is copied when watching starts.
    pub initial_sync: bool,
    include: Option<Ignore>,
    ignore: Ignore,
    ephemeral: Ignore,
    /// The build's context, and what its ignore file excludes.
    context: Option<(PathBuf, Ignore)>,
}

/// Rules of a service, and what is to be said about those that make no sense.
#[derive(Debug, Default)]
pub struct Rules {
    /// In their order in the file.
    pub rules: Vec<Rule>,
    /// For the user.
    pub warnings: Vec<String>,
}

/// Reads the rules of a service.
///
/// # Errors
/// [`Kind::Invalid`]: a rule lacks something or has a malformed pattern.
pub fn of_service(service: &Service, files: &impl Files) -> Result<Rules> {
    let mut rules = Rules::default();
    let context = context(service, files)?;
    for watch in service.develop.iter().flat_map(|develop| &develop.watch) {
        let path = PathBuf::from(&watch.path);
        if is_mounted(service, &path) {
            rules.warnings.push(format!(
                "path {:?} is a bind mount of service {:?} too: the container sees changes anyway, \
                 so it is not watched",
                watch.path, service.name
            ));
            continue;
        }
        rules.rules.push(rule(service, watch, path, context.clone())?);
    }
    Ok(rules)
}

fn rule(
    service: &Service,
    watch: &Watch,
    path: PathBuf,
    context: Option<(PathBuf, Ignore)>,
) -> Result<Rule> {
    let wrong = |what: &str| {
        let message = format!("service {:?}: watching {:?} {what}", service.name, watch.path);
        Error::new(Kind::Invalid, message)
    };
    let patterns = |list: &[String]| {
        Ignore::new(list.iter().map(String::as_str)).map_err(|error| wrong(&error))
    };
    let target = watch.target.clone().unwrap_or_default();
    if watch.action.syncs() && target.is_empty() {
        return Err(wrong("needs `target`: where its files are in the container"));
    }
    if watch.action == WatchAction::Rebuild && service.build.is_none() {
        return Err(wrong("cannot rebuild anything: the service has no `build`"));
    }
    let command = watch.exec.as_ref().and_then(|hook| hook.command.as_ref());
    if watch.action == WatchAction::SyncExec && command.is_none_or(Vec::is_empty) {
        return Err(wrong("needs `exec.command`: what is run after files were copied"));
    }
    Ok(Rule {
        service: service.name.clone(),
        action: watch.action,
        path,
        target,
        exec: watch.exec.clone(),
        initial_sync: watch.initial_sync,
        include: match watch.include.as_slice() {
            [] => None,
            list => Some(patterns(list)?),
        },
        ignore: patterns(&watch.ignore)?,
        ephemeral: Ignore::new(EPHEMERAL).map_err(|error| wrong(&error))?,
        context,
    })
}

/// The directory that the service is built from, with its ignore file.
fn context(service: &Service, files: &impl Files) -> Result<Option<(PathBuf, Ignore)>> {
    let Some(build) = &service.build else { return Ok(None) };
    let directory = PathBuf::from(&build.context);
    if !directory.is_absolute() {
        return Ok(None);
    }
    let recipe = build.dockerfile.as_deref().unwrap_or("Dockerfile");
    let candidates =
        [directory.join(format!("{recipe}.dockerignore")), directory.join(".dockerignore")];
    let text = candidates.iter().find_map(|path| files.read(path).ok()).unwrap_or_default();
    let ignore = Ignore::parse(&text).map_err(|error| {
        let message = format!("the ignore file in {}: {error}", directory.display());
        Error::new(Kind::Invalid, message)
    })?;
    Ok(Some((directory, ignore)))
}

/// The container sees the path itself.
fn is_mounted(service: &Service, path: &Path) -> bool {
    let binds = service.volumes.iter().filter(|volume| volume.kind == MountKind::Bind);
    binds.filter_map(|volume| volume.source.as_ref()).any(|source| path.starts_with(source))
}

impl WatchAction {
    /// Files are copied.
    #[must_use]
    pub fn syncs(self) -> bool {
        matches!(self, WatchAction::Sync | WatchAction::SyncRestart | WatchAction::SyncExec)
    }
}

impl Rule {
    /// Whether a change of the file at `path` (absolute) concerns this rule.
    #[must_use]
    pub fn concerns(&self, path: &Path) -> bool {
        let Some(below) = self.below(path) else { return false };
        let included = |patterns: &Ignore| below.is_empty() || patterns.excludes(&below);
        !self.is_ignored(path, &below) && self.include.as_ref().is_none_or(included)
    }

    /// Whether nothing below this directory can concern the rule, so that it need not be watched.
    #[must_use]
    pub fn skips(&self, directory: &Path) -> bool {
        let Some(below) = self.below(directory) else { return !self.path.starts_with(directory) };
        let back = self.ignore.may_bring_back()
            || self.context.as_ref().is_some_and(|(_, ignore)| ignore.may_bring_back());
        !back && self.is_ignored(directory, &below)
    }

    /// Where the file at `path` (absolute, below [`Rule::path`]) is in the container.
    #[must_use]
    pub fn place(&self, path: &Path) -> String {
        let below = self.below(path).unwrap_or_default();
        let target = self.target.trim_end_matches('/');
        match (below.is_empty(), self.target.ends_with('/'), path.file_name()) {
            (true, true, Some(name)) if !self.target.is_empty() && !path.is_dir() => {
                format!("{target}/{}", name.to_string_lossy())
            }
            (true, _, _) if target.is_empty() => "/".to_owned(),
            (true, ..) => target.to_owned(),
            (false, ..) => format!("{target}/{below}"),
        }
    }

    /// The path relative to the rule's; `None`: it lies elsewhere.
    fn below(&self, path: &Path) -> Option<String> {
        path.strip_prefix(&self.path).ok().map(slashed)
    }

    fn is_ignored(&self, path: &Path, below: &str) -> bool {
        let by_context = self.context.as_ref().is_some_and(|(directory, ignore)| {
            let inside = path.strip_prefix(directory).ok().map(slashed);
            inside.is_some_and(|inside| !inside.is_empty() && ignore.excludes(&inside))
        });
        by_context
            || !below.is_empty() && (self.ephemeral.excludes(below) || self.ignore.excludes(below))
    }
}

/// A relative path with `/`, as patterns are matched against.
fn slashed(path: &Path) -> String {
    let names = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_string_lossy().into_owned()),
        _ => None,
    });
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Memory;
    use crate::compose::model::{Build, Develop, ServiceVolume};

    fn watch(action: WatchAction) -> Watch {
        Watch {
            path: "/p/src".into(),
            action,
            target: Some("/app".into()),
            exec: None,
            include: Vec::new(),
            ignore: Vec::new(),
            initial_sync: false,
            extensions: Default::default(),
        }
    }

    fn service(watch: Watch) -> Service {
        let build = Build { context: "/p".into(), ..Build::default() };
        let develop = Develop { watch: vec![watch], ..Develop::default() };
        let (build, develop) = (Some(build), Some(develop));
        Service { name: "web".into(), build, develop, ..Service::default() }
    }

    fn rule(change: impl FnOnce(&mut Watch)) -> Rule {
        let mut watch = watch(WatchAction::Sync);
        change(&mut watch);
        let files = Memory::new().with("/p/.dockerignore", "**/node_modules\n!**/keep\n");
        of_service(&service(watch), &files).unwrap().rules.remove(0)
    }

    fn concerns(rule: &Rule, path: &str) -> bool {
        rule.concerns(Path::new(path))
    }

    #[test]
    fn files_below_the_path_concern_a_rule() {
        let rule = rule(|_| {});
        assert!(concerns(&rule, "/p/src/a/b.js") && concerns(&rule, "/p/src"));
        assert!(!concerns(&rule, "/p/other") && !concerns(&rule, "/p/srcs/a"));
        assert_eq!(rule.place(Path::new("/p/src/a/b.js")), "/app/a/b.js");
        assert_eq!(rule.place(Path::new("/p/src")), "/app");
    }

    #[test]
    fn what_editors_leave_behind_does_not() {
        let rule = rule(|_| {});
        for name in ["a.swp", ".git/index", "x/y~", "4913", ".#lock", ".idea/x.xml", ".DS_Store"] {
            assert!(!concerns(&rule, &format!("/p/src/{name}")), "{name}");
        }
        assert!(concerns(&rule, "/p/src/.gitignore"));
    }

    #[test]
    fn the_contexts_ignore_file_counts_too() {
        let rule = rule(|_| {});
        assert!(!concerns(&rule, "/p/src/node_modules/x.js"));
        assert!(concerns(&rule, "/p/src/node_modules/keep"));
        assert!(!rule.skips(Path::new("/p/src/node_modules")), "something may be brought back");
    }

    #[test]
    fn patterns_are_relative_to_the_path() {
        let rule = rule(|watch| {
            watch.ignore = vec!["dist".into(), "**/*.log".into()];
            watch.include = vec!["**/*.js".into(), "dist".into()];
        });
        assert!(concerns(&rule, "/p/src/a/b.js"));
        assert!(!concerns(&rule, "/p/src/a/b.css"), "is not included");
        assert!(!concerns(&rule, "/p/src/dist/b.js") && !concerns(&rule, "/p/src/x.log"));
    }

    #[test]
    fn an_ignored_directory_need_not_be_watched() {
        let mut watch = watch(WatchAction::Sync);
        watch.ignore = vec!["dist".into()];
        let rule = of_service(&service(watch), &Memory::new()).unwrap().rules.remove(0);
        assert!(rule.skips(Path::new("/p/src/dist")) && rule.skips(Path::new("/p/src/.git")));
        assert!(!rule.skips(Path::new("/p/src")) && !rule.skips(Path::new("/p")));
        assert!(rule.skips(Path::new("/q")));
    }

    #[test]
    fn a_mounted_path_is_not_watched() {
        let mut service = service(watch(WatchAction::Sync));
        let kind = MountKind::Bind;
        let volume = ServiceVolume { kind, source: Some("/p".into()), ..ServiceVolume::default() };
        service.volumes = vec![volume];
        let rules = of_service(&service, &Memory::new()).unwrap();
        assert!(rules.rules.is_empty() && rules.warnings[0].contains("bind mount"));
    }

    #[test]
    fn a_rule_that_cannot_work_is_refused() {
        let refused = |change: &dyn Fn(&mut Service)| {
            let mut service = service(watch(WatchAction::Rebuild));
            change(&mut service);
            of_service(&service, &Memory::new()).unwrap_err().to_string()
        };
        assert!(refused(&|it| it.build = None).contains("has no `build`"));
        let change = |action, target: Option<&str>| {
            let target = target.map(str::to_owned);
            move |it: &mut Service| {
                let watch = &mut it.develop.as_mut().unwrap().watch[0];
                (watch.action, watch.target) = (action, target.clone());
            }
        };
        assert!(refused(&change(WatchAction::Sync, None)).contains("needs `target`"));
        assert!(refused(&change(WatchAction::SyncExec, Some("/x"))).contains("`exec.command`"));
    }
}
