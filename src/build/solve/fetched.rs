//! What `ADD` fetches: downloads and repositories.

use std::path::{Path, PathBuf};

use super::Builder;
use super::files::Part;
use crate::base::Result;
use crate::build::archive;
use crate::build::dockerfile::Copy;
use crate::build::git::{Repository, is_git};
use crate::build::ignore::Ignore;
use crate::build::layer::Lazy;
use crate::build::tree::Tree;
use crate::image::unpack::Limits;

impl Builder<'_> {
    /// What a URL of an `ADD` leads to; `number` tells it apart from the instruction's others, which
    /// may have the same name.
    pub(super) fn download(
        &self,
        copy: &Copy,
        url: &str,
        to: &Path,
        into: bool,
        (draft, number): (&Lazy<'_>, usize),
    ) -> Result<Part> {
        if is_git(url) {
            return self.repository(copy, url, to, (draft, number));
        }
        let dir = draft.get()?.scratch(&format!("download-{number}"))?;
        let name = archive::name_of(url)?;
        let file = dir.join(&name);
        let modified = self.world.download(url, &file, Limits::for_disk(&dir).inflated)?;
        archive::settle(&file, modified)?;
        if let Some(wanted) = &copy.checksum {
            archive::verify(&file, &wanted.text)?;
        }
        let tree = Tree::open(&dir, Ignore::default())?;
        if copy.unpack == Some(true)
            && let Some(unpacked) = archive::unpack(&tree, Path::new(&name), draft, number)?
        {
            return Part::all_of(unpacked, to.to_owned());
        }
        let inner = if into { PathBuf::from(&name) } else { PathBuf::new() };
        let mut items = Vec::new();
        for source in tree.sources(&archive::quoted(&name))? {
            items.extend(tree.items(&source, &inner, &Ignore::default())?);
        }
        let to = to.to_owned();
        Ok(Part { tree: Some(tree), items, to, identity: None, unpacked: false })
    }

    /// The files of a repository go into the destination, which is a directory.
    fn repository(
        &self,
        copy: &Copy,
        url: &str,
        to: &Path,
        (draft, number): (&Lazy<'_>, usize),
    ) -> Result<Part> {
        let mut repository = Repository::parse(url)?;
        repository.keep_git |= copy.keep_git_dir;
        if let Some(wanted) = &copy.checksum {
            repository.commit = Some(wanted.text.clone());
        }
        let dir = draft.get()?.scratch(&format!("repository-{number}"))?;
        let agent = self.request.ssh.get("default").map(PathBuf::as_path);
        let checkout = repository.fetch(&dir, agent)?;
        let tree = Tree::open(&checkout.path, Ignore::default())?;
        let mut items = Vec::new();
        for source in tree.sources("/")? {
            items.extend(tree.items(&source, Path::new(""), &Ignore::default())?);
        }
        // What git keeps for itself is not the same twice.
        let identity = format!("{} {:?}", checkout.commit, repository.directory);
        let (to, identity) = (to.to_owned(), Some(identity));
        Ok(Part { tree: Some(tree), items, to, identity, unpacked: false })
    }
}
