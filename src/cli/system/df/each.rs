//! `system df -v`: how much room each thing takes.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value as Json, json};

use crate::base::Digest;
use crate::cli::app::bulk::unless_changed;
use crate::cli::container::ls::{self as containers, as_docker};
use crate::cli::image::ls::{self as images, Line};
use crate::cli::project::ps;
use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::ui::template::Format;
use crate::cli::volume::{ls as volumes, users};
use crate::cli::{Context, Result};
use crate::docker::go_json;
use crate::docker::human;
use crate::engine::Engine;
use crate::image::Store;
use crate::image::store::BuildRecord;
use crate::resource::Observed;

use super::{Images, kept_bytes, sizes, volume_bytes};

/// Every thing.
pub struct Things {
    images: Vec<Row>,
    containers: Vec<Row>,
    volumes: Vec<Row>,
    builds: Vec<Row>,
    /// What is left of builds, in bytes.
    build_bytes: u64,
}

/// Columns of a table, and the kind of things in it.
type Section<'a> = (String, &'a [Row], Vec<(&'static str, &'static str)>);

impl Things {
    /// Looks at all of them. Ids and commands are cut if `short`, as a table has them.
    ///
    /// # Errors
    /// The store or a volume cannot be read.
    pub async fn look(
        cx: &Context<impl Engine>,
        store: &Store,
        found: &Images,
        observed: &Observed,
        short: bool,
    ) -> Result<Things> {
        let records = store.build_records()?;
        Ok(Things {
            images: image_rows(store, found, short)?,
            containers: container_rows(cx, observed, short).await?,
            volumes: volume_rows(cx, observed)?,
            builds: build_rows(store, found, &records, short)?,
            build_bytes: kept_bytes(store, found, &records)?,
        })
    }

    /// All of them as `format` says: `table`, `json`, `raw` or a template.
    ///
    /// # Errors
    /// The template is wrong.
    pub fn text(&self, format: &str) -> Result<String> {
        match format {
            "" | "table" => Ok(self.tables()),
            "json" => Ok(go_json(&self.whole()) + "\n"),
            "raw" => self.filled(&raw()),
            template => Ok(self.filled(template)? + "\n"),
        }
    }

    fn filled(&self, template: &str) -> Result<String> {
        Ok(Format::parse(template)?.render(&self.whole(), &BTreeMap::new())?)
    }

    /// Docker: these four lists.
    fn whole(&self) -> Json {
        let list = |rows: &[Row]| -> Json { rows.iter().map(|row| json!(row.fields)).collect() };
        json!({
            "Images": list(&self.images),
            "Containers": list(&self.containers),
            "Volumes": list(&self.volumes),
            "BuildCache": list(&self.builds),
        })
    }

    fn tables(&self) -> String {
        let cache = format!("Build cache usage: {}", human::exact_size(self.build_bytes));
        let space = |kind: &str| format!("{kind} space usage:");
        let sections: [Section; 4] = [
            (space("Images"), &self.images, IMAGES.to_vec()),
            (space("Containers"), &self.containers, CONTAINERS.to_vec()),
            (space("Local Volumes"), &self.volumes, VOLUMES.to_vec()),
            (cache, &self.builds, BUILDS.to_vec()),
        ];
        let tables = sections.into_iter().map(|(heading, rows, columns)| {
            let (rows, layout, json) = (rows.to_vec(), Columns::DOCKER, JsonStyle::Lines);
            format!("{heading}\n\n{}", Listing { columns, rows, layout, json }.table())
        });
        tables.collect::<Vec<_>>().join("\n")
    }
}

const IMAGES: [(&str, &str); 8] = [
    ("REPOSITORY", "Repository"),
    ("TAG", "Tag"),
    ("IMAGE ID", "ID"),
    ("CREATED", "CreatedSince"),
    ("SIZE", "Size"),
    ("SHARED SIZE", "SharedSize"),
    ("UNIQUE SIZE", "UniqueSize"),
    ("CONTAINERS", "Containers"),
];

const CONTAINERS: [(&str, &str); 8] = [
    ("CONTAINER ID", "ID"),
    ("IMAGE", "Image"),
    ("COMMAND", "Command"),
    ("LOCAL VOLUMES", "LocalVolumes"),
    ("SIZE", "Size"),
    ("CREATED", "RunningFor"),
    ("STATUS", "Status"),
    ("NAMES", "Names"),
];

const VOLUMES: [(&str, &str); 3] = [("VOLUME NAME", "Name"), ("LINKS", "Links"), ("SIZE", "Size")];

const BUILDS: [(&str, &str); 7] = [
    ("CACHE ID", "ID"),
    ("CACHE TYPE", "CacheType"),
    ("SIZE", "Size"),
    ("CREATED", "CreatedSince"),
    ("LAST USED", "LastUsedSince"),
    ("USAGE", "UsageCount"),
    ("SHARED", "Shared"),
];

/// Docker: what `raw` shows of each kind.
fn raw() -> String {
    let kinds = [
        ("Images", "Image", images::raw(true)),
        ("Containers", "Container", containers::RAW.to_owned() + "size: {{.Size}}\n"),
        ("Volumes", "Volume", volumes::RAW.to_owned()),
        ("BuildCache", "Build Cache", BUILD.to_owned()),
    ];
    let part = |(list, kind, fields)| {
        format!("{{{{range .{list}}}}}type: {kind}\n{fields}\n{{{{end -}}}}\n")
    };
    kinds.map(part).concat()
}

const BUILD: &str = "build_cache_id: {{.ID}}\nparent_id: {{.Parent}}\n\
    build_cache_type: {{.CacheType}}\ndescription: {{.Description}}\n\
    created_at: {{.CreatedAt}}\ncreated_since: {{.CreatedSince}}\n\
    last_used_at: {{.LastUsedAt}}\nlast_used_since: {{.LastUsedSince}}\n\
    usage_count: {{.UsageCount}}\nin_use: {{.InUse}}\nshared: {{.Shared}}\n";

fn image_rows(store: &Store, found: &Images, short: bool) -> Result<Vec<Row>> {
    let mut holders: BTreeMap<&Digest, usize> = BTreeMap::new();
    for (image, _) in &found.list {
        for layer in image.diff_ids.iter().collect::<std::collections::BTreeSet<_>>() {
            *holders.entry(layer).or_default() += 1;
        }
    }
    let rows = found.list.iter().map(|(image, users)| {
        let is_shared = |layer: &&Digest| holders.get(layer).is_some_and(|count| *count > 1);
        let shared = image.diff_ids.iter().filter(is_shared).cloned().collect();
        let shared = sizes(store, &shared)?;
        let row = Line::first(image).row(short);
        Ok(row
            .with("Containers", users.to_string())
            .with("SharedSize", human::exact_size(shared))
            .with("UniqueSize", human::exact_size(image.size.saturating_sub(shared))))
    });
    rows.collect()
}

async fn container_rows(
    cx: &Context<impl Engine>,
    observed: &Observed,
    short: bool,
) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for container in observed.containers.iter().rev() {
        let found = unless_changed(cx.engine()?.inspect(&container.id, true).await)?;
        let size = found.and_then(|it| it.size).unwrap_or_default();
        let row = ps::row(container, Timestamp::now(), short);
        rows.push(as_docker(row.with("Size", human::size(size.writable))));
    }
    Ok(rows)
}

fn volume_rows(cx: &Context<impl Engine>, observed: &Observed) -> Result<Vec<Row>> {
    let roots = cx.roots()?;
    let rows = observed.volumes.iter().map(|(name, volume)| {
        let links = users(observed, name).count();
        let row = volumes::row(volume, &roots).with("Links", links.to_string());
        Ok(row.with("Size", human::exact_size(volume_bytes(cx, name)?)))
    });
    rows.collect()
}

/// What each step of a build has left. How often it was used again is not counted.
fn build_rows(
    store: &Store,
    found: &Images,
    records: &[(Digest, BuildRecord)],
    short: bool,
) -> Result<Vec<Row>> {
    let mut records: Vec<_> = records.iter().collect();
    records.sort_by_key(|(key, record)| (record.created, key.clone()));
    let now = Timestamp::now();
    let id = |digest: &Digest| if short { digest.short() } else { digest.hex() }.to_owned();
    let rows = records.into_iter().map(|(key, record)| {
        let size = store.layer(&record.layer)?.map_or(0, |layer| layer.size);
        Ok(Row::default()
            .with("CacheType", "regular")
            .with("CreatedAt", human::go_time(record.created))
            .with("CreatedSince", human::duration(human::since(record.created, now)) + " ago")
            .with("Description", record.text.as_str())
            .with("ID", id(key))
            .with("InUse", "false")
            .with("LastUsedAt", "")
            .with("LastUsedSince", "")
            .with("Parent", record.below.last().map(id).unwrap_or_default())
            .with("Shared", found.layers.contains(&record.layer).to_string())
            .with("Size", human::size(size))
            .with("UsageCount", "1"))
    });
    rows.collect()
}
