//! `watch`: when files change, bring them into the containers.
//!
//! [`rules`] knows which changes concern which service, [`work`] what they ask for; both decide
//! and do nothing. [`notice`] learns of changes, [`content`] whether anything is really different,
//! and [`act`] does what is to be done.

mod act;
mod archive;
mod content;
mod notice;
mod rules;
mod work;

use std::convert::Infallible;

use jiff::Timestamp;
use tokio::signal::unix::{SignalKind, signal};

use crate::base::{Context as _, Error, Kind};
use crate::cli::app::disk::Disk;
use crate::cli::app::report;
use crate::cli::plans::prepare::{Bring, up_options};
use crate::cli::{Context, Exit, Result};
use crate::compose::Project;
use crate::engine::Engine;
use crate::state::Lock;

use act::act;
use notice::Notices;
use rules::Rule;
use work::{initial, work};

pub use act::{Acting, say};

/// When files change, bring them into the containers
///
/// What happens is said by `develop.watch` of each service: files are copied, containers are
/// restarted, images are built anew. Ctrl-C ends it; the containers go on.
#[derive(clap::Args, Debug)]
#[command(after_help = "\
Examples:
  compose watch           Build and start everything, then watch
  compose watch web       One service, and what it needs
  compose watch --no-up   Everything runs already
  compose up --watch      With the output of the containers")]
pub struct Watch {
    /// Only these services
    services: Vec<String>,

    /// Do not build and start the services before
    #[arg(long)]
    no_up: bool,

    /// Remove images that a rebuild leaves without a name
    #[arg(long, value_name = "BOOL", default_value_t = true, num_args = 0..=1,
        require_equals = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    prune: bool,

    /// Show nothing of builds
    #[arg(long)]
    quiet: bool,
}

impl Watch {
    /// Watches until Ctrl-C.
    pub async fn run(self, cx: &Context<impl Engine>) -> Result<Exit> {
        let how = Acting { quiet_build: self.quiet, calm: false, prune: self.prune };
        // What is wrong with the rules is said before anything is built.
        let mut session = Session::new(cx, &self.services, how)?;
        if !self.no_up {
            self.up(cx).await?;
        }
        let mut interrupt =
            signal(SignalKind::interrupt()).context(|| "cannot listen for Ctrl-C".to_owned())?;
        let mut unheard = |_: &str, _| {};
        tokio::select! {
            never = session.run(cx, &mut unheard) => match never? {},
            _ = interrupt.recv() => {
                say(cx, "Watch disabled")?;
                Ok(Exit::Code(130))
            }
        }
    }

    /// Builds and starts what will be watched.
    async fn up(&self, cx: &Context<impl Engine>) -> Result<()> {
        let bring = Bring {
            operation: "watch",
            services: self.services.clone(),
            build: Some(true),
            quiet_build: self.quiet,
            ..Bring::default()
        };
        let ready = bring.ready(cx).await?;
        let Some(desired) = &ready.desired else { return Ok(()) };
        let mut options = up_options(cx, &self.services, false)?;
        options.start = true;
        let plan = cx.plan_up(desired, &ready, &mut options, false).await?;
        cx.execute(&ready.lock, &plan, "up").await?;
        Ok(())
    }
}

/// Watching, from now until it is dropped.
pub struct Session {
    rules: Vec<Rule>,
    how: Acting,
    /// One at a time for a project: two would copy and rebuild everything twice.
    _lock: Lock,
}

impl Session {
    /// Reads the rules of these services (empty: of all).
    ///
    /// # Errors
    /// None of them is watched, or a rule cannot work; somebody else watches the project already.
    pub fn new(cx: &Context<impl Engine>, services: &[String], how: Acting) -> Result<Session> {
        let project = cx.project_for(services)?.select(services, true)?;
        let rules = rules_of(cx, &project)?;
        if rules.is_empty() {
            let message = "none of the selected services is configured for watch";
            let error = Error::new(Kind::Invalid, message);
            return Err(error
                .hint("say under `develop.watch` of a service what is copied where")
                .into());
        }
        let path = cx.roots()?.lock(&format!("watch-{}", project.name));
        let lock = Lock::try_take(&path)?.ok_or_else(|| {
            let message = format!("somebody watches project {} already", project.name);
            Error::new(Kind::Conflict, message).hint("end the other `compose watch` before")
        })?;
        Ok(Session { rules, how, _lock: lock })
    }

    /// Watches for ever; `acted` hears of each service for which something was done, and since
    /// when.
    ///
    /// # Errors
    /// Files cannot be watched. What fails for one service is reported, and watching goes on.
    pub async fn run<E: Engine>(
        &mut self,
        cx: &Context<E>,
        acted: &mut dyn FnMut(&str, Timestamp),
    ) -> Result<Infallible> {
        let mut notices = Notices::new(self.rules.clone())?;
        say(cx, "Watch enabled")?;
        let mut all = initial(&self.rules, &notices.files());
        loop {
            for (service, work) in &all {
                let begun = Timestamp::now();
                if let Err(failure) = act(cx, service, work, self.how).await {
                    // Shown as any other; the next change may put it right.
                    report::failure(&failure, cx.output(), cx.style(), cx.invoked_as());
                }
                acted(service, begun);
            }
            all = work(&self.rules, &notices.next().await?);
        }
    }
}

fn rules_of(cx: &Context<impl Engine>, project: &Project) -> Result<Vec<Rule>> {
    let mut all = Vec::new();
    let disk = Disk { environment: cx.environment() };
    for service in project.services.values() {
        let found = rules::of_service(service, &disk)?;
        for warning in &found.warnings {
            cx.output().warn(warning)?;
        }
        all.extend(found.rules);
    }
    Ok(all)
}
