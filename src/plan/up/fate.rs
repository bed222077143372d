//! Decides for each container whether it stays, starts, is replaced, comes or goes, and why.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::desired::{Condition, DesiredService};
use crate::plan::differences;
use crate::plan::gate::holds;
use crate::plan::project::{number_of, service_of};
use crate::resource::container::{State, VolumesFrom};
use crate::resource::{Container, ContainerSpec};

use super::followers;
use super::ground::Ground;
use super::wanted::wanted;
use super::{Planner, Recreate};

/// What happens to one container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is right as it is.
    Keep,
    /// It is right, but does not run.
    Start,
    /// It is right, but frozen.
    Unpause,
    /// It is right, but must start again together with another one.
    Restart,
    /// A new one takes its place.
    Replace,
    /// It comes into being.
    Create,
    /// It goes.
    Remove,
}

/// One container of a service, existing or to come.
pub(super) struct Replica<'a> {
    pub(super) service: &'a str,
    pub(super) existing: Option<&'a Container>,
    /// The container as it will be; of one that stays or goes, as it is.
    pub(super) spec: ContainerSpec,
    pub(super) fate: Fate,
    pub(super) reason: String,
}

impl Replica<'_> {
    /// Whether it exists after the plan.
    pub(super) fn stays(&self) -> bool {
        self.fate != Fate::Remove
    }

    /// Whether it is another container, or another run of it, after the plan.
    pub(super) fn is_renewed(&self) -> bool {
        matches!(self.fate, Fate::Replace | Fate::Restart)
    }
}

/// All containers of the services, in dependency order, then by number.
pub(super) fn decide<'a>(planner: &Planner<'a>, ground: &Ground<'_>) -> Vec<Replica<'a>> {
    let mut existing: BTreeMap<&str, Vec<&Container>> = BTreeMap::new();
    for container in planner.containers() {
        existing.entry(service_of(container)).or_default().push(container);
    }
    let mut decided = Vec::new();
    for service in &planner.order {
        let existing = existing.remove(service).unwrap_or_default();
        let replicas = Chapter { planner, ground, service, decided: &decided }.decide(existing);
        decided.extend(replicas);
    }
    keep_finished_jobs(planner, &mut decided);
    followers::add(planner, &mut decided);
    decided
}

/// Names of those that stay untouched.
pub(super) fn kept(replicas: &[Replica<'_>]) -> Vec<String> {
    // A job that has done its work stays as it is, but nobody should read that it runs.
    let ended = |it: &Replica<'_>| it.existing.is_some_and(|it| it.status.state == State::Exited);
    let kept = replicas.iter().filter(|it| it.fate == Fate::Keep && !ended(it));
    kept.map(|replica| replica.spec.name.clone()).collect()
}

/// Deciding about one service, knowing what was decided about those it depends on.
struct Chapter<'p, 'a> {
    planner: &'p Planner<'a>,
    ground: &'p Ground<'p>,
    service: &'a str,
    decided: &'p [Replica<'a>],
}

impl<'a> Chapter<'_, 'a> {
    fn decide(&self, existing: Vec<&'a Container>) -> Vec<Replica<'a>> {
        let service = &self.planner.desired.services[self.service];
        let highest = existing.iter().map(|container| number_of(container)).max().unwrap_or(0);
        let mut judged: Vec<_> =
            existing.into_iter().map(|container| self.judge(service, container)).collect();
        // Surplus are those that would have to be replaced anyway, then the highest numbers.
        judged.sort_by_key(|replica| {
            let number = replica.existing.map_or(0, number_of);
            (replica.fate == Fate::Replace, number)
        });
        let count = service.replicas as usize;
        for replica in judged.iter_mut().skip(count) {
            replica.fate = Fate::Remove;
            replica.reason = format!("{} shall have {count} replicas", self.service);
        }
        let missing = count.saturating_sub(judged.len()) as u32;
        judged.extend((1..=missing).map(|index| self.new_replica(service, highest + index)));
        judged.sort_by_key(|replica| replica.existing.map_or(u32::MAX, number_of));
        judged
    }

    fn new_replica(&self, service: &DesiredService, number: u32) -> Replica<'a> {
        let spec = wanted(self.planner, service, number, None, self.decided);
        let (fate, reason) = (Fate::Create, "does not exist yet".to_owned());
        Replica { service: self.service, existing: None, spec, fate, reason }
    }

    /// What becomes of an existing container if it is one of those that stay.
    fn judge(&self, service: &DesiredService, container: &'a Container) -> Replica<'a> {
        let number = number_of(container).max(1);
        let spec = wanted(self.planner, service, number, Some(container), self.decided);
        let why = self.reasons_to_replace(service, container, &spec);
        let (fate, reason, spec) = match why.is_empty() {
            false => (Fate::Replace, why.join(", "), spec),
            true => {
                let (fate, reason) = self.judge_state(service, container);
                (fate, reason, container.spec.clone())
            }
        };
        Replica { service: self.service, existing: Some(container), spec, fate, reason }
    }

    fn reasons_to_replace(
        &self,
        service: &DesiredService,
        container: &Container,
        wanted: &ContainerSpec,
    ) -> Vec<String> {
        let policy = self.planner.recreate(self.service);
        if policy == Recreate::Never {
            return Vec::new();
        }
        let mut why = differences(&container.spec, wanted);
        why.extend(self.ground.reasons(wanted));
        let replaced = |parent: &&String| {
            let fates = self.of(parent).map(|replica| replica.fate);
            fates.take(1).any(|fate| fate == Fate::Replace)
        };
        let parents = service.parents.iter().filter(replaced);
        why.extend(parents.map(|parent| format!("{parent}, which it is part of, is replaced")));
        let parents = service.volume_parents.iter().filter(replaced);
        why.extend(parents.map(|parent| format!("{parent}, whose volumes it uses, is replaced")));
        if why.is_empty() {
            why.extend(self.other_volumes(container, wanted));
        }
        if why.is_empty() && policy == Recreate::Force {
            why.push("replacing was asked for".to_owned());
        }
        why
    }

    /// What a container that is right as such needs, by what it is doing.
    fn judge_state(&self, service: &DesiredService, container: &Container) -> (Fate, String) {
        let keep = (Fate::Keep, String::new());
        if !self.planner.options.start {
            return keep;
        }
        let status = &container.status;
        match status.state {
            State::Created => (Fate::Start, "was never started".to_owned()),
            State::Exited => {
                let code = status.exit_code.map_or_else(String::new, |code| format!(" ({code})"));
                (Fate::Start, format!("exited{code}"))
            }
            State::Dead => (Fate::Start, "its processes were lost".to_owned()),
            State::Paused if self.left_behind(container).is_none() => {
                (Fate::Unpause, "is paused".to_owned())
            }
            // Somebody asked for that and may be gone; the start waits for the end.
            _ if status.stopping => (Fate::Start, "is stopping".to_owned()),
            State::Running | State::Restarting | State::Paused => {
                let asked = self.reason_to_restart(service);
                match asked.or_else(|| self.left_behind(container)) {
                    Some(reason) => (Fate::Restart, reason),
                    None => keep,
                }
            }
        }
    }

    /// The namespaces it uses are of an earlier run of the container they belong to.
    fn left_behind(&self, container: &Container) -> Option<String> {
        let owner = self.planner.observed.left_behind.get(&container.id)?;
        Some(format!("{owner}, which it is part of, was started without it"))
    }

    /// Why what `volumes_from` comes to is not what the container has.
    fn other_volumes<'s>(
        &'s self,
        container: &Container,
        wanted: &'s ContainerSpec,
    ) -> Option<String> {
        let of = |name: &str| {
            let decided = self.decided.iter().filter(|it| it.stays()).map(|it| &it.spec);
            let observed = self.planner.observed.containers.iter().map(|it| &it.spec);
            decided.chain(observed).find(|spec| spec.name == name)
        };
        let source = |from: &'s VolumesFrom| Some((from, of(&from.container)?));
        let sources: Option<Vec<_>> = wanted.volumes_from.iter().map(source).collect();
        let inherited = wanted.inherit(sources?);
        (inherited != container.spec.inherited)
            .then(|| "the volumes it has from others have changed".to_owned())
    }

    /// `restart: true`, and namespaces that end with the container they belong to.
    fn reason_to_restart(&self, service: &DesiredService) -> Option<String> {
        let asked = service.depends_on.iter().filter(|(_, dependency)| dependency.restart);
        let mut asked = asked.filter(|(name, _)| self.of(name).any(Replica::is_renewed));
        if let Some((name, _)) = asked.next() {
            return Some(format!("restarts with {name}"));
        }
        let begins = |fate| matches!(fate, Fate::Create | Fate::Start | Fate::Restart);
        let mut parents = service.parents.iter();
        let parent = parents.find(|name| self.of(name).take(1).any(|it| begins(it.fate)))?;
        Some(format!("{parent}, which it is part of, starts"))
    }

    /// What was decided about a service before this one.
    fn of<'s>(&'s self, service: &'s str) -> impl Iterator<Item = &'s Replica<'a>> {
        self.decided.iter().filter(move |replica| replica.service == service)
    }
}

/// A job that ended well, and that nobody who starts now is waiting for, has done its work:
/// it does not run again only because `up` was called again.
fn keep_finished_jobs(planner: &Planner<'_>, decided: &mut [Replica<'_>]) {
    let busy: BTreeSet<&str> = decided
        .iter()
        .filter(|replica| !matches!(replica.fate, Fate::Keep | Fate::Remove))
        .map(|replica| replica.service)
        .collect();
    for replica in decided.iter_mut().filter(|replica| replica.fate == Fate::Start) {
        let waiting = planner.dependents.get(replica.service).into_iter().flatten();
        let waiting: Vec<&&str> = waiting
            .filter(|name| {
                let depends_on = &planner.desired.services[**name].depends_on;
                depends_on[replica.service].condition == Condition::CompletedSuccessfully
            })
            .collect();
        let finished =
            replica.existing.is_some_and(|it| holds(it, Condition::CompletedSuccessfully));
        if finished && !waiting.is_empty() && !waiting.iter().any(|name| busy.contains(**name)) {
            replica.fate = Fate::Keep;
        }
    }
}
