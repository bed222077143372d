//! Builds: every needed stage in a thread of its own, each waiting for another only where one of
//! its steps needs it.

mod arguments;
mod config;
mod fetched;
mod files;
mod mounts;
mod prepare;
mod recipe;
mod run;
mod stage;
mod survey;
mod work_dir;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::base::{Context, Digest, Error, Result};
use crate::diag::{Diagnostic, Diagnostics, Severity, SourceId, Sources, Span};
use crate::image::store::BuildRecord;
use crate::image::{self, Store};
use crate::network;
use crate::state::Roots;

use super::cache::{self, CachePlace, Steps};
use super::check::Rules;
use super::dockerfile::{Dockerfile, Instruction, Stage};
use super::graph::{self, Graph, Origin};
use super::remote;
use super::request::{Event, Failure, Outcome, Progress, Request, World};
use super::state::State;
use super::tree::Tree;
use arguments::unused_arguments;
use prepare::{Prepared, prepare};
use recipe::context_tree;

pub use survey::{Outline, Survey, Target, survey};

/// Builds an image.
///
/// # Errors
/// The Dockerfile is wrong, a step fails, or the world says no.
pub fn build(
    roots: &Roots,
    request: &Request,
    world: &dyn World,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    let store = Store::open(roots)?;
    let _pin = store.pin()?;
    let fetched = remote::fetch(request, world, &store)?;
    let outcome = build_fetched(roots, &store, &fetched.request, world, progress);
    fetched.forget(&store)?;
    outcome
}

/// Builds an image of which everything is on this machine, but for images and caches.
fn build_fetched(
    roots: &Roots,
    store: &Store,
    request: &Request,
    world: &dyn World,
    progress: &dyn Progress,
) -> Result<Outcome, Failure> {
    let Prepared { recipe, file, globals, contexts, graph: plan, rules, sources, mut out } =
        prepare(request)?;
    rules.apply(&mut out);
    let Some(plan) = plan.filter(|_| !out.has_errors()) else {
        return Err(Failure::Mistakes { mistakes: out, sources });
    };
    unused_arguments(&file, request, &mut out);
    let names = graph::names(&file, &mut Diagnostics::default());
    let context = context_tree(request, &recipe)?;
    let mut builder = Builder {
        roots,
        store,
        request,
        world,
        progress,
        file: &file,
        graph: &plan,
        names,
        globals,
        contexts,
        rules,
        context,
        slots: file.stages.iter().map(|_| Slot::default()).collect(),
        failed: AtomicBool::new(false),
        bridged: AtomicBool::new(false),
        imported: Vec::new(),
        steps: Mutex::default(),
        trouble: Mutex::new(Trouble { sources, mistakes: out, error: None }),
        next_step: AtomicUsize::new(1),
    };
    builder.import_caches();
    builder.run()
}

/// One build.
struct Builder<'a> {
    roots: &'a Roots,
    store: &'a Store,
    request: &'a Request,
    world: &'a dyn World,
    progress: &'a dyn Progress,
    file: &'a Dockerfile,
    graph: &'a Graph,
    names: BTreeMap<String, usize>,
    globals: BTreeMap<String, String>,
    contexts: Vec<String>,
    rules: Rules,
    context: Option<Tree>,
    slots: Vec<Slot>,
    failed: AtomicBool,
    /// A step was on the bridge of all builds.
    bridged: AtomicBool,
    /// Caches that are elsewhere.
    imported: Vec<cache::Imported>,
    /// Every step that was used or made.
    steps: Mutex<Steps>,
    trouble: Mutex<Trouble>,
    next_step: AtomicUsize,
}

/// Where a stage's result appears.
#[derive(Default)]
struct Slot {
    /// Somebody builds it.
    taken: AtomicBool,
    /// `Some(None)`: the stage failed.
    done: Mutex<Option<Option<Arc<State>>>>,
    ready: Condvar,
}

/// What went wrong so far.
struct Trouble {
    sources: Sources,
    mistakes: Diagnostics,
    error: Option<Error>,
}

/// Why a stage does not go on.
enum Stop {
    /// The Dockerfile is to blame; it is reported already.
    Mistake,
    /// The world said no.
    Error(Error),
    /// Another stage failed.
    Cancelled,
}

impl From<Error> for Stop {
    fn from(error: Error) -> Stop {
        Stop::Error(error)
    }
}

type StepResult<T> = std::result::Result<T, Stop>;

/// A poisoned lock has a panic behind it that is reported elsewhere; its data are whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builder<'_> {
    /// A cache that cannot be had makes the build slower, and not wrong.
    fn import_caches(&mut self) {
        for place in self.request.cache_from.iter().filter(|_| !self.request.no_cache) {
            match cache::import(place, self.world) {
                Ok(imported) => self.imported.extend(imported),
                Err(error) => self.no_cache(&format!("no steps come from {place}: {error}")),
            }
        }
    }

    fn no_cache(&self, message: &str) {
        lock(&self.trouble).mistakes.warning("no-cache", None, message);
    }

    /// What the step with this key made when it was built before, here or elsewhere.
    fn known_step(&self, key: &Digest) -> Result<Option<BuildRecord>> {
        if let Some(record) = self.store.build_record(key)? {
            return Ok(Some(record));
        }
        for imported in &self.imported {
            match imported.take(self.store, key) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(error) => self.no_cache(&format!("a step was built elsewhere: {error}")),
            }
        }
        Ok(None)
    }

    fn run(self) -> Result<Outcome, Failure> {
        for index in &self.graph.needed {
            self.slots[*index].taken.store(true, Ordering::Relaxed);
        }
        std::thread::scope(|scope| {
            for index in &self.graph.needed {
                let builder = &self;
                let thread = std::thread::Builder::new().name("stage".to_owned());
                let started = thread.spawn_scoped(scope, move || builder.build_stage(*index));
                if let Err(error) = started.context(|| "cannot start a thread".to_owned()) {
                    builder.finish_stage(*index, Err(Stop::Error(error)));
                }
            }
        });
        if self.bridged.load(Ordering::Relaxed) {
            network::remove_transient(self.roots)?;
        }
        let state = lock(&self.slots[self.graph.target].done).take().flatten();
        let failed = self.failed.load(Ordering::Relaxed);
        let (request, store, world) = (self.request, self.store, self.world);
        let steps = self.steps.into_inner().unwrap_or_else(PoisonError::into_inner);
        let trouble = self.trouble.into_inner().unwrap_or_else(PoisonError::into_inner);
        let Trouble { sources, mistakes, error } = trouble;
        let state = match state.filter(|_| !failed) {
            Some(state) => Arc::unwrap_or_clone(state),
            None => {
                return Err(match error {
                    Some(error) => Failure::Error(error),
                    None => Failure::Mistakes { mistakes, sources },
                });
            }
        };
        // Stages that the image has no layers of are worth keeping as well.
        store.settle(steps.iter().map(|(_, record)| &record.layer))?;
        let before = store.refs()?;
        let image = publish(store, request, state, &steps)?;
        cache::export(store, request, &steps, &image, world)?;
        let is_new = !before.images.contains_key(&image.id);
        Ok(Outcome { image, is_new, warnings: mistakes, sources })
    }

    fn build_stage(&self, index: usize) {
        self.finish_stage(index, self.stage(index));
    }

    /// Hands the result on to the stages that wait for it.
    fn finish_stage(&self, index: usize, result: StepResult<State>) {
        let done = match result {
            Ok(state) => Some(Arc::new(state)),
            Err(stop) => {
                self.failed.store(true, Ordering::Relaxed);
                if let Stop::Error(error) = stop {
                    lock(&self.trouble).error.get_or_insert(error);
                }
                None
            }
        };
        let slot = &self.slots[index];
        *lock(&slot.done) = Some(done);
        slot.ready.notify_all();
    }

    /// Waits until another stage is built. One that only an `ONBUILD` of a base speaks of, which
    /// nobody knew when the needed ones were counted, is built here.
    fn wait_for(&self, index: usize) -> StepResult<Arc<State>> {
        let slot = &self.slots[index];
        if !slot.taken.swap(true, Ordering::Relaxed) {
            self.build_stage(index);
        }
        let mut done = lock(&slot.done);
        loop {
            match &*done {
                Some(Some(state)) => return Ok(Arc::clone(state)),
                Some(None) => return Err(Stop::Cancelled),
                None => done = slot.ready.wait(done).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// Reports a mistake and stops the stage.
    fn mistake(
        &self,
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        edit: impl FnOnce(&mut Diagnostic),
    ) -> Stop {
        let mut trouble = lock(&self.trouble);
        edit(trouble.mistakes.report(Severity::Error, code, span, message));
        Stop::Mistake
    }

    /// An error of the world that a line of the Dockerfile led to.
    fn blame(&self, span: Span, error: &Error) -> Stop {
        self.mistake("step-failed", span, error.to_string(), |mistake| {
            for hint in error.hints() {
                mistake.hint(hint);
            }
        })
    }

    fn warn(
        &self,
        code: &'static str,
        span: Span,
        message: String,
        edit: impl FnOnce(&mut Diagnostic),
    ) {
        if self.rules.wants(code) {
            edit(lock(&self.trouble).mistakes.report(Severity::Warning, code, span, message));
        }
    }

    fn add_source(&self, name: &str, text: &str) -> SourceId {
        lock(&self.trouble).sources.add(name, text)
    }

    /// Does a step that people see, and tells how it goes.
    fn step<T>(
        &self,
        name: &str,
        work: impl FnOnce(usize) -> StepResult<(T, bool)>,
    ) -> StepResult<T> {
        if self.failed.load(Ordering::Relaxed) {
            return Err(Stop::Cancelled);
        }
        let step = self.next_step.fetch_add(1, Ordering::Relaxed);
        self.progress.event(Event::Started { step, name });
        match work(step) {
            Ok((value, cached)) => {
                self.progress.event(Event::Done { step, cached });
                Ok(value)
            }
            Err(stop) => {
                self.progress.event(Event::Failed { step });
                Err(stop)
            }
        }
    }

    /// The stage's name for people.
    fn stage_name(&self, index: usize) -> String {
        match &self.file.stages[index].name {
            Some(name) => name.text.clone(),
            None if self.file.stages.len() == 1 => String::new(),
            None => format!("stage-{index}"),
        }
    }

    /// What a word of `--from` means, seen from a stage.
    fn origin(&self, word: &str, stage: usize) -> Origin {
        graph::origin(word, stage, &self.names, &self.contexts)
    }
}

/// How many steps of a stage make layers; the `FROM` counts too.
fn steps_of(stage: &Stage) -> usize {
    let makes_layer = |instruction: &Instruction| {
        matches!(instruction, Instruction::Copy(_) | Instruction::Run(_) | Instruction::WorkDir(_))
    };
    1 + stage.steps.iter().filter(|step| makes_layer(&step.instruction)).count()
}

/// The image becomes visible.
fn publish(
    store: &Store,
    request: &Request,
    mut state: State,
    steps: &Steps,
) -> Result<crate::resource::Image> {
    state.config.labels.extend(request.labels.clone());
    let epoch = request.epoch.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let newest = state.created.unwrap_or_else(Timestamp::now);
    let created = epoch.unwrap_or(newest);
    for step in &mut state.history {
        let own = step.created.unwrap_or(created);
        step.created = Some(if epoch.is_some() { own.min(created) } else { own });
    }
    let layers = state.layers.clone();
    let mut config = image::config::print(&state.document(&request.platform, created));
    if request.cache_to.iter().any(|target| target.place == CachePlace::Inline) {
        let own = steps.iter().filter(|(_, record)| layers.contains(&record.layer));
        config = cache::with_steps(&config, own)?;
    }
    store.create_of(&config, &request.names)
}
