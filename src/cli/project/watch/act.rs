//! Doing what changed files ask for.

use std::collections::BTreeSet;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::base::{ContainerId, Context as _, Error, Kind};
use crate::cli::app::selection::{is_one_off, service_of};
use crate::cli::plans::prepare::{Bring, up_options};
use crate::cli::plans::run_plan::Carry;
use crate::cli::project::watch::archive;
use crate::cli::project::watch::work::Work;
use crate::cli::{Context, Failure, Result};
use crate::compose::model::Hook;
use crate::engine::{CopyOptions, Engine, Exec as _, ExecStdio, StopOptions};
use crate::plan::{self, Selection};
use crate::resource::container::State;
use crate::resource::process::ExecSpec;

/// What is shown of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Acting {
    /// Nothing of builds (`--quiet`).
    pub quiet_build: bool,
    /// Nothing of steps either: the screen belongs to the containers' output.
    pub calm: bool,
    /// Images that a rebuild leaves without a name are removed.
    pub prune: bool,
}

/// Does what is to be done for a service.
///
/// # Errors
/// A build fails, a file cannot be copied, a command in a container fails.
pub async fn act<E: Engine>(
    cx: &Context<E>,
    service: &str,
    work: &Work,
    how: Acting,
) -> Result<()> {
    if work.rebuild {
        say(cx, &format!("Rebuilding service(s) [{service:?}] after changes were detected..."))?;
        rebuild(cx, service, how).await?;
        return say(cx, &format!("service(s) [{service:?}] successfully built"));
    }
    if !work.copies.is_empty() {
        let (changes, were) = match work.changes {
            1 => (1, "change was"),
            changes => (changes, "changes were"),
        };
        say(cx, &format!("Syncing service {service:?} after {changes} {were} detected"))?;
        for container in containers(cx, service, |_| true).await? {
            bring(cx, &container, work).await?;
        }
    }
    for hook in &work.commands {
        for container in containers(cx, service, |state| state == State::Running).await? {
            command(cx, service, &container, hook).await?;
        }
    }
    if work.restart {
        restart(cx, service, how).await?;
        say(cx, &format!("service(s) [{service:?}] restarted"))?;
    }
    Ok(())
}

/// A line about watching, among the containers' lines (Docker Compose: the same sign).
///
/// # Errors
/// Standard error cannot be written to.
pub fn say(cx: &Context<impl Engine>, text: &str) -> Result<()> {
    Ok(cx.output().say_line(format!("        ⦿ {text}"))?)
}

async fn containers<E: Engine>(
    cx: &Context<E>,
    service: &str,
    fits: impl Fn(State) -> bool,
) -> Result<Vec<ContainerId>> {
    let observed = cx.observe(&cx.project()?.name, Vec::new()).await?;
    let wanted = observed
        .containers
        .iter()
        .filter(|it| service_of(it) == service && !is_one_off(it) && fits(it.status.state));
    Ok(wanted.map(|container| container.id.clone()).collect())
}

async fn rebuild<E: Engine>(cx: &Context<E>, service: &str, how: Acting) -> Result<()> {
    let services = vec![service.to_owned()];
    let bring = Bring {
        operation: "watch",
        services: services.clone(),
        no_deps: true,
        build: Some(true),
        quiet_build: how.quiet_build || how.calm,
        quiet_pull: how.calm,
        ..Bring::default()
    };
    let before = cx.observe(&cx.project()?.name, Vec::new()).await?;
    let ready = bring.ready(cx).await?;
    let Some(desired) = &ready.desired else { return Ok(()) };
    let mut options = up_options(cx, &services, false)?;
    options.ignore_orphans = true;
    let plan = cx.plan_up(desired, &ready, &mut options, true).await?;
    let (quiet, lock) = (how.calm, Some(&ready.lock));
    cx.carry_out(&plan, Carry { operation: "watch", quiet, lock, ..Carry::default() }).await?;
    ready.lock.release();
    let images = before.containers.iter().filter(|it| service_of(it) == service);
    let images: BTreeSet<_> = images.filter_map(|it| it.spec.image_id.clone()).collect();
    for image in images.iter().filter(|_| how.prune) {
        let nameless = cx.images()?.list()?.iter().any(|it| it.id == *image && it.tags.is_empty());
        if nameless {
            // Another container may still use it.
            let _ = cx.engine()?.remove_image(&image.to_string()).await;
        }
    }
    Ok(())
}

async fn restart<E: Engine>(cx: &Context<E>, service: &str, how: Acting) -> Result<()> {
    let project = cx.project()?.name.clone();
    let lock = cx.lock_project(&project, "watch").await?;
    let observed = cx.observe(&project, Vec::new()).await?;
    let selection = Selection { project, services: BTreeSet::from([service.to_owned()]) };
    let plan = plan::restart(&observed, &selection, None, true);
    let (quiet, lock) = (how.calm, Some(&lock));
    cx.carry_out(&plan, Carry { operation: "restart", quiet, lock, ..Carry::default() }).await?;
    Ok(())
}

/// Copies files into a container, whatever it is doing. One that waits to be started again by its
/// policy is stopped for that, since its program may end for want of just these files.
async fn bring<E: Engine>(cx: &Context<E>, id: &ContainerId, work: &Work) -> Result<()> {
    match copy(cx, id, work).await {
        Err(Failure::Error(error)) if error.kind() == Kind::Conflict => {
            let engine = cx.engine()?;
            let options = StopOptions { grace: Some(Duration::ZERO), ..StopOptions::default() };
            engine.stop_container(id, &options).await?;
            copy(cx, id, work).await?;
            engine.start_container(id).await?;
            Ok(())
        }
        done => done,
    }
}

/// Copies files that exist, and removes those that do not.
async fn copy<E: Engine>(cx: &Context<E>, id: &ContainerId, work: &Work) -> Result<()> {
    let (there, gone): (Vec<_>, Vec<_>) =
        work.copies.iter().partition(|(_, path)| path.symlink_metadata().is_ok());
    let engine = cx.engine()?;
    if !gone.is_empty() {
        let paths: Vec<String> = gone.into_iter().map(|(target, _)| target.clone()).collect();
        engine.remove_files(id, &paths).await?;
    }
    if !there.is_empty() {
        let archive = archive::pack(&there)?;
        let mut file = memory("archive")?;
        file.write_all(&archive).context(|| "cannot keep an archive in memory".to_owned())?;
        file.seek(SeekFrom::Start(0)).context(|| "cannot read an archive".to_owned())?;
        engine.copy_in(id, "/", file.into(), &CopyOptions::default()).await?;
    }
    Ok(())
}

async fn command<E: Engine>(
    cx: &Context<E>,
    service: &str,
    id: &ContainerId,
    hook: &Hook,
) -> Result<()> {
    let variable = |(name, value): (&String, &Option<String>)| match value {
        Some(value) => format!("{name}={value}"),
        None => name.clone(),
    };
    let env: Vec<String> = hook.environment.iter().map(variable).collect();
    let spec = ExecSpec {
        argv: hook.command.clone().unwrap_or_default(),
        env: cx.variables(&env),
        cwd: hook.working_dir.clone(),
        user: hook.user.clone(),
        privileged: hook.privileged,
        tty: false,
    };
    let name = spec.argv.join(" ");
    let (code, text) = run(cx, id, spec).await?;
    for line in text.lines() {
        say(cx, &format!("{service}: {line}"))?;
    }
    match code {
        0 => Ok(()),
        code => Err(Error::other(format!("`{name}` in the container ended with {code}")).into()),
    }
}

/// Runs a program in a container; its exit code, and all it printed.
async fn run<E: Engine>(
    cx: &Context<E>,
    id: &ContainerId,
    spec: ExecSpec,
) -> Result<(i32, String)> {
    let mut said = memory("output")?;
    let copy =
        || said.try_clone().map(OwnedFd::from).context(|| "cannot copy a descriptor".to_owned());
    let stdio = ExecStdio::Pipes([null()?, copy()?, copy()?]);
    let mut exec = cx.engine()?.exec(id, &spec, stdio).await?;
    let code = exec.wait().await?;
    let mut text = Vec::new();
    said.seek(SeekFrom::Start(0)).context(|| "cannot read what a program printed".to_owned())?;
    said.read_to_end(&mut text).context(|| "cannot read what a program printed".to_owned())?;
    Ok((code, String::from_utf8_lossy(&text).into_owned()))
}

/// A file without a name.
fn memory(name: &str) -> Result<std::fs::File> {
    let file = rustix::fs::memfd_create(name, rustix::fs::MemfdFlags::CLOEXEC)
        .map_err(std::io::Error::from)
        .context(|| "cannot make a file in memory".to_owned())?;
    Ok(file.into())
}

fn null() -> Result<OwnedFd> {
    let file = std::fs::File::open("/dev/null").context(|| "cannot open /dev/null".to_owned())?;
    Ok(file.into())
}
