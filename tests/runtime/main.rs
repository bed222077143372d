//! Real containers, started through the runtime and looked at from inside.
//!
//! Needs root and a static busybox (`apt-get install busybox-static`). Has a `main` of its own
//! because the runtime must be called by a process with one thread; it runs in mount and network
//! namespaces of its own, in which every mount is shared, so that whatever leaks from a container
//! shows up.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod attacks;
#[path = "../support/cgroup.rs"]
mod cgroup;
mod container;
mod exec;
mod inodes;
mod inside;
mod limits;
mod mounts;
mod program;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};

type Test = (&'static str, fn());

fn main() -> ExitCode {
    let mut filters = Vec::new();
    let mut exact = false;
    let mut list = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--exact" => exact = true,
            "--list" => list = true,
            option if option.starts_with('-') => {}
            filter => filters.push(filter.to_owned()),
        }
    }
    let tests: Vec<Test> = [
        attacks::TESTS,
        inodes::TESTS,
        inside::TESTS,
        program::TESTS,
        mounts::TESTS,
        limits::TESTS,
        exec::TESTS,
    ]
    .concat()
    .into_iter()
    .filter(|(name, _)| {
        filters.is_empty()
            || filters.iter().any(|filter| match exact {
                true => filter == name,
                false => name.contains(filter.as_str()),
            })
    })
    .collect();
    if list {
        tests.iter().for_each(|(name, _)| println!("{name}: test"));
        return ExitCode::SUCCESS;
    }
    enter_namespaces();
    run(&tests)
}

/// Whatever a container leaks into this namespace stays in it.
fn enter_namespaces() {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET)
        .expect("these tests need root, and fail without");
    let private = rustix::mount::MountPropagationFlags::PRIVATE;
    let shared = rustix::mount::MountPropagationFlags::SHARED;
    let all = rustix::mount::MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private | all).expect("mounts can be made private");
    rustix::mount::mount_change("/", shared | all).expect("mounts can be made shared");
}

fn run(tests: &[Test]) -> ExitCode {
    println!("\nrunning {} tests", tests.len());
    let mut failed = 0;
    let before = mount_table();
    for (name, test) in tests {
        let passed = catch_unwind(AssertUnwindSafe(test)).is_ok();
        println!("test {name} ... {}", if passed { "ok" } else { "FAILED" });
        failed += usize::from(!passed);
    }
    if mount_table() != before {
        println!("mounts leaked:\n{}", mount_table());
        failed += 1;
    }
    println!("\ntest result: {failed} failed of {}", tests.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn mount_table() -> String {
    std::fs::read_to_string("/proc/self/mountinfo").expect("mounts can be read")
}
