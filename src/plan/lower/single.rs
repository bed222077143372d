//! A container of no project: what `container run` and `container create` ask for.

use std::collections::BTreeMap;

use crate::base::Result;
use crate::compose::{Project, Service};
use crate::resource::network::NetworkMode;
use crate::resource::{ContainerSpec, Image};

use super::{container, image_of, names};

/// The container that `service` describes, named as the service: its networks are real names, and
/// it has no labels but those of its image and its own.
///
/// # Errors
/// `Kind::Invalid` for what only becomes wrong together with the image, as no command at all.
pub fn single(service: &Service, image: &Image) -> Result<ContainerSpec> {
    let project = Project::default();
    let images = BTreeMap::from([(image_of(&project, service), image.clone())]);
    let mut spec = container(&project, service, &images, &BTreeMap::new())?;
    spec.name.clone_from(&service.name);
    spec.labels = names::image_labels(image);
    spec.labels.extend(service.labels.clone());
    if let NetworkMode::Networks(endpoints) = &mut spec.network {
        // A service's name is an alias of its containers; this one's name is its own.
        endpoints.iter_mut().for_each(|it| it.aliases.retain(|alias| *alias != service.name));
    }
    Ok(spec)
}
