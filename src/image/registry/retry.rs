//! When something is tried again: one rule for all requests, downloads and uploads.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Response, StatusCode};

use crate::base::{Error, Result};

use super::refusal::refusal;
use super::settings::Settings;

/// Longest time to wait between two attempts, whatever the registry asks for.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// Why there is no answer.
#[derive(Debug)]
pub enum Failure {
    /// Trying again may help, after so long if the registry says how long.
    Transient(Error, Option<Duration>),
    /// It would not.
    Final(Error),
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Error {
        match failure {
            Failure::Transient(error, _) | Failure::Final(error) => error,
        }
    }
}

/// The attempts at one thing, with longer and longer waits between them.
#[derive(Debug)]
pub struct Attempts {
    full: u32,
    left: u32,
    first_wait: Duration,
    wait: Duration,
}

impl Attempts {
    /// As often as the settings say.
    pub fn new(settings: &Settings) -> Attempts {
        Attempts::at_most(settings.attempts, settings)
    }

    /// At most so often, and at least once.
    pub fn at_most(count: u32, settings: &Settings) -> Attempts {
        let (full, first_wait) = (count.max(1), settings.first_wait);
        Attempts { full, left: full, first_wait, wait: first_wait }
    }

    /// Something was reached that stays: it goes on from there, with a full set of attempts.
    pub fn renew(&mut self) {
        (self.left, self.wait) = (self.full, self.first_wait);
    }

    /// Waits until the next attempt is due.
    ///
    /// # Errors
    /// The failure, if it is final or was the last attempt's.
    pub async fn after(&mut self, failure: Failure) -> Result<()> {
        self.left = self.left.saturating_sub(1);
        let asked = match failure {
            Failure::Transient(_, asked) if self.left > 0 => asked,
            failure => return Err(failure.into()),
        };
        tokio::time::sleep(asked.unwrap_or(self.wait).min(MAX_WAIT)).await;
        self.wait = (self.wait * 2).min(MAX_WAIT);
        Ok(())
    }
}

/// An answer of `who`, unless it is one after which the same request may succeed.
pub async fn settled(response: Response, who: &str) -> Result<Response, Failure> {
    if !is_transient(response.status()) {
        return Ok(response);
    }
    let asked = retry_after(response.headers());
    Err(Failure::Transient(refusal(response, &format!("{who} is busy")).await, asked))
}

fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// `Retry-After`: seconds, or a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    let now = jiff::Timestamp::try_from(SystemTime::now()).ok()?;
    Some(Duration::try_from(date.duration_since(now)).unwrap_or_default())
}
