//! What is worth saying after a step: a container's last words, and why a stop took so long.

use std::time::Duration;

use crate::base::{ContainerId, Result, duration};
use crate::engine::{Engine, LogOptions, Logs, Watch};

use super::Shared;

/// How many lines of a container that failed are shown.
const LAST_LINES: usize = 8;

/// A stop that took less was no wait for a signal's effect.
const PATIENCE: Duration = Duration::from_millis(900);

/// Exit code of what was killed: 128 + SIGKILL.
const KILLED: i32 = 137;

impl<E: Engine> Shared<'_, E> {
    /// Adds what a container has printed at last to its failure.
    pub(super) async fn with_last_lines(&self, id: &ContainerId, result: Result<()>) -> Result<()> {
        let Err(error) = result else { return Ok(()) };
        let lines = self.last_lines(id).await;
        Err(match lines.as_slice() {
            [] => error,
            lines => error.hint(format!("it printed at last:\n      {}", lines.join("\n      "))),
        })
    }

    /// None when its output cannot be read: the failure itself counts.
    async fn last_lines(&self, id: &ContainerId) -> Vec<String> {
        let options = LogOptions { tail: Some(LAST_LINES), ..LogOptions::default() };
        let Ok(mut logs) = self.engine.logs(id, &options).await else { return Vec::new() };
        let mut text = Vec::new();
        while let Ok(Some(records)) = logs.next().await {
            records.iter().for_each(|record| text.extend_from_slice(&record.text));
        }
        let printable = |line: &str| line.chars().filter(|it| !it.is_control()).collect();
        let lines: Vec<String> = String::from_utf8_lossy(&text).lines().map(printable).collect();
        lines[lines.len().saturating_sub(LAST_LINES)..].to_vec()
    }

    /// Notes a container that had to be killed because its first process does not hear the signal
    /// that asks it to end: the kernel spares process 1 of a namespace the default action.
    pub(super) async fn look_for_deafness(&self, id: &ContainerId, name: &str, took: Duration) {
        if took < PATIENCE {
            return;
        }
        // A look at what is over already; if it fails, there is nothing to note.
        let Ok(mut watch) = self.engine.watch(id).await else { return };
        let Ok(Some(status)) = watch.next().await else { return };
        if status.exit_code == Some(KILLED) {
            let after = duration::print(Duration::from_secs(took.as_secs()));
            self.made.borrow_mut().notes.push(deaf(name, &after));
        }
    }
}

/// Which container, and the ways out.
fn deaf(name: &str, after: &str) -> String {
    format!(
        "container {name} did not react when it was asked to stop, and was killed after {after}: \
         its first process ignores the signal. `init: true` ends it at once, or a `stop_signal` \
         that the program handles, or `exec` before the program in a shell script"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_that_had_to_be_killed_is_named_with_the_ways_out() {
        let text = deaf("demo-web-1", "10s");
        assert!(text.contains("demo-web-1") && text.contains("after 10s"), "{text}");
        assert!(text.contains("`init: true`") && text.contains("`stop_signal`"), "{text}");
    }
}
