//! What happened to things, as those who follow events are told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened.
    pub time: Timestamp,
    /// What kind of thing it happened to.
    pub kind: EventKind,
    /// What happened, in Docker's words: `start`, `die`, `health_status: healthy`.
    pub action: String,
    /// Whom it happened to: a container's, image's or network's id, or a volume's name.
    pub id: String,
    /// What else is known: of containers their labels, `image` and `name`; `exitCode`, `signal`, …
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// Kinds of things that events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
}

impl EventKind {
    /// The word that events show.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Container => "container",
            EventKind::Image => "image",
            EventKind::Network => "network",
            EventKind::Volume => "volume",
        }
    }
}

impl Event {
    /// Something that happens now.
    #[must_use]
    pub fn now(kind: EventKind, action: impl Into<String>, id: impl Into<String>) -> Event {
        let (action, id) = (action.into(), id.into());
        Event { time: Timestamp::now(), kind, action, id, attributes: BTreeMap::new() }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<String>) -> Event {
        self.attributes.insert(key.to_owned(), value.into());
        self
    }

    /// The same with what every event of a container says (Docker: labels, image and name).
    #[must_use]
    pub fn about(mut self, spec: &super::ContainerSpec) -> Event {
        let labels = spec.labels.iter().map(|(key, value)| (key.clone(), value.clone()));
        self.attributes.extend(labels);
        self.with("image", spec.image.as_str()).with("name", spec.name.as_str())
    }
}
