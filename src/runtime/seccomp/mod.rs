//! System call filters: profiles in Docker's or OCI's form, compiled to BPF by ourselves.
//!
//! `profile` reads a profile and applies its conditions; `compile` makes the program: the
//! architecture is checked, then a binary search over ranges of system call numbers ends in an
//! action or in comparisons of arguments. System calls newer than a profile answer `ENOSYS`, not
//! `EPERM`: a C library takes that for "not there" and falls back.

mod compile;
mod evaluate;
mod notify;
mod profile;
mod syscalls;
#[cfg(test)]
mod tests;

use oci_spec::runtime::LinuxSeccomp;

use crate::base::{Context, Error, Kind, Result};
use crate::sys::seccomp::Instruction;

use super::bundle::Seccomp;
pub use notify::Listener;
use profile::Profile;
pub use profile::{Facts, Filter};

/// Docker's default profile, unchanged (Apache-2.0, from the moby project).
const DEFAULT: &str = include_str!("default.json");

/// A compiled filter, ready to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The instructions.
    pub instructions: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: u64,
}

/// The filter that a bundle asks for; `None`: unconfined.
///
/// # Errors
/// [`Kind::Invalid`] for a profile that cannot be read or names something unknown.
pub fn program(
    choice: &Seccomp,
    oci: Option<&LinuxSeccomp>,
    facts: &Facts,
) -> Result<Option<Program>> {
    let filter = match (oci, choice) {
        (Some(oci), _) => Filter::from_oci(oci),
        (None, Seccomp::Unconfined) => return Ok(None),
        (None, Seccomp::Default) => profile::stricter(parse(DEFAULT)?).resolve(facts),
        (None, Seccomp::Docker) => parse(DEFAULT)?.resolve(facts),
        (None, Seccomp::Profile { json }) => parse(json)?.resolve(facts),
    };
    let instructions = compile::compile(&filter)?;
    if instructions.len() > 4096 {
        return Err(Error::new(Kind::Invalid, "the seccomp profile is too large for the kernel"));
    }
    Ok(Some(Program { instructions, flags: filter.flags }))
}

/// The profile that a bundle asks for, for a runtime that compiles it itself; `None`: unconfined.
/// In place of our default that is Docker's: what is stricter in ours rests on the order of rules,
/// which theirs do not have.
///
/// # Errors
/// [`Kind::Invalid`] for a profile that cannot be read.
pub fn for_others(choice: &Seccomp, facts: &Facts) -> Result<Option<LinuxSeccomp>> {
    let profile = match choice {
        Seccomp::Unconfined => return Ok(None),
        Seccomp::Default | Seccomp::Docker => parse(DEFAULT)?,
        Seccomp::Profile { json } => parse(json)?,
    };
    Ok(Some(profile.to_oci(facts)))
}

fn parse(json: &str) -> Result<Profile> {
    serde_json::from_str(json)
        .map_err(|error| Error::new(Kind::Invalid, "invalid seccomp profile").with_source(error))
        .context(|| "cannot decode the seccomp profile".to_owned())
}
