//! Commands that run when a service's containers start and stop.

use crate::compose::Service;
use crate::compose::model::Hook;
use crate::resource::container::Hooks;
use crate::resource::process::ExecSpec;

/// The service's hooks (Spec: 05-services.md#post_start).
pub(super) fn of(service: &Service) -> Hooks {
    let all = |hooks: &[Hook]| hooks.iter().map(command).collect();
    Hooks { post_start: all(&service.post_start), pre_stop: all(&service.pre_stop) }
}

/// A hook as a command in the container: what it does not say is as in the container.
fn command(hook: &Hook) -> ExecSpec {
    let variables = hook.environment.iter();
    let variables =
        variables.filter_map(|(name, value)| Some(format!("{name}={}", value.as_ref()?)));
    ExecSpec {
        argv: hook.command.clone().unwrap_or_default(),
        env: variables.collect(),
        cwd: hook.working_dir.clone().filter(|dir| !dir.is_empty()),
        user: hook.user.clone().filter(|user| !user.is_empty()),
        tty: false,
        privileged: hook.privileged,
    }
}
