//! What may be a container's name, and what is said when another has it.

use crate::base::{ContainerId, Error, Kind, Result};
use crate::state::Names;

/// Gives `name` to the container `id`.
///
/// # Errors
/// `Kind::Invalid` for a bad name, `Kind::Conflict` if another container has it.
pub(super) fn take(names: &Names<'_>, name: &str, id: &ContainerId) -> Result<()> {
    check(name)?;
    let Some(owner) = names.take(name, id)? else { return Ok(()) };
    // Docker: the same words.
    let message = format!(
        "Conflict. The container name \"/{name}\" is already in use by container \"{owner}\". \
         You have to remove (or rename) that container to be able to reuse that name."
    );
    Err(Error::new(Kind::Conflict, message))
}

/// Docker: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`.
fn check(name: &str) -> Result<()> {
    let mut letters = name.bytes();
    let first = letters.next().is_some_and(|byte| byte.is_ascii_alphanumeric());
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    // A link's name is limited by the file system.
    match first && name.len() >= 2 && name.len() <= 255 && letters.all(inner) {
        true => Ok(()),
        false => Err(Error::new(
            Kind::Invalid,
            format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"),
        )),
    }
}
