//! The process's side: one thread, one container.

use std::io::{self, BufRead};
use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;

use oci_spec::runtime::LinuxNamespaceType;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::process::{WaitId, WaitIdOptions, WaitIdStatus};

use crate::base::{Context, Error, Result};
use crate::runtime::root::Root;
use crate::runtime::rootfs;
use crate::runtime::{self, Cgroup, Namespace, Rootfs, Setup, Started, Stdio};
use crate::sys::{mount, netns};

use super::{Graft, Order, Report, TreeSource};

/// Runs the step that standard input describes, and exits as its program did.
#[must_use]
pub fn main() -> ExitCode {
    let mut line = String::new();
    let order: Order =
        match io::stdin().lock().read_line(&mut line).map(|_| serde_json::from_str(&line)) {
            Ok(Ok(order)) => order,
            _ => return ExitCode::FAILURE,
        };
    drop(line);
    match run(&order) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let report = Report { message: error.to_string() };
            // Without the report the builder says that the step ended before it began.
            let _ = serde_json::to_vec(&report).map(|text| std::fs::write(&order.report, text));
            ExitCode::FAILURE
        }
    }
}

fn run(order: &Order) -> Result<u8> {
    nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWNS)
        .map_err(io::Error::from)
        .and_then(|()| mount::change_all_propagation(libc::MS_PRIVATE))
        .context(|| "cannot make a mount namespace".to_owned())?;
    for graft in &order.grafts {
        attach(graft)?;
    }
    let cgroup = Cgroup::create(&order.bundle.cgroup(), &order.bundle.resources())?;
    let result = contained(order, &cgroup);
    // What the step left running ends with it; nothing of it may outlive the build.
    let killed = cgroup.kill().and_then(|()| cgroup.remove());
    result.and_then(|code| killed.map(|()| code))
}

fn contained(order: &Order, cgroup: &Cgroup) -> Result<u8> {
    let network = match order.bundle.spec.linux().as_ref().and_then(|it| it.namespaces().as_ref()) {
        Some(all) if all.iter().any(|it| it.typ() == LinuxNamespaceType::Network) => {
            Some(loopback().context(|| "cannot make a network namespace".to_owned())?)
        }
        _ => None,
    };
    let namespaces: Vec<Namespace<'_>> = network
        .iter()
        .map(|fd| Namespace { kind: LinuxNamespaceType::Network, fd: fd.as_fd() })
        .collect();
    let started = start(order, cgroup, &namespaces)?;
    wait(&started)
}

fn start(order: &Order, cgroup: &Cgroup, namespaces: &[Namespace<'_>]) -> Result<Started> {
    let null = rustix::fs::open("/dev/null", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let null = null.map_err(io::Error::from).context(|| "cannot open /dev/null".to_owned())?;
    let (stdout, stderr) = (io::stdout(), io::stderr());
    let stdio =
        Stdio::Pipes { stdin: null.as_fd(), stdout: stdout.as_fd(), stderr: stderr.as_fd() };
    runtime::start(&order.bundle, &Setup { cgroup, namespaces, mounts: &[], stdio })
}

/// A namespace in which nothing but the loopback device is up.
fn loopback() -> io::Result<OwnedFd> {
    let namespace = netns::create()?;
    crate::network::attach(&[], namespace.as_fd()).map_err(io::Error::other)?;
    Ok(namespace)
}

/// Waits for the program, or for the builder to go away: then the program goes too.
fn wait(started: &Started) -> Result<u8> {
    let stdin = io::stdin();
    loop {
        let mut events =
            [PollFd::new(&started.pidfd, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        match poll(&mut events, None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Error::other("cannot wait for a build step").with_source(error));
            }
        }
        if !events[1].revents().is_empty() {
            // It may have ended by itself just now.
            let _ =
                rustix::process::pidfd_send_signal(&started.pidfd, rustix::process::Signal::KILL);
        }
        if !events[0].revents().is_empty() || !events[1].revents().is_empty() {
            return reap(started);
        }
    }
}

fn reap(started: &Started) -> Result<u8> {
    let status =
        rustix::process::waitid(WaitId::PidFd(started.pidfd.as_fd()), WaitIdOptions::EXITED)
            .map_err(io::Error::from)
            .context(|| "cannot wait for a build step".to_owned())?;
    Ok(status.as_ref().map_or(1, code))
}

/// As shells count: a signal is 128 and its number.
fn code(status: &WaitIdStatus) -> u8 {
    let exited = status.exit_status();
    let signalled = status.terminating_signal().map(|signal| 128 + signal);
    exited.or(signalled).map_or(1, |code| (code & 0xff) as u8)
}

/// Shows a file or directory of a tree at its point. The path is walked inside the tree, and what
/// is mounted is what the walk found, whatever happens to names meanwhile (CVE-2024-23651).
fn attach(graft: &Graft) -> Result<()> {
    let describe = || format!("cannot mount {}", graft.source.display());
    let tree = match &graft.tree {
        TreeSource::Directory(path) => {
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            rustix::fs::openat(CWD, path, flags, Mode::empty())
                .map_err(io::Error::from)
                .context(describe)?
        }
        TreeSource::Layers { lowers, upper, work } => rootfs::make(&Rootfs::Overlay {
            lowers: lowers.clone(),
            upper: Some(upper.clone()),
            work: Some(work.clone()),
            volatile: true,
        })?,
    };
    // A detached mount can only be copied from Linux 6.15 on, an attached one always.
    let base = graft.point.with_extension("tree");
    if matches!(graft.tree, TreeSource::Layers { .. }) {
        let at = make_point(&base, true).context(describe)?;
        mount::attach(tree.as_fd(), at.as_fd()).context(describe)?;
    }
    let found = Root::new(tree).open(&graft.source, OFlags::PATH).context(describe)?;
    let stat = rustix::fs::fstat(&found).map_err(io::Error::from).context(describe)?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let point = make_point(&graft.point, is_directory).context(describe)?;
    let copy = mount::copy(found.as_fd(), "", false).context(describe)?;
    mount::attach(copy.as_fd(), point.as_fd()).context(describe)
}

fn make_point(path: &std::path::Path, directory: bool) -> io::Result<OwnedFd> {
    match directory {
        true => std::fs::create_dir_all(path)?,
        false => drop(std::fs::File::create(path)?),
    }
    Ok(rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?)
}
