//! Dockerfiles in the style of real projects, and an independent parser as the judge: PyPI's
//! `dockerfile-parse`, which `tests/run.sh` puts into the cache of the fixtures.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use compose::build::dockerfile;
use compose::diag::{Diagnostics, Sources, Style, render};

use crate::mutate::Random;

/// Line, keyword and the rest.
type Found = (usize, String, String);

/// Generated files, besides those of `fixtures/dockerfiles`.
const GENERATED: u64 = 180;

fn judged(files: &[PathBuf]) -> Vec<Vec<Found>> {
    let cache = std::env::var_os("COMPOSE_FIXTURE_CACHE");
    let cache = cache.map_or_else(|| PathBuf::from("/var/cache/compose-fixtures"), PathBuf::from);
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/judge.py");
    let mut command = Command::new("python3");
    command.env("PYTHONPATH", cache.join("python")).arg(script).args(files);
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the judge is missing, run tests/run.sh once:\n{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What we make of a text, in the judge's terms.
fn ours(text: &str) -> Vec<Found> {
    let mut sources = Sources::default();
    let source = sources.add("Dockerfile", text);
    let mut out = Diagnostics::default();
    let file = dockerfile::parse(source, text, &mut out);
    assert!(!out.has_errors(), "{}\n{text}", render(&out, &sources, Style::default()));
    let line = |at: usize| text[..at].matches('\n').count() + 1;
    let mut found = Vec::new();
    for stage in &file.stages {
        let steps = stage.steps.iter().map(|step| (step.span, step.text.as_str()));
        for (span, text) in std::iter::once((stage.span, stage.text.as_str())).chain(steps) {
            let (keyword, rest) = text.split_once(' ').unwrap_or((text, ""));
            found.push((line(span.start as usize), keyword.to_ascii_uppercase(), plain(rest)));
        }
    }
    found
}

/// Without the spaces that each parser keeps as it likes.
fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the judge does not know: here-documents, empty lines within an instruction, and that two
/// escape characters at the end of a line are one letter.
fn is_for_the_judge(text: &str) -> bool {
    let mut continued = false;
    for line in text.lines() {
        if line.contains("<<") || line.ends_with("\\\\") || continued && line.trim().is_empty() {
            return false;
        }
        continued = match line.trim_start().starts_with('#') {
            true => continued,
            false => line.trim_end().ends_with(['\\', '`']),
        };
    }
    !continued && !text.starts_with('\u{feff}') && !text.to_ascii_lowercase().contains("escape")
}

#[test]
fn two_hundred_dockerfiles_mean_the_same_to_an_independent_parser() {
    let dir = tempfile::tempdir().unwrap();
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles");
    let entries = fs::read_dir(corpus).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .filter(|path| path.extension().is_some_and(|it| it == "Dockerfile"))
        .filter(|path| !path.file_name().unwrap().to_string_lossy().starts_with("mistake-"))
        .filter(|path| is_for_the_judge(&fs::read_to_string(path).unwrap()))
        .collect();
    files.sort();
    for number in 0..GENERATED {
        let path = dir.path().join(format!("{number}"));
        fs::write(&path, generated(number)).unwrap();
        files.push(path);
    }
    assert!(files.len() >= 200, "only {} files", files.len());
    for (path, judged) in files.iter().zip(judged(&files)) {
        let text = fs::read_to_string(path).unwrap();
        // ARG before the first FROM belongs to no stage.
        let first = judged.iter().position(|(_, keyword, _)| keyword == "FROM").unwrap();
        let judged: Vec<Found> = judged[first..]
            .iter()
            .map(|(line, keyword, rest)| (*line, keyword.clone(), plain(rest)))
            .collect();
        assert_eq!(ours(&text), judged, "{}:\n{text}", path.display());
    }
}

/// A Dockerfile as projects have them: one of several kinds, with the author's habits.
fn generated(seed: u64) -> String {
    let mut random = Random::new(seed + 1);
    let mut author = Author {
        lower: random.below(8) == 0,
        indent: ["    ", "\t", "  ", " && "][random.below(4)],
        end: if random.below(10) == 0 { "\r\n" } else { "\n" },
        remarks: random.below(3) == 0,
        random,
        text: String::new(),
    };
    author.file();
    author.text
}

struct Author {
    random: Random,
    text: String,
    lower: bool,
    indent: &'static str,
    end: &'static str,
    remarks: bool,
}

impl Author {
    fn file(&mut self) {
        if self.random.below(4) == 0 {
            self.line("# syntax=docker/dockerfile:1");
        }
        if self.random.below(3) == 0 {
            self.say("ARG", "VERSION=3.18");
        }
        let stages = 1 + self.random.below(3);
        for stage in 0..stages {
            let base = self.random.of(&[
                "alpine",
                "node:18-slim",
                "python:3.11",
                "golang:1.21",
                "debian:bookworm",
                "php:8-fpm",
            ]);
            let platform = ["", "--platform=$BUILDPLATFORM "][self.random.below(2)];
            let name = if stage + 1 < stages { format!(" AS stage{stage}") } else { String::new() };
            self.say("FROM", &format!("{platform}{base}{name}"));
            for _ in 0..2 + self.random.below(7) {
                self.instruction(stage);
            }
            self.line("");
        }
        if self.random.below(2) == 0 {
            let command = self.random.of(&[
                "[\"npm\", \"start\"]",
                "python -m app --port $PORT",
                "[ \"/bin/server\" , \"-v\" ]",
            ]);
            self.say("CMD", command);
        }
    }

    fn instruction(&mut self, stage: usize) {
        match self.random.below(16) {
            0..=3 => self.run(),
            4 => self.say("ENV", "NODE_ENV=production PATH=\"/opt/bin:$PATH\" EMPTY="),
            5 => self.say("ENV", "LEGACY some value with spaces"),
            6 => self.wrapped(
                "LABEL",
                &["org.opencontainers.image.title=\"An app\"", "version=1.0", "maintainer='me'"],
            ),
            7 => self.say("WORKDIR", "/usr/src/app"),
            8 => self.say("COPY", "package*.json ./"),
            9 if stage > 0 => self.say("COPY", "--from=stage0 --chown=1000:1000 /out /app/"),
            9 => self.say("ADD", "--chmod=755 rootfs.tar.xz /"),
            10 => self.say("EXPOSE", "80 443/tcp 5000-5002/udp"),
            11 => self.say("USER", "1000:1000"),
            12 => self.say(
                "HEALTHCHECK",
                "--interval=5m --timeout=3s --retries=2 CMD curl -f http://localhost/ || exit 1",
            ),
            13 => {
                let rest = ["BUILD_DATE", "COMMIT=unknown"][self.random.below(2)];
                self.say("ARG", rest);
            }
            14 => {
                let rest = ["[\"/data\"]", "/data /var/log"][self.random.below(2)];
                self.say("VOLUME", rest);
            }
            _ => self.say("COPY", "[\"a file\", \"/to here/\"]"),
        }
    }

    fn run(&mut self) {
        match self.random.below(6) {
            0 => self.say("RUN", "[\"/bin/sh\", \"-c\", \"echo hello\"]"),
            1 => self.say(
                "RUN",
                "--mount=type=cache,target=/root/.cache pip install -r requirements.txt",
            ),
            2 => self.wrapped(
                "RUN",
                &[
                    "set -eux;",
                    "apt-get update;",
                    "apt-get install -y --no-install-recommends curl 'lib foo';",
                    "rm -rf /var/lib/apt/lists/*",
                ],
            ),
            3 => self.wrapped(
                "RUN",
                &[
                    "addgroup -S app",
                    "&& adduser -S -G app app",
                    "&& chown -R app:app /srv # not a remark",
                ],
            ),
            4 => self
                .say("RUN", "echo \"a \\\"quoted\\\" word\" > /etc/motd && test -n \"${HOME:-x}\""),
            _ => self.say(
                "RUN",
                "go build -ldflags=\"-s -w -X main.version=${VERSION}\" -o /out/app ./cmd/...",
            ),
        }
    }

    fn line(&mut self, text: &str) {
        self.text += text;
        self.text += self.end;
    }

    fn say(&mut self, keyword: &str, rest: &str) {
        self.wrapped(keyword, &[rest]);
    }

    /// Over several lines, with what people leave between and behind them.
    fn wrapped(&mut self, keyword: &str, words: &[&str]) {
        if self.remarks && self.random.below(3) == 0 {
            self.line("# What follows is needed, see the notes");
        }
        let keyword = if self.lower { keyword.to_lowercase() } else { keyword.to_owned() };
        let gap = [" ", "  ", "\t"][self.random.below(20).saturating_sub(17)];
        self.text += &format!("{keyword}{gap}");
        for (number, word) in words.iter().enumerate() {
            if number > 0 {
                let trailing = ["", " ", "  "][self.random.below(12).saturating_sub(9)];
                self.text += &format!(" \\{trailing}{}", self.end);
                if self.remarks && self.random.below(2) == 0 {
                    self.line("  # about the next line");
                }
                self.text += if self.indent == " && " { "    " } else { self.indent };
            }
            self.text += word;
        }
        let end = self.end;
        self.text += end;
    }
}
