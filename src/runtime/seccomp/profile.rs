//! Profiles: what is written in JSON, and what is left of it for one container.

use std::collections::BTreeMap;

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompFilterFlag, LinuxSeccompOperator, LinuxSyscall,
};
use serde::Deserialize;

/// A profile in Docker's format: OCI's, and conditions on rules.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    default_action: LinuxSeccompAction,
    default_errno_ret: Option<u32>,
    #[serde(default)]
    architectures: Option<Vec<Arch>>,
    #[serde(default)]
    arch_map: Option<Vec<ArchMap>>,
    #[serde(default)]
    flags: Option<Vec<LinuxSeccompFilterFlag>>,
    #[serde(default)]
    syscalls: Option<Vec<ProfileRule>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ArchMap {
    architecture: Arch,
    #[serde(default)]
    sub_architectures: Option<Vec<Arch>>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProfileRule {
    #[serde(default)]
    names: Vec<String>,
    /// The older way to write a single name.
    #[serde(default)]
    name: Option<String>,
    action: LinuxSeccompAction,
    #[serde(default)]
    errno_ret: Option<u32>,
    #[serde(default)]
    args: Option<Vec<Comparison>>,
    #[serde(default)]
    includes: Option<Conditions>,
    #[serde(default)]
    excludes: Option<Conditions>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Conditions {
    caps: Option<Vec<String>>,
    arches: Option<Vec<String>>,
    min_kernel: Option<String>,
}

/// A comparison of one argument, a number of 64 bits without a sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// Which argument, 0 to 5.
    pub index: usize,
    /// What it is compared with; the mask of a masked comparison.
    pub value: u64,
    /// What is left of the argument under a mask; `None`: 0.
    #[serde(default)]
    pub value_two: Option<u64>,
    /// How.
    pub op: LinuxSeccompOperator,
}

impl From<&LinuxSeccompArg> for Comparison {
    fn from(argument: &LinuxSeccompArg) -> Comparison {
        Comparison {
            index: argument.index(),
            value: argument.value(),
            value_two: argument.value_two(),
            op: argument.op(),
        }
    }
}

/// What conditions ask about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Capabilities of the container, one bit each.
    pub capabilities: u64,
    /// The kernel's version, as in `(6, 18)`.
    pub kernel: (u32, u32),
}

/// A profile with its conditions applied: what `compile` takes.
#[derive(Clone, Debug)]
pub struct Filter {
    /// For system calls without a rule: a `SECCOMP_RET_*` value.
    pub default: u32,
    /// Whether i386 programs may run on x86-64.
    pub allow_i386: bool,
    /// In order; of those for one system call, the first whose comparisons hold applies.
    pub rules: Vec<Rule>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: u64,
}

/// What happens to some system calls.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Names of the system calls; those that this machine does not have are skipped.
    pub names: Vec<String>,
    /// All of them must hold.
    pub comparisons: Vec<Comparison>,
    /// A `SECCOMP_RET_*` value.
    pub action: u32,
}

/// The architecture's name in conditions, as Go spells it.
const ARCHITECTURE: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };

/// The architecture's name in `archMap`.
const NATIVE: Arch =
    if cfg!(target_arch = "aarch64") { Arch::ScmpArchAarch64 } else { Arch::ScmpArchX86_64 };

impl Profile {
    /// Applies the conditions (Docker: `setupSeccomp` in `profiles/seccomp`).
    #[must_use]
    pub fn resolve(&self, facts: &Facts) -> Filter {
        let arches = self.arches();
        let rules = self.syscalls.iter().flatten().filter(|rule| rule.applies(facts));
        Filter {
            default: self.default_action.as_u32(self.default_errno_ret),
            allow_i386: arches.contains(&Arch::ScmpArchX86),
            rules: rules.flat_map(ProfileRule::rules).collect(),
            flags: flag_bits(self.flags.as_deref()),
        }
    }

    /// The same in the specification's words, which have no conditions.
    #[must_use]
    pub fn to_oci(&self, facts: &Facts) -> LinuxSeccomp {
        let rules = self.syscalls.iter().flatten().filter(|rule| rule.applies(facts));
        let mut arches = self.arches();
        if !arches.is_empty() && !arches.contains(&NATIVE) {
            arches.insert(0, NATIVE);
        }
        let mut seccomp = LinuxSeccomp::default();
        seccomp
            .set_default_action(self.default_action)
            .set_default_errno_ret(self.default_errno_ret)
            .set_architectures(Some(arches))
            .set_flags(self.flags.clone())
            .set_syscalls(Some(rules.map(ProfileRule::to_oci).collect()));
        seccomp
    }

    /// What is filtered besides what the kernel calls its own.
    fn arches(&self) -> Vec<Arch> {
        let mut arches = self.architectures.clone().unwrap_or_default();
        for entry in self.arch_map.iter().flatten().filter(|entry| entry.architecture == NATIVE) {
            arches.extend(entry.sub_architectures.iter().flatten());
        }
        arches
    }
}

impl ProfileRule {
    fn to_oci(&self) -> LinuxSyscall {
        let argument = |comparison: &Comparison| {
            LinuxSeccompArgBuilder::default()
                .index(comparison.index)
                .value(comparison.value)
                .value_two(comparison.value_two.unwrap_or(0))
                .op(comparison.op)
                .build()
                .ok()
        };
        let arguments = self.args.iter().flatten().filter_map(argument);
        let mut call = LinuxSyscall::default();
        call.set_names(self.names.iter().chain(&self.name).cloned().collect())
            .set_action(self.action)
            .set_errno_ret(self.errno_ret)
            .set_args(Some(arguments.collect()));
        call
    }

    fn applies(&self, facts: &Facts) -> bool {
        let included = self.includes.as_ref().is_none_or(|needs| needs.all_hold(facts));
        let excluded = self.excludes.as_ref().is_some_and(|bans| bans.any_holds(facts));
        included && !excluded
    }

    fn rules(&self) -> Vec<Rule> {
        let names: Vec<String> = self.names.iter().chain(&self.name).cloned().collect();
        let action = self.action.as_u32(self.errno_ret);
        rules(&names, action, self.args.as_deref().unwrap_or_default())
    }
}

impl Conditions {
    fn all_hold(&self, facts: &Facts) -> bool {
        let caps = self.caps.as_deref().unwrap_or_default();
        let arches = self.arches.as_deref().unwrap_or_default();
        caps.iter().all(|name| has(facts, name))
            && (arches.is_empty() || arches.iter().any(|arch| arch == ARCHITECTURE))
            && self.min_kernel.as_ref().is_none_or(|version| at_least(facts, version))
    }

    fn any_holds(&self, facts: &Facts) -> bool {
        let caps = self.caps.as_deref().unwrap_or_default();
        let arches = self.arches.as_deref().unwrap_or_default();
        caps.iter().any(|name| has(facts, name))
            || arches.iter().any(|arch| arch == ARCHITECTURE)
            || self.min_kernel.as_ref().is_some_and(|version| at_least(facts, version))
    }
}

fn has(facts: &Facts, capability: &str) -> bool {
    let number = super::super::caps::number(capability);
    number.is_some_and(|number| facts.capabilities & (1 << number) != 0)
}

/// Whether the kernel is at least `version`, as in `4.8`. A version that cannot be read is new.
fn at_least(facts: &Facts, version: &str) -> bool {
    let mut parts = version.split('.').map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => facts.kernel >= (major, minor),
        (Some(Ok(major)), None) => facts.kernel >= (major, 0),
        _ => false,
    }
}

/// One rule; or, when an argument is compared more than once, one for each comparison, since
/// those are alternatives (runc does the same: libseccomp cannot have two for one argument).
fn rules(names: &[String], action: u32, comparisons: &[Comparison]) -> Vec<Rule> {
    let mut uses = BTreeMap::new();
    for comparison in comparisons {
        *uses.entry(comparison.index).or_insert(0) += 1;
    }
    let rule = |comparisons: &[Comparison]| Rule {
        names: names.to_vec(),
        comparisons: comparisons.to_vec(),
        action,
    };
    match uses.values().any(|count| *count > 1) {
        true => comparisons.iter().map(|comparison| rule(&[*comparison])).collect(),
        false => vec![rule(comparisons)],
    }
}

impl Filter {
    /// An OCI profile, which has no conditions (OCI: config-linux.md#seccomp).
    #[must_use]
    pub fn from_oci(oci: &LinuxSeccomp) -> Filter {
        let arches = oci.architectures().as_deref().unwrap_or_default();
        let calls = oci.syscalls().iter().flatten();
        let default = oci.default_action().as_u32(oci.default_errno_ret());
        let rules: Vec<Rule> = calls
            .flat_map(|call| {
                let action = call.action().as_u32(call.errno_ret());
                let comparisons: Vec<Comparison> =
                    call.args().iter().flatten().map(Comparison::from).collect();
                rules(call.names(), action, &comparisons)
            })
            .collect();
        let asks = |action: u32| action == libc::SECCOMP_RET_USER_NOTIF;
        let listens = asks(default) || rules.iter().any(|rule| asks(rule.action));
        let listens = if listens { libc::SECCOMP_FILTER_FLAG_NEW_LISTENER } else { 0 };
        let allow_i386 = arches.contains(&Arch::ScmpArchX86);
        Filter { default, allow_i386, rules, flags: flag_bits(oci.flags().as_deref()) | listens }
    }
}

fn flag_bits(flags: Option<&[LinuxSeccompFilterFlag]>) -> u64 {
    flags.unwrap_or_default().iter().fold(0, |bits, flag| {
        bits | match flag {
            // Only one thread is alive, so there is nothing to synchronise.
            LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 0,
            LinuxSeccompFilterFlag::SeccompFilterFlagLog => libc::SECCOMP_FILTER_FLAG_LOG,
            LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => {
                libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW
            }
            LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
                libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
            }
        }
    })
}

/// System calls that only old or odd programs need, and that were used to attack kernels.
const OLD: &[&str] =
    &["lookup_dcookie", "modify_ldt", "remap_file_pages", "sysfs", "uselib", "ustat"];

/// Socket families that network programs need. A raw `AF_PACKET` needs `CAP_NET_RAW` anyway.
const FAMILIES: &[(i32, Option<&str>)] = &[
    (libc::AF_UNSPEC, None),
    (libc::AF_UNIX, None),
    (libc::AF_INET, None),
    (libc::AF_INET6, None),
    (libc::AF_NETLINK, None),
    (libc::AF_PACKET, Some("CAP_NET_RAW")),
];

/// Our default: `docker`, but with a list of allowed socket families in place of forbidden ones,
/// without [`OLD`] system calls, and with no way to type into a terminal (CVE-2017-5226).
///
/// Arguments are compared in their lower half only, as the kernel reads them: a family of
/// 2³² + `AF_ALG` is neither below nor equal to `AF_ALG`, but opens one.
#[must_use]
pub fn stricter(mut docker: Profile) -> Profile {
    let rule = |name: &str, action, errno: Option<i32>| ProfileRule {
        names: vec![name.to_owned()],
        name: None,
        action,
        errno_ret: errno.map(|errno| errno as u32),
        args: None,
        includes: None,
        excludes: None,
    };
    let deny = |name: &str, errno| rule(name, LinuxSeccompAction::ScmpActErrno, Some(errno));

    let mut rules: Vec<ProfileRule> = OLD.iter().map(|name| deny(name, libc::EPERM)).collect();
    for request in [libc::TIOCSTI, libc::TIOCLINUX] {
        let args = Some(vec![lower_half(1, request)]);
        rules.push(ProfileRule { args, ..deny("ioctl", libc::EPERM) });
    }
    for (family, capability) in FAMILIES {
        let caps = capability.map(|name| vec![name.to_owned()]);
        rules.push(ProfileRule {
            args: Some(vec![lower_half(0, *family as u64)]),
            includes: caps.map(|caps| Conditions { caps: Some(caps), ..Conditions::default() }),
            ..rule("socket", LinuxSeccompAction::ScmpActAllow, None)
        });
    }
    // What a kernel without the family answers, so that programs fall back.
    rules.push(deny("socket", libc::EAFNOSUPPORT));
    rules.extend(docker.syscalls.take().unwrap_or_default());
    docker.syscalls = Some(rules);
    docker
}

fn lower_half(index: usize, value: u64) -> Comparison {
    Comparison {
        index,
        value: u64::from(u32::MAX),
        value_two: Some(value),
        op: LinuxSeccompOperator::ScmpCmpMaskedEq,
    }
}
