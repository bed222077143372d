//! `login`: keep the credentials for a registry.

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::base::{Context as _, Error, Kind};
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::image::registry::credentials::{self, Credentials};
use crate::image::registry::{Kept, keep, login};

/// Log in to a registry
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose login                                Docker Hub; asks for name and password
  compose login registry.example.com
  compose login -u me --password-stdin registry.example.com < token")]
pub struct Login {
    /// Which registry; Docker Hub if none is named
    server: Option<String>,

    /// User name
    #[arg(short, long, value_name = "NAME")]
    username: Option<String>,

    /// Password or token; others can see it in the list of processes
    #[arg(short, long, value_name = "PASSWORD")]
    password: Option<String>,

    /// Read the password from standard input
    #[arg(long, conflicts_with = "password")]
    password_stdin: bool,
}

impl Login {
    /// Tries the credentials out, and keeps them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let server = registry_of(self.server.as_deref());
        let settings = cx.registries()?;
        let credentials = match self.known(&settings.docker, &server)? {
            Some(known) => {
                cx.output().say_line("Authenticating with existing credentials...")?;
                known
            }
            None => self.asked(cx)?,
        };
        login(&settings, &server, &credentials).await?;
        match keep(&settings.docker, &server, &credentials)? {
            Kept::Helper(_) => {}
            Kept::File(path) => {
                let path = path.display();
                cx.output().warn(format!("the credentials are not encrypted in {path}"))?;
            }
        }
        cx.output().print_line("Login Succeeded")?;
        Ok(Exit::Success)
    }

    /// What was kept before, if nothing else is asked for.
    fn known(&self, docker: &std::path::Path, server: &str) -> Result<Option<Credentials>> {
        if self.username.is_some() || self.password.is_some() || self.password_stdin {
            return Ok(None);
        }
        Ok(credentials::find(docker, server)?)
    }

    fn asked(&self, cx: &Context<impl Engine>) -> Result<Credentials> {
        let wrong = |message: &str| Error::new(Kind::Invalid, message);
        if self.password_stdin && self.username.is_none() {
            return Err(wrong("Must provide --username with --password-stdin").into());
        }
        let complete = self.password.is_some() || self.password_stdin;
        if !(cx.input_is_terminal() || complete && self.username.is_some()) {
            let error = wrong("Cannot perform an interactive login from a non TTY device");
            return Err(error.hint("use --username with --password-stdin").into());
        }
        let user = match &self.username {
            Some(user) => user.clone(),
            None => ask(cx, "Username: ")?,
        };
        let password = if self.password_stdin {
            let mut text = String::new();
            let read = cx.input().read_to_string(&mut text);
            read.context(|| "cannot read the password".to_owned())?;
            text.trim_end_matches(['\r', '\n']).to_owned()
        } else {
            match &self.password {
                Some(password) => {
                    cx.output().warn("using --password on the command line is insecure")?;
                    password.clone()
                }
                None => hidden(cx)?,
            }
        };
        if user.is_empty() || password.is_empty() {
            return Err(wrong("user name and password must not be empty").into());
        }
        Ok(Credentials::Password { user, password })
    }
}

/// The registry as its credentials are known by: without scheme and path.
pub fn registry_of(server: Option<&str>) -> String {
    let server = server.unwrap_or("docker.io").trim();
    let bare = server.split_once("://").map_or(server, |(_, rest)| rest);
    match bare.split('/').next().unwrap_or(bare) {
        "index.docker.io" | "registry-1.docker.io" | "hub.docker.com" => "docker.io".to_owned(),
        host => host.to_owned(),
    }
}

fn ask(cx: &Context<impl Engine>, question: &str) -> Result<String> {
    cx.output().say(question)?;
    let mut line = String::new();
    let read = cx.input().read_line(&mut line);
    read.context(|| "cannot read the answer".to_owned())?;
    Ok(line.trim().to_owned())
}

/// Asks for a password that the terminal does not show.
fn hidden(cx: &Context<impl Engine>) -> Result<String> {
    let terminal = rustix::stdio::stdin();
    let failed = || "cannot set the terminal".to_owned();
    let before = tcgetattr(terminal).map_err(std::io::Error::from).context(failed)?;
    let mut silent = before.clone();
    silent.local_modes -= LocalModes::ECHO;
    tcsetattr(terminal, OptionalActions::Flush, &silent)
        .map_err(std::io::Error::from)
        .context(failed)?;
    let answer = ask(cx, "Password: ");
    tcsetattr(terminal, OptionalActions::Flush, &before)
        .map_err(std::io::Error::from)
        .context(failed)?;
    cx.output().say("\n")?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_by_all_their_names() {
        for (server, registry) in [
            (None, "docker.io"),
            (Some("https://index.docker.io/v1/"), "docker.io"),
            (Some("http://127.0.0.1:5000/v2/"), "127.0.0.1:5000"),
            (Some("ghcr.io"), "ghcr.io"),
        ] {
            assert_eq!(registry_of(server), registry);
        }
    }
}
