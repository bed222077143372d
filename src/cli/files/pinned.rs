//! `config --resolve-image-digests` and `--lock-image-digests`: images by what their registries have.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::Digest;
use crate::cli::files::lock::digests;
use crate::cli::{Context, Result};
use crate::compose::Project;
use crate::compose::lock::Lock;
use crate::engine::Engine;
use crate::image::Reference;

/// Names images in full and with the digests that their registries have for them now.
pub async fn resolve_digests(cx: &Context<impl Engine>, project: &mut Project) -> Result<()> {
    let names = Lock::images_of(project).into_iter().collect();
    let mut digests = digests(cx, project, names).await?;
    digests.extend(digests_of_built(cx, project).await?);
    for service in project.services.values_mut() {
        let Some(image) = &mut service.image else { continue };
        if let Some(digest) = digests.get(image) {
            let name = image.parse::<Reference>()?.or_latest();
            *image = format!("{name}@{digest}");
        }
    }
    Ok(())
}

/// The digests of images that are built and have been pushed. Of the others, it says so.
async fn digests_of_built(
    cx: &Context<impl Engine>,
    project: &Project,
) -> Result<BTreeMap<String, Digest>> {
    let mut found = BTreeMap::new();
    for (name, service) in project.services.iter().filter(|(_, it)| it.build.is_some()) {
        let image = service.image.clone().filter(|image| !image.contains('@'));
        match image {
            Some(image) => match digests(cx, project, BTreeSet::from([image.clone()])).await {
                Ok(digests) => found.extend(digests),
                Err(_) => cx.output().warn(format!(
                    "service {name} is not pinned: {image} is built, and its registry does not have it"
                ))?,
            },
            None => cx.output().warn(format!(
                "service {name} is not pinned: it is built, and has no `image`"
            ))?,
        }
    }
    Ok(found)
}

/// An override file with nothing but images.
pub fn locked(project: &Project) -> String {
    let images = project.services.iter().filter_map(|(name, service)| {
        Some(format!("  {name}:\n    image: {}\n", service.image.as_ref()?))
    });
    format!("services:\n{}", images.collect::<String>())
}
