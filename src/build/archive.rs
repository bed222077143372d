//! What `ADD` does beyond copying: archives are unpacked, URLs are downloaded.

use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::base::{Context, Digest, Error, Kind, Result};
use crate::image::hash::Hashing;
use crate::image::unpack::{self, Limits};

use super::git::is_git;
use super::ignore::{Ignore, clean};
use super::layer::Lazy;
use super::tree::Tree;

/// Whether a source is not a file of the context.
#[must_use]
pub fn is_remote(source: &str) -> bool {
    source.starts_with("http://") || source.starts_with("https://") || is_git(source)
}

/// Name of the file that a URL gives: the last part of its path.
///
/// # Errors
/// It has none.
pub fn name_of(url: &str) -> Result<String> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let name = path.split_once('/').map_or("", |(_, path)| path).rsplit('/').next();
    match name.unwrap_or_default() {
        "" | "." | ".." => {
            let message = "cannot see a file name in the URL".to_owned();
            Err(Error::new(Kind::Invalid, message).hint("give a destination that is no directory"))
        }
        name => Ok(name.to_owned()),
    }
}

/// A name as a pattern that matches nothing else.
#[must_use]
pub fn quoted(name: &str) -> String {
    name.chars()
        .flat_map(|letter| match letter {
            '*' | '?' | '[' | '\\' => vec!['\\', letter],
            letter => vec![letter],
        })
        .collect()
}

/// Mode and time of a downloaded file (Docker: 0600, and when the server says it was changed).
///
/// # Errors
/// The file is gone.
pub fn settle(file: &Path, modified: Option<i64>) -> Result<()> {
    let describe = || format!("cannot set mode and time of {}", file.display());
    let seconds = Duration::from_secs(modified.unwrap_or(0).max(0).unsigned_abs());
    let handle = File::options().write(true).open(file).context(describe)?;
    handle.set_permissions(std::fs::Permissions::from_mode(0o600)).context(describe)?;
    handle.set_modified(SystemTime::UNIX_EPOCH + seconds).context(describe)
}

/// Compares a file's digest with the wanted one.
///
/// # Errors
/// It is another one.
pub fn verify(file: &Path, wanted: &str) -> Result<()> {
    let wanted: Digest = wanted.parse()?;
    let describe = || format!("cannot read {}", file.display());
    let mut hashing = Hashing::new(File::open(file).context(describe)?);
    std::io::copy(&mut hashing, &mut std::io::sink()).context(describe)?;
    let (_, found, _) = hashing.finish();
    match found == wanted {
        true => Ok(()),
        false => {
            let message = format!("digest mismatch: wanted {wanted}, got {found}");
            Err(Error::new(Kind::Invalid, message))
        }
    }
}

/// Unpacks a file of a tree if it is an archive; `None`: it is not.
///
/// # Errors
/// It is one, and damaged.
pub fn unpack(tree: &Tree, path: &Path, draft: &Lazy<'_>, number: usize) -> Result<Option<Tree>> {
    let describe = || format!("cannot read {}", path.display());
    let mut file = match tree.file(path) {
        // Pipes and devices are none.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidInput => return Ok(None),
        file => file.context(describe)?,
    };
    if !is_archive(&file) {
        return Ok(None);
    }
    file.rewind().context(describe)?;
    let dir = draft.get()?.scratch(&format!("archive-{number}"))?;
    // What it is unpacked to looks so, unless the archive has an entry for its root.
    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o755)).context(describe)?;
    unpack::unpack(&mut file, &dir, &Limits::for_disk(&dir), |_| Ok(()))
        .context(|| format!("cannot unpack {}", path.display()))?;
    Tree::open(&dir, Ignore::default()).map(Some)
}

/// Whether there is a tar header at the start, compressed or not.
pub fn is_archive(file: &File) -> bool {
    let Ok((inflated, _)) = unpack::inflating(file) else { return false };
    let mut head = Vec::new();
    inflated.take(512).read_to_end(&mut head).is_ok() && is_header(&head)
}

/// Whether these bytes begin with a tar header.
pub fn is_header(head: &[u8]) -> bool {
    head.get(257..262).is_some_and(|magic| magic == b"ustar") || has_checksum(head)
}

/// Archives older than POSIX have no magic: their first header adds up all the same.
fn has_checksum(head: &[u8]) -> bool {
    let (Some(head), Some(field)) = (head.get(..512), head.get(148..156)) else { return false };
    let digits = String::from_utf8_lossy(field);
    let said = u32::from_str_radix(digits.trim_matches([' ', '\0']), 8);
    let others = head.iter().enumerate().filter(|(at, _)| !(148..156).contains(at));
    let sum = others.map(|(_, byte)| u32::from(*byte)).sum::<u32>() + 8 * u32::from(b' ');
    head[0] != 0 && said == Ok(sum)
}

/// With `--parents`: the path a source keeps, which begins after `/./` if the word has that.
#[must_use]
pub fn below_pivot(word: &str, path: &Path) -> PathBuf {
    match word.split_once("/./") {
        Some((before, _)) => {
            let before = clean(before);
            path.strip_prefix(&before).map_or_else(|_| path.to_owned(), Path::to_owned)
        }
        None => path.to_owned(),
    }
}
