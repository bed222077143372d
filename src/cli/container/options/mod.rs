//! What `run` and `create` take: Docker's options, one file for each topic, and how they become the
//! description of a container.

mod changeable;
mod devices;
mod health;
mod life;
mod limits;
mod lines;
mod mount;
mod network;
mod process;
mod security;
mod storage;

use std::path::PathBuf;

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::compose::Service;
use crate::compose::support::{Reason, inert};
use crate::engine::Engine;
use crate::resource::{ContainerSpec, Image, VolumeSpec};

pub use crate::docker::builtin::BRIDGE;
pub use changeable::Changeable;
pub use network::check_bridge;

/// Everything that decides what a new container is.
#[derive(clap::Args, Debug)]
pub struct Options {
    #[command(flatten)]
    process: process::Program,

    #[command(flatten)]
    network: network::Network,

    #[command(flatten)]
    storage: storage::Storage,

    #[command(flatten)]
    limits: limits::Limits,

    #[command(flatten)]
    devices: devices::Devices,

    #[command(flatten)]
    security: security::Privileges,

    #[command(flatten)]
    health: health::Health,

    #[command(flatten)]
    pub life: life::Life,

    /// The image, then a command instead of the image's own, and its arguments
    #[arg(required = true, trailing_var_arg = true, value_names = ["IMAGE", "COMMAND"])]
    words: Vec<String>,
}

impl Options {
    /// The image as the user wrote it.
    pub fn image(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Standard input is handed on (`--interactive`).
    pub fn interactive(&self) -> bool {
        self.process.interactive
    }

    /// It gets a terminal (`--tty`).
    pub fn tty(&self) -> bool {
        self.process.tty
    }

    /// What is asked for, as a service would say it; without a name.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for an option whose value is wrong, or that has no effect.
    pub fn service(&self, cx: &Context<impl Engine>) -> Result<Service> {
        let mut service = Service {
            image: Some(self.image().to_owned()),
            command: Some(self.words[1..].to_vec()).filter(|words| !words.is_empty()),
            ..Service::default()
        };
        self.process.apply(cx, &mut service)?;
        self.network.apply(&mut service)?;
        self.storage.apply(cx, &mut service)?;
        self.limits.apply(&mut service)?;
        self.devices.apply(&mut service)?;
        self.security.apply(cx, &mut service)?;
        self.health.apply(&mut service)?;
        self.life.apply(&mut service)?;
        refuse_inert(&service)?;
        Ok(service)
    }

    /// What no service can say.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for a port that is none.
    pub fn finish(&self, spec: &mut ContainerSpec) -> Result<()> {
        self.network.publish(spec)?;
        self.limits.finish(spec);
        spec.auto_remove = self.life.rm;
        Ok(())
    }

    /// Volumes that must be made before, since they are not like others.
    pub fn volumes(&self) -> Result<Vec<VolumeSpec>> {
        self.storage.special()
    }

    /// The platform that the image must be for.
    pub fn platform(&self) -> Option<&str> {
        self.life.platform.as_deref()
    }

    /// The container itself, with nothing left to decide but its name.
    ///
    /// # Errors
    /// As [`Options::finish`], and what only becomes wrong together with the image.
    pub fn spec(&self, service: &Service, image: &Image) -> Result<ContainerSpec> {
        let mut spec = crate::plan::single(service, image)?;
        self.finish(&mut spec)?;
        Ok(spec)
    }
}

/// Nothing that was asked for is left out in silence.
fn refuse_inert(service: &Service) -> Result<()> {
    let asked = [
        ("annotations", "--annotation", !service.annotations.is_empty()),
        ("cgroup_parent", "--cgroup-parent", service.cgroup_parent.is_some()),
        ("external_links", "--link", !service.external_links.is_empty()),
        ("gpus", "--gpus", !service.gpus.is_empty()),
        ("mem_reservation", "--memory-reservation", service.mem_reservation.is_some()),
        ("storage_opt", "--storage-opt", !service.storage_opt.is_empty()),
        ("userns_mode", "--userns", service.userns_mode.is_some()),
        ("volumes_from", "--volumes-from", !service.volumes_from.is_empty()),
    ];
    for (key, option, _) in asked.into_iter().filter(|(.., asked)| *asked) {
        if let Some(reason @ (Reason::Foreign | Reason::Quota)) =
            inert(&format!("services.*.{key}"))
        {
            let message = format!("{option} cannot be used: {}", reason.as_str());
            return Err(Error::new(Kind::Invalid, message).hint("leave it out"));
        }
    }
    Ok(())
}

/// Variables of files, as `NAME=value`; a name alone has its value here, if it has one.
///
/// # Errors
/// A file cannot be read.
pub fn variables_of(cx: &Context<impl Engine>, files: &[PathBuf]) -> Result<Vec<String>> {
    let mut variables = Vec::new();
    for path in files {
        for (name, value) in lines::read(&cx.directory().join(path))? {
            // Docker: a file does not take variables away.
            let here = || cx.environment().get(&name).map(str::to_owned);
            variables.extend(value.or_else(here).map(|value| format!("{name}={value}")));
        }
    }
    Ok(variables)
}

/// Splits `NAME=VALUE`; `what` names the option in the error.
fn pair(text: &str, what: &str) -> Result<(String, String)> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(Error::new(Kind::Invalid, format!("invalid value {text:?} for {what}"))
            .hint("write NAME=VALUE")),
    }
}
