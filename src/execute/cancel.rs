//! A switch that stops a run: thrown by Ctrl-C, seen by every step.

use tokio::sync::watch;

/// Clones are the same switch.
#[derive(Clone, Debug)]
pub struct Cancel(watch::Sender<bool>);

impl Default for Cancel {
    fn default() -> Cancel {
        Cancel(watch::Sender::new(false))
    }
}

impl Cancel {
    /// Throws it. For good.
    pub fn cancel(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was thrown.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is thrown.
    pub async fn cancelled(&self) {
        // Cannot fail: the sender lives as long as `self`.
        let _ = self.0.subscribe().wait_for(|thrown| *thrown).await;
    }
}
