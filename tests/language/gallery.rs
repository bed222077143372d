//! The gallery: mistakes people make, and exactly what they read.
//!
//! Each folder in `fixtures/diagnostics` is a project with a mistake, and `message.txt` is what is
//! printed. `BLESS=1 cargo test --test language` rewrites the messages.

use std::path::{Path, PathBuf};

use crate::support::{Disk, request};
use compose::compose::{LoadRequest, load};
use compose::diag::{Style, render};

fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/diagnostics");
    let entries = std::fs::read_dir(root).unwrap().map(|it| it.unwrap().path());
    let mut folders: Vec<PathBuf> = entries.filter(|it| it.is_dir()).collect();
    folders.sort();
    folders
}

/// What a user reads who runs a command in this folder.
fn said(folder: &Path) -> (String, compose::compose::Loaded) {
    let request = LoadRequest { working_dir: folder.to_owned(), ..request(&[]) };
    let loaded = load(&request, &Disk);
    let text = render(&loaded.diagnostics, &loaded.sources, Style { width: 100, colour: false });
    (text.replace(&folder.display().to_string(), "/project"), loaded)
}

#[test]
fn every_mistake_is_explained_as_recorded() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for folder in folders() {
        let (text, _) = said(&folder);
        let file = folder.join("message.txt");
        if bless {
            std::fs::write(&file, &text).unwrap();
        } else if std::fs::read_to_string(&file).unwrap_or_default() != text {
            wrong.push(format!("=== {}\n{text}", folder.display()));
        }
    }
    assert!(wrong.is_empty(), "{} differ\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_gallery_is_large_and_every_mistake_has_a_place() {
    let folders = folders();
    assert!(folders.len() >= 60, "{}", folders.len());
    for folder in folders {
        let (_, loaded) = said(&folder);
        assert!(!loaded.diagnostics.is_empty(), "{}", folder.display());
        for it in loaded.diagnostics.iter() {
            let about_files = matches!(it.code, "no-file" | "several-files" | "empty-file");
            assert!(it.span.is_some() || about_files, "{}: {}", folder.display(), it.message);
        }
    }
}
