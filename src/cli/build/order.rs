//! In which order services are built: those that others build upon come first.

use crate::base::{Error, Kind, Result};
use crate::compose::Project;

/// The services to build, in order: `names`, and what they build upon.
///
/// # Errors
/// Builds upon builds go round in a circle, or name a service that does not exist.
pub fn order(project: &Project, names: &[String]) -> Result<Vec<String>> {
    let mut order = Vec::new();
    for name in names {
        visit(project, name, &mut Vec::new(), &mut order)?;
    }
    Ok(order)
}

fn visit(
    project: &Project,
    name: &str,
    path: &mut Vec<String>,
    order: &mut Vec<String>,
) -> Result<()> {
    if order.iter().any(|done| done == name) {
        return Ok(());
    }
    if path.iter().any(|on_the_way| on_the_way == name) {
        let message = format!("builds depend on each other: {} -> {name}", path.join(" -> "));
        return Err(Error::new(Kind::Invalid, message));
    }
    let service = project.services.get(name).or_else(|| project.disabled.get(name));
    let service =
        service.ok_or_else(|| Error::new(Kind::NotFound, format!("no such service: {name}")))?;
    path.push(name.to_owned());
    if let Some(build) = &service.build {
        let contexts = build.additional_contexts.values().chain([&build.context]);
        for other in contexts.filter_map(|context| context.strip_prefix("service:")) {
            visit(project, other, path, order)?;
        }
    }
    path.pop();
    order.push(name.to_owned());
    Ok(())
}
