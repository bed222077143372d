//! The plan of `up`, with the questions that a loss of data needs.

use crate::cli::plans::prepare::Ready;
use crate::cli::{Context, Result};
use crate::engine::Engine;
use crate::plan::{self, Desired, Plan, UpOptions};

impl<E: Engine> Context<E> {
    /// Plans `up`; where a volume would be made anew, asks whether its data may be lost.
    ///
    /// # Errors
    /// What [`plan::up`] finds to be impossible.
    pub async fn plan_up(
        &self,
        desired: &Desired,
        ready: &Ready,
        options: &mut UpOptions,
        yes: bool,
    ) -> Result<Plan> {
        let observed = &ready.observed;
        options.recreate_volumes = true;
        let plan = plan::up(desired, observed, options)?;
        let lost: Vec<String> = plan
            .steps
            .iter()
            .filter_map(|step| match &step.action {
                plan::Action::RemoveVolume(name) => Some(name.clone()),
                _ => None,
            })
            .collect();
        for name in &lost {
            let question = format!(
                "Volume {name:?} exists but doesn't match configuration in compose file. \
                 Recreate (data will be lost)?"
            );
            if yes {
                continue;
            }
            // Others work on while the user thinks.
            ready.lock.release();
            let agreed = self.ask(&question)?;
            ready.lock.hold().await?;
            if !agreed {
                options.recreate_volumes = false;
                return Ok(plan::up(desired, observed, options)?);
            }
        }
        Ok(plan)
    }
}
