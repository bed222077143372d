//! Git repositories as contexts and as sources of `ADD`, fetched with the machine's own `git`.
//!
//! A repository is hostile: no hooks, no local transports, no reference that `git` could take for
//! an option, no link that leads out of it (CVE-2019-13139, CVE-2022-39253, CVE-2026-33748).

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use rustix::fs::{CWD, Mode, OFlags};

use crate::base::{Context, Error, Kind, Result};
use crate::runtime::root::Root;

/// A repository, and what of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repository {
    /// What `git` fetches from.
    pub remote: String,
    /// Branch, tag or commit; `None`: what the remote calls `HEAD`.
    pub reference: Option<String>,
    /// Only this directory of it.
    pub directory: Option<String>,
    /// The commit must begin so.
    pub commit: Option<String>,
    /// Keep `.git`.
    pub keep_git: bool,
}

/// A repository that was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// The wanted directory.
    pub path: PathBuf,
    /// Its commit, 40 or 64 hexadecimal digits.
    pub commit: String,
}

/// Whether a text means a repository, and not a file or another URL (Docker: gitutil).
#[must_use]
pub fn is_git(text: &str) -> bool {
    let plain = text.split(['#', '?']).next().unwrap_or_default();
    text.starts_with("git://")
        || text.starts_with("git@")
        || text.starts_with("ssh://")
        || text.starts_with("github.com/")
        || (text.starts_with("http://") || text.starts_with("https://")) && plain.ends_with(".git")
}

impl Repository {
    /// Reads `REMOTE#REFERENCE:DIRECTORY`, or `REMOTE?branch=…&subdir=…`.
    ///
    /// # Errors
    /// A part of it is nothing that `git` should be asked for.
    pub fn parse(text: &str) -> Result<Repository> {
        let (rest, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (remote, query) = rest.split_once('?').unwrap_or((rest, ""));
        let remote = match remote.starts_with("github.com/") {
            true => format!("https://{remote}"),
            false => remote.to_owned(),
        };
        let mut found = Repository { remote, ..Repository::default() };
        let (reference, directory) = fragment.split_once(':').unwrap_or((fragment, ""));
        found.reference = Some(reference.to_owned()).filter(|it| !it.is_empty());
        found.directory = Some(directory.to_owned()).filter(|it| !it.is_empty());
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=').unwrap_or((field, ""));
            found.set(key, value)?;
        }
        found.check()?;
        Ok(found)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "ref" => self.reference = Some(value.to_owned()),
            "branch" => self.reference = Some(format!("refs/heads/{value}")),
            "tag" => self.reference = Some(format!("refs/tags/{value}")),
            "subdir" => self.directory = Some(value.to_owned()),
            "commit" | "checksum" => self.commit = Some(value.to_owned()),
            "keep-git-dir" => self.keep_git = matches!(value, "" | "1" | "true"),
            _ => {
                let message = format!("`{key}` means nothing in the address of a git repository");
                let known = "ref, branch, tag, subdir, commit and keep-git-dir do";
                return Err(Error::new(Kind::Invalid, message).hint(known));
            }
        }
        Ok(())
    }

    fn check(&self) -> Result<()> {
        let host = self.remote.split_once("://").map_or(self.remote.as_str(), |(_, rest)| rest);
        let host = host.rsplit_once('@').map_or(host, |(_, rest)| rest);
        let odd = |text: &str| text.starts_with('-') || text.chars().any(char::is_control);
        if odd(host) || odd(&self.remote) || host.is_empty() {
            let message = format!("`{}` is no git repository", self.shown());
            return Err(Error::new(Kind::Invalid, message));
        }
        let plain = |text: &str| {
            let allowed = |c: char| c.is_alphanumeric() || "._/@+-=%,".contains(c);
            !text.starts_with('-') && !text.contains("..") && text.chars().all(allowed)
        };
        for text in self.reference.iter().chain(&self.commit) {
            if text.is_empty() || !plain(text) {
                let message = format!("`{text}` is no reference of a git repository");
                return Err(Error::new(Kind::Invalid, message));
            }
        }
        Ok(())
    }

    /// The remote without credentials (CVE-2023-26054).
    #[must_use]
    pub fn shown(&self) -> String {
        without_credentials(&self.remote)
    }

    /// Fetches it below `dir`, an empty directory of the caller's. `agent` is the socket of an SSH
    /// agent.
    ///
    /// # Errors
    /// There is no `git`, no such repository, reference or directory.
    pub fn fetch(&self, dir: &Path, agent: Option<&Path>) -> Result<Checkout> {
        let tree = dir.join("tree");
        let git = Git { tree: &tree, agent, source: self };
        git.run(&["init", "--quiet", "--template=", "."])?;
        let commit = git.commit()?;
        if self.commit.as_ref().is_some_and(|wanted| !commit.starts_with(wanted.as_str())) {
            let wanted = self.commit.as_deref().unwrap_or_default();
            let message = format!("{} is at commit {commit}, not {wanted}", self.shown());
            return Err(Error::new(Kind::Invalid, message));
        }
        git.run(&["checkout", "--quiet", "--force", "--detach", &commit])?;
        if tree.join(".gitmodules").is_file() {
            git.submodules()?;
        }
        let path = self.found_in(&tree, "")?;
        if !self.keep_git {
            let own = tree.join(".git");
            std::fs::remove_dir_all(&own).context(|| format!("cannot remove {}", own.display()))?;
        }
        Ok(Checkout { path, commit })
    }

    /// The wanted directory of a tree that was fetched, or the file `file` in it; links are followed
    /// inside the repository only (CVE-2026-33748).
    ///
    /// # Errors
    /// There is no such directory or file.
    pub fn found_in(&self, tree: &Path, file: &str) -> Result<PathBuf> {
        let directory = self.directory.as_deref().unwrap_or(".");
        let (wanted, kind) = match file {
            "" => (PathBuf::from(directory), "directory"),
            file => (Path::new(directory.trim_matches('/')).join(file), "file"),
        };
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let flags = if file.is_empty() { flags | OFlags::DIRECTORY } else { flags };
        let missing = || format!("{} has no {kind} `{}`", self.shown(), wanted.display());
        let root = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, tree, root, Mode::empty()).map_err(io::Error::from);
        let root = Root::new(root.context(missing)?);
        let found = root.open(&wanted, flags).context(missing)?;
        let link = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&found));
        std::fs::read_link(link).context(missing)
    }
}

/// A URL without user and password.
#[must_use]
pub fn without_credentials(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let (host, path) = rest.split_once('/').map_or((rest, None), |(host, path)| (host, Some(path)));
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    match path {
        Some(path) => format!("{scheme}://{host}/{path}"),
        None => format!("{scheme}://{host}"),
    }
}

/// Settings that a repository cannot change.
const SETTINGS: [&str; 10] = [
    "-c",
    "protocol.file.allow=never",
    "-c",
    "core.hooksPath=/dev/null",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "init.defaultBranch=main",
    "-c",
    "advice.detachedHead=false",
];

/// One `git` after another in one tree.
struct Git<'a> {
    tree: &'a Path,
    agent: Option<&'a Path>,
    source: &'a Repository,
}

impl Git<'_> {
    /// Fetches as little as the remote allows, and returns the commit.
    fn commit(&self) -> Result<String> {
        let remote = &self.source.remote;
        let wanted = self.source.reference.as_deref().unwrap_or("HEAD");
        let direct: [&[&str]; 2] = [&["--depth=1", "--no-tags"], &["--no-tags"]];
        let mut first = None;
        for options in direct {
            let fetch = [&["fetch", "--quiet"], options, &["--", remote, wanted]].concat();
            match self.run(&fetch) {
                Ok(_) => return self.resolve("FETCH_HEAD"),
                Err(error) if error.kind() == Kind::NotFound => return Err(error),
                Err(error) => first = first.or(Some(error)),
            }
        }
        // The beginning of a commit's id, or a remote that gives away branches and tags only.
        let all = ["+refs/heads/*:refs/remotes/all/*", "+refs/tags/*:refs/tags/*"];
        let fetched = self.run(&[&["fetch", "--quiet", "--", remote.as_str()], &all[..]].concat());
        let found = fetched.and_then(|_| {
            let names = [wanted.to_owned(), format!("refs/remotes/all/{wanted}")];
            names.iter().find_map(|name| self.resolve(name).ok()).ok_or_else(|| {
                let message = format!("{} has no `{wanted}`", self.source.shown());
                Error::new(Kind::Invalid, message)
            })
        });
        found.map_err(|error| first.unwrap_or(error))
    }

    /// As little of them as possible: not every server has parts of a history, or a commit that is
    /// on no branch's tip.
    fn submodules(&self) -> Result<()> {
        let update = ["submodule", "--quiet", "update", "--init", "--recursive"];
        match self.run(&[&update[..], &["--depth=1"]].concat()) {
            Ok(_) => Ok(()),
            // The history of a shallow one lacks the commit that is asked for.
            Err(first) => match self.run(&["submodule", "--quiet", "deinit", "--all", "--force"]) {
                Ok(_) => self.run(&update).map(drop),
                Err(_) => Err(first),
            },
        }
    }

    fn resolve(&self, name: &str) -> Result<String> {
        let commit = format!("{name}^{{commit}}");
        let output =
            self.run(&["rev-parse", "--verify", "--quiet", "--end-of-options", &commit])?;
        let text = String::from_utf8_lossy(&output.stdout);
        let commit = text.lines().last().unwrap_or_default().trim();
        Ok(commit.to_owned())
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        std::fs::create_dir_all(self.tree)
            .context(|| format!("cannot make {}", self.tree.display()))?;
        let mut command = Command::new("git");
        command.args(SETTINGS).args(arguments).current_dir(self.tree);
        for name in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY"] {
            command.env_remove(name);
        }
        command
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ALLOW_PROTOCOL", "http:https:git:ssh")
            .env("LC_ALL", "C")
            .stdin(std::process::Stdio::null());
        if std::env::var_os("GIT_SSH_COMMAND").is_none() {
            command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
        }
        if let Some(agent) = self.agent {
            command.env("SSH_AUTH_SOCK", agent);
        }
        let output = command.output().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => {
                let message = format!("{} needs git, which is not installed", self.source.shown());
                Error::new(Kind::NotFound, message)
                    .hint("install git, for example with `apt-get install git`")
            }
            _ => Error::other("cannot run git").with_source(error),
        })?;
        match output.status.success() {
            true => Ok(output),
            false => Err(self.failure(&output)),
        }
    }

    /// What `git` says, without credentials.
    fn failure(&self, output: &Output) -> Error {
        let text = String::from_utf8_lossy(&output.stderr);
        let text = text.replace(&self.source.remote, &self.source.shown());
        let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines[lines.len().saturating_sub(4)..].join("; ");
        Error::other(format!("cannot fetch {}: {last}", self.source.shown()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Repository {
        Repository::parse(text).unwrap()
    }

    #[test]
    fn addresses_name_a_reference_and_a_directory() {
        let it = parsed("https://example.com/a.git#v1:docker/app");
        assert_eq!(it.remote, "https://example.com/a.git");
        assert_eq!(
            (it.reference.as_deref(), it.directory.as_deref()),
            (Some("v1"), Some("docker/app"))
        );
        let it = parsed("git@example.com:team/a.git#:sub");
        assert_eq!((it.remote.as_str(), it.reference), ("git@example.com:team/a.git", None));
        assert_eq!(it.directory.as_deref(), Some("sub"));
        assert_eq!(parsed("github.com/a/b").remote, "https://github.com/a/b");
        let it = parsed("https://x/a.git?branch=main&subdir=s&commit=abc&keep-git-dir=1");
        assert_eq!(it.reference.as_deref(), Some("refs/heads/main"));
        assert_eq!((it.directory.as_deref(), it.commit.as_deref()), (Some("s"), Some("abc")));
        assert!(it.keep_git);
    }

    #[test]
    fn what_is_a_repository_and_what_is_not() {
        for text in ["https://x/a.git", "https://x/a.git#b", "git@x:y", "ssh://x/y", "git://x/y"] {
            assert!(is_git(text), "{text}");
        }
        for text in ["https://x/a.tar.gz", "./a.git", "a.git", "http.git", "https://x/?a=.git"] {
            assert!(!is_git(text), "{text}");
        }
    }

    #[test]
    fn cve_2019_13139_no_part_becomes_an_option() {
        for text in [
            "https://x/a.git#--upload-pack=touch /tmp/x",
            "https://x/a.git#-x",
            "git@-oProxyCommand=x:y",
            "ssh://-oProxyCommand=x/y",
            "https://x/a.git?ref=--output=x",
            "https://x/a.git#a..b",
            "https://x/a.git?wrong=1",
        ] {
            assert!(Repository::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn cve_2023_26054_credentials_are_not_shown() {
        assert_eq!(parsed("https://me:secret@x/a.git").shown(), "https://x/a.git");
        assert_eq!(without_credentials("https://u:p@x"), "https://x");
    }
}
