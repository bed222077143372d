//! Processes as ps(1) lists them, with the columns that its options choose.
//!
//! Docker hands the options of `top` to the host's `ps`; here they are read, so that no host needs
//! to have one.

mod process;

use crate::base::{Error, Kind, Result};

use process::{Machine, Process};

/// Which columns, and under which titles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// A key of [`COLUMNS`], and the title.
    columns: Vec<(&'static str, String)>,
}

/// Columns by the names that `ps -o` has for them: all names of one, the first one ours, and its
/// title.
const COLUMNS: [(&[&str], &str); 30] = [
    (&["pid", "tgid"], "PID"),
    (&["ppid"], "PPID"),
    (&["pgid", "pgrp"], "PGID"),
    (&["sid", "sess", "session"], "SID"),
    (&["user", "euser", "uname", "ruser"], "USER"),
    (&["uid", "euid", "ruid"], "UID"),
    (&["gid", "egid", "rgid"], "GID"),
    (&["c", "cp"], "C"),
    (&["pcpu", "%cpu"], "%CPU"),
    (&["pmem", "%mem"], "%MEM"),
    (&["vsz", "vsize"], "VSZ"),
    (&["rss", "rssize", "rsz"], "RSS"),
    (&["sz"], "SZ"),
    (&["ni", "nice"], "NI"),
    (&["pri"], "PRI"),
    (&["psr"], "PSR"),
    (&["nlwp", "thcount"], "NLWP"),
    (&["f", "flag", "flags"], "F"),
    (&["s", "state"], "S"),
    (&["stat"], "STAT"),
    (&["stime"], "STIME"),
    (&["start"], "STARTED"),
    (&["lstart"], "STARTED"),
    (&["etime"], "ELAPSED"),
    (&["etimes"], "ELAPSED"),
    (&["time", "cputime"], "TIME"),
    (&["bsdtime"], "TIME"),
    (&["tty", "tt", "tname"], "TTY"),
    (&["comm", "ucmd", "ucomm"], "COMMAND"),
    (&["cmd", "args", "command"], "CMD"),
];

/// `ps -ef`, which is also what no options mean (Docker: the same).
const FULL: [(&str, &str); 8] = [
    ("user", "UID"),
    ("pid", "PID"),
    ("ppid", "PPID"),
    ("c", "C"),
    ("stime", "STIME"),
    ("tty", "TTY"),
    ("time", "TIME"),
    ("cmd", "CMD"),
];

/// `ps aux`.
const BY_USER: [(&str, &str); 11] = [
    ("user", "USER"),
    ("pid", "PID"),
    ("pcpu", "%CPU"),
    ("pmem", "%MEM"),
    ("vsz", "VSZ"),
    ("rss", "RSS"),
    ("tty", "TTY"),
    ("stat", "STAT"),
    ("stime", "START"),
    ("bsdtime", "TIME"),
    ("cmd", "COMMAND"),
];

/// `ps -l`.
const LONG: [(&str, &str); 12] = [
    ("f", "F"),
    ("s", "S"),
    ("uid", "UID"),
    ("pid", "PID"),
    ("ppid", "PPID"),
    ("c", "C"),
    ("pri", "PRI"),
    ("ni", "NI"),
    ("sz", "SZ"),
    ("tty", "TTY"),
    ("time", "TIME"),
    ("comm", "CMD"),
];

/// `ps`.
const SHORT: [(&str, &str); 4] =
    [("pid", "PID"), ("tty", "TTY"), ("time", "TIME"), ("comm", "CMD")];

impl Default for Listing {
    /// Columns of `ps -ef`.
    fn default() -> Listing {
        Listing::of(&FULL)
    }
}

impl Listing {
    fn of(columns: &[(&'static str, &str)]) -> Listing {
        let column = |(key, title): &(&'static str, &str)| (*key, (*title).to_owned());
        Listing { columns: columns.iter().map(column).collect() }
    }

    /// Reads options of ps(1): sets of letters as in `-ef` and `aux`, and `-o COLUMN[=TITLE],…`,
    /// several of which add up. Letters that choose processes have no effect: those of the
    /// container are shown.
    ///
    /// # Errors
    /// [`Kind::Invalid`] for other options and columns, and when there would be no column with
    /// process ids (Docker: the same).
    pub fn parse(options: &[String]) -> Result<Listing> {
        let (mut chosen, mut letters) = (Vec::new(), String::new());
        let mut words = options.iter().map(String::as_str).filter(|word| !word.is_empty());
        while let Some(word) = words.next() {
            if let Some(list) = word.strip_prefix("--format") {
                let list = list.strip_prefix('=').or_else(|| words.next());
                chosen.extend(columns(list.unwrap_or_default())?);
                continue;
            }
            let (set, list) = match word.trim_start_matches('-').split_once('o') {
                Some((set, list)) => (set, Some(list)),
                None => (word.trim_start_matches('-'), None),
            };
            if word.starts_with("--") || !set.chars().all(|it| "aAdefFgGHlLTuUwx".contains(it)) {
                return Err(Error::new(Kind::Invalid, format!("ps option {word:?} is not known"))
                    .hint("columns are chosen by -ef, aux, -l, or -o pid,user,cmd"));
            }
            letters.push_str(set);
            match list {
                Some("") => chosen.extend(columns(words.next().unwrap_or_default())?),
                Some(list) => chosen.extend(columns(list)?),
                None => {}
            }
        }
        let listing = match chosen.is_empty() {
            false => Listing { columns: chosen },
            true if letters.contains('u') => Listing::of(&BY_USER),
            true if letters.contains('l') => Listing::of(&LONG),
            true if options.is_empty() || letters.contains(['f', 'F']) => Listing::default(),
            true => Listing::of(&SHORT),
        };
        match listing.columns.iter().any(|(key, title)| *key == "pid" && title == "PID") {
            true => Ok(listing),
            false => Err(Error::new(Kind::Invalid, "Couldn't find PID field in ps output")),
        }
    }

    /// The titles.
    #[must_use]
    pub fn header(&self) -> Vec<String> {
        self.columns.iter().map(|(_, title)| title.clone()).collect()
    }

    /// A row for each process that has not ended since it was listed.
    #[must_use]
    pub fn rows(&self, pids: &[i32]) -> Vec<Vec<String>> {
        let machine = Machine::look();
        let found = pids.iter().filter_map(|pid| Process::read(*pid));
        found.map(|process| self.row(&process, &machine)).collect()
    }

    fn row(&self, process: &Process, machine: &Machine) -> Vec<String> {
        self.columns.iter().map(|(key, _)| process.cell(key, machine)).collect()
    }
}

/// `COLUMN[=TITLE],…`; a title takes the rest of the list (POSIX: `ps -o`).
fn columns(list: &str) -> Result<Vec<(&'static str, String)>> {
    let (names, title) = match list.split_once('=') {
        Some((names, title)) => (names, Some(title)),
        None => (list, None),
    };
    let mut found = Vec::new();
    for name in names.split([',', ' ']) {
        let column = COLUMNS.iter().find(|(names, _)| names.contains(&name));
        let (names, title) = column.ok_or_else(|| {
            let known = COLUMNS.map(|(names, _)| names[0]).join(", ");
            Error::new(Kind::Invalid, format!("ps has no column {name:?}"))
                .hint(format!("columns are {known}"))
        })?;
        // `command` and `args` are titled COMMAND, `cmd` is titled CMD.
        let title = if matches!(name, "args" | "command") { "COMMAND" } else { title };
        found.push((names[0], title.to_owned()));
    }
    if let (Some(title), Some(last)) = (title, found.last_mut()) {
        title.clone_into(&mut last.1);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles(options: &str) -> String {
        let words: Vec<String> = options.split_whitespace().map(str::to_owned).collect();
        match Listing::parse(&words) {
            Ok(listing) => listing.header().join(" "),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn options_choose_columns_as_those_of_ps() {
        let full = "UID PID PPID C STIME TTY TIME CMD";
        for (options, expected) in [
            ("", full),
            ("-ef", full),
            ("aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("-aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND"),
            ("-o pid,cmd", "PID CMD"),
            ("-eo pid,ppid,args", "PID PPID COMMAND"),
            ("-opid -o user=WHO", "PID WHO"),
            ("o pid,%cpu", "PID %CPU"),
            ("-e", "PID TTY TIME CMD"),
            ("-o cmd", "Couldn't find PID field in ps output"),
            ("-o pid,colour", "ps has no column \"colour\""),
            ("--sort=pid", "ps option \"--sort=pid\" is not known"),
        ] {
            assert_eq!(titles(options), expected, "{options}");
        }
    }
}
