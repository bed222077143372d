//! Files as a tar archive, each under the name it shall have in a container.

use std::fs::Metadata;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header};

use crate::base::Context as _;
use crate::cli::Result;

/// Packs files, links and directories (these without what is in them). All belong to root. One
/// that has gone meanwhile is left out: that it went is the next change.
///
/// # Errors
/// A file cannot be read.
pub fn pack(files: &[(&String, &PathBuf)]) -> Result<Vec<u8>> {
    let mut archive = Builder::new(Vec::new());
    for (target, path) in files {
        let Ok(metadata) = path.symlink_metadata() else { continue };
        add(&mut archive, target.trim_start_matches('/'), path, &metadata)
            .context(|| format!("cannot read {}", path.display()))?;
    }
    Ok(archive.into_inner().context(|| "cannot make an archive".to_owned())?)
}

fn add(
    archive: &mut Builder<Vec<u8>>,
    target: &str,
    path: &Path,
    metadata: &Metadata,
) -> std::io::Result<()> {
    let mut header = Header::new_gnu();
    header.set_mode(metadata.permissions().mode() & 0o7777);
    header.set_mtime(u64::try_from(metadata.mtime()).unwrap_or(0));
    let kind = metadata.file_type();
    if kind.is_symlink() {
        header.set_entry_type(EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, target, std::fs::read_link(path)?)
    } else if kind.is_dir() {
        header.set_entry_type(EntryType::Directory);
        header.set_size(0);
        archive.append_data(&mut header, format!("{target}/"), std::io::empty())
    } else if kind.is_file() {
        let content = std::fs::read(path)?;
        header.set_entry_type(EntryType::Regular);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, target, content.as_slice())
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_the_names_they_shall_have() {
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("a"), dir.path().join("l"));
        std::fs::write(&file, "text").unwrap();
        std::os::unix::fs::symlink("a", &link).unwrap();
        let (missing, names) = (dir.path().join("x"), ["/app/b", "/app/l", "/app/d", "/app/x"]);
        let names = names.map(str::to_owned);
        let directory = dir.path().to_owned();
        let paths = [&file, &link, &directory, &missing];
        let files: Vec<_> = names.iter().zip(paths).collect();
        let bytes = pack(&files).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let line = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
            let entry = entry.unwrap();
            let kind = entry.header().entry_type();
            format!("{} {kind:?} {}", entry.path().unwrap().display(), entry.size())
        };
        let lines: Vec<String> = archive.entries().unwrap().map(line).collect();
        assert_eq!(lines, ["app/b Regular 4", "app/l Symlink 0", "app/d/ Directory 0"]);
    }
}
