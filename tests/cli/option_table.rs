//! Every command and option of Docker Compose and of Docker is one of ours, or is listed here with the reason.

use std::collections::BTreeSet;

use clap::{Arg, ArgAction, Command};
use compose::cli::definition;

const TABLE: &str = include_str!("../../fixtures/command-line/docker-compose.txt");
const DOCKER: &str = include_str!("../../fixtures/command-line/docker.txt");

/// Commands, or options of them, that we do not have, and why.
const NOT_OURS: [(&str, &str); 28] = [
    ("alpha", "experiments, which change without notice"),
    ("alpha dry-run", "`--dry-run` does it for every command"),
    ("alpha generate", "reads containers of a Docker daemon"),
    ("alpha publish", "`publish` does it"),
    ("alpha scale", "`scale` does it"),
    ("alpha viz", "`config --graph` does it, in more formats"),
    ("alpha watch", "`watch` does it"),
    ("bridge convert", "runs converters that are images of Docker Desktop; the name is kept free"),
    ("bridge transformations", "as `bridge convert`"),
    ("bridge transformations create", "as `bridge convert`"),
    ("bridge transformations list", "as `bridge convert`"),
    ("publish --insecure-registry", "`--insecure-registry REGISTRY` is for every command"),
    ("publish --app", "`push` sends the images of a project"),
    ("pull --parallel", "was a switch without effect; `--parallel NUMBER` is for every command"),
    ("build --parallel", "was a switch without effect; `--parallel NUMBER` is for every command"),
    ("image history --platform", "an image is kept for one platform here"),
    ("image inspect --platform", "an image is kept for one platform here"),
    ("image push --platform", "an image is kept for one platform here"),
    ("image rm --platform", "an image is kept for one platform here"),
    ("image save --platform", "an image is kept for one platform here"),
    ("image ls --tree", "an image is kept for one platform here, so there are no branches"),
    ("image rm --no-prune", "parents of images are kept by the build cache alone"),
    ("image pull --disable-content-trust", "signatures of Docker's old kind are not checked"),
    ("image push --disable-content-trust", "signatures of Docker's old kind are not made"),
    ("network create --config-from", "is for clusters, and this is one machine"),
    ("network create --config-only", "is for clusters, and this is one machine"),
    ("network create --ingress", "is for clusters, and this is one machine"),
    ("volume ls --cluster", "is for clusters, and this is one machine"),
];

/// One line of the table.
#[derive(Debug)]
struct Line<'a> {
    command: &'a str,
    /// `--long`, `-s` and whether it takes a value; `None`: the command itself.
    option: Option<(&'a str, Option<&'a str>, bool)>,
}

impl Line<'_> {
    fn name(&self) -> String {
        match self.option {
            Some((long, ..)) => format!("{} {long}", self.command),
            None => self.command.to_owned(),
        }
    }
}

fn lines() -> impl Iterator<Item = Line<'static>> {
    TABLE.lines().chain(DOCKER.lines()).filter(|line| !line.starts_with('#')).map(|line| {
        let (command, option) = line.split_once(" -").unwrap_or((line, ""));
        if option.is_empty() {
            return Line { command, option: None };
        }
        let words: Vec<&str> = line[command.len() + 1..].split(' ').collect();
        let kind = *words.last().unwrap();
        assert!(["switch", "value"].contains(&kind), "{line}");
        let short = (words.len() == 3).then(|| words[1]);
        Line { command, option: Some((words[0], short, kind == "value")) }
    })
}

/// The command that is called so, also by another name.
fn find<'a>(root: &'a Command, path: &str) -> Option<&'a Command> {
    match path {
        "compose" => Some(root),
        path => path.split(' ').try_fold(root, |command, word| command.find_subcommand(word)),
    }
}

fn option<'a>(command: &'a Command, long: &str) -> Option<&'a Arg> {
    let long = long.trim_start_matches('-');
    command.get_arguments().find(|arg| {
        let also = arg.get_all_aliases().unwrap_or_default();
        arg.get_long() == Some(long) || also.contains(&long)
    })
}

/// What is missing or different; empty if nothing is.
fn difference(root: &Command, line: &Line<'_>) -> Option<String> {
    let Some(command) = find(root, line.command) else { return Some("missing".to_owned()) };
    let (long, short, takes_value) = line.option?;
    let Some(arg) = option(command, long) else { return Some("missing".to_owned()) };
    if let Some(short) = short.and_then(|short| short.chars().nth(1)) {
        let mut ours =
            arg.get_short().into_iter().chain(arg.get_all_short_aliases().into_iter().flatten());
        if !ours.any(|it| it == short) {
            return Some(format!("without -{short}"));
        }
    }
    let switch = matches!(arg.get_action(), ArgAction::SetTrue | ArgAction::Version)
        || arg.get_num_args().is_some_and(|number| number.min_values() == 0);
    (switch == takes_value).then(|| format!("takes a value: {}", !switch))
}

#[test]
fn each_command_and_option_of_docker_is_here_or_is_listed_with_the_reason() {
    let root = definition();
    let known: BTreeSet<&str> = NOT_OURS.iter().map(|(name, _)| *name).collect();
    let mut wrong = Vec::new();
    for line in lines() {
        let name = line.name();
        // What belongs to a listed command is as absent as it.
        let has = |it: &str| known.contains(it);
        let listed = has(&name) || has(line.command);
        match (difference(&root, &line), listed) {
            (Some(what), false) => wrong.push(format!("{name}: {what}")),
            (None, true) => wrong.push(format!("{name}: is listed as missing, and is there")),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

#[test]
fn what_is_listed_is_in_the_table() {
    let names: BTreeSet<String> = lines().map(|line| line.name()).collect();
    for (name, reason) in NOT_OURS {
        assert!(names.contains(name), "{name} is no command or option of Docker");
        assert!(reason.len() > 10, "{name}: {reason}");
    }
}

#[test]
fn the_names_that_are_kept_free_say_so() {
    let machine = crate::machine::Machine::empty();
    let err = machine.fails("bridge convert -o out");
    assert!(err.starts_with("error: `compose bridge convert -o out` is not part of"), "{err}");
    assert!(err.contains("hint"), "{err}");
}
