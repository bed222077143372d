//! `image ls`: list images.

use jiff::Timestamp;

use crate::base::{Digest, Error};
use crate::cli::app::bulk::Filters;
use crate::cli::app::options::moment;
use crate::cli::ui::listing::{JsonStyle, Listing, Row, unless_raw};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::image::{Store, pattern};
use crate::resource::Image;

/// List images
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose image ls                          All of them
  compose image ls nginx                    Every version of one
  compose image ls 'team/*:1.*'             Those with such a name
  compose image ls -qf dangling=true        Ids of those without a name")]
pub struct Ls {
    /// Only images with such a name; `*` stands for any part of it
    name: Option<String>,

    /// Kept for Docker's sake: nothing is hidden
    #[arg(short, long)]
    all: bool,

    /// Show the digest that the registry knows
    #[arg(long)]
    digests: bool,

    /// Only images that match: before=IMAGE, dangling=true, label=KEY[=VALUE], reference=NAME,
    /// since=IMAGE or until=TIME
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Whole ids
    #[arg(long)]
    no_trunc: bool,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,
}

/// One line: an image under one of its names.
pub struct Line<'a> {
    image: &'a Image,
    repository: String,
    tag: String,
    digest: String,
}

impl<'a> Line<'a> {
    /// The image under the first of its names.
    #[must_use]
    pub fn first(image: &'a Image) -> Line<'a> {
        let (repository, tag, _) = names(image.tags.first().map_or(NONE, String::as_str));
        Line { image, repository, tag, digest: String::new() }
    }

    /// Docker: the same fields. The id is cut if `short`.
    #[must_use]
    pub fn row(&self, short: bool) -> Row {
        let created = self.image.created_at;
        let age = created.map_or_else(
            || "N/A".to_owned(),
            |created| human::duration(human::since(created, Timestamp::now())) + " ago",
        );
        Row { labels: self.image.config.labels.clone(), ..Row::default() }
            // Docker counts them for `system df` only.
            .with("Containers", "N/A")
            .with("CreatedAt", created.map_or_else(|| "N/A".to_owned(), human::go_time))
            .with("CreatedSince", age)
            .with("Digest", self.digest.as_str())
            .with("ID", id(&self.image.id, short))
            .with("Repository", self.repository.as_str())
            .with("SharedSize", "N/A")
            .with("Size", human::size(self.image.size))
            .with("Tag", self.tag.as_str())
            .with("UniqueSize", "N/A")
            .with("VirtualSize", human::exact_size(self.image.size))
    }
}

fn id(id: &Digest, short: bool) -> String {
    if short { id.short().to_owned() } else { id.to_string() }
}

const NONE: &str = "<none>";

impl Ls {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let store = cx.images()?;
        let mut words = self.filter.clone();
        words.extend(self.name.iter().map(|name| format!("reference={name}")));
        let known = ["before", "dangling", "label", "reference", "since", "until"];
        let filters = Filters::parse(&words, &known)?;
        let selection = Selection::new(&store, &filters)?;
        let images = store.list()?;
        let images = images.iter().filter(|image| selection.shows(image));
        let lines: Vec<Line> =
            images.flat_map(|image| lines(image, &filters, self.digests)).collect();
        if self.quiet {
            let id = |it: &Line| id(&it.image.id, !self.no_trunc) + "\n";
            let mut ids: Vec<String> = lines.iter().map(id).collect();
            ids.dedup();
            cx.output().print(ids.concat())?;
            return Ok(Exit::Success);
        }
        let mut columns = vec![("REPOSITORY", "Repository"), ("TAG", "Tag")];
        columns.extend(self.digests.then_some(("DIGEST", "Digest")));
        columns.extend([("IMAGE ID", "ID"), ("CREATED", "CreatedSince"), ("SIZE", "Size")]);
        let rows = lines.iter().map(|line| line.row(!self.no_trunc)).collect();
        let list = Listing { columns, rows, layout: Columns::DOCKER, json: JsonStyle::Lines };
        cx.output().print(list.text(unless_raw(&self.format, &raw(self.digests)))?)?;
        Ok(Exit::Success)
    }
}

/// Docker: what the format `raw` shows.
#[must_use]
pub fn raw(digests: bool) -> String {
    let digest = if digests { "digest: {{.Digest}}\n" } else { "" };
    let [start, end] = [
        "repository: {{.Repository}}\ntag: {{.Tag}}\n",
        "image_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
    ];
    [start, digest, end].concat()
}

/// Repository, tag and digest of a name; `<none>` for what it does not have.
fn names(text: &str) -> (String, String, String) {
    let (name, digest) = text.split_once('@').unwrap_or((text, NONE));
    // A colon before the last slash belongs to a registry's port.
    let (name, tag) = match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (name, NONE),
    };
    (name.to_owned(), tag.to_owned(), digest.to_owned())
}

/// What `--filter` says of whole images.
struct Selection<'a> {
    filters: &'a Filters,
    dangling: Option<bool>,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl<'a> Selection<'a> {
    fn new(store: &Store, filters: &'a Filters) -> Result<Selection<'a>> {
        let time_of = |name: &str| Ok::<_, Error>(store.get(name)?.created_at);
        let before = filters.values("before").iter().map(|name| time_of(name));
        let mut before: Vec<_> = before.collect::<Result<_, _>>()?;
        for text in filters.values("until") {
            before.push(Some(moment(text, Timestamp::now())?));
        }
        let since = filters.values("since").iter().map(|name| time_of(name));
        let since: Vec<_> = since.collect::<Result<_, _>>()?;
        let before = before.into_iter().flatten().min();
        let dangling = filters.switch("dangling")?;
        Ok(Selection { filters, dangling, before, since: since.into_iter().flatten().max() })
    }

    fn shows(&self, image: &Image) -> bool {
        let dangling = image.tags.is_empty();
        let created = image.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
        self.dangling.is_none_or(|wanted| wanted == dangling)
            && self.filters.labels(&image.config.labels)
            && self.before.is_none_or(|before| created < before)
            && self.since.is_none_or(|since| created > since)
    }
}

/// One line for each name of the image that is asked for; `<none>` for one without a name.
fn lines<'a>(image: &'a Image, filters: &Filters, digests: bool) -> Vec<Line<'a>> {
    let names = |text: &String| names(text);
    let shows = |name: &&String| filters.any("reference", |wanted| pattern::matches(wanted, name));
    let known: Vec<_> = image.digests.iter().map(names).collect();
    let digest_of = |name: &str| known.iter().find(|(of, ..)| of == name).map(|it| it.2.clone());
    let mut lines: Vec<Line> = Vec::new();
    for (repository, tag, _) in image.tags.iter().filter(shows).map(names) {
        let digest = digest_of(&repository).unwrap_or_else(|| NONE.to_owned());
        lines.push(Line { image, repository, tag, digest });
    }
    // Pulled by digest: a name without a tag. Beside a tag it says nothing new.
    let is_tagged = |name: &str| image.tags.iter().map(names).any(|(of, ..)| of == name);
    for (repository, tag, digest) in image.digests.iter().filter(shows).map(names) {
        if digests && !is_tagged(&repository) || image.tags.is_empty() {
            lines.push(Line { image, repository, tag, digest });
        }
    }
    let nameless = image.tags.is_empty() && image.digests.is_empty();
    if nameless && filters.values("reference").is_empty() {
        let none = || NONE.to_owned();
        lines.push(Line { image, repository: none(), tag: none(), digest: none() });
    }
    lines
}
