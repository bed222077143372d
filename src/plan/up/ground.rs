//! What containers stand on: networks and volumes that must be there before them.

use std::collections::BTreeMap;

use crate::base::{Error, Kind as ErrorKind, Result};
use crate::plan::desired::{DesiredNetwork, DesiredVolume, Owner};
use crate::plan::difference::{network_differences, volume_differences};
use crate::plan::step::{Action, StepId};
use crate::plan::uses::{networks, volumes};
use crate::resource::{ContainerSpec, labels};

use super::{Kind, Planner};

/// What happens to networks and volumes; those that stay are not in it.
#[derive(Default)]
pub(super) struct Ground<'a> {
    networks: BTreeMap<&'a str, Change>,
    volumes: BTreeMap<&'a str, Change>,
}

/// What happens to one of them.
enum Change {
    /// It comes into being.
    Create,
    /// It differs, so that a new one takes its place. Says what differs.
    Replace(String),
}

impl<'a> Ground<'a> {
    /// Compares networks and volumes; warns of those that belong to someone else.
    pub(super) fn decide(planner: &mut Planner<'a>) -> Result<Ground<'a>> {
        let (desired, mut ground) = (planner.desired, Ground::default());
        for (name, network) in &desired.networks {
            let change = decide_network(planner, name, network)?;
            ground.networks.extend(change.map(|change| (name.as_str(), change)));
        }
        for (name, volume) in &desired.volumes {
            let change = decide_volume(planner, name, volume)?;
            ground.volumes.extend(change.map(|change| (name.as_str(), change)));
        }
        Ok(ground)
    }

    /// Why a container that stands on this ground must be replaced.
    pub(super) fn reasons(&self, spec: &ContainerSpec) -> Vec<String> {
        let replaced = |kind: &str, name: &str, change: Option<&Change>| match change {
            Some(Change::Replace(_)) => Some(format!("{kind} {name} is replaced")),
            _ => None,
        };
        let networks =
            networks(spec).filter_map(|name| replaced("network", name, self.networks.get(name)));
        let volumes =
            volumes(spec).filter_map(|name| replaced("volume", name, self.volumes.get(name)));
        networks.chain(volumes).collect()
    }

    /// Writes the steps; what is replaced waits until no container uses it any more.
    pub(super) fn prepare(&self, planner: &mut Planner<'a>) {
        for (name, change) in &self.networks {
            let spec = planner.desired.networks[*name].spec.clone();
            let remove = Action::RemoveNetworks(vec![spec.name.clone()]);
            let users = users(planner, |spec| networks(spec).any(|used| used == *name));
            write(
                planner,
                (Kind::Network, name),
                change,
                [remove, Action::CreateNetwork(spec)],
                users,
            );
        }
        for (name, change) in &self.volumes {
            let spec = planner.desired.volumes[*name].spec.clone();
            let remove = Action::RemoveVolume(spec.name.clone());
            let users = users(planner, |spec| volumes(spec).any(|used| used == *name));
            write(
                planner,
                (Kind::Volume, name),
                change,
                [remove, Action::CreateVolume(spec)],
                users,
            );
        }
    }
}

/// Steps after which the containers that use something are gone.
fn users(planner: &Planner<'_>, uses: impl Fn(&ContainerSpec) -> bool) -> Vec<StepId> {
    let users = planner.observed.containers.iter().filter(|container| uses(&container.spec));
    users.filter_map(|container| planner.gone.get(&container.id).copied()).collect()
}

fn write(
    planner: &mut Planner<'_>,
    (kind, name): (Kind, &str),
    change: &Change,
    [remove, create]: [Action; 2],
    users: Vec<StepId>,
) {
    let step = match change {
        Change::Create => planner.plan.push(create, "does not exist yet", []),
        Change::Replace(why) => {
            let removed = planner.plan.push(remove, why.as_str(), users);
            planner.plan.push(create, "replaced", [removed])
        }
    };
    planner.made.insert((kind, name.to_owned()), step);
}

/// What does not exist is made, unless that is someone else's business.
fn missing(owner: Owner, message: String) -> Result<Option<Change>> {
    match owner {
        Owner::Project | Owner::Nobody => Ok(Some(Change::Create)),
        Owner::External => Err(Error::new(ErrorKind::NotFound, message)),
    }
}

fn decide_network(
    planner: &mut Planner<'_>,
    name: &str,
    wanted: &DesiredNetwork,
) -> Result<Option<Change>> {
    let Some(found) = planner.observed.networks.get(name) else {
        let message = format!("network {name} declared as external, but could not be found");
        return missing(wanted.owner, message);
    };
    if wanted.owner != Owner::Project {
        return Ok(None);
    }
    if found.spec.labels.get(labels::PROJECT) != Some(&planner.desired.project) {
        planner.plan.warnings.push(format!(
            "a network with name {name} exists but was not created for project \"{}\". \
             Set `external: true` to use an existing network",
            planner.desired.project
        ));
        return Ok(None);
    }
    let differences = network_differences(&found.spec, &wanted.spec);
    Ok((!differences.is_empty()).then(|| Change::Replace(differences.join(", "))))
}

fn decide_volume(
    planner: &mut Planner<'_>,
    name: &str,
    wanted: &DesiredVolume,
) -> Result<Option<Change>> {
    let Some(found) = planner.observed.volumes.get(name) else {
        return missing(wanted.owner, format!("external volume \"{name}\" not found"));
    };
    if wanted.owner != Owner::Project {
        return Ok(None);
    }
    if found.spec.labels.get(labels::PROJECT) != Some(&planner.desired.project) {
        planner.plan.warnings.push(format!(
            "volume \"{name}\" already exists but was not created for project \"{}\". \
             Use `external: true` to use an existing volume",
            planner.desired.project
        ));
        return Ok(None);
    }
    let differences = volume_differences(&found.spec, &wanted.spec);
    if differences.is_empty() {
        return Ok(None);
    }
    if !planner.options.recreate_volumes {
        let differences = differences.join(", ");
        planner.plan.warnings.push(format!(
            "volume \"{name}\" exists but doesn't match the compose file ({differences}); it is kept"
        ));
        return Ok(None);
    }
    Ok(Some(Change::Replace(differences.join(", "))))
}
