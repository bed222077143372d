//! What happens on this machine, from the journal that every process of ours writes.

use std::collections::VecDeque;

use jiff::Timestamp;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::base::{ContainerId, Context, Result};
use crate::engine::{EventOptions, Events};
use crate::resource::ContainerSpec;
use crate::resource::event::{Event, EventKind};
use crate::state::journal::{self, Follower};

use super::Host;

/// Events as they happen.
#[derive(Debug)]
pub struct HostEvents {
    follower: Follower,
    news: AsyncFd<std::os::fd::OwnedFd>,
    waiting: VecDeque<Event>,
    options: EventOptions,
}

/// Begins to follow.
pub(super) fn follow(host: &Host, options: &EventOptions) -> Result<HostEvents> {
    let mut follower = Follower::open(host.roots())?;
    if options.since.is_none() {
        // Only what comes from now on.
        follower.read()?;
    }
    let news = follower.news().try_clone().context(|| "cannot copy a descriptor".to_owned())?;
    // As in `streams::Connection`: the descriptor is ours alone.
    #[expect(deprecated)]
    let news = AsyncFd::with_interest(news, Interest::READABLE);
    let news = news.context(|| "cannot wait for events".to_owned())?;
    Ok(HostEvents { follower, news, waiting: VecDeque::new(), options: *options })
}

impl Events for HostEvents {
    async fn next(&mut self) -> Result<Option<Event>> {
        loop {
            while let Some(event) = self.waiting.pop_front() {
                if self.options.until.is_some_and(|until| event.time > until) {
                    continue;
                }
                if self.options.since.is_none_or(|since| event.time >= since) {
                    return Ok(Some(event));
                }
            }
            self.waiting.extend(self.follower.read()?);
            if !self.waiting.is_empty() {
                continue;
            }
            let left = self.options.until.map(|until| until.duration_since(Timestamp::now()));
            let left = left.map(|left| std::time::Duration::try_from(left).unwrap_or_default());
            match left {
                Some(left) if left.is_zero() => return Ok(None),
                Some(left) => {
                    // Whatever it was: the next round looks.
                    let _ = tokio::time::timeout(left, self.wait()).await;
                }
                None => self.wait().await?,
            }
        }
    }
}

impl HostEvents {
    async fn wait(&self) -> Result<()> {
        let ready = self.news.readable().await;
        ready.context(|| "cannot wait for events".to_owned())?.clear_ready();
        Ok(())
    }
}

impl Host {
    /// Tells those who follow events about a container.
    pub(super) fn tell(&self, action: &str, id: &ContainerId, spec: &ContainerSpec) {
        self.announce(&Event::now(EventKind::Container, action, id.as_str()).about(spec));
    }

    /// Tells those who follow events.
    pub(super) fn announce(&self, event: &Event) {
        // What was done is done, also when nobody can be told.
        let _ = journal::append(self.roots(), event);
    }
}
