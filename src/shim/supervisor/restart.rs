//! Docker's delays between restarts.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(60);
/// A run at least this long makes the next delay the first one again.
const LONG_RUN: Duration = Duration::from_secs(10);

/// The delay before the latest restart; zero: there was none.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    delay: Duration,
}

impl Backoff {
    /// The delay after a run that `lasted` this long.
    pub(super) fn next(&mut self, lasted: Duration) -> Duration {
        self.delay = match self.delay {
            _ if lasted >= LONG_RUN => FIRST,
            Duration::ZERO => FIRST,
            delay => (delay * 2).min(LONGEST),
        };
        self.delay
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_a_minute_and_a_long_run_resets_it() {
        let mut backoff = Backoff::default();
        let delays: Vec<u128> = (0..12).map(|_| backoff.next(Duration::ZERO).as_millis()).collect();
        assert_eq!(
            delays,
            [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]
        );
        assert_eq!(backoff.next(Duration::from_millis(9_999)).as_millis(), 60_000);
        assert_eq!(backoff.next(LONG_RUN).as_millis(), 100);
        assert_eq!(backoff.next(Duration::ZERO).as_millis(), 200);
    }
}
