//! Capabilities: names, numbers, and the sets of a program.

use oci_spec::runtime::{Capabilities, Capability, LinuxCapabilities};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::base::{Context, Result};

pub use crate::base::capability::{NAMES, number};

/// What a container has by default: Docker's list without `MKNOD`, `NET_RAW` and `AUDIT_WRITE`.
pub const DEFAULT: [&str; 11] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FOWNER",
    "FSETID",
    "KILL",
    "NET_BIND_SERVICE",
    "SETFCAP",
    "SETGID",
    "SETPCAP",
    "SETUID",
    "SYS_CHROOT",
];

/// The capability as the OCI specification's type; `None`: unknown.
#[must_use]
pub fn named(name: &str) -> Option<Capability> {
    NAMES[usize::from(number(name)?)].parse().ok()
}

/// Every capability there is, as the OCI specification's type.
#[must_use]
pub fn all() -> Capabilities {
    NAMES.iter().filter_map(|name| named(name)).collect()
}

/// One bit for each capability.
fn bits(set: Option<&Capabilities>) -> u64 {
    set.into_iter().flatten().fold(0, |bits, capability| {
        // Every variant of the type is in `NAMES`; a test holds that.
        number(&capability.to_string()).map_or(bits, |number| bits | 1 << number)
    })
}

/// The sets a program starts with, before its user is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sets {
    /// What neither it nor anything it executes can ever have more of.
    pub bounding: u64,
    /// What it has as root.
    pub effective: u64,
    /// What it may raise as root.
    pub permitted: u64,
    /// Kept over `execve` by programs marked for it; empty unless an OCI bundle asks.
    pub inheritable: u64,
    /// Kept over `execve`; empty unless an OCI bundle asks.
    pub ambient: u64,
}

impl Sets {
    /// What a specification says; everything is empty without one.
    #[must_use]
    pub fn new(capabilities: Option<&LinuxCapabilities>) -> Sets {
        let Some(sets) = capabilities else { return Sets::default() };
        Sets {
            bounding: bits(sets.bounding().as_ref()),
            effective: bits(sets.effective().as_ref()),
            permitted: bits(sets.permitted().as_ref()),
            inheritable: bits(sets.inheritable().as_ref()),
            ambient: bits(sets.ambient().as_ref()),
        }
    }

    /// Every capability there is, none of them inheritable.
    #[must_use]
    pub fn all() -> Sets {
        let all = (1 << NAMES.len()) - 1;
        Sets { bounding: all, effective: all, permitted: all, inheritable: 0, ambient: 0 }
    }

    /// These sets as a specification says them.
    #[must_use]
    pub fn to_oci(&self) -> LinuxCapabilities {
        let set = |bits: u64| -> Option<Capabilities> {
            let numbers = (0..NAMES.len()).filter(|number| bits & (1 << number) != 0);
            Some(numbers.filter_map(|number| named(NAMES[number])).collect())
        };
        let mut sets = LinuxCapabilities::default();
        sets.set_bounding(set(self.bounding))
            .set_effective(set(self.effective))
            .set_permitted(set(self.permitted))
            .set_inheritable(set(self.inheritable))
            .set_ambient(set(self.ambient));
        sets
    }

    /// These sets without what this process does not have itself, and the names of what is
    /// missing: it cannot give that away.
    ///
    /// # Errors
    /// The kernel does not say what this process has.
    pub fn possible(&self) -> Result<(Sets, Vec<&'static str>)> {
        let own = rustix::thread::capabilities(None).map_err(std::io::Error::from);
        let own = own.context(|| "cannot read own capabilities".to_owned())?.permitted.bits();
        let wanted = self.bounding | self.permitted;
        let missing = (0..NAMES.len()).filter(|number| wanted & !own & (1 << number) != 0);
        let missing = missing.map(|number| NAMES[number]).collect();
        let sets = Sets {
            bounding: self.bounding & own,
            effective: self.effective & own,
            permitted: self.permitted & own,
            inheritable: self.inheritable & own,
            ambient: self.ambient & own,
        };
        Ok((sets, missing))
    }

    /// Drops from the bounding set all that is not in `bounding`. Needs `CAP_SETPCAP`.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn limit_bounding(&self) -> rustix::io::Result<()> {
        // Also numbers that this program does not know, up to the kernel's last one.
        for number in 0..64 {
            let capability = CapabilitySet::from_bits_retain(1 << number);
            if self.bounding & (1 << number) != 0 {
                continue;
            }
            match rustix::thread::remove_capability_from_bounding_set(capability) {
                Ok(()) => {}
                Err(rustix::io::Errno::INVAL) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Makes these the sets of this process: of permitted and effective nothing unless it runs
    /// as `root`, so that only programs with file capabilities or set-uid gain some.
    ///
    /// # Errors
    /// `EPERM`.
    pub fn apply(&self, root: bool) -> rustix::io::Result<()> {
        rustix::thread::clear_ambient_capability_set()?;
        let kept = if root { u64::MAX } else { self.ambient };
        let set = CapabilitySet::from_bits_retain;
        rustix::thread::set_capabilities(
            None,
            CapabilitySets {
                effective: set(self.effective & kept),
                permitted: set(self.permitted & kept),
                inheritable: set(self.inheritable),
            },
        )?;
        // Others cannot be (capabilities(7)); crun's own configurations name some all the same.
        let ambient = self.ambient & self.permitted & self.inheritable;
        for number in (0..64).filter(|number| ambient & (1 << number) != 0) {
            rustix::thread::configure_capability_in_ambient_set(set(1 << number), true)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_known_to_the_specification() {
        for (position, name) in NAMES.iter().enumerate() {
            let capability = named(&format!("cap_{}", name.to_lowercase())).expect(name);
            let set = [capability].into_iter().collect();
            assert_eq!(bits(Some(&set)), 1 << position, "{name}");
        }
    }

    #[test]
    fn an_unknown_name_has_no_number() {
        assert_eq!((number("CAP_FLY"), number(""), number("CAP_")), (None, None, None));
    }
}
