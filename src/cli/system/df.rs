//! `system df`: how much room everything takes.

use std::collections::BTreeSet;

use crate::base::Digest;
use crate::cli::ui::human;
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::engine::host::bytes_below;
use crate::image::Store;
use crate::resource::mount::MountSource;
use crate::resource::observed::Scope;
use crate::resource::{Image, Observed};

/// Show how much room images, containers, volumes and builds take
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system df           A line for each kind of thing
  compose system df -v        And one for each thing")]
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
        let containers = containers(cx, &observed).await?;
        let volumes = volumes(cx, &observed)?;
        if self.verbose {
            let sections = [
                ("Images", images.each()),
                ("Containers", each(&containers, "CONTAINER")),
                ("Local Volumes", each(&volumes, "VOLUME NAME")),
            ];
            for (heading, table) in sections {
                cx.output().print(format!("{heading} space usage:\n\n{table}\n"))?;
            }
            return Ok(Exit::Success);
        }
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
        cx.output().print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }
}

/// One thing that takes room.
struct Taken {
    name: String,
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

    fn each(&self) -> String {
        let header = ["REPOSITORY:TAG", "IMAGE ID", "SIZE", "CONTAINERS"].map(str::to_owned);
        let rows = self.list.iter().map(|(image, users)| {
            let name = image.tags.first().map_or("<none>", String::as_str).to_owned();
            vec![name, image.id.short().to_owned(), human::size(image.size), users.to_string()]
        });
        let rows: Vec<_> = std::iter::once(header.to_vec()).chain(rows).collect();
        Columns::DOCKER.align(&rows)
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
        let size = cx.engine()?.inspect(&container.id, true).await?.size;
        taken.push(Taken {
            name: container.spec.name.clone(),
            bytes: size.map_or(0, |size| size.writable),
            used: container.status.state.is_active(),
        });
    }
    Ok(taken)
}

fn volumes(cx: &Context<impl Engine>, observed: &Observed) -> Result<Vec<Taken>> {
    let roots = cx.roots()?;
    let mounted = |name: &str| {
        observed.containers.iter().flat_map(|it| &it.spec.mounts).any(
            |mount| matches!(&mount.source, MountSource::Volume { name: used, .. } if used == name),
        )
    };
    let taken = observed.volumes.keys().map(|name| {
        let data = roots.volume_data(name);
        // A volume that a driver has elsewhere takes nothing here.
        let bytes = if data.exists() { bytes_below(&data)? } else { 0 };
        Ok(Taken { name: name.clone(), bytes, used: mounted(name) })
    });
    taken.collect()
}

/// What is left of builds: layers that no image has.
fn build_cache(store: &Store, images: &Images) -> Result<Row> {
    let records = store.build_records()?;
    let count = records.len();
    let kept = records.into_iter().flat_map(|(_, record)| record.layers());
    let kept: BTreeSet<Digest> = kept.filter(|layer| !images.layers.contains(layer)).collect();
    let bytes = sizes(store, &kept)?;
    Ok(line("Build Cache", count, 0, bytes, bytes))
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
        .with("Reclaimable", human::size(reclaimable) + &share)
        .with("Size", human::size(bytes))
        .with("TotalCount", total.to_string())
        .with("Type", kind)
}

fn each(taken: &[Taken], heading: &str) -> String {
    let header = [heading, "ACTIVE", "SIZE"].map(str::to_owned);
    let rows =
        taken.iter().map(|it| vec![it.name.clone(), it.used.to_string(), human::size(it.bytes)]);
    Columns::DOCKER.align(&std::iter::once(header.to_vec()).chain(rows).collect::<Vec<_>>())
}
