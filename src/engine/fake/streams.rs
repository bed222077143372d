//! What the fake engine's containers say: their status, their output, their exit codes.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;

use crate::base::Result;
use crate::engine::{
    Attachment, EventOptions, Events, Exec, LogOptions, LogRecord, Logs, Stream, TerminalSize,
    Watch,
};
use crate::resource::container::Status;
use crate::resource::event::Event;

/// What happened already; then the end if one was asked for.
#[derive(Debug)]
pub struct FakeEvents {
    happened: VecDeque<Event>,
    ends: bool,
}

impl FakeEvents {
    pub(super) fn new(happened: &[Event], options: &EventOptions) -> FakeEvents {
        let wanted = |event: &&Event| options.since.is_some_and(|since| event.time >= since);
        let happened = happened.iter().filter(wanted).cloned().collect();
        FakeEvents { happened, ends: options.until.is_some() }
    }
}

impl Events for FakeEvents {
    async fn next(&mut self) -> Result<Option<Event>> {
        match self.happened.pop_front() {
            None if !self.ends => std::future::pending().await,
            event => Ok(event),
        }
    }
}

/// Says the present status; then nothing more from a container that runs, and the end from one
/// that does not.
#[derive(Debug)]
pub struct FakeWatch {
    next: Option<Status>,
    active: bool,
}

impl FakeWatch {
    pub(super) fn new(status: Status) -> FakeWatch {
        FakeWatch { active: status.state.is_active(), next: Some(status) }
    }
}

impl Watch for FakeWatch {
    async fn next(&mut self) -> Result<Option<Status>> {
        match self.next.take() {
            None if self.active => std::future::pending().await,
            next => Ok(next),
        }
    }
}

/// A command that prints nothing and ends at once with this code.
#[derive(Debug)]
pub struct FakeExec(pub(super) i32);

impl Exec for FakeExec {
    fn terminal(&mut self) -> Option<OwnedFd> {
        None
    }

    async fn wait(&mut self) -> Result<i32> {
        Ok(self.0)
    }
}

/// A connection on which everything was printed already.
#[derive(Debug)]
pub struct FakeAttachment {
    printed: VecDeque<LogRecord>,
    exit_code: Option<i32>,
}

impl FakeAttachment {
    pub(super) fn new(printed: Vec<LogRecord>, exit_code: Option<i32>) -> FakeAttachment {
        FakeAttachment { printed: printed.into(), exit_code }
    }
}

impl Attachment for FakeAttachment {
    async fn read(&mut self) -> Result<Option<(Stream, Vec<u8>)>> {
        Ok(self.printed.pop_front().map(|record| (record.stream, record.text)))
    }

    async fn write(&mut self, _: &[u8]) -> Result<()> {
        Ok(())
    }

    async fn close_input(&mut self) -> Result<()> {
        Ok(())
    }

    async fn resize(&mut self, _: TerminalSize) -> Result<()> {
        Ok(())
    }

    fn exit_code(&self) -> Option<i32> {
        self.exit_code.or(Some(0))
    }
}

/// Output that is complete.
#[derive(Debug)]
pub struct FakeLogs(Option<Vec<LogRecord>>);

impl FakeLogs {
    pub(super) fn new(mut printed: Vec<LogRecord>, options: &LogOptions) -> FakeLogs {
        let in_time = |record: &LogRecord| {
            options.since.is_none_or(|since| record.time >= since)
                && options.until.is_none_or(|until| record.time <= until)
        };
        printed.retain(in_time);
        let skip = options.tail.map_or(0, |tail| printed.len().saturating_sub(tail));
        printed.drain(..skip);
        FakeLogs(Some(printed).filter(|printed| !printed.is_empty()))
    }
}

impl Logs for FakeLogs {
    async fn next(&mut self) -> Result<Option<Vec<LogRecord>>> {
        Ok(self.0.take())
    }
}
