//! Files that give whoever executes them more privileges: set-user-id, set-group-id, capabilities.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::base::{Context, Result};
use crate::resource::Image;
use crate::state::{self, Durability};

use super::Store;

/// Permission bits of such files.
const SET_ID: u32 = 0o6000;

impl Store {
    /// Whether an image has files that give privileges. Each layer is searched once; what was
    /// found is kept beside it.
    ///
    /// # Errors
    /// A layer cannot be read.
    pub fn has_privileged_files(&self, image: &Image) -> Result<bool> {
        for diff_id in &image.diff_ids {
            let path = self.paths.layer_privileges(diff_id);
            // A damaged one is found out again.
            let found = match state::read(&path).unwrap_or_default() {
                Some(found) => found,
                None => {
                    let files = self.paths.layer_files(diff_id);
                    let found = gives_privileges(&files)
                        .context(|| format!("cannot look through {}", files.display()))?;
                    state::write(&path, &found, Durability::Process)?;
                    found
                }
            };
            if found {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Whether such a file is anywhere in a directory.
fn gives_privileges(directory: &Path) -> std::io::Result<bool> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let (kind, path) = (entry.file_type()?, entry.path());
        if kind.is_dir() {
            if gives_privileges(&path)? {
                return Ok(true);
            }
        } else if kind.is_file() {
            let mode = entry.metadata()?.mode();
            if mode & SET_ID != 0 || mode & 0o111 != 0 && has_capabilities(&path) {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

fn has_capabilities(path: &Path) -> bool {
    // Without such an attribute, and on file systems that have none, there is nothing to gain.
    rustix::fs::lgetxattr(path, "security.capability", &mut [0; 64][..]).is_ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_single_set_id_file_deep_down_is_found() {
        let root = tempfile::tempdir().unwrap();
        let deep = root.path().join("usr/bin");
        fs::create_dir_all(&deep).unwrap();
        fs::write(deep.join("su"), "").unwrap();
        assert!(!gives_privileges(root.path()).unwrap());
        fs::set_permissions(deep.join("su"), fs::Permissions::from_mode(0o4755)).unwrap();
        assert!(gives_privileges(root.path()).unwrap());
    }
}
