//! Rules across fields, services and resources: what each value alone cannot show.
//!
//! One file for each subject. Every rule reports and goes on; none stops another. A service in
//! which a mistake was found before is not asked for what that mistake may have taken out.

mod build;
mod container;
mod dependencies;
mod inert;
mod limits;
mod mounts;
mod ports;
mod references;
mod resources;
mod values;

use crate::diag::{Diagnostics, Severity, Span};

use super::model::{Project, Service};

/// Reports everything in a project that contradicts itself or names what does not exist.
pub fn check(project: &Project, out: &mut Diagnostics) {
    let errors = out.iter().filter(|it| it.severity == Severity::Error);
    let broken = errors.filter_map(|it| it.span).collect();
    let mut check = Check { project, out, broken };
    for service in project.services.values() {
        container::check(&mut check, service);
        limits::check(&mut check, service);
        references::check(&mut check, service);
        dependencies::check(&mut check, service);
        mounts::check(&mut check, service);
        build::check(&mut check, service);
        values::check(&mut check, service);
    }
    container::names(&mut check);
    dependencies::cycle(&mut check);
    ports::check(&mut check);
    resources::check(&mut check);
    inert::check(&mut check);
}

/// What every rule needs.
struct Check<'a> {
    project: &'a Project,
    out: &'a mut Diagnostics,
    /// Places of earlier errors.
    broken: Vec<Span>,
}

impl Check<'_> {
    /// Where the value of a service's key is.
    fn at(&self, service: &Service, path: &[&str]) -> Option<Span> {
        let start = ["services", &service.name];
        self.project.document.place(&[&start, path].concat())
    }

    /// Where a service's key is.
    fn key(&self, service: &Service, path: &[&str]) -> Option<Span> {
        let start = ["services", &service.name];
        self.project.document.key_place(&[&start, path].concat())
    }

    /// Whether the service has this key in a file.
    fn has(&self, service: &Service, path: &[&str]) -> bool {
        let start = ["services", &service.name];
        self.project.document.find(&[&start, path].concat()).is_some()
    }

    /// Whether a mistake was found in this service, or at its top-level kind, before.
    fn is_broken(&self, path: &[&str]) -> bool {
        let Some(span) = self.project.document.find(path).and_then(|node| node.span) else {
            return false;
        };
        let inside =
            |it: &Span| it.source == span.source && span.start <= it.start && it.start <= span.end;
        self.broken.iter().any(inside)
    }
}
