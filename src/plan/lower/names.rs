//! Names and labels of containers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::compose::{Project, Service, config_hash};
use crate::plan::desired::{Dependency, print_dependencies};
use crate::resource::{Image, labels};

/// The version in labels.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name of a service's first container: `container_name`, or project, service and number.
pub(super) fn first_container(project: &Project, service: &str) -> String {
    let fixed = project.services.get(service).and_then(|service| service.container_name.clone());
    fixed.unwrap_or_else(|| format!("{}-{service}-1", project.name))
}

/// Labels of the image and the service, and those of Compose, which nobody can override.
pub(super) fn container_labels(
    project: &Project,
    service: &Service,
    image: &Image,
    depends_on: &BTreeMap<String, Dependency>,
) -> BTreeMap<String, String> {
    let mut all = image_labels(image);
    all.extend(service.labels.clone());
    let own = [
        (labels::PROJECT, project.name.clone()),
        (labels::SERVICE, service.name.clone()),
        (labels::NUMBER, "1".to_owned()),
        (labels::ONE_OFF, "False".to_owned()),
        (labels::CONFIG_HASH, config_hash(service)),
        (labels::DEPENDS_ON, print_dependencies(depends_on)),
        (labels::IMAGE, image.id.to_string()),
        (labels::VERSION, VERSION.to_owned()),
        (labels::WORKING_DIR, project.working_dir.display().to_string()),
        (labels::CONFIG_FILES, list(&project.files)),
    ];
    all.extend(own.map(|(key, value)| (key.to_owned(), value)));
    if !project.env_files.is_empty() {
        all.insert(labels::ENVIRONMENT_FILE.to_owned(), list(&project.env_files));
    }
    all
}

/// Labels that a container has from its image: none that would make it part of a project.
pub(super) fn image_labels(image: &Image) -> BTreeMap<String, String> {
    let mut all = image.config.labels.clone();
    all.retain(|key, _| !key.starts_with(labels::PREFIX));
    all
}

/// Labels of a network or volume: the user's and Compose's.
pub(super) fn resource_labels(
    project: &Project,
    user: &BTreeMap<String, String>,
    (kind, key): (&str, &str),
    hash: String,
) -> BTreeMap<String, String> {
    let own = [
        (kind, key.to_owned()),
        (labels::PROJECT, project.name.clone()),
        (labels::VERSION, VERSION.to_owned()),
        (labels::CONFIG_HASH, hash),
    ];
    let mut all = user.clone();
    all.extend(own.map(|(key, value)| (key.to_owned(), value)));
    all
}

/// Paths as labels have them.
fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::testing::image;

    /// image-joins-project: an image's container is counted, stopped and removed with a project that
    /// its labels name.
    #[test]
    fn labels_of_an_image_make_its_container_part_of_no_project() {
        let mut image = image("nginx");
        let given = [(labels::PROJECT, "bank"), (labels::ONE_OFF, "True"), ("vendor", "acme")];
        image.config.labels =
            given.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        assert_eq!(image_labels(&image).into_keys().collect::<Vec<_>>(), ["vendor"]);
    }
}
