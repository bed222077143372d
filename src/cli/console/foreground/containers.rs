//! The containers of an attached `up`, and where their output goes.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use jiff::Timestamp;
use tokio::sync::mpsc;

use crate::base::ContainerId;
use crate::cli::app::selection::{is_one_off, service_of, short_name};
use crate::cli::console::follow::{Sink, follow, outlast};
use crate::cli::console::foreground::Attached;
use crate::cli::{Context, Result};
use crate::engine::{Engine, LogOptions};
use crate::resource::{Container, Observed};

/// A container that runs now.
pub struct Begun {
    /// Its name.
    pub name: String,
    /// How many old lines of it are shown; `None`: all since…
    pub tail: Option<usize>,
    /// …then; `None`: since `up` began.
    pub since: Option<Timestamp>,
}

/// A container that ended, and how.
pub struct Ended {
    /// Its service.
    pub service: String,
    /// Its exit code.
    pub code: i32,
    /// A command stopped or removed it: it may be on its way back.
    pub by_hand: bool,
}

/// The containers, and where their output goes.
pub struct Screen<'a> {
    watched: &'a BTreeSet<String>,
    shown: &'a BTreeSet<String>,
    containers: RefCell<BTreeMap<String, Rc<Container>>>,
    /// Those that are followed at present.
    followed: RefCell<BTreeSet<ContainerId>>,
    sink: RefCell<Sink>,
    begin: Timestamp,
}

impl<'a> Screen<'a> {
    /// Says whose output is going to be shown.
    ///
    /// # Errors
    /// Standard output cannot be written to.
    pub fn new<E: Engine>(
        attached: &'a Attached,
        cx: &Context<E>,
        observed: &Observed,
    ) -> Result<Screen<'a>> {
        let screen = Screen {
            watched: &attached.watched,
            shown: &attached.shown,
            containers: RefCell::default(),
            followed: RefCell::default(),
            sink: RefCell::new(Sink::new(cx.output(), attached.prefix, true)),
            begin: Timestamp::now(),
        };
        screen.update(observed);
        let containers = screen.containers.borrow();
        let shown = containers.values().filter(|it| screen.shown.contains(service_of(it)));
        let mut names: Vec<&str> = shown.map(|container| short_name(container)).collect();
        names.sort_unstable();
        if !names.is_empty() {
            cx.output().print_line(format!("Attaching to {}", names.join(", ")))?;
        }
        // All names are known before the first line, so that they are equally wide from it on.
        for name in &names {
            screen.sink.borrow_mut().source(name);
        }
        drop(containers);
        Ok(screen)
    }

    /// Takes in what exists now.
    fn update(&self, observed: &Observed) {
        let watched = |it: &&Container| !is_one_off(it) && self.watched.contains(service_of(it));
        let found = observed.containers.iter().filter(watched);
        let found = found.map(|it| (it.spec.name.clone(), Rc::new(it.clone())));
        *self.containers.borrow_mut() = found.collect();
    }

    /// Tells of those that run already: only their new output is shown.
    pub fn running(&self, begun: mpsc::UnboundedSender<Begun>) -> mpsc::UnboundedSender<Begun> {
        for container in self.containers.borrow().values().filter(|it| it.status.state.is_active())
        {
            let name = container.spec.name.clone();
            // The receiver lives as long as the sender here.
            let _ = begun.send(Begun { name, tail: Some(0), since: None });
        }
        begun
    }

    /// Those that run now and are not followed: somebody has replaced or restarted containers.
    pub fn news(&self, observed: &Observed, since: Timestamp) -> Vec<Begun> {
        self.update(observed);
        let containers = self.containers.borrow();
        let followed = self.followed.borrow();
        let fresh = containers
            .values()
            .filter(|it| it.status.state.is_active() && !followed.contains(&it.id));
        let begun = |it: &Rc<Container>| {
            let mut sink = self.sink.borrow_mut();
            let source = sink.source(short_name(it));
            let since = Some(sink.after(source).unwrap_or(since));
            Begun { name: it.spec.name.clone(), tail: None, since }
        };
        fresh.map(begun).collect()
    }

    /// Follows a container to its end; `None`: it is not one of those that are watched, or is
    /// followed already.
    ///
    /// # Errors
    /// Its output cannot be read.
    pub async fn live<E: Engine>(&self, engine: &E, begun: Begun) -> Result<Option<Ended>> {
        let found = self.containers.borrow().get(&begun.name).cloned();
        let Some(container) = found else { return Ok(None) };
        if !self.followed.borrow_mut().insert(container.id.clone()) {
            return Ok(None);
        }
        let service = service_of(&container).to_owned();
        let status = match self.shown.contains(&service) {
            true => {
                let source = self.sink.borrow_mut().source(short_name(&container));
                let since = begun.tail.is_none().then_some(begun.since.unwrap_or(self.begin));
                let options = LogOptions { follow: true, tail: begun.tail, since, until: None };
                follow(engine, &container.id, &options, &self.sink, source).await
            }
            false => outlast(engine, &container.id).await,
        };
        self.followed.borrow_mut().remove(&container.id);
        let status = status?;
        let by_hand = status.as_ref().is_none_or(|status| status.stopped_by_hand);
        let code = status.and_then(|status| status.exit_code).unwrap_or(0);
        Ok(Some(Ended { service, code, by_hand }))
    }
}
