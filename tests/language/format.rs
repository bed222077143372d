//! `compose fmt` on hundreds of files: laid out once is laid out for good, and means the same.

use std::io;
use std::path::{Path, PathBuf};

use crate::support::{Disk, fixtures, request, walk};
use compose::compose::config::project_json;
use compose::compose::fmt::format;
use compose::compose::{Files, Loaded, load};
use compose::diag::{Style, render};
use proptest::prelude::*;

/// The disk, but every compose file is laid out anew.
struct LaidOut;

impl Files for LaidOut {
    fn read(&self, path: &Path) -> io::Result<String> {
        let text = Disk.read(path)?;
        match path.extension().is_some_and(|it| it == "yaml" || it == "yml") {
            true => Ok(format("file", &text, false).map_or(text, |it| it.text)),
            false => Ok(text),
        }
    }
    fn is_file(&self, path: &Path) -> bool {
        Disk.is_file(path)
    }
    fn is_dir(&self, path: &Path) -> bool {
        Disk.is_dir(path)
    }
    fn canonicalize(&self, path: &Path) -> io::Result<PathBuf> {
        Disk.canonicalize(path)
    }
}

/// What came of loading: the model, or the codes of the mistakes.
fn outcome(loaded: &Loaded) -> Result<serde_json::Value, Vec<&'static str>> {
    match &loaded.project {
        Some(project) => Ok(project_json(project)),
        None => {
            let mut codes: Vec<_> = loaded.diagnostics.iter().map(|it| it.code).collect();
            codes.sort_unstable();
            Err(codes)
        }
    }
}

/// Every compose file of the fixtures and the examples.
fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    walk(&fixtures(), &mut files);
    walk(&fixtures().join("../diagnostics"), &mut files);
    walk(&fixtures().join("../../examples"), &mut files);
    files.retain(|path| path.extension().is_some_and(|it| it == "yaml" || it == "yml"));
    assert!(files.len() > 500, "only {} files were found", files.len());
    files
}

#[test]
fn laid_out_once_is_laid_out_for_good() {
    let (mut wrong, mut refused) = (String::new(), 0);
    for path in files() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        let once = match format("file", &text, false) {
            Ok(once) => once.text,
            Err((out, sources)) => {
                refused += 1;
                let is_ours = out.iter().any(|it| it.code == "cannot-format");
                if is_ours || load(&request(std::slice::from_ref(&path)), &Disk).project.is_some() {
                    wrong += &format!(
                        "{}\n{}",
                        path.display(),
                        render(&out, &sources, Style::default())
                    );
                }
                continue;
            }
        };
        match format("file", &once, false) {
            Ok(twice) if twice.text == once => {}
            Ok(twice) => wrong += &format!("{}\n{once}\n=>\n{}\n", path.display(), twice.text),
            Err(_) => wrong += &format!("{}: not readable any more\n", path.display()),
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(refused < 60, "{refused} files are not laid out at all");
}

/// Comments and blank lines at any place and depth, the same at every run.
fn scattered(text: &str, mut seed: u64) -> String {
    let mut below = |limit: u64| {
        // Constants of Knuth's MMIX; only the upper bits are random.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % limit
    };
    let mut scattered = String::new();
    for (number, line) in text.lines().enumerate() {
        let indent = " ".repeat(usize::try_from(below(9)).unwrap());
        match below(12) {
            0 => scattered += &format!("{indent}# above {number}\n"),
            1 => scattered += "\n",
            2 => scattered += &format!("\n\n{indent}# apart {number}\n\n"),
            _ => {}
        }
        let behind = match below(12) {
            0 => format!("   # behind {number}"),
            1 => " ".to_owned(),
            _ => String::new(),
        };
        scattered += &format!("{line}{behind}\n");
    }
    scattered
}

#[test]
fn comments_at_any_place_stay_in_order() {
    let mut laid_out = 0;
    for (number, path) in files().into_iter().enumerate() {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        for round in 0..3 {
            let text = scattered(&text, number as u64 * 3 + round);
            let once = match format("a", &text, false) {
                Ok(once) => once.text,
                Err((out, _)) => {
                    let is_ours = out.iter().any(|it| it.code == "cannot-format");
                    assert!(!is_ours, "{}\n{text}", path.display());
                    continue;
                }
            };
            laid_out += 1;
            assert_eq!(format("a", &once, false).unwrap().text, once, "{}", path.display());
        }
    }
    assert!(laid_out > 1500, "only {laid_out}");
}

#[test]
fn a_file_that_was_laid_out_loads_to_the_same_model() {
    let mut wrong = String::new();
    for path in files() {
        let request = request(std::slice::from_ref(&path));
        let (before, after) = (load(&request, &Disk), load(&request, &LaidOut));
        if outcome(&before) != outcome(&after) {
            let said = render(&after.diagnostics, &after.sources, Style::default());
            wrong += &format!("{}\n{said}\n", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

proptest! {
    /// Lines of every kind in any order: mostly not YAML, but what is must come out whole.
    #[test]
    fn no_layout_is_too_strange(
        text in "( {0,5}([a-c]: |- |\"[a-c]\": |[a-c]:\n|&a |\\*a|!reset |# c|x|'y'|\"8:8\"|> |\\|-|\\|\\+|\\[1, '2',|\\]|\\{a: |\\}|---| # d|~|)\n?){0,24}",
    ) {
        match format("a", &text, false) {
            Ok(once) => {
                let twice = format("a", &once.text, false).map(|it| it.text);
                prop_assert_eq!(Ok(once.text), twice.map_err(|(out, sources)| render(&out, &sources, Style::default())));
            }
            Err((out, _)) => {
                prop_assert!(out.iter().all(|it| it.code != "cannot-format"), "{}", text);
            }
        }
    }
}
