//! `volume inspect`: all that is known of volumes, as JSON.

use crate::base::{Error, Kind};
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::docker::volume::shape;
use crate::engine::Engine;
use crate::resource::observed::Scope;

/// Show all that is known of volumes
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose volume inspect data
  compose volume inspect -f '{{.Mountpoint}}' data")]
pub struct Inspect {
    /// Which volumes
    #[arg(required = true)]
    names: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,
}

impl Inspect {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let roots = cx.roots()?;
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(match observed.volumes.get(name) {
                Some(volume) => Ok(shape(volume, &roots.volume_data(&volume.spec.name))),
                None => Err(Error::new(Kind::NotFound, format!("get {name}: no such volume"))),
            });
        }
        findings.print(self.format.as_deref(), cx)
    }
}
