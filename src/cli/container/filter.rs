//! `--filter` of lists of containers.

use jiff::Timestamp;

use crate::base::{Error, Kind, Protocol};
use crate::cli::Result;
use crate::cli::app::bulk::Filters;
use crate::cli::app::options::moment;
use crate::docker::status::health_word;
use crate::resource::container::{PublishedPort, State};
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::resource::{Container, Observed};

use super::find;

/// Docker's words.
const KNOWN: [&str; 15] = [
    "ancestor", "before", "exited", "expose", "health", "id", "is-task", "label", "name",
    "network", "publish", "since", "status", "until", "volume",
];

/// Conditions that containers must fulfil.
pub struct Conditions {
    filters: Filters,
    before: Option<Timestamp>,
    since: Option<Timestamp>,
}

impl Conditions {
    /// Reads `KEY=VALUE` words.
    ///
    /// # Errors
    /// An unknown key, a value that cannot be, a container that does not exist.
    pub fn parse(words: &[String], observed: &Observed) -> Result<Conditions> {
        let filters = Filters::parse(words, &KNOWN)?;
        for (key, allowed) in [
            (
                "status",
                &["created", "restarting", "running", "removing", "paused", "exited", "dead"][..],
            ),
            ("health", &["none", "starting", "healthy", "unhealthy"]),
        ] {
            let wrong = filters.values(key).iter().find(|it| !allowed.contains(&it.as_str()));
            if let Some(wrong) = wrong {
                let error = Error::new(Kind::Invalid, format!("invalid filter '{key}={wrong}'"));
                return Err(error.hint(format!("known are {}", allowed.join(", "))).into());
            }
        }
        let created = |name: &String| find(observed, name).map(|it| it.created_at);
        let before = filters.values("before").iter().map(created);
        let mut before: Vec<Timestamp> = before.collect::<Result<_, _>>()?;
        for text in filters.values("until") {
            before.push(moment(text, Timestamp::now())?);
        }
        let since = filters.values("since").iter().map(created);
        let since: Vec<Timestamp> = since.collect::<Result<_, _>>()?;
        let (before, since) = (before.into_iter().min(), since.into_iter().max());
        Ok(Conditions { filters, before, since })
    }

    /// They say something about states, so that those that do not run are not left out.
    pub fn about_states(&self) -> bool {
        !self.filters.values("status").is_empty() || !self.filters.values("exited").is_empty()
    }

    /// Whether a container fulfils all of them.
    pub fn hold(&self, container: &Container, observed: &Observed) -> bool {
        let (filters, spec, status) = (&self.filters, &container.spec, &container.status);
        let health = Some(health_word(status)).filter(|word| !word.is_empty()).unwrap_or("none");
        let ended = status.state == State::Exited;
        let exited = |code: &str| ended && code.parse().ok() == status.exit_code;
        self.before.is_none_or(|before| container.created_at < before)
            && self.since.is_none_or(|since| container.created_at > since)
            && filters.any("id", |start| container.id.as_str().starts_with(start))
            && filters.any("name", |pattern| fits_name(&spec.name, pattern))
            && filters.any("status", |state| state == status.state.as_str())
            && filters.any("exited", exited)
            && filters.any("health", |wanted| wanted == health)
            && filters.any("is-task", |wanted| matches!(wanted, "false" | "0"))
            && filters.any("ancestor", |image| is_ancestor(container, image, observed))
            && filters.any("network", |network| attached(container, network, observed))
            && filters.any("volume", |volume| mounts(container, volume))
            && filters.any("publish", |text| publishes(container, text))
            && filters.any("expose", |text| exposes(container, text))
            && filters.labels(&spec.labels)
    }
}

/// Part of the name; `^` and `$` tie it to the beginning and the end, before which a slash is.
fn fits_name(name: &str, pattern: &str) -> bool {
    let (start, pattern) = match pattern.strip_prefix('^') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let (end, pattern) = match pattern.strip_suffix('$') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let pattern = pattern.strip_prefix("/?").or(pattern.strip_prefix('/')).unwrap_or(pattern);
    match (start, end) {
        (true, true) => name == pattern,
        (true, false) => name.starts_with(pattern),
        (false, true) => name.ends_with(pattern),
        (false, false) => name.contains(pattern),
    }
}

/// The container's image has this name or id.
fn is_ancestor(container: &Container, image: &str, observed: &Observed) -> bool {
    let plain = |name: &str| match name.rsplit_once(':') {
        Some((_, tag)) if !tag.contains('/') => name.to_owned(),
        _ => format!("{name}:latest"),
    };
    let same_name = plain(&container.spec.image) == plain(image);
    let id = container.spec.image_id.as_ref();
    let same_id = id.is_some_and(|id| {
        let text = id.to_string();
        let hex = text.split_once(':').map_or(text.as_str(), |(_, hex)| hex);
        image.len() >= 4 && (text.starts_with(image) || hex.starts_with(image))
    });
    let of_name = observed.images.get(image).map(|image| &image.id);
    same_id || same_name || of_name.is_some() && of_name == id
}

fn attached(container: &Container, wanted: &str, observed: &Observed) -> bool {
    let fits = |name: &str| {
        let network = observed.networks.get(name);
        name == wanted || network.is_some_and(|network| network.id.starts_with(wanted))
    };
    match &container.spec.network {
        NetworkMode::Networks(endpoints) => endpoints.iter().any(|it| fits(&it.network)),
        NetworkMode::None => wanted == "none",
        NetworkMode::Host => wanted == "host",
        NetworkMode::Container(_) => false,
    }
}

/// A mount has this name, source or target.
fn mounts(container: &Container, wanted: &str) -> bool {
    container.spec.mounts.iter().any(|mount| {
        mount.target == wanted
            || match &mount.source {
                MountSource::Volume { name, .. } => name == wanted,
                MountSource::Bind { path, .. } => path.as_os_str() == wanted,
                _ => false,
            }
    })
}

/// `80`, `80/udp`, `8000-8010`.
fn ports(text: &str) -> Option<(u16, u16, Protocol)> {
    let (range, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let range: crate::base::PortRange = range.parse().ok()?;
    Some((range.first, range.last, protocol.parse().ok()?))
}

fn publishes(container: &Container, text: &str) -> bool {
    let Some((first, last, protocol)) = ports(text) else { return false };
    let wanted = |port: u16| (first..=last).contains(&port);
    let asked = |port: &PublishedPort| {
        port.protocol == protocol && port.host.is_some_and(|range| range.ports().any(wanted))
    };
    container.spec.ports.iter().any(asked)
        || container.status.ports.iter().any(|it| it.protocol == protocol && wanted(it.host))
}

fn exposes(container: &Container, text: &str) -> bool {
    let Some((first, last, protocol)) = ports(text) else { return false };
    let wanted = |port: u16| (first..=last).contains(&port);
    container.spec.expose.iter().any(|it| it.protocol == protocol && it.ports.ports().any(wanted))
        || container
            .spec
            .ports
            .iter()
            .any(|it| it.protocol == protocol && it.container.ports().any(wanted))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::tests::container;

    fn hold(words: &[&str], container: &Container) -> bool {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let observed = Observed::default();
        Conditions::parse(&words, &observed).unwrap().hold(container, &observed)
    }

    #[test]
    fn names_are_patterns_at_both_ends() {
        let web = container("shop-web-1", State::Running);
        for (filter, fits) in [
            ("name=web", true),
            ("name=^shop", true),
            ("name=^web", false),
            ("name=^/shop-web-1$", true),
            ("name=^/?web-1$", false),
            ("name=-1$", true),
        ] {
            assert_eq!(hold(&[filter], &web), fits, "{filter}");
        }
    }

    #[test]
    fn values_of_one_key_are_alternatives() {
        let mut web = container("web", State::Exited);
        web.status.exit_code = Some(3);
        web.spec.image = "nginx:latest".to_owned();
        assert!(hold(&["status=running", "status=exited"], &web));
        assert!(hold(&["exited=3", "ancestor=nginx", "health=none"], &web));
        assert!(!hold(&["exited=0"], &web));
        assert!(!hold(&["ancestor=redis"], &web));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for word in ["colour=red", "status=asleep", "since=nobody"] {
            assert!(Conditions::parse(&[word.to_owned()], &Observed::default()).is_err(), "{word}");
        }
    }
}
