//! Every path on disk, versioned records, atomic writes and locks.
//!
//! Two roots: the data root survives a reboot, the run root lies on tmpfs and is void after one.
//! Nothing outside this module spells a file name below them. Records are JSON with a format; a
//! reader tells absent, damaged and readable ones apart. A lock is a `flock`, so the kernel releases it when its
//! holder dies; liveness is never read from a file's content.

mod images;
pub mod journal;
pub mod lock;
pub mod names;
mod networks;
mod oci;
pub mod record;
pub mod roots;

pub use images::ImageStore;
pub use lock::Lock;
pub use names::Names;
pub use networks::NetworkDir;
pub use oci::{OciDir, OciRoot};
pub use record::{Durability, Found, look, read, write};
pub use roots::{ContainerDir, Roots};
