//! Giving a repository a manifest, once it has what the manifest needs.

use reqwest::Method;

use crate::base::{Digest, Error, Result};
use crate::image::hash;

use super::Registry;
use super::http::{Ask, Content};
use super::refusal::refused;

/// So often the blobs are sent again to a registry that first says it has them, then that not.
const AGAIN: usize = 2;

/// What a registry did with a manifest.
enum Offered {
    Taken,
    /// It says that it lacks a blob that the manifest needs.
    Lacks(Error),
}

impl Registry {
    /// Gives the repository a manifest under a tag or its digest, after `place` has seen to its
    /// blobs. `place` is told whether to send them whatever the registry says that it has.
    ///
    /// A registry may say that it has a blob, and refuse the manifest for want of it: another push
    /// of the blob is under way, or was cut off (Docker's registry writes its notes in place). What
    /// it says is not believed a second time.
    ///
    /// # Errors
    /// The registry refuses it, or `place` fails.
    pub async fn put_manifest(
        &self,
        name: &str,
        (bytes, media_type): (&[u8], &str),
        place: impl AsyncFn(bool) -> Result<()>,
    ) -> Result<Digest> {
        let mut again = 0;
        loop {
            place(again > 0).await?;
            match self.offer(name, bytes, media_type).await? {
                Offered::Taken => return Ok(hash::sha256(bytes)),
                Offered::Lacks(error) if again == AGAIN => return Err(error),
                Offered::Lacks(_) => again += 1,
            }
        }
    }

    async fn offer(&self, name: &str, bytes: &[u8], media_type: &str) -> Result<Offered> {
        let url = self.http.url(&format!("{}/manifests/{name}", self.path));
        let mut ask = Ask::new(Method::PUT, url, &self.scope);
        ask.content = Content::Bytes(bytes.to_vec(), media_type.to_owned());
        let response = self.http.send(&ask).await?;
        if response.status().is_success() {
            return Ok(Offered::Taken);
        }
        let refusal = refused(response, "cannot push the manifest").await;
        match refusal.lacks_a_blob() {
            true => Ok(Offered::Lacks(refusal.error)),
            false => Err(refusal.error),
        }
    }
}
