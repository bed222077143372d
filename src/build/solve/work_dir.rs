//! `WORKDIR`.

use std::path::Path;

use super::stage::Position;
use super::{Builder, StepResult};
use crate::base::Context;
use crate::build::copy::{Marks, Target};
use crate::build::dockerfile::{Step, Word};
use crate::build::key::Key;
use crate::build::layer::Draft;
use crate::build::state::State;

impl Builder<'_> {
    /// `WORKDIR`: the directory is made when it is missing, and belongs to the step's user (Docker).
    pub(super) fn work_dir(
        &self,
        step: &Step,
        path: &Word,
        state: &mut State,
        at: &Position,
    ) -> StepResult<()> {
        let path_text = self.expand(path, state)?;
        let directory = state.set_work_dir(&path_text);
        let text = format!("WORKDIR {directory}");
        if directory == "/" {
            state.record(&text, None);
            return Ok(());
        }
        let name = self.label(at, &step.text);
        let made = self.step(&name, |_| {
            let owner = match state.config.user.as_str() {
                "" => None,
                user => Some(self.owner(user, state)),
            };
            let owner = owner.transpose().map_err(|error| self.blame(path.span, &error))?;
            let marks = Marks { owner, mode: None };
            let mut key = Key::new("directory");
            key.layers(&state.layers).part(&directory);
            key.part(format!("{marks:?} {:?}", self.request.epoch));
            self.cached_or(&key.finish(), &step.text, &state.layers, at, || {
                let draft = Draft::begin(self.store, &state.layers)?;
                let root = draft.mount()?;
                let target = Target { root: &root, marks: &marks, unpacked: false };
                target
                    .make_directory(Path::new(&directory))
                    .context(|| format!("cannot make directory {directory}"))
                    .map_err(|error| self.blame(path.span, &error))?;
                drop(root);
                Ok(draft.finish(self.store, self.request.epoch)?)
            })
        })?;
        state.record(&text, Some(made));
        Ok(())
    }
}
