//! Instructions that change nothing but the configuration.

use super::{Builder, StepResult};
use crate::build::check::UNDEFINED_VARIABLE;
use crate::build::dockerfile::{Argument, Instruction, Step, Word, expand};
use crate::build::history;
use crate::build::state::State;
use crate::diag::{Diagnostic, Span};

impl Builder<'_> {
    /// Expands a word. All words of one instruction see the variables from before it.
    pub(super) fn expand(&self, word: &Word, state: &State) -> StepResult<String> {
        Ok(self.expanded(&word.text, word.span, state)?.text)
    }

    pub(super) fn expanded(
        &self,
        text: &str,
        span: Span,
        state: &State,
    ) -> StepResult<expand::Expanded> {
        let lookup = |name: &str| state.variable(name);
        let escape = self.file.directives.escape;
        let expanded = expand::expand(text, escape, &lookup)
            .map_err(|message| self.mistake("bad-substitution", span, message, |_| ()))?;
        for name in &expanded.unset {
            // An argument that was declared without a value is meant to be empty.
            if state.args.contains(name) {
                continue;
            }
            let message = format!("Usage of undefined variable '${name}'");
            let names = state.env.iter().filter_map(|entry| entry.split_once('='));
            let names: Vec<&str> =
                names.map(|(name, _)| name).chain(state.args.iter().map(String::as_str)).collect();
            let suggest = |it: &mut Diagnostic| {
                it.suggest(name, names);
            };
            if self.rules.error && self.rules.wants(UNDEFINED_VARIABLE) {
                return Err(self.mistake(UNDEFINED_VARIABLE, span, message, suggest));
            }
            self.warn(UNDEFINED_VARIABLE, span, message, suggest);
        }
        Ok(expanded)
    }

    /// Applies an instruction that makes no layer.
    pub(super) fn configure(&self, step: &Step, state: &mut State) -> StepResult<()> {
        let before = state.clone();
        let text = match &step.instruction {
            Instruction::Arg(list) => {
                let mut declared = Vec::new();
                for argument in list {
                    declared.push(self.declare(argument, state)?);
                }
                history::arguments(&declared)
            }
            Instruction::Env(pairs) => {
                let pairs = self.pairs(pairs, &before)?;
                pairs.iter().for_each(|(name, value)| state.set_env(name, value));
                history::pairs("ENV", &pairs)
            }
            Instruction::Label(pairs) => {
                let pairs = self.pairs(pairs, &before)?;
                state.config.labels.extend(pairs.clone());
                history::pairs("LABEL", &pairs)
            }
            Instruction::Expose(words) => self.expose(words, &before, state)?,
            Instruction::Volume(words) => self.volumes(words, &before, state)?,
            Instruction::User(word) => {
                state.config.user = self.expand(word, &before)?;
                format!("USER {}", state.config.user)
            }
            Instruction::StopSignal(word) => {
                let signal = self.expand(word, &before)?;
                self.check_signal(&signal, word.span)?;
                state.config.stop_signal = Some(signal.clone());
                format!("STOPSIGNAL {signal}")
            }
            // It is for those who build from the image, whose history it will be.
            Instruction::OnBuild(text) => {
                state.config.on_build.push(text.clone());
                return Ok(());
            }
            other => simple(other, state),
        };
        state.record(&text, None);
        Ok(())
    }

    fn pairs(&self, pairs: &[(Word, Word)], before: &State) -> StepResult<Vec<(String, String)>> {
        let expand = |(name, value): &(Word, Word)| {
            Ok((self.expand(name, before)?, self.expand(value, before)?))
        };
        pairs.iter().map(expand).collect()
    }

    fn expose(&self, words: &[Word], before: &State, state: &mut State) -> StepResult<String> {
        let mut ports = Vec::new();
        for word in words {
            for text in self.expanded(&word.text, word.span, before)?.words() {
                let added = state.expose(&text);
                ports.extend(added.map_err(|error| self.blame(word.span, &error))?);
            }
        }
        ports.sort();
        ports.dedup();
        Ok(history::list("EXPOSE", &ports))
    }

    fn volumes(&self, words: &[Word], before: &State, state: &mut State) -> StepResult<String> {
        let mut paths = Vec::new();
        for word in words {
            let path = self.expand(word, before)?;
            if path.is_empty() {
                let message = "a volume's path is empty";
                return Err(self.mistake("empty-volume", word.span, message, |_| ()));
            }
            if !state.config.volumes.contains(&path) {
                state.config.volumes.push(path.clone());
            }
            paths.push(path);
        }
        Ok(history::list("VOLUME", &paths))
    }

    fn check_signal(&self, signal: &str, span: Span) -> StepResult<()> {
        let known = crate::sys::pidfd::signal_number(signal).is_some();
        let number = signal.parse::<u32>().is_ok_and(|number| (1..=64).contains(&number));
        match known || number {
            true => Ok(()),
            false => {
                let message = format!("`{signal}` is not a signal");
                Err(self.mistake("bad-signal", span, message, |_| ()))
            }
        }
    }

    /// A given value goes before the default; without either, the value of the `ARG` of this name
    /// before the first `FROM` is taken.
    fn declare(
        &self,
        argument: &Argument,
        state: &mut State,
    ) -> StepResult<(String, Option<String>)> {
        let name = &argument.name.text;
        let given = self.request.args.get(name).cloned();
        let value = match (given, &argument.default) {
            (Some(value), _) => Some(value),
            (None, Some(word)) => Some(self.expand(word, state)?),
            (None, None) => self.globals.get(name).cloned(),
        };
        state.set_argument(name, value.as_deref());
        Ok((name.clone(), value))
    }
}

/// Applies an instruction that has no variables in it, and returns its line of the history.
fn simple(instruction: &Instruction, state: &mut State) -> String {
    match instruction {
        Instruction::Cmd(command) => {
            state.set_cmd(command);
            history::command("CMD", &state.config.cmd)
        }
        Instruction::Entrypoint(command) => {
            state.set_entrypoint(command);
            history::command("ENTRYPOINT", &state.config.entrypoint)
        }
        Instruction::Shell(words) => {
            state.config.shell = words.clone();
            history::list("SHELL", words)
        }
        Instruction::Healthcheck(health) => {
            state.set_health(health.as_ref());
            history::health(&state.config.health.clone().unwrap_or_default())
        }
        Instruction::Maintainer(name) => {
            state.author = name.clone();
            format!("MAINTAINER {name}")
        }
        // The others are done where their words are expanded, or make layers.
        _ => String::new(),
    }
}
