//! Holds the floors: reads the sources, and fails when a module uses what it may not, when
//! anything but `cli` prints, when `unsafe` leaves `sys`, or when a file has grown too long.
//!
//! To change a row here is a change of design: argue it in the same commit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Each module, and those it may use. All that a module may use comes before it, so that there are
/// no circles.
const FLOORS: [(&str, &[&str]); 17] = [
    ("base", &[]),
    ("diag", &["base"]),
    ("resource", &["base"]),
    ("sys", &["base"]),
    // Docker's wire shapes, for each face that shows or sends them.
    ("docker", &["base", "resource"]),
    ("compose", &["base", "diag"]),
    ("plan", &["base", "compose", "diag", "resource"]),
    ("state", &["base", "resource", "sys"]),
    ("runtime", &["base", "sys"]),
    // The runtime without a shim, for callers that are one: it keeps its own few records.
    ("oci", &["base", "runtime", "state", "sys"]),
    ("image", &["base", "resource", "state", "sys"]),
    ("network", &["base", "resource", "state", "sys"]),
    ("shim", &["base", "network", "resource", "runtime", "state", "sys"]),
    ("build", &["base", "diag", "image", "network", "resource", "runtime", "state", "sys"]),
    (
        "engine",
        &[
            "base", "build", "diag", "image", "network", "resource", "runtime", "shim", "state",
            "sys",
        ],
    ),
    ("execute", &["base", "engine", "plan", "resource"]),
    // `state` for `Roots` alone: only the command line looks at the environment, which says where
    // everything lies.
    // `image` for commands on single images: what they do is the store's and the registry client's
    // own work, which the engine would only hand through. What a build is asked for (`build::Request`)
    // and tells while it works comes from `build` for the same reason. `oci` is a command line of
    // its own, which has no engine.
    (
        "cli",
        &[
            "base", "build", "compose", "diag", "docker", "engine", "execute", "image", "oci",
            "plan", "resource", "state",
        ],
    ),
];

/// Single uses that the table does not allow, each with its reason.
const EXCEPTIONS: [(&str, &str, &str); 1] = [(
    "src/cli/app/before_clap.rs",
    "shim",
    "`__shim` leaves for the shim before anything of the command line is built",
)];

/// A file may have so many lines of product code.
const LONGEST_FILE: usize = 400;

/// Files that are one long table, which nothing is gained by cutting.
const TABLES: [&str; 1] = ["src/runtime/seccomp/syscalls.rs"];

/// Relative paths that are joined to a path outside `state`, but lie inside containers or belong
/// to others than us.
const FOREIGN_NAMES: [&str; 0] = [];

#[test]
fn each_module_uses_only_the_floors_below_it() {
    complain(sources(), |source, found| {
        let Some((_, allowed)) = FLOORS.iter().find(|(name, _)| *name == source.module) else {
            return;
        };
        for (line, text) in source.code() {
            for used in used_modules(text, source.depth) {
                let is_module = FLOORS.iter().any(|(name, _)| *name == used);
                let may = used == source.module
                    || allowed.contains(&used.as_str())
                    || EXCEPTIONS
                        .iter()
                        .any(|(file, module, _)| *file == source.path && *module == used);
                if is_module && !may {
                    found.push((line, format!("`{}` may not use `{used}`", source.module)));
                }
            }
        }
    });
}

#[test]
fn only_the_command_line_prints() {
    let printing = ["println!", "eprintln!", "print!(", "eprint!(", "dbg!"];
    complain(sources(), |source, found| {
        if source.module == "cli" {
            return;
        }
        for (line, text) in source.code() {
            if let Some(word) = printing.iter().find(|word| has_word(text, word)) {
                found.push((line, format!("only `cli` prints, but this has `{word}`")));
            }
        }
    });
}

#[test]
fn unsafe_stays_in_sys() {
    let unsafe_words =
        ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "allow(unsafe_code"];
    complain(sources(), |source, found| {
        if source.module == "sys" {
            return;
        }
        // In tests too: whoever needs it there is missing a function in `sys`.
        for (index, text) in source.text.lines().enumerate() {
            let code = !text.trim_start().starts_with("//");
            if code && unsafe_words.iter().any(|word| has_word(text, word)) {
                found.push((index + 1, "`unsafe` outside of `sys`".to_owned()));
            }
        }
    });
}

#[test]
fn only_state_knows_file_names_on_disk() {
    let (state, others): (Vec<Source>, Vec<Source>) =
        sources().into_iter().partition(|source| source.module == "state");
    let known: BTreeSet<&str> =
        state.iter().flat_map(Source::code).flat_map(|(_, text)| joined_names(text)).collect();
    assert!(known.len() > 5, "`state` spells file names some other way now: {known:?}");
    complain(others, |source, found| {
        for (line, text) in source.code() {
            for name in joined_names(text).filter(|name| known.contains(name)) {
                if !FOREIGN_NAMES.contains(&name) {
                    found.push((line, format!("only `state` knows the file name `{name}`")));
                }
            }
        }
    });
}

#[test]
fn files_say_what_they_are_and_stay_short() {
    complain(sources(), |source, found| {
        if !source.text.starts_with("//! ") {
            found.push((1, "the first line does not say what the file is (`//! …`)".to_owned()));
        }
        let product = source.text.lines().take_while(|line| !line.starts_with("mod tests {"));
        let lines = product.count();
        if lines > LONGEST_FILE && !source.is_test && !TABLES.contains(&source.path.as_str()) {
            let what = format!("{lines} lines: which second idea moved in?");
            found.push((lines, what));
        }
    });
}

#[test]
fn the_table_has_no_circles_and_no_module_is_missing() {
    for (index, (module, allowed)) in FLOORS.iter().enumerate() {
        let above: Vec<&str> = FLOORS[..index].iter().map(|(name, _)| *name).collect();
        let wrong: Vec<_> = allowed.iter().filter(|used| !above.contains(used)).collect();
        assert!(wrong.is_empty(), "{module} may use {wrong:?}, which come after it");
    }
    for source in sources() {
        let known = FLOORS.iter().any(|(name, _)| *name == source.module);
        assert!(known || source.depth == 0, "{} is in no module of the table", source.path);
    }
}

/// One source file.
struct Source {
    /// As in `src/plan/up/mod.rs`.
    path: String,
    text: String,
    /// Its module directly below the crate; empty for `lib.rs` and `main.rs`.
    module: String,
    /// How many `super::` lead to the crate.
    depth: usize,
    /// It holds tests only.
    is_test: bool,
}

impl Source {
    fn new(root: &Path, path: &Path) -> Source {
        let text = std::fs::read_to_string(path).expect("sources are text");
        let relative = path.strip_prefix(root).expect("below the root");
        let inside: Vec<&str> =
            relative.iter().skip(1).map(|part| part.to_str().expect("plain names")).collect();
        let (file, folders) = inside.split_last().expect("a file");
        let is_root = ["lib.rs", "main.rs"].contains(file) && folders.is_empty();
        let is_mod = *file == "mod.rs";
        let module = folders.first().copied().unwrap_or(file.trim_end_matches(".rs"));
        let is_test = ["tests.rs", "testing.rs"].contains(file) || folders.contains(&"tests");
        Source {
            path: relative.display().to_string(),
            text,
            module: if is_root { String::new() } else { module.to_owned() },
            depth: if is_root { 0 } else { folders.len() + usize::from(!is_mod) },
            is_test,
        }
    }

    /// Lines of product code with their numbers: without comments, and up to the tests.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let product = lines.take_while(|(_, line)| !line.starts_with("mod tests {"));
        product.filter(|(_, line)| !self.is_test && !line.trim_start().starts_with("//"))
    }
}

/// All sources, by path.
fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files(&root.join("src"));
    files.sort();
    files.iter().map(|path| Source::new(root, path)).collect()
}

/// Looks at each source, and fails with everything that was found.
fn complain(sources: Vec<Source>, look: impl Fn(&Source, &mut Vec<(usize, String)>)) {
    let mut all = String::new();
    for source in sources {
        let mut found = Vec::new();
        look(&source, &mut found);
        for (line, what) in found {
            // Writing to a string cannot fail.
            let _ = writeln!(all, "{}:{line}: {what}", source.path);
        }
    }
    assert!(all.is_empty(), "\n{all}");
}

/// Modules directly below the crate that a line names, by `crate::x`, `crate::{x, y}`, or as many
/// `super::` as it takes.
fn used_modules(line: &str, depth: usize) -> Vec<String> {
    let mut used = Vec::new();
    for (at, _) in line.match_indices("crate::") {
        used.extend(names_at(&line[at + "crate::".len()..]));
    }
    let up = "super::".repeat(depth);
    for (at, _) in line.match_indices(&up).filter(|_| depth > 0) {
        let before = line[..at].ends_with("super::");
        let rest = &line[at + up.len()..];
        if !before && !rest.starts_with("super::") {
            used.extend(names_at(rest));
        }
    }
    used
}

/// The name that a path begins with, or the names in its braces.
fn names_at(rest: &str) -> Vec<String> {
    let word = |text: &str| -> String {
        text.trim_start().chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect()
    };
    match rest.strip_prefix('{') {
        None => vec![word(rest)],
        Some(group) => {
            let (mut depth, mut names) = (0, vec![word(group)]);
            for (at, letter) in group.char_indices() {
                match letter {
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(word(&group[at + 1..])),
                    _ => {}
                }
                if depth < 0 {
                    break;
                }
            }
            names
        }
    }
}

/// Literals in `.join("…")` that look like file names.
fn joined_names(line: &str) -> impl Iterator<Item = &str> {
    let literal = |(at, open): (usize, &str)| {
        let rest = &line[at + open.len()..];
        rest.split_once('"').map(|(name, _)| name)
    };
    let is_name = |name: &&str| {
        name.len() > 1
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-/".contains(&byte))
    };
    line.match_indices(".join(\"").filter_map(literal).filter(is_name)
}

/// Whether `word` occurs in the line, and not as the end of a longer word or inside a literal.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = &line[..at];
        let continues = before.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
        !continues && before.matches('"').count().is_multiple_of(2)
    })
}

#[test]
fn paths_are_read_as_the_compiler_does() {
    assert_eq!(used_modules("use crate::plan::{Plan, up};", 1), ["plan"]);
    assert_eq!(
        used_modules("use crate::{base::{Error, Kind}, sys, plan as p};", 1),
        ["base", "sys", "plan"]
    );
    assert_eq!(used_modules("use super::super::engine::Engine;", 2), ["engine"]);
    assert_eq!(used_modules("use super::engine::Engine;", 2), Vec::<String>::new());
    assert_eq!(used_modules("let x: crate::sys::Fd = f(crate::base::x());", 3), ["sys", "base"]);
    assert!(has_word("println!(1)", "print") && !has_word("eprintln!()", "println!"));
    assert!(!has_word("let x = \"println!\";", "println!"));
    assert_eq!(
        joined_names("a.join(\"x.json\").join(\", \").join(name)").collect::<Vec<_>>(),
        ["x.json"]
    );
}

/// Every known attack is tried by a test that names it, or has its reason in `tests/attacks.md`.
#[test]
fn every_known_attack_is_tried_or_cannot_happen() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let mut tests = String::new();
    gather(&root.join("tests"), &mut tests);
    for source in files(&root.join("src")) {
        let text = std::fs::read_to_string(&source).unwrap();
        let is_test = source.ends_with("tests.rs");
        let from = if is_test { Some(0) } else { text.find("#[cfg(test)]\nmod tests {") };
        tests += &text[from.unwrap_or(text.len())..];
    }
    let tests = tests.to_ascii_lowercase().replace('_', "-");
    let table = read("tests/attacks.md");
    let known = read("fixtures/attacks.txt");
    let mut wrong = String::new();
    for attack in known.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let lower = attack.to_ascii_lowercase();
        let named = tests.match_indices(&lower).any(|(at, it)| {
            !tests[at + it.len()..].starts_with(|next: char| next.is_ascii_digit())
        });
        let excused = table.contains(&format!("\n| {attack} | "));
        match (named, excused) {
            (false, false) => writeln!(wrong, "{attack}: neither tried nor excused").unwrap(),
            (true, true) => writeln!(wrong, "{attack}: tried and excused").unwrap(),
            _ => {}
        }
    }
    for line in table.lines().filter_map(|line| line.strip_prefix("| ")) {
        let attack = line.split(" | ").next().unwrap_or_default();
        if attack != "attack" && !known.lines().any(|it| it == attack) {
            writeln!(wrong, "{attack}: excused, but not in the list").unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Every Rust source below a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false if path.extension().is_some_and(|it| it == "rs") => found.push(path),
            false => {}
        }
    }
    found
}

/// All text of the tests but this one.
fn gather(directory: &Path, text: &mut String) {
    for file in files(directory) {
        if !file.ends_with("tidy.rs") {
            *text += &std::fs::read_to_string(file).unwrap();
        }
    }
}
