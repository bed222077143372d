//! One stage: its base, then its steps in order.

use std::collections::BTreeMap;

use super::{Builder, StepResult, Stop, steps_of};
use crate::base::Kind;
use crate::build::dockerfile::{Instruction, Stage, Step, expand, parse_trigger};
use crate::build::graph::Origin;
use crate::build::request::NamedContext;
use crate::build::state::State;
use crate::diag::{Diagnostics, Span};
use crate::image::Platform;
use crate::resource::Image;

/// Where a stage is: for the names of its steps.
pub(super) struct Position {
    /// The stage.
    pub index: usize,
    /// Steps that made layers so far, the `FROM` included.
    pub done: usize,
    /// All of them.
    pub total: usize,
}

impl Builder<'_> {
    /// Builds a stage.
    pub(super) fn stage(&self, index: usize) -> StepResult<State> {
        let stage = &self.file.stages[index];
        let mut at = Position { index, done: 0, total: steps_of(stage) };
        let (mut state, triggers) = self.base(&mut at)?;
        for step in triggers.iter().chain(&stage.steps) {
            self.instruction(step, &mut state, &mut at)?;
        }
        Ok(state)
    }

    /// What the stage begins with, and what its base image says shall be done first.
    fn base(&self, at: &mut Position) -> StepResult<(State, Vec<Step>)> {
        let stage = &self.file.stages[at.index];
        let state = match &self.graph.bases[at.index] {
            // Nothing is for every platform. Its programs run where the kernel can run them.
            Origin::Scratch => State { platform: self.asked_platform(stage), ..State::scratch() },
            Origin::Stage(other) => self.wait_for(*other)?.based_on(),
            Origin::Named(word) => {
                self.check_platform(stage)?;
                let name = self.label(at, &format!("FROM {word}"));
                self.step(&name, |_| {
                    let image = self.named_image(word, stage.base.span)?;
                    let document = self.store.config(&image.id)?;
                    Ok((State::of(&image, &document), true))
                })?
            }
        };
        let mut state = state;
        // Those of a stage too (Docker).
        let texts = std::mem::take(&mut state.config.on_build);
        at.done = 1;
        let mut steps = Vec::new();
        for text in texts {
            steps.extend(self.trigger(&text)?);
        }
        at.total += steps.len();
        Ok((state, steps))
    }

    /// Images are kept for one platform: another one's would be this machine's under a wrong name.
    fn check_platform(&self, stage: &Stage) -> StepResult<()> {
        let Some(word) = &stage.platform else { return Ok(()) };
        let wanted = self.asked_platform(stage);
        let own = &self.request.platform;
        match wanted.is_none_or(|it| it.os == own.os && it.architecture == own.architecture) {
            true => Ok(()),
            false => {
                let message = format!("images for {own} only can be built from, on this machine");
                Err(self.mistake("foreign-platform", word.span, message, |_| ()))
            }
        }
    }

    /// What `--platform` says, if it says something.
    fn asked_platform(&self, stage: &Stage) -> Option<Platform> {
        let escape = self.file.directives.escape;
        let text = &stage.platform.as_ref()?.text;
        let text = expand::expand(text, escape, &|name| self.globals.get(name).cloned());
        text.ok()?.text.parse().ok()
    }

    fn trigger(&self, text: &str) -> StepResult<Vec<Step>> {
        let source = self.add_source("ONBUILD", text);
        let mut out = Diagnostics::default();
        let steps = parse_trigger(source, text, &mut out);
        let failed = out.has_errors();
        super::lock(&self.trouble).mistakes.append(out);
        if failed { Err(Stop::Mistake) } else { Ok(steps) }
    }

    /// An image for `FROM` or `--from`.
    pub(super) fn named_image(&self, word: &str, span: Span) -> StepResult<Image> {
        let name = match self.request.contexts.get(&word.to_lowercase()) {
            Some(NamedContext::Image(name)) => name.as_str(),
            Some(_) => {
                let message = format!("context `{word}` is a directory, not an image");
                return Err(self.mistake("not-an-image", span, message, |_| ()));
            }
            None => word,
        };
        let image = self.world.image(name, self.request.pull).map_err(|error| {
            let is_missing = error.kind() == Kind::NotFound;
            self.mistake("no-image", span, error.to_string(), |mistake| {
                for hint in error.hints() {
                    mistake.hint(hint);
                }
                let known = self.names.keys().map(String::as_str);
                if is_missing {
                    mistake.suggest(word, known);
                }
            })
        })?;
        if image.architecture != self.request.platform.architecture
            && !image.architecture.is_empty()
        {
            let message = format!(
                "Base image {word} was pulled with platform \"{}/{}\", expected \"{}\" for current build",
                image.os, image.architecture, self.request.platform
            );
            self.warn("InvalidBaseImagePlatform", span, message, |_| ());
        }
        Ok(image)
    }

    /// `[stage 2/5] COPY . .`
    pub(super) fn label(&self, at: &Position, text: &str) -> String {
        let name = self.stage_name(at.index);
        let space = if name.is_empty() { "" } else { " " };
        let line = text.lines().next().unwrap_or_default();
        format!("[{name}{space}{}/{}] {line}", at.done + 1, at.total)
    }

    fn instruction(&self, step: &Step, state: &mut State, at: &mut Position) -> StepResult<()> {
        if self.failed.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        match &step.instruction {
            Instruction::Copy(copy) => self.copy(step, copy, state, at)?,
            Instruction::Run(run) => self.run_step(step, run, state, at)?,
            Instruction::WorkDir(path) => self.work_dir(step, path, state, at)?,
            _ => return self.configure(step, state),
        }
        at.done += 1;
        Ok(())
    }

    /// Whether steps of this stage may come from the cache.
    pub(super) fn may_use_cache(&self, at: &Position) -> bool {
        let name = self.stage_name(at.index);
        let filtered = self.request.no_cache_filter.iter().any(|it| it.eq_ignore_ascii_case(&name));
        !self.request.no_cache && !filtered
    }

    /// The layers that a word of `--from` means; `None`: a directory of the host.
    pub(super) fn layers_of(
        &self,
        word: &str,
        stage: usize,
        span: Span,
    ) -> StepResult<Option<Vec<crate::base::Digest>>> {
        Ok(match self.origin(word, stage) {
            Origin::Stage(index) => Some(self.wait_for(index)?.layers.clone()),
            Origin::Scratch => Some(Vec::new()),
            Origin::Named(word) => match self.request.contexts.get(&word.to_lowercase()) {
                Some(NamedContext::Directory(_) | NamedContext::Remote(_)) => None,
                _ => Some(self.named_image(&word, span)?.diff_ids),
            },
        })
    }

    /// Variables of a stage as a map, for steps that need all.
    pub(super) fn proxies(&self) -> BTreeMap<String, String> {
        let is_proxy = |name: &str| {
            let name = name.to_ascii_uppercase();
            matches!(
                name.as_str(),
                "HTTP_PROXY" | "HTTPS_PROXY" | "FTP_PROXY" | "NO_PROXY" | "ALL_PROXY"
            )
        };
        let args = self.request.args.iter().filter(|(name, _)| is_proxy(name));
        args.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}
