//! What a container may do: capabilities, namespaces, kernel parameters.

use crate::base::{Context as _, Error, Kind, Result, capability};
use crate::cli::Context;
use crate::compose::Service;
use crate::compose::model::{CgroupMode, NamespaceMode};
use crate::engine::{Engine, read_text_bounded};

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Privileges")]
pub struct Privileges {
    /// All capabilities and devices, nothing masked
    #[arg(long)]
    privileged: bool,

    /// Add a capability, or ALL
    #[arg(long, value_name = "NAME")]
    cap_add: Vec<String>,

    /// Drop a capability, or ALL
    #[arg(long, value_name = "NAME")]
    cap_drop: Vec<String>,

    /// As in no-new-privileges, seccomp=FILE, seccomp=unconfined
    #[arg(long, value_name = "OPTION")]
    security_opt: Vec<String>,

    /// Set a kernel parameter
    #[arg(long, value_name = "NAME=VALUE")]
    sysctl: Vec<String>,

    /// Whose processes it sees: its own, host or container:NAME
    #[arg(long, value_name = "MODE")]
    pid: Option<NamespaceMode>,

    /// Whose shared memory it uses: private, shareable, none, host or container:NAME
    #[arg(long, value_name = "MODE")]
    ipc: Option<NamespaceMode>,

    /// Whose host name it has: its own, or host
    #[arg(long, value_name = "MODE")]
    uts: Option<NamespaceMode>,

    /// Whose user namespace it is in: host
    #[arg(long, value_name = "MODE")]
    userns: Option<NamespaceMode>,

    /// Whose control groups it sees: private or host
    #[arg(long, value_name = "MODE")]
    cgroupns: Option<String>,

    /// Accepted for old scripts: Linux has one kind
    #[arg(long, value_name = "KIND", hide = true, value_parser = ["", "default"])]
    isolation: Option<String>,

    /// Another OCI runtime: a path, or a name on PATH as in runc, crun
    #[arg(long, value_name = "PROGRAM")]
    runtime: Option<String>,
}

impl Privileges {
    pub fn apply(&self, cx: &Context<impl Engine>, service: &mut Service) -> Result<()> {
        service.privileged = self.privileged;
        service.cap_add.clone_from(&self.cap_add);
        service.cap_drop.clone_from(&self.cap_drop);
        let options = self.security_opt.iter().map(|text| security_option(cx, text));
        service.security_opt = options.collect::<Result<_>>()?;
        for name in self.cap_add.iter().chain(&self.cap_drop) {
            check_capability(name)?;
        }
        for text in &self.sysctl {
            let (name, value) = super::pair(text, "--sysctl")?;
            service.sysctls.insert(name, value);
        }
        service.pid = mode(&self.pid, "--pid", "PID")?;
        service.ipc = mode(&self.ipc, "--ipc", "IPC")?;
        service.uts = mode(&self.uts, "--uts", "UTS")?;
        if service.hostname.is_some() && service.uts == Some(NamespaceMode::Host) {
            let message = "conflicting options: hostname and the UTS mode";
            return Err(Error::new(Kind::Invalid, message));
        }
        service.userns_mode = mode(&self.userns, "--userns", "USER")?;
        service.cgroup = match self.cgroupns.as_deref() {
            None | Some("") => None,
            Some("host") => Some(CgroupMode::Host),
            Some("private") => Some(CgroupMode::Private),
            Some(other) => {
                let message = format!("invalid CGROUP mode {other:?}");
                return Err(Error::new(Kind::Invalid, message).hint("use private or host"));
            }
        };
        service.runtime.clone_from(&self.runtime);
        Ok(())
    }
}

/// Docker: nearly the same words.
fn check_capability(name: &str) -> Result<()> {
    let upper = name.to_ascii_uppercase();
    if matches!(upper.as_str(), "ALL" | "CAP_ALL") || capability::number(&upper).is_some() {
        return Ok(());
    }
    let error = Error::new(Kind::Invalid, format!("unknown capability: {name:?}"));
    Err(error.hint("write a name of capabilities(7), as in NET_ADMIN, or ALL"))
}

/// A namespace mode without what only compose files can mean.
fn mode(given: &Option<NamespaceMode>, option: &str, what: &str) -> Result<Option<NamespaceMode>> {
    match given {
        Some(mode @ (NamespaceMode::Service(_) | NamespaceMode::Other(_)))
            if mode.to_string() != "" =>
        {
            Err(Error::new(Kind::Invalid, format!("{option}: invalid {what} mode: {mode}"))
                .hint("use host or container:NAME"))
        }
        Some(NamespaceMode::Other(_)) => Ok(None),
        mode => Ok(mode.clone()),
    }
}

/// What `--security-opt` may be about.
const SECURITY_OPTIONS: [&str; 5] =
    ["no-new-privileges", "seccomp", "apparmor", "label", "systempaths"];

/// No seccomp profile is larger; Docker's own has 13 kB.
const PROFILE_BYTES: u64 = 4 << 20;

/// A seccomp profile is named by its file, and becomes its text.
fn security_option(cx: &Context<impl Engine>, text: &str) -> Result<String> {
    let text = text.replacen(':', "=", usize::from(!text.contains('=')));
    let name = text.split('=').next().unwrap_or_default();
    if !SECURITY_OPTIONS.contains(&name) {
        // Docker: nearly the same words.
        let error = Error::new(Kind::Invalid, format!("invalid --security-opt: {text:?}"));
        return Err(error.hint(format!("known are {}", SECURITY_OPTIONS.join(", "))));
    }
    match text.strip_prefix("seccomp=") {
        None | Some("unconfined" | "builtin") => Ok(text),
        Some(path) => {
            let profile = read_text_bounded(&cx.directory().join(path), PROFILE_BYTES)
                .context(|| format!("opening seccomp profile ({path}) failed"))?;
            Ok(format!("seccomp={profile}"))
        }
    }
}
