//! Privileges: capabilities, `security_opt`, hidden paths.

use std::collections::BTreeSet;

use oci_spec::runtime::{Capabilities, LinuxCapabilities};

use crate::base::{Error, Kind, Result};
use crate::resource::limits::Security;
use crate::runtime::{Seccomp, caps, masks};

/// What a container may do.
#[derive(Debug)]
pub(super) struct Privileges {
    pub(super) capabilities: LinuxCapabilities,
    pub(super) no_new_privileges: bool,
    pub(super) seccomp: Seccomp,
    pub(super) masked: Vec<String>,
    pub(super) read_only: Vec<String>,
}

impl Privileges {
    /// Of what was asked for.
    pub(super) fn of(security: &Security) -> Result<Privileges> {
        let owned = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
        let mut privileges = Privileges {
            capabilities: capabilities(security)?,
            no_new_privileges: false,
            seccomp: Seccomp::Default,
            masked: owned(masks::HIDDEN),
            read_only: owned(masks::READ_ONLY),
        };
        for option in &security.options {
            privileges.apply(option)?;
        }
        if security.privileged {
            privileges.unmask();
        }
        Ok(privileges)
    }

    /// One `security_opt`; `:` between name and value is Docker's older way to write it.
    fn apply(&mut self, option: &str) -> Result<()> {
        let invalid = || Error::new(Kind::Invalid, format!("invalid --security-opt: \"{option}\""));
        let (name, value) = match option.find(['=', ':']) {
            Some(at) => (&option[..at], &option[at + 1..]),
            None => (option, ""),
        };
        match (name, value) {
            ("no-new-privileges", "" | "true") => self.no_new_privileges = true,
            ("no-new-privileges", "false") => self.no_new_privileges = false,
            ("seccomp", "unconfined") => self.seccomp = Seccomp::Unconfined,
            ("seccomp", "docker") => self.seccomp = Seccomp::Docker,
            ("seccomp", "default" | "builtin") => self.seccomp = Seccomp::Default,
            ("seccomp", json) if json.trim_start().starts_with('{') => {
                self.seccomp = Seccomp::Profile { json: json.to_owned() };
            }
            ("systempaths", "unconfined") => self.unmask(),
            // The host knows its security modules; without any there is nothing to turn off.
            ("apparmor" | "label", _) => {}
            _ => return Err(invalid()),
        }
        Ok(())
    }

    fn unmask(&mut self) {
        self.masked.clear();
        self.read_only.clear();
    }
}

/// Docker's order: the default, or everything or nothing where `ALL` is added or dropped; then
/// single ones added, then single ones dropped.
fn capabilities(security: &Security) -> Result<LinuxCapabilities> {
    let names = |list: &[String]| -> Result<(bool, BTreeSet<u8>)> {
        let upper = list.iter().map(|name| name.to_ascii_uppercase());
        let all = |name: &String| name == "ALL" || name == "CAP_ALL";
        let (every, single): (Vec<String>, Vec<String>) = upper.partition(all);
        let number = |name: &String| {
            caps::number(name)
                .ok_or_else(|| Error::new(Kind::Invalid, format!("invalid capability: \"{name}\"")))
        };
        Ok((!every.is_empty(), single.iter().map(number).collect::<Result<_>>()?))
    };
    let every = || 0..caps::NAMES.len() as u8;
    let ((add_all, added), (drop_all, dropped)) =
        (names(&security.cap_add)?, names(&security.cap_drop)?);
    let base: BTreeSet<u8> = match (security.privileged || add_all, drop_all) {
        (true, _) => every().collect(),
        (false, true) => BTreeSet::new(),
        (false, false) => caps::DEFAULT.iter().filter_map(|name| caps::number(name)).collect(),
    };
    let kept = base.union(&added).filter(|number| security.privileged || !dropped.contains(number));
    let kept: Capabilities =
        kept.filter_map(|number| caps::named(caps::NAMES[usize::from(*number)])).collect();
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(kept.clone()))
        .set_effective(Some(kept.clone()))
        .set_permitted(Some(kept))
        // Empty, or programs could gain them with file capabilities (CVE-2022-24769).
        .set_inheritable(None)
        .set_ambient(None);
    Ok(sets)
}
