//! All that the store knows of one image.

use serde_json::{Map, Value};

use crate::base::{Context, Result};
use crate::resource::inspection::ImageInspection;

use super::Store;
use crate::image::config::container_config;

impl Store {
    /// The image with everything that `inspect` shows of it.
    ///
    /// # Errors
    /// There is no such image, or it cannot be read.
    pub fn inspect(&self, text: &str) -> Result<ImageInspection> {
        let refs = self.refs()?;
        let missing = || super::refs::missing(text);
        let id = refs.find(text)?.cloned().ok_or_else(missing)?;
        let image = self.image(&refs, &id)?;
        let document: Map<String, Value> = serde_json::from_slice(&self.config_bytes(&id)?)
            .map_err(std::io::Error::other)
            .context(|| format!("cannot read the configuration of image {}", id.short()))?;
        Ok(ImageInspection {
            config: container_config(&image.config),
            layers: self.lower_dirs(&image),
            image,
            document,
        })
    }
}
