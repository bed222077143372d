//! What a stage is after some of its steps: layers, configuration, history, arguments. Pure.

use jiff::Timestamp;

use crate::base::{Digest, PortRange};
use crate::image::Platform;
use crate::image::config::{Document, History, parse_port};
use crate::resource::container::ExposedPort;
use crate::resource::image::ImageHealth;
use crate::resource::{Image, ImageConfig};

use super::dockerfile::{Command, Health};
use super::history;

/// A stage after some of its steps.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Base first.
    pub layers: Vec<Digest>,
    /// What the image will say.
    pub config: ImageConfig,
    /// How it was made.
    pub history: Vec<History>,
    /// When the newest layer was made.
    pub created: Option<Timestamp>,
    /// Who it is by (Docker: `MAINTAINER`).
    pub author: String,
    /// What steps see: the image's variables, and what `ARG` gave values; of the two the later one
    /// counts (Docker).
    pub env: Vec<String>,
    /// Names that `ARG` declared, here and in the stages this one continues, in their order.
    pub args: Vec<String>,
    /// `CMD` was set in this stage: `ENTRYPOINT` leaves it alone.
    pub has_cmd: bool,
    /// What `FROM --platform=… scratch` said; `None`: what is built for.
    pub platform: Option<Platform>,
}

/// A shell line runs in this unless `SHELL` says otherwise.
const SHELL: [&str; 2] = ["/bin/sh", "-c"];

/// Where programs are looked for when the image does not say (Docker).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

impl State {
    /// A stage that begins with an image.
    #[must_use]
    pub fn of(image: &Image, document: &Document) -> State {
        let mut config = document.config.clone();
        // Docker: an image that was built says where programs are, whatever its base says.
        if !config.env.iter().any(|entry| entry.starts_with("PATH=")) {
            config.env.push(format!("PATH={PATH}"));
        }
        State {
            layers: image.diff_ids.clone(),
            env: config.env.clone(),
            config,
            history: document.history.clone(),
            created: document.created,
            author: document.author.clone(),
            ..State::default()
        }
    }

    /// A stage that begins with nothing.
    #[must_use]
    pub fn scratch() -> State {
        let env = vec![format!("PATH={PATH}")];
        let working_dir = "/".to_owned();
        let config = ImageConfig { env: env.clone(), working_dir, ..ImageConfig::default() };
        State { config, env, ..State::default() }
    }

    /// A stage that begins where this one ends: everything, its arguments too (Docker).
    #[must_use]
    pub fn based_on(&self) -> State {
        State { has_cmd: false, ..self.clone() }
    }

    /// A variable's value.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.env.iter().find_map(|entry| {
            entry.split_once('=').filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        })
    }

    /// Declared arguments with the values that steps see, as `NAME=value`.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let value = |name: &String| self.variable(name).unwrap_or_default();
        self.args.iter().map(|name| format!("{name}={}", value(name))).collect()
    }

    /// `ARG`: steps see it, the image does not keep it.
    pub fn set_argument(&mut self, name: &str, value: Option<&str>) {
        if !self.args.iter().any(|known| known == name) {
            self.args.push(name.to_owned());
        }
        if let Some(value) = value {
            set(&mut self.env, name, value);
        }
    }

    /// `ENV`.
    pub fn set_env(&mut self, name: &str, value: &str) {
        set(&mut self.config.env, name, value);
        set(&mut self.env, name, value);
    }

    /// The words of a command.
    #[must_use]
    pub fn argv(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => words.clone(),
            Command::Shell(line) => self.shell_line(line),
        }
    }

    /// The shell with a line.
    #[must_use]
    pub fn shell_line(&self, line: &str) -> Vec<String> {
        let mut words = match self.config.shell.is_empty() {
            true => SHELL.map(str::to_owned).to_vec(),
            false => self.config.shell.clone(),
        };
        words.push(line.to_owned());
        words
    }

    /// `CMD`.
    pub fn set_cmd(&mut self, command: &Command) {
        self.config.cmd = self.argv(command);
        self.config.args_escaped = true;
        self.has_cmd = true;
    }

    /// `ENTRYPOINT`: a command of the base image would be arguments for the wrong program.
    pub fn set_entrypoint(&mut self, command: &Command) {
        self.config.entrypoint = self.argv(command);
        if !self.has_cmd {
            self.config.cmd.clear();
        }
    }

    /// `EXPOSE`. Returns its ports.
    ///
    /// # Errors
    /// It is not a port.
    pub fn expose(&mut self, text: &str) -> crate::base::Result<Vec<String>> {
        // Docker: of what looks like a published port, only the container's side counts.
        let text = text.rsplit(':').next().unwrap_or(text);
        let range = parse_port(&text.to_ascii_lowercase())?;
        let mut texts = Vec::new();
        // Docker: a range stands for its ports.
        for number in range.ports.ports() {
            let port = ExposedPort { ports: PortRange::one(number), protocol: range.protocol };
            texts.push(format!("{}/{}", port.ports, port.protocol));
            if !self.config.exposed_ports.contains(&port) {
                self.config.exposed_ports.push(port);
            }
        }
        Ok(texts)
    }

    /// `HEALTHCHECK`.
    pub fn set_health(&mut self, health: Option<&Health>) {
        self.config.health = Some(match health {
            None => ImageHealth { test: vec!["NONE".to_owned()], ..ImageHealth::default() },
            Some(health) => {
                let nanoseconds =
                    |time: Option<std::time::Duration>| time.map_or(0, |it| it.as_nanos() as u64);
                ImageHealth {
                    test: self.health_test(&health.command),
                    interval: nanoseconds(health.interval),
                    timeout: nanoseconds(health.timeout),
                    start_period: nanoseconds(health.start_period),
                    start_interval: nanoseconds(health.start_interval),
                    retries: health.retries.unwrap_or(0),
                }
            }
        });
    }

    fn health_test(&self, command: &Command) -> Vec<String> {
        match command {
            Command::Exec(words) => [vec!["CMD".to_owned()], words.clone()].concat(),
            // The image's own shell runs it.
            Command::Shell(line) => vec!["CMD-SHELL".to_owned(), line.clone()],
        }
    }

    /// `WORKDIR`: a relative path continues the one before. Returns the new one.
    pub fn set_work_dir(&mut self, path: &str) -> String {
        self.config.working_dir = self.absolute(path);
        self.config.working_dir.clone()
    }

    /// A path as seen from the working directory; a slash at its end stays.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        let joined = match path.starts_with('/') {
            true => path.to_owned(),
            false => format!("{}/{path}", self.config.working_dir),
        };
        let clean = super::ignore::clean(&joined);
        if clean == "." { "/".to_owned() } else { format!("/{clean}") }
    }

    /// Adds a line to the history; `layer` is what the step made.
    pub fn record(&mut self, text: &str, layer: Option<(Digest, Timestamp)>) {
        let empty_layer = layer.is_none();
        if let Some((digest, created)) = layer {
            self.layers.push(digest);
            self.created = Some(created);
        }
        self.history.push(History {
            created: self.created,
            author: String::new(),
            created_by: text.to_owned(),
            comment: history::COMMENT.to_owned(),
            empty_layer,
        });
    }

    /// The configuration of the finished image.
    #[must_use]
    pub fn document(self, platform: &Platform, created: Timestamp) -> Document {
        let platform = self.platform.unwrap_or_else(|| platform.clone());
        Document {
            author: self.author,
            architecture: platform.architecture,
            os: platform.os,
            variant: platform.variant,
            created: Some(created),
            diff_ids: self.layers,
            history: self.history,
            config: self.config,
        }
    }
}

fn set(env: &mut Vec<String>, name: &str, value: &str) {
    let line = format!("{name}={value}");
    match env.iter_mut().find(|entry| entry.split('=').next() == Some(name)) {
        Some(entry) => *entry = line,
        None => env.push(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entrypoint_forgets_the_bases_command_only() {
        let mut state = State::default();
        state.config.cmd = vec!["inherited".to_owned()];
        state.set_entrypoint(&Command::Exec(vec!["/e".to_owned()]));
        assert!(state.config.cmd.is_empty());
        state.set_cmd(&Command::Shell("run it".to_owned()));
        state.set_entrypoint(&Command::Shell("x".to_owned()));
        assert_eq!(state.config.cmd, ["/bin/sh", "-c", "run it"]);
    }

    #[test]
    fn of_a_variable_and_an_argument_the_later_one_counts() {
        let mut state = State::default();
        state.set_argument("A", Some("arg"));
        state.set_argument("B", None);
        assert_eq!(state.variable("A").as_deref(), Some("arg"));
        assert_eq!(state.arguments(), ["A=arg", "B="]);
        state.set_env("A", "env");
        assert_eq!(state.variable("A").as_deref(), Some("env"));
        state.set_argument("A", Some("again"));
        assert_eq!(state.arguments(), ["A=again", "B="]);
        assert_eq!(state.config.env, ["A=env"]);
        assert_eq!(state.based_on().variable("A").as_deref(), Some("again"));
    }

    #[test]
    fn work_directories_stack() {
        let mut state = State::default();
        assert_eq!(state.set_work_dir("a"), "/a");
        assert_eq!(state.set_work_dir("b/../c/"), "/a/c");
        assert_eq!(state.set_work_dir("/"), "/");
        assert_eq!(state.absolute("../.."), "/");
    }
}
