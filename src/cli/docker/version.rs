//! `docker version`: which version of Docker's command line this speaks, and who speaks it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use crate::cli::ui::template::Format;
use crate::cli::{Context, Exit, Result};
use crate::docker::version::shape;
use crate::docker::{API, OWN, SPOKEN, go_json};
use crate::engine::Engine;

/// Show the version of client and engine, which are one program here
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  docker version
  docker version --format '{{.Server.Version}}'")]
pub struct DockerVersion {
    /// A Go template, or json
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

/// `docker --version`.
#[must_use]
pub fn line() -> String {
    format!("Docker version {SPOKEN}, build compose-{OWN}")
}

/// `docker-compose version`, in as many lines as it had.
#[must_use]
pub fn compose_lines() -> String {
    format!(
        "docker-compose version {OWN}, build compose-{OWN}\n\
         engine version: {OWN}, of its own, without a daemon\n\
         Docker command line: {SPOKEN}\n\
         Docker API shapes: {API}\n"
    )
}

impl DockerVersion {
    /// Prints it.
    ///
    /// # Errors
    /// The template is wrong, or another machine's version is asked for.
    pub fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        cx.check_address()?;
        let kernel = rustix::system::uname().release().to_string_lossy().into_owned();
        let shape = shape(&kernel);
        match self.format.as_deref() {
            None | Some("") => cx.output().print(text(&shape))?,
            Some("json") => cx.output().print_line(go_json(&shape))?,
            Some(template) => {
                let text = Format::verbatim(template)?.render(&shape, &BTreeMap::new())?;
                cx.output().print_line(text)?;
            }
        }
        Ok(Exit::Success)
    }
}

fn text(shape: &Json) -> String {
    let word = |part: &str, field: &str| shape[part][field].as_str().unwrap_or_default().to_owned();
    let (os, arch) = (word("Client", "Os"), word("Client", "Arch"));
    format!(
        "Client: compose {OWN}, as Docker Engine - Community
 Version:           {SPOKEN}
 API version:       {API}
 Git commit:        compose-{OWN}
 OS/Arch:           {os}/{arch}
 Context:           default

Server: compose {OWN}, as Docker Engine - Community
 Engine:
  Version:          {SPOKEN}
  API version:      {API} (minimum version {API})
  Git commit:       compose-{OWN}
  OS/Arch:          {os}/{arch}
  Experimental:     false
 compose:
  Version:          {OWN}
  Daemon:           none: each container has a process of its own
"
    )
}
