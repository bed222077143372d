//! Archives of whole images: what `save` writes and `load` reads.
//!
//! Written is an OCI layout with Docker's `manifest.json` beside it, which every tool can read.
//! Read are those, older archives of Docker, and OCI layouts, as a tar archive or a directory.

mod layout;
mod load;
mod parts;
mod save;

pub use layout::Layout;
pub use load::{Loaded, load};
pub use parts::Parts;
pub use save::{Chosen, choose, save, save_directory};

/// The list of images in Docker's archives.
const DOCKER_LIST: &str = "manifest.json";
/// The list of images in OCI layouts.
const OCI_LIST: &str = "index.json";
/// Says that it is an OCI layout.
const OCI_MARK: &str = "oci-layout";
/// An image's full name, as containerd and Docker write it beside a manifest.
const FULL_NAME: &str = "io.containerd.image.name";
/// An image's tag, or whatever tools take for it (OCI: annotations.md).
const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Where a blob lies in an OCI layout.
fn blob_name(digest: &crate::base::Digest) -> String {
    format!("blobs/sha256/{}", digest.hex())
}

#[cfg(test)]
mod tests;
