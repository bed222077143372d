//! What runs: command line, environment, user, working directory.

use indexmap::IndexMap;

use crate::base::{Error, Kind, Result};
use crate::compose::Service;
use crate::resource::ImageConfig;
use crate::resource::process::Process;

/// Where programs are searched when the image does not say (Docker: the same).
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

pub(super) fn process(service: &Service, image: &ImageConfig) -> Result<Process> {
    let (entrypoint, command) = command_line(service, image);
    if entrypoint.is_empty() && command.is_empty() {
        return Err(Error::new(Kind::Invalid, "no command specified")
            .hint("its image has none either: set `command` or `entrypoint`"));
    }
    let of_image = |own: &Option<String>, image: &String| own.as_ref().unwrap_or(image).clone();
    Ok(Process {
        entrypoint_len: entrypoint.len(),
        argv: [entrypoint, command].concat(),
        env: environment(service, image),
        cwd: of_image(&service.working_dir, &image.working_dir),
        user: of_image(&service.user, &image.user),
        groups: service.group_add.clone(),
        tty: service.tty,
        stdin_open: service.stdin_open,
    })
}

/// Entrypoint and command. An entrypoint of the service drops the image's command too, since that
/// was meant for the image's entrypoint (Spec: 05-services.md#entrypoint).
fn command_line(service: &Service, image: &ImageConfig) -> (Vec<String>, Vec<String>) {
    let of_image = |words: &[String]| words.to_vec();
    match (&service.entrypoint, &service.command) {
        (Some(entrypoint), command) => (entrypoint.clone(), command.clone().unwrap_or_default()),
        (None, Some(command)) => (of_image(&image.entrypoint), command.clone()),
        (None, None) => (of_image(&image.entrypoint), of_image(&image.cmd)),
    }
}

/// Docker's defaults, the image's variables, then the service's: a later value takes the place of
/// an earlier one, and a variable without a value takes it away.
fn environment(service: &Service, image: &ImageConfig) -> Vec<String> {
    let mut variables: IndexMap<&str, &str> = IndexMap::from([("PATH", PATH)]);
    if service.tty {
        variables.insert("TERM", "xterm");
    }
    variables.extend(image.env.iter().filter_map(|entry| entry.split_once('=')));
    for (name, value) in &service.environment {
        match value {
            Some(value) => drop(variables.insert(name, value)),
            None => drop(variables.shift_remove(name.as_str())),
        }
    }
    variables.iter().map(|(name, value)| format!("{name}={value}")).collect()
}
