//! `network ls`: list networks.

use crate::cli::app::bulk::{Filters, join};
use crate::cli::ui::listing::{JsonStyle, Listing, Row, unless_raw};
use crate::cli::ui::table::Columns;
use crate::cli::{Context, Exit, Result};
use crate::docker::human;
use crate::engine::Engine;
use crate::resource::observed::Scope;
use crate::resource::{Network, Observed};

use crate::docker::builtin::{is_builtin, with_builtin};
use crate::docker::network::users;

/// List networks
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose network ls                          All of them
  compose network ls -qf name=shared          Ids of those with this in their name")]
pub struct Ls {
    /// Only networks that match: dangling=true, driver=bridge, id=…, label=KEY[=VALUE], name=PART or type=custom|builtin
    #[arg(short, long, value_name = "FILTER")]
    filter: Vec<String>,

    /// `table`, `table TEMPLATE`, `json` or a Go template
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: String,

    /// Do not cut ids
    #[arg(long)]
    no_trunc: bool,

    /// Only ids
    #[arg(short, long)]
    quiet: bool,
}

impl Ls {
    /// Lists them.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let known = ["dangling", "driver", "id", "label", "name", "scope", "type"];
        let filters = Filters::parse(&self.filter, &known)?;
        let observed = with_builtin(cx.engine()?.observe(&Scope::default()).await?);
        let networks = observed.networks.values().filter(|it| shows(&filters, it, &observed));
        if self.quiet {
            let ids: String = networks.map(|network| format!("{}\n", self.id(network))).collect();
            cx.output().print(ids)?;
            return Ok(Exit::Success);
        }
        let columns =
            [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")];
        let list = Listing {
            columns: columns.to_vec(),
            rows: networks.map(|network| self.row(network)).collect(),
            layout: Columns::DOCKER,
            json: JsonStyle::Lines,
        };
        let raw = "network_id: {{.ID}}\nname: {{.Name}}\ndriver: {{.Driver}}\nscope: {{.Scope}}\n";
        cx.output().print(list.text(unless_raw(&self.format, raw))?)?;
        Ok(Exit::Success)
    }

    fn id<'a>(&self, network: &'a Network) -> &'a str {
        if self.no_trunc { &network.id } else { &network.id[..12] }
    }

    fn row(&self, network: &Network) -> Row {
        let spec = &network.spec;
        Row { labels: spec.labels.clone(), ..Row::default() }
            .with("CreatedAt", human::go_time(network.created_at))
            .with("Driver", crate::docker::network::driver(spec))
            .with("ID", self.id(network))
            .with("IPv4", spec.ipv4.to_string())
            .with("IPv6", spec.ipv6.to_string())
            .with("Internal", spec.internal.to_string())
            .with("Labels", join(&spec.labels))
            .with("Name", spec.name.as_str())
            .with("Scope", "local")
    }
}

fn shows(filters: &Filters, network: &Network, observed: &Observed) -> bool {
    // What is always there is never left over (Docker: the same).
    let builtin = is_builtin(&network.spec.name);
    let dangling = !builtin && users(observed, &network.spec.name).next().is_none();
    filters.any("name", |part| network.spec.name.contains(part))
        && filters.any("id", |start| network.id.starts_with(start))
        && filters.any("driver", |driver| driver == crate::docker::network::driver(&network.spec))
        && filters.switch("dangling").is_ok_and(|wanted| wanted.is_none_or(|it| it == dangling))
        && filters.any("scope", |scope| scope == "local")
        && filters.any("type", |wanted| matches!(wanted, "builtin") == builtin)
        && filters.labels(&network.spec.labels)
}
