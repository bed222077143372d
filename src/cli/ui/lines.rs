//! Transfers of images in Docker's words, a line for each thing that happens to a layer.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::cli::app::output::Output;
use crate::engine::{Phase, Progress, ProgressUpdate};
use crate::image::Reference;

/// `latest: Pulling from library/ubuntu`.
#[must_use]
pub fn heading(reference: &Reference) -> String {
    let tag = match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, digest) => digest.map(ToString::to_string).unwrap_or_default(),
    };
    format!("{tag}: Pulling from {}", reference.path())
}

/// Which way an image goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From its registry.
    In,
    /// To its registry.
    Out,
}

/// Prints the lines (Docker: where there is no terminal).
pub struct Lines {
    output: Output,
    way: Way,
    to_err: bool,
    said: Mutex<BTreeMap<String, Phase>>,
}

impl Lines {
    /// Lines on standard output, or standard error if that is where talk goes.
    #[must_use]
    pub fn new(output: &Output, way: Way, to_err: bool) -> Lines {
        Lines { output: output.clone(), way, to_err, said: Mutex::default() }
    }

    fn say(&self, part: &str, text: &str) {
        let line = format!("{part}: {text}");
        // A reader that went away is noticed by the command itself.
        let _ = match self.to_err {
            true => self.output.say_line(line),
            false => self.output.print_line(line),
        };
    }
}

impl Progress for Lines {
    fn report(&self, update: &ProgressUpdate<'_>) {
        let (part, phase) = (update.part, update.phase);
        if part.is_empty() {
            return;
        }
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let before = said.insert(part.to_owned(), phase);
        if before == Some(phase) {
            return;
        }
        match (before, self.way) {
            (None, Way::In) if phase != Phase::Exists => self.say(part, "Pulling fs layer"),
            (None, Way::Out) => self.say(part, "Preparing"),
            _ => {}
        }
        match (phase, self.way) {
            (Phase::Extracting, _) => self.say(part, "Download complete"),
            (Phase::Exists, Way::In) => self.say(part, "Already exists"),
            (Phase::Exists, Way::Out) => self.say(part, "Layer already exists"),
            (Phase::Done, Way::In) => self.say(part, "Pull complete"),
            (Phase::Uploaded, _) => self.say(part, "Pushed"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(way: Way, phases: &[(&str, Phase)]) -> String {
        let (output, captured) = Output::captured();
        let lines = Lines::new(&output, way, false);
        for (part, phase) in phases {
            let (image, phase, done, total) = ("x", *phase, 0, 0);
            lines.report(&ProgressUpdate { image, part, phase, done, total });
        }
        captured.stdout()
    }

    #[test]
    fn a_layer_says_each_thing_once() {
        let phases = [
            ("", Phase::Waiting),
            ("aa", Phase::Waiting),
            ("aa", Phase::Downloading),
            ("aa", Phase::Downloading),
            ("bb", Phase::Exists),
            ("aa", Phase::Done),
        ];
        assert_eq!(
            said(Way::In, &phases),
            "aa: Pulling fs layer\nbb: Already exists\naa: Pull complete\n"
        );
        assert_eq!(
            said(
                Way::Out,
                &[("aa", Phase::Uploading), ("bb", Phase::Exists), ("aa", Phase::Uploaded)]
            ),
            "aa: Preparing\nbb: Preparing\nbb: Layer already exists\naa: Pushed\n"
        );
    }

    #[test]
    fn the_heading_has_the_whole_repository() {
        let reference: Reference = "ubuntu".parse().unwrap();
        assert_eq!(heading(&reference.or_latest()), "latest: Pulling from library/ubuntu");
    }
}
