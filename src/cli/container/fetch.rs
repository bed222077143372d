//! Fetching the image of a new container, told on standard error in Docker's words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::base::Kind;
use crate::cli::global::ProgressStyle;
use crate::cli::output::Output;
use crate::cli::transfer;
use crate::cli::{Context, Result};
use crate::engine::{Engine, Phase, Progress, ProgressUpdate, PullOptions, PullPolicy};
use crate::image::Reference;
use crate::resource::Image;

/// Fetches `name`. `missing`: the user learns why that is needed.
///
/// # Errors
/// The registry does not have it, or cannot be reached.
pub async fn fetch<E: Engine>(
    cx: &Context<E>,
    name: &str,
    policy: PullPolicy,
    platform: Option<&str>,
    missing: bool,
    quiet: bool,
) -> Result<Image> {
    let reference: Reference = name.parse()?;
    let reference = reference.or_latest();
    let familiar = reference.familiar();
    let say = |text: String| if quiet { Ok(()) } else { cx.output().say_line(text) };
    if missing {
        say(format!("Unable to find image '{familiar}' locally"))?;
    }
    let options = PullOptions { policy, platform: platform.map(str::to_owned) };
    let engine = cx.engine()?;
    let image = if policy == PullPolicy::Never {
        let error = crate::base::Error::new(Kind::NotFound, format!("No such image: {familiar}"));
        return Err(error.hint("without --pull never it is fetched").into());
    } else if cx.style() == ProgressStyle::Tty || quiet {
        transfer::shown(cx, "pull", quiet, async |progress| {
            engine.pull(name, &options, progress).await
        })
        .await?
    } else {
        say(heading(&reference))?;
        let lines = Lines::to_err(cx.output());
        engine.pull(name, &options, &lines).await?
    };
    if let Some((_, digest)) = image.digests.iter().find_map(|it| it.split_once('@')) {
        say(format!("Digest: {digest}"))?;
    }
    say(format!("Status: Downloaded newer image for {familiar}"))?;
    Ok(image)
}

/// `latest: Pulling from library/ubuntu`.
pub fn heading(reference: &Reference) -> String {
    let tag = match (reference.tag(), reference.digest()) {
        (Some(tag), _) => tag.to_owned(),
        (None, digest) => digest.map(ToString::to_string).unwrap_or_default(),
    };
    format!("{tag}: Pulling from {}", reference.path())
}

/// One line for each thing that happens to a layer (Docker: where there is no terminal).
pub struct Lines {
    output: Output,
    said: Mutex<BTreeMap<String, Phase>>,
}

impl Lines {
    /// Lines on standard error.
    pub fn to_err(output: &Output) -> Lines {
        Lines { output: output.clone(), said: Mutex::default() }
    }

    fn say(&self, part: &str, text: &str) {
        let line = format!("{part}: {text}");
        // A reader that went away is noticed by the command itself.
        let _ = self.output.say_line(line);
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
        if before.is_none() && phase != Phase::Exists {
            self.say(part, "Pulling fs layer");
        }
        match phase {
            Phase::Extracting => self.say(part, "Download complete"),
            Phase::Exists => self.say(part, "Already exists"),
            Phase::Done => self.say(part, "Pull complete"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layer_says_each_thing_once() {
        let (output, captured) = Output::captured();
        let lines = Lines::to_err(&output);
        let report = |part, phase| {
            lines.report(&ProgressUpdate { image: "x", part, phase, done: 0, total: 0 });
        };
        report("", Phase::Waiting);
        report("aa", Phase::Waiting);
        report("aa", Phase::Downloading);
        report("aa", Phase::Downloading);
        report("bb", Phase::Exists);
        report("aa", Phase::Done);
        assert_eq!(
            captured.stderr(),
            "aa: Pulling fs layer\nbb: Already exists\naa: Pull complete\n"
        );
    }

    #[test]
    fn the_heading_has_the_whole_repository() {
        let reference: Reference = "ubuntu".parse().unwrap();
        assert_eq!(heading(&reference.or_latest()), "latest: Pulling from library/ubuntu");
    }
}
