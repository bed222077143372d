//! `images`: which images the containers of a project were made from.

use crate::cli::ui::listing::{JsonStyle, Listing, Row};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::resource::{Container, Image};

use crate::cli::app::selection::service_of;

/// List the images of containers
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose images                 One line for each container
  compose images -q              Ids only
  compose images --format json")]
pub struct Images {
    /// Only these services
    services: Vec<String>,

    /// `table`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,
}

impl Images {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let subject = cx.subject()?;
        let observed = cx.observe(&subject.name, Vec::new()).await?;
        let services = subject.services(&self.services, &observed)?;
        let shown = |it: &&Container| {
            subject.owns(it) && (services.is_empty() || services.contains(service_of(it)))
        };
        let mut containers: Vec<&Container> = observed.containers.iter().filter(shown).collect();
        containers.sort_by(|one, other| one.spec.name.cmp(&other.spec.name));
        if self.quiet {
            let ids = containers.iter().filter_map(|it| it.spec.image_id.as_ref());
            let ids: std::collections::BTreeSet<_> = ids.map(crate::base::Digest::hex).collect();
            cx.output().print(ids.iter().map(|id| format!("{id}\n")).collect::<String>())?;
            return Ok(Exit::Success);
        }
        // By id where it is known: the name may mean another image now.
        let key = |it: &Container| {
            it.spec.image_id.as_ref().map_or_else(|| it.spec.image.clone(), ToString::to_string)
        };
        let images = containers.iter().map(|it| key(it)).collect();
        let found = cx.observe(&subject.name, images).await?.images;
        let rows = containers.iter().map(|it| row(it, found.get(&key(it)))).collect();
        let columns = vec![
            ("CONTAINER", "ContainerName"),
            ("REPOSITORY", "Repository"),
            ("TAG", "Tag"),
            ("PLATFORM", "Platform"),
            ("IMAGE ID", "ID"),
            ("SIZE", "Size"),
            ("CREATED", "Created"),
        ];
        let list = Listing { columns, rows, layout: Columns::WIDE, json: JsonStyle::Array };
        cx.output().print(list.text(&self.format)?)?;
        Ok(Exit::Success)
    }
}

fn row(container: &Container, image: Option<&Image>) -> Row {
    let name = container.spec.image.split('@').next().unwrap_or_default();
    // A colon before the last slash belongs to a registry's port.
    let (repository, tag) = match name.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (name, "latest"),
    };
    let id = container.spec.image_id.as_ref();
    let platform = image.map(|image| format!("{}/{}", image.os, image.architecture));
    let size = image.map_or(0, |image| image.size);
    let created = image.and_then(|image| image.created_at);
    let age = created
        .map(|created| human::duration(human::since(created, jiff::Timestamp::now())) + " ago");
    Row::default()
        .with("ID", id.map_or_else(String::new, ToString::to_string))
        .with("ContainerName", container.spec.name.as_str())
        .with("Repository", repository)
        .with("Tag", tag)
        .with("Platform", platform.unwrap_or_default())
        .with("Size", size)
        .with("Created", created.map(|time| time.to_string()))
        .with("LastTagTime", created.map(|time| time.to_string()))
        .showing("ID", id.map_or("", |id| id.short()))
        .showing("Size", human::size(size))
        .showing("Created", age.unwrap_or_else(|| "N/A".to_owned()))
}
