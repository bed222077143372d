//! Containers' records and lives, apart from starting them.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::base::{ContainerId, Context, Error, Kind, Result};
use crate::engine::{RemoveOptions, StopOptions};
use crate::resource::event::{Event, EventKind};
use crate::resource::mount::MountSource;
use crate::resource::{ContainerSpec, Update, VolumeSpec};
use crate::runtime::{Bundle, Cgroup};
use crate::shim::protocol::Request;
use crate::shim::{self, alive, client, log};
use crate::state::{self, ContainerDir, Durability, Lock, roots::make_dir};

use super::observe::{self, FORMAT, Record};
use super::resolve::resolve;
use super::{Host, foreign, inherit, names, networks, volumes};

/// How long a killed container may take to be gone.
const PATIENCE: Duration = Duration::from_secs(20);

/// Permission bits of a container's `/` (Docker: the same).
const ROOT_MODE: u32 = 0o755;

/// Makes a container: everything is prepared aside and put in place by one rename, then named.
pub(super) fn create(host: &Host, mut spec: ContainerSpec) -> Result<ContainerId> {
    let roots = host.roots();
    // Cleaning up after dead processes waits while containers are being made.
    let _lock = Lock::wait_shared(&roots.lock("containers"))?;
    log::Options::parse(&spec.log)?;
    foreign::program(&spec)?;
    let id = random_id()?;
    names::take(roots, &spec.name, &id)?;
    let result = inherit::mounts(host, &mut spec)
        .and_then(|()| name_anonymous_volumes(&mut spec))
        .and_then(|()| make_volumes(host, &spec))
        .and_then(|()| put_in_place(host, &id, &spec))
        .and_then(|()| networks::register_names(host, &id, &spec));
    match result {
        Ok(()) => host.tell("create", &id, &spec),
        Err(_) => names::free(roots, &spec.name, &id)?,
    }
    result.map(|()| id)
}

/// Writes the container's directory aside, then renames it.
fn put_in_place(host: &Host, id: &ContainerId, spec: &ContainerSpec) -> Result<()> {
    let roots = host.roots();
    let (aside, place) = (roots.tmp().join(id.as_str()), roots.container(id));
    let prepared = ContainerDir::new(aside.clone(), place.run().to_owned());
    for dir in [&prepared.upper(), &prepared.work(), &prepared.log_dir()] {
        make_dir(dir)?;
    }
    // The overlay shows the upper directory's mode as that of `/`; ours is closed to others.
    let open = fs::Permissions::from_mode(ROOT_MODE);
    fs::set_permissions(prepared.upper(), open)
        .context(|| format!("cannot create container {}", spec.name))?;
    make_dir(&prepared.etc(""))?;
    let record = Record { format: FORMAT, created_at: Timestamp::now(), spec: spec.clone() };
    state::write(&prepared.spec(), &record, Durability::Process)?;
    fs::rename(&aside, place.data()).context(|| format!("cannot create container {}", spec.name))
}

/// Gives every anonymous volume without a name one of 64 random digits.
fn name_anonymous_volumes(spec: &mut ContainerSpec) -> Result<()> {
    for mount in &mut spec.mounts {
        if let MountSource::Volume { name, anonymous: true, .. } = &mut mount.source
            && name.is_empty()
        {
            *name = random_id()?.to_string();
        }
    }
    Ok(())
}

/// Makes missing volumes. The container's first start fills empty ones from its image.
fn make_volumes(host: &Host, spec: &ContainerSpec) -> Result<()> {
    for mount in spec.all_mounts() {
        let MountSource::Volume { name, anonymous, labels, .. } = &mount.source else { continue };
        let wanted = VolumeSpec {
            name: name.clone(),
            anonymous: *anonymous,
            labels: labels.clone(),
            ..VolumeSpec::default()
        };
        volumes::create(host, &wanted)?;
    }
    Ok(())
}

/// Stops a container, and returns when its processes are gone.
pub(super) fn stop(host: &Host, id: &ContainerId, options: &StopOptions) -> Result<()> {
    let grace_ms = options.grace.map(|grace| i64::try_from(grace.as_millis()).unwrap_or(i64::MAX));
    let request = match options.until_boot {
        true => Request::Terminate,
        false => Request::Stop { signal: options.signal.clone(), grace_ms, keep: options.keep },
    };
    ignore_stopped(client::request(&host.roots().container(id), &request).map(drop))
}

/// Sends a signal to a container's first process.
pub(super) fn kill(host: &Host, id: &ContainerId, signal: String) -> Result<()> {
    client::request(&host.roots().container(id), &Request::Kill { signal }).map(drop)
}

/// Freezes or thaws a container.
pub(super) fn pause(host: &Host, id: &ContainerId, paused: bool) -> Result<()> {
    let request = if paused { Request::Pause } else { Request::Resume };
    client::request(&host.roots().container(id), &request).map(drop)
}

/// Gives a container another name.
pub(super) fn rename(host: &Host, id: &ContainerId, name: &str) -> Result<()> {
    let roots = host.roots();
    let path = roots.container(id).spec();
    let record: Option<Record> = state::read(&path)?;
    let mut record = record.ok_or_else(|| missing(id))?;
    if record.spec.name == name {
        let message = "Renaming a container with the same name as its current name";
        return Err(Error::new(Kind::Invalid, message));
    }
    names::take(roots, name, id)?;
    let old = std::mem::replace(&mut record.spec.name, name.to_owned());
    state::write(&path, &record, Durability::Process)?;
    networks::rename(host, id, &record.spec, &old)?;
    host.announce(
        &Event::now(EventKind::Container, "rename", id.as_str())
            .about(&record.spec)
            .with("oldName", format!("/{old}")),
    );
    names::free(roots, &old, id)
}

/// Changes limits and the restart policy: of the processes that run, then of the record.
pub(super) fn update(host: &Host, id: &ContainerId, update: &Update) -> Result<()> {
    let dir = host.roots().container(id);
    let record: Option<Record> = state::read(&dir.spec())?;
    let mut record = record.ok_or_else(|| missing(id))?;
    update.apply(&mut record.spec)?;
    let spec = &record.spec;
    if observe::settled(&dir)?.state.is_active() {
        let bundle: Option<Bundle> = state::read(&dir.bundle())?;
        let cgroup = bundle.map(|bundle| Cgroup::open(&bundle.cgroup()?)).transpose()?.flatten();
        if let Some(mut cgroup) = cgroup {
            cgroup.update(&resolve(host, id, spec)?.resources())?;
        }
        let request = Request::Update { restart: spec.restart };
        ignore_stopped(client::request(&dir, &request).map(drop))?;
    }
    state::write(&dir.spec(), &record, Durability::Process)?;
    host.tell("update", id, &record.spec);
    Ok(())
}

/// Removes a container: it is gone with one rename, its files are deleted after that.
pub(super) fn remove(host: &Host, id: &ContainerId, options: RemoveOptions) -> Result<()> {
    let roots = host.roots();
    let dir = roots.container(id);
    let Some(record) = state::read::<Record>(&dir.spec())? else { return Ok(()) };
    let spec = record.spec;
    let _lock = end(&dir, id, &spec, options.force)?;
    let gone = roots.gc().join(id.as_str());
    names::free(roots, &spec.name, id)?;
    match fs::rename(dir.data(), &gone) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        renamed => renamed.context(|| format!("cannot remove container {}", spec.name))?,
    }
    host.tell("destroy", id, &spec);
    networks::forget_names(host, id, &spec)?;
    delete(dir.run())?;
    delete(&gone)?;
    match options.volumes {
        true => remove_anonymous_volumes(host, &spec),
        false => Ok(()),
    }
}

/// The lock of a container without a shim, so that none can start it any more. A shim that has
/// not started its program yet belongs to a command that was killed: it is ended.
///
/// # Errors
/// [`Kind::Conflict`] when the container runs and `force` is not given.
fn end(dir: &ContainerDir, id: &ContainerId, spec: &ContainerSpec, force: bool) -> Result<Lock> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(lock) = alive::take(dir)? {
            // It may have died since this command looked at all containers.
            shim::end_processes(dir, id, &lock)?;
            return Ok(lock);
        }
        if !force && observe::status(dir)?.state.is_active() {
            let message = format!(
                "cannot remove container \"{}\": container is running: stop the container before removing or force remove",
                spec.name
            );
            return Err(Error::new(Kind::Conflict, message));
        }
        let signal = Some("SIGKILL".to_owned());
        let kill = Request::Stop { signal, grace_ms: Some(0), keep: false };
        ignore_stopped(client::request(dir, &kill).map(drop))?;
        if Instant::now() > deadline {
            return Err(Error::new(
                Kind::TimedOut,
                format!("container {} does not end", spec.name),
            ));
        }
        // Between its lock and its socket, or between its answer and its end.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Removes the anonymous volumes of a removed container; those another one inherited stay.
fn remove_anonymous_volumes(host: &Host, spec: &ContainerSpec) -> Result<()> {
    for mount in spec.all_mounts() {
        if let MountSource::Volume { name, anonymous: true, .. } = &mount.source {
            match volumes::remove(host, name) {
                Err(error) if error.kind() == Kind::Conflict => {}
                removed => removed?,
            }
        }
    }
    Ok(())
}

/// Tells those who follow events what was done with a container.
pub(super) fn tell(host: &Host, id: &ContainerId, action: &str) -> Result<()> {
    let record: Option<Record> = state::read(&host.roots().container(id).spec())?;
    host.tell(action, id, &record.ok_or_else(|| missing(id))?.spec);
    Ok(())
}

/// Processes of a running container, by their ids on the host.
pub(super) fn processes(host: &Host, id: &ContainerId) -> Result<Vec<i32>> {
    let status = observe::status(&host.roots().container(id))?;
    if !status.state.is_active() {
        return Err(Error::new(Kind::NotFound, format!("container {} is not running", id.short())));
    }
    let bundle: Option<Bundle> = state::read(&host.roots().container(id).bundle())?;
    let cgroup = bundle.map(|bundle| Cgroup::open(&bundle.cgroup()?)).transpose()?.flatten();
    let pids = cgroup.map(|cgroup| cgroup.processes()).transpose()?.unwrap_or_default();
    tell(host, id, "top")?;
    Ok(pids.into_iter().map(|pid| pid.as_raw_nonzero().get()).collect())
}

/// Deletes a directory that nobody can find any more.
pub(super) fn delete(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).context(|| format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// A container that does not run counts as stopped.
pub(super) fn ignore_stopped(result: Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == Kind::NotFound => Ok(()),
        result => result,
    }
}

/// The sentence for an unknown container (Docker: the same words).
pub(super) fn missing(id: &ContainerId) -> Error {
    Error::new(Kind::NotFound, format!("No such container: {id}"))
}

/// 64 random digits that are fit for a container's id.
pub(super) fn random_id() -> Result<ContainerId> {
    loop {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)
            .map_err(|error| Error::other(format!("the kernel gives no random bytes: {error}")))?;
        if let Some(id) = ContainerId::from_random(bytes) {
            return Ok(id);
        }
    }
}
