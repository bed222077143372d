//! `system restore`: after a boot, start what shall run.

use crate::base::Kind;
use crate::cli::{Context, Exit, Result};
use crate::engine::Engine;
use crate::resource::Container;
use crate::resource::container::RestartPolicy;
use crate::resource::observed::Scope;

/// Start the containers whose restart policy says that they run after a boot
///
/// `always`, and `unless-stopped` for those that nobody stopped; the oldest first. `system enable`
/// has this done at every boot.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose system restore")]
pub struct Restore {}

impl Restore {
    /// Starts them; one that fails does not keep the others.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let engine = cx.engine()?;
        let observed = engine.observe(&Scope::default()).await?;
        let roots = cx.roots()?;
        let mut waiting: Vec<&Container> = observed
            .containers
            .iter()
            .filter(|it| {
                shall_run(
                    it,
                    it.status.started_at.is_some() || roots.container(&it.id).bundle().exists(),
                )
            })
            .collect();
        let mut exit = Exit::Success;
        loop {
            let mut again = Vec::new();
            let before = waiting.len();
            for container in waiting {
                let name = &container.spec.name;
                match engine.start_container(&container.id).await {
                    Ok(_) => cx.output().print_line(name)?,
                    // It uses what another one has, which may still come.
                    Err(error) if matches!(error.kind(), Kind::NotFound | Kind::Conflict) => {
                        again.push((container, error));
                    }
                    Err(error) => {
                        cx.output().say_line(format!("error: {name}: {error}"))?;
                        exit = Exit::Code(1);
                    }
                }
            }
            if again.is_empty() || again.len() == before {
                for (container, error) in again {
                    cx.output().say_line(format!("error: {}: {error}", container.spec.name))?;
                    exit = Exit::Code(1);
                }
                return Ok(exit);
            }
            waiting = again.into_iter().map(|(container, _)| container).collect();
        }
    }
}

/// Docker: what its daemon starts when it is started. `started`: it was, at some time.
fn shall_run(container: &Container, started: bool) -> bool {
    let by_hand = container.status.stopped_by_hand;
    let wanted = match container.spec.restart {
        RestartPolicy::Always => true,
        RestartPolicy::UnlessStopped => !by_hand,
        // What had ended well stays ended; what was torn away goes on.
        RestartPolicy::OnFailure { .. } | RestartPolicy::No => false,
    };
    wanted && started && !container.status.state.is_active()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::tests::container;
    use crate::resource::State;

    #[test]
    fn policies_decide_after_a_boot() {
        let mut web = container("web", State::Dead);
        for (policy, by_hand, runs) in [
            (RestartPolicy::Always, true, true),
            (RestartPolicy::UnlessStopped, false, true),
            (RestartPolicy::UnlessStopped, true, false),
            (RestartPolicy::OnFailure { max_retries: 0 }, false, false),
            (RestartPolicy::No, false, false),
        ] {
            (web.spec.restart, web.status.stopped_by_hand) = (policy, by_hand);
            assert_eq!(shall_run(&web, true), runs, "{policy:?} {by_hand}");
        }
        web.spec.restart = RestartPolicy::Always;
        assert!(!shall_run(&web, false), "it was never started");
        web.status.state = State::Running;
        assert!(!shall_run(&web, true), "it runs");
    }
}
