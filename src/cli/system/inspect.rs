//! `inspect`: all that is known of things of any kind, as JSON.

use clap::ValueEnum;
use serde_json::Value as Json;

use crate::base::{self, Error, Kind};
use crate::cli::ui::inspect::Findings;
use crate::cli::{Context, Exit, Result, container, network};
use crate::docker;
use crate::engine::Engine;
use crate::resource::Observed;
use crate::resource::observed::Scope;

/// Show all that is known of a container, image, network or volume
///
/// The first kind of thing that has the name is shown.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose inspect web
  compose inspect --type image -f '{{len .RootFS.Layers}}' nginx")]
pub struct Inspect {
    /// Names or ids
    #[arg(required = true, value_name = "NAME")]
    names: Vec<String>,

    /// A Go template instead of JSON
    #[arg(short, long, value_name = "FORMAT")]
    format: Option<String>,

    /// With the bytes that a container takes on disk
    #[arg(short, long)]
    size: bool,

    /// Only things of this kind
    #[arg(long = "type", value_name = "KIND")]
    kind: Option<Thing>,
}

/// Kinds of things, in the order in which they are looked for (Docker: the same).
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Thing {
    Container,
    Image,
    Network,
    Volume,
}

impl Inspect {
    /// Prints them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let mut findings = Findings::default();
        for name in &self.names {
            findings.add(self.first(cx, &observed, name).await?);
        }
        findings.print(self.format.as_deref(), cx)
    }

    /// The first thing that has the name.
    async fn first(
        &self,
        cx: &Context<impl Engine>,
        observed: &Observed,
        name: &str,
    ) -> Result<base::Result<Json>> {
        if let Some(kind) = self.kind {
            return self.look(cx, observed, name, kind).await;
        }
        for kind in Thing::value_variants() {
            match self.look(cx, observed, name, *kind).await? {
                Err(error) if error.kind() == Kind::NotFound => {}
                found => return Ok(found),
            }
        }
        let error = Error::new(Kind::NotFound, format!("No such object: {name}"));
        Ok(Err(error))
    }

    async fn look(
        &self,
        cx: &Context<impl Engine>,
        observed: &Observed,
        name: &str,
        kind: Thing,
    ) -> Result<base::Result<Json>> {
        Ok(match kind {
            Thing::Container => container::inspect(cx.engine()?, observed, name, self.size).await,
            Thing::Image => cx.images()?.inspect(name).map(|found| docker::image::shape(&found)),
            Thing::Network => return network::inspect(cx, name).await,
            Thing::Volume => match observed.volumes.get(name) {
                Some(found) => {
                    Ok(docker::volume::shape(found, &cx.roots()?.volume_data(&found.spec.name)))
                }
                None => Err(Error::new(Kind::NotFound, format!("get {name}: no such volume"))),
            },
        })
    }
}
