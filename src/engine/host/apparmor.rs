//! The AppArmor profile of a container, where the machine has AppArmor.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::base::{Context, Error, Result};
use crate::resource::limits::Security;
use crate::runtime::label;

/// What containers have that name no other profile (Docker: `docker-default`).
const NAME: &str = "compose-default";

/// Its text, for [`PARSERS`].
const TEXT: &str = include_str!("apparmor.profile");

/// The program that gives profiles to the kernel.
const PARSERS: &[&str] = &["/usr/sbin/apparmor_parser", "/sbin/apparmor_parser"];

/// Names of the profiles that the kernel has.
const LOADED: &str = "/sys/kernel/security/apparmor/profiles";

/// What `security` asks for, ready to be used; `None`: nothing confines it. Without the parser a
/// machine counts as one without AppArmor (Docker: the same).
///
/// # Errors
/// The profile cannot be loaded.
pub(super) fn profile(security: &Security) -> Result<Option<String>> {
    let parser = PARSERS.iter().map(Path::new).find(|path| path.exists());
    let Some(parser) = parser.filter(|_| label::has_apparmor()) else { return Ok(None) };
    match wanted(security) {
        Wanted::Nothing => Ok(None),
        Wanted::Other(name) => Ok(Some(name.to_owned())),
        Wanted::Default => {
            // In a container, which is confined already, nothing can be read nor loaded.
            let Ok(loaded) = fs::read_to_string(LOADED) else { return Ok(None) };
            let is_loaded = |line: &str| line.split(' ').next() == Some(NAME);
            if !loaded.lines().any(is_loaded) {
                load(parser)?;
            }
            Ok(Some(NAME.to_owned()))
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted<'a> {
    Default,
    Nothing,
    Other(&'a str),
}

/// The last `security_opt` counts; privileged containers have none, unless it is said.
fn wanted(security: &Security) -> Wanted<'_> {
    let named = security.options.iter().rev().find_map(|option| {
        option.strip_prefix("apparmor")?.strip_prefix(['=', ':']).filter(|name| !name.is_empty())
    });
    match named {
        Some("unconfined") => Wanted::Nothing,
        Some(name) => Wanted::Other(name),
        None if security.privileged => Wanted::Nothing,
        None => Wanted::Default,
    }
}

fn load(parser: &Path) -> Result<()> {
    let failed = || format!("cannot load the AppArmor profile {NAME}");
    let mut child = Command::new(parser)
        .args(["--replace", "--skip-cache"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(TEXT.as_bytes()).context(failed)?;
    }
    let output = child.wait_with_output().context(failed)?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::other(format!("{}: {}", failed(), said.trim()))
        .hint("`security_opt: [apparmor=unconfined]` does without"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_and_privileges_decide() {
        let ask = |privileged, options: &[&str]| {
            let options = options.iter().map(|option| (*option).to_owned()).collect();
            let security = Security { privileged, options, ..Security::default() };
            format!("{:?}", wanted(&security))
        };
        assert_eq!(ask(false, &["no-new-privileges"]), "Default");
        assert_eq!(ask(true, &[]), "Nothing");
        assert_eq!(ask(false, &["apparmor=unconfined"]), "Nothing");
        assert_eq!(ask(true, &["apparmor:mine"]), "Other(\"mine\")");
        assert_eq!(ask(false, &["apparmor=mine", "apparmor=yours"]), "Other(\"yours\")");
    }
}
