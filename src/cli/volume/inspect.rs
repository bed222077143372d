//! `volume inspect`: all that is known of volumes, as JSON.

use serde_json::{Value as Json, json};

use crate::base::{Error, Kind};
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Volume;
use crate::resource::observed::Scope;
use crate::state::Roots;

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
                Some(volume) => Ok(shape(volume, &roots)),
                None => Err(Error::new(Kind::NotFound, format!("get {name}: no such volume"))),
            });
        }
        findings.print(self.format.as_deref(), cx)
    }
}

/// Docker: the Volume object of the Engine API.
#[must_use]
pub fn shape(volume: &Volume, roots: &Roots) -> Json {
    let spec = &volume.spec;
    let null_if_empty = |value: Json| match value.as_object().is_some_and(serde_json::Map::is_empty)
    {
        true => Json::Null,
        false => value,
    };
    json!({
        "CreatedAt": volume.created_at.to_string(),
        "Driver": "local",
        "Labels": null_if_empty(json!(spec.labels)),
        "Mountpoint": roots.volume_data(&spec.name),
        "Name": spec.name,
        "Options": null_if_empty(json!(spec.driver_opts)),
        "Scope": "local",
    })
}
