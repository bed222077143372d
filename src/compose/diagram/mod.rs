//! Pictures of a project: which service needs which, as text, DOT, Mermaid and SVG.

mod layout;
mod plain;
mod sources;
mod svg;

use super::Project;
use super::model::{Condition, MountKind};

/// How a picture is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A tree of words, for terminals.
    Text,
    /// For Graphviz.
    Dot,
    /// For Markdown on many sites.
    Mermaid,
    /// A picture that browsers show.
    Svg,
}

impl Format {
    /// All of them, by their names on the command line.
    pub const ALL: [(&'static str, Format); 4] = [
        ("text", Format::Text),
        ("dot", Format::Dot),
        ("mermaid", Format::Mermaid),
        ("svg", Format::Svg),
    ];

    /// The format with this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Format> {
        let found = Format::ALL.iter().find(|(known, _)| *known == name);
        found.map(|(_, format)| *format)
    }
}

/// What a box stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Service,
    Network,
    Volume,
}

/// A box.
#[derive(Clone, Debug)]
struct Box {
    /// Key in the compose files.
    name: String,
    /// The image of a service, what a network is; may be empty.
    note: String,
    kind: Kind,
}

/// An arrow.
#[derive(Clone, Debug)]
struct Arrow {
    /// Index of the box that needs the other.
    from: usize,
    to: usize,
    /// What must hold; empty for the usual.
    label: String,
    /// Not strictly needed, or not a dependency.
    faint: bool,
}

/// Boxes and arrows.
#[derive(Clone, Debug, Default)]
struct Diagram {
    boxes: Vec<Box>,
    arrows: Vec<Arrow>,
}

/// Draws the services that are on; with `resources` also their networks and named volumes.
///
/// An arrow goes from a service to what it needs.
#[must_use]
pub fn draw(project: &Project, resources: bool, format: Format) -> String {
    let diagram = Diagram::new(project, resources);
    match format {
        Format::Text => plain::draw(&diagram),
        Format::Dot => sources::dot(&project.name, &diagram),
        Format::Mermaid => sources::mermaid(&diagram),
        Format::Svg => svg::draw(&project.name, &diagram),
    }
}

impl Diagram {
    fn new(project: &Project, resources: bool) -> Diagram {
        let mut diagram = Diagram::default();
        for (name, service) in &project.services {
            let built = service.build.as_ref().map(|_| "built");
            let note = service.image.as_deref().or(built).unwrap_or_default().to_owned();
            diagram.boxes.push(Box { name: name.clone(), note, kind: Kind::Service });
        }
        for (from, service) in project.services.values().enumerate() {
            for (needed, dependency) in &service.depends_on {
                let Some(to) = diagram.find(needed, Kind::Service) else { continue };
                let mut label = words(dependency.condition).to_owned();
                if dependency.restart {
                    label += if label.is_empty() { "restarts with" } else { ", restarts with" };
                }
                diagram.arrows.push(Arrow { from, to, label, faint: !dependency.required });
            }
        }
        if resources {
            diagram.add_networks(project);
            diagram.add_volumes(project);
        }
        diagram
    }

    fn add_networks(&mut self, project: &Project) {
        for (name, network) in &project.networks {
            let note = match (network.external, network.internal) {
                (true, _) => "external network",
                (_, true) => "internal network",
                _ => "network",
            };
            self.boxes.push(Box { name: name.clone(), note: note.to_owned(), kind: Kind::Network });
        }
        for (from, service) in project.services.values().enumerate() {
            for name in service.networks.keys() {
                let Some(to) = self.find(name, Kind::Network) else { continue };
                self.arrows.push(Arrow { from, to, label: String::new(), faint: true });
            }
        }
    }

    fn add_volumes(&mut self, project: &Project) {
        for (name, volume) in &project.volumes {
            let note = if volume.external { "external volume" } else { "volume" };
            self.boxes.push(Box { name: name.clone(), note: note.to_owned(), kind: Kind::Volume });
        }
        for (from, service) in project.services.values().enumerate() {
            let named = service.volumes.iter().filter(|it| it.kind == MountKind::Volume);
            for volume in named {
                let name = volume.source.as_deref().unwrap_or_default();
                let Some(to) = self.find(name, Kind::Volume) else { continue };
                self.arrows.push(Arrow { from, to, label: volume.target.clone(), faint: true });
            }
        }
    }

    fn find(&self, name: &str, kind: Kind) -> Option<usize> {
        self.boxes.iter().position(|it| it.kind == kind && it.name == name)
    }
}

/// What a dependency waits for; empty for the start, which is the usual.
fn words(condition: Condition) -> &'static str {
    match condition {
        Condition::Started => "",
        Condition::Healthy => "healthy",
        Condition::CompletedSuccessfully => "completed",
    }
}

#[cfg(test)]
mod tests;
