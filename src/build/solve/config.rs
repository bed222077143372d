//! Instructions that change nothing but the configuration.

use super::{Builder, StepResult};
use crate::build::check::UNDEFINED_VARIABLE;
use crate::build::dockerfile::{Argument, Instruction, Step, Word, expand};
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
            if state.args.contains_key(name) {
                continue;
            }
            let message = format!("Usage of undefined variable '${name}'");
            let names = state.config.env.iter().filter_map(|entry| entry.split_once('='));
            let names: Vec<&str> =
                names.map(|(name, _)| name).chain(state.args.keys().map(String::as_str)).collect();
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
        match &step.instruction {
            Instruction::Arg(list) => {
                for argument in list {
                    self.declare(argument, state)?;
                }
            }
            Instruction::Env(pairs) => {
                for (name, value) in pairs {
                    let name = self.expand(name, &before)?;
                    state.set_env(&name, &self.expand(value, &before)?);
                }
            }
            Instruction::Label(pairs) => {
                for (name, value) in pairs {
                    let name = self.expand(name, &before)?;
                    state.config.labels.insert(name, self.expand(value, &before)?);
                }
            }
            Instruction::Expose(words) => {
                for word in words {
                    for text in self.expanded(&word.text, word.span, &before)?.words() {
                        let added = state.expose(&text);
                        added.map_err(|error| self.blame(word.span, &error))?;
                    }
                }
            }
            Instruction::Volume(words) => {
                for word in words {
                    let path = self.expand(word, &before)?;
                    if !state.config.volumes.contains(&path) {
                        state.config.volumes.push(path);
                    }
                }
            }
            Instruction::User(word) => state.config.user = self.expand(word, &before)?,
            Instruction::StopSignal(word) => {
                let signal = self.expand(word, &before)?;
                self.check_signal(&signal, word.span)?;
                state.config.stop_signal = Some(signal);
            }
            other => simple(other, state),
        }
        state.record(&step.text, None);
        Ok(())
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
    fn declare(&self, argument: &Argument, state: &mut State) -> StepResult<()> {
        let name = &argument.name.text;
        let given = self.request.args.get(name).cloned();
        let value = match (given, &argument.default) {
            (Some(value), _) => Some(value),
            (None, Some(word)) => Some(self.expand(word, state)?),
            (None, None) => self.globals.get(name).cloned(),
        };
        state.args.insert(name.clone(), value);
        Ok(())
    }
}

fn simple(instruction: &Instruction, state: &mut State) {
    match instruction {
        Instruction::Cmd(command) => state.set_cmd(command),
        Instruction::Entrypoint(command) => state.set_entrypoint(command),
        Instruction::Shell(words) => state.config.shell = words.clone(),
        Instruction::OnBuild(text) => state.config.on_build.push(text.clone()),
        Instruction::Healthcheck(health) => state.set_health(health.as_ref()),
        // A maintainer is a line of the history, and nothing else.
        _ => {}
    }
}
