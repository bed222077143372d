//! `system df`: how much room everything takes.

mod each;

use std::collections::BTreeSet;

use crate::base::Digest;
use crate::cli::app::bulk::unless_changed;
use crate::cli::ui::listing::{JsonStyle, Listing, Row, unless_raw};
use crate::cli::ui::table::Columns;
use crate::cli::volume::users;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::engine::host::bytes_below;
use crate::image::Store;
use crate::image::store::BuildRecord;
use crate::resource::observed::Scope;
use crate::resource::{Image, Observed};

/// Show how much room images, containers, volumes and builds take
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system df                      A line for each kind of thing
  compose system df -v                   A line for each thing
  compose system df -v --format json     All of it for programs")]
pub struct Df {
    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_default_value = true)]
    format: String,

    /// Each thing by itself
    #[arg(short, long)]
    verbose: bool,
}

impl Df {
    /// Shows it.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let observed = cx.engine()?.observe(&Scope::default()).await?;
        let store = cx.images()?;
        let images = Images::look(&store, &observed)?;
        if self.verbose {
            let short = matches!(self.format.as_str(), "" | "table");
            let things = each::Things::look(cx, &store, &images, &observed, short).await?;
            cx.output().print(things.text(&self.format)?)?;
            return Ok(Exit::Success);
        }
        let containers = containers(cx, &observed).await?;
        let volumes = volumes(cx, &observed)?;
        let rows = vec![
            images.row(),
            row("Containers", &containers),
            row("Local Volumes", &volumes),
            build_cache(&store, &images)?,
        ];
        let columns = vec![
            ("TYPE", "Type"),
            ("TOTAL", "TotalCount"),
            ("ACTIVE", "Active"),
            ("SIZE", "Size"),
            ("RECLAIMABLE", "Reclaimable"),
        ];
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        cx.output().print(list.text(unless_raw(&self.format, RAW))?)?;
        Ok(Exit::Success)
    }
}

/// Docker: what the format `raw` shows.
const RAW: &str = "type: {{.Type}}\ntotal: {{.TotalCount}}\nactive: {{.Active}}\n\
    size: {{.Size}}\nreclaimable: {{.Reclaimable}}\n";

/// One thing that takes room.
struct Taken {
    bytes: u64,
    used: bool,
}

/// What images take; a layer that several have counts once.
struct Images {
    list: Vec<(Image, usize)>,
    layers: BTreeSet<Digest>,
    bytes: u64,
    used: u64,
}

impl Images {
    fn look(store: &Store, observed: &Observed) -> Result<Images> {
        let users = |image: &Image| {
            observed
                .containers
                .iter()
                .filter(|it| it.spec.image_id.as_ref() == Some(&image.id))
                .count()
        };
        let list = store.list()?;
        let list: Vec<(Image, usize)> =
            list.into_iter().map(|it| (users(&it), it)).map(|(n, it)| (it, n)).collect();
        let layers = |used: bool| -> BTreeSet<Digest> {
            let images = list.iter().filter(|(_, users)| !used || *users > 0);
            images.flat_map(|(image, _)| image.diff_ids.iter().cloned()).collect()
        };
        let (all, used) = (layers(false), layers(true));
        let (bytes, used) = (sizes(store, &all)?, sizes(store, &used)?);
        Ok(Images { list, layers: all, bytes, used })
    }

    fn row(&self) -> Row {
        let active = self.list.iter().filter(|(_, users)| *users > 0).count();
        line("Images", self.list.len(), active, self.bytes, self.bytes - self.used)
    }
}

/// Bytes of these layers together.
fn sizes(store: &Store, layers: &BTreeSet<Digest>) -> Result<u64> {
    let mut bytes = 0;
    for layer in layers {
        bytes += store.layer(layer)?.map_or(0, |layer| layer.size);
    }
    Ok(bytes)
}

async fn containers(cx: &Context<impl Engine>, observed: &Observed) -> Result<Vec<Taken>> {
    let mut taken = Vec::new();
    for container in &observed.containers {
        let found = unless_changed(cx.engine()?.inspect(&container.id, true).await)?;
        let Some(size) = found.map(|it| it.size) else { continue };
        taken.push(Taken {
            bytes: size.map_or(0, |size| size.writable),
            used: container.status.state.is_active(),
        });
    }
    Ok(taken)
}

fn volumes(cx: &Context<impl Engine>, observed: &Observed) -> Result<Vec<Taken>> {
    let taken = observed.volumes.keys().map(|name| {
        let used = users(observed, name).next().is_some();
        Ok(Taken { bytes: volume_bytes(cx, name)?, used })
    });
    taken.collect()
}

/// What a volume takes on this machine, in bytes.
fn volume_bytes(cx: &Context<impl Engine>, name: &str) -> Result<u64> {
    let data = cx.roots()?.volume_data(name);
    // A volume that a driver has elsewhere takes nothing here.
    Ok(if data.exists() { bytes_below(&data)? } else { 0 })
}

/// What is left of builds: layers that no image has.
fn build_cache(store: &Store, images: &Images) -> Result<Row> {
    let records = store.build_records()?;
    let bytes = kept_bytes(store, images, &records)?;
    Ok(line("Build Cache", records.len(), 0, bytes, bytes))
}

fn kept_bytes(store: &Store, images: &Images, records: &[(Digest, BuildRecord)]) -> Result<u64> {
    let kept = records.iter().flat_map(|(_, record)| record.clone().layers());
    let kept: BTreeSet<Digest> = kept.filter(|layer| !images.layers.contains(layer)).collect();
    sizes(store, &kept)
}

fn row(kind: &str, taken: &[Taken]) -> Row {
    let bytes =
        |used: bool| -> u64 { taken.iter().filter(|it| used || !it.used).map(|it| it.bytes).sum() };
    let active = taken.iter().filter(|it| it.used).count();
    line(kind, taken.len(), active, bytes(true), bytes(false))
}

/// Docker: the same fields.
fn line(kind: &str, total: usize, active: usize, bytes: u64, reclaimable: u64) -> Row {
    let share = match bytes {
        0 => String::new(),
        bytes => format!(" ({}%)", reclaimable.saturating_mul(100) / bytes),
    };
    Row::default()
        .with("Active", active.to_string())
        .with("Reclaimable", human::exact_size(reclaimable) + &share)
        .with("Size", human::exact_size(bytes))
        .with("TotalCount", total.to_string())
        .with("Type", kind)
}
