//! Driver options of volumes: `type`, `o` and `device`, as for mount(8) (Docker: driver `local`).
//!
//! Each container mounts such a file system for itself, so that nothing shows on the host. Where
//! the kernel finds the same server, device or directory behind them, they have the same content.

use crate::base::{Error, Kind, Result};
use crate::engine::bundle::VolumeContent;
use crate::resource::VolumeSpec;

/// Options that are for mount(8) itself.
const FOR_MOUNT: [&str; 6] = ["defaults", "_netdev", "nofail", "auto", "noauto", "rw"];

/// What is mounted instead of the volume's directory; `None`: that directory.
///
/// # Errors
/// [`Kind::Invalid`] for an option we do not have, or one without the others it needs.
pub(super) fn mount(spec: &VolumeSpec) -> Result<Option<VolumeContent>> {
    let invalid = |message: String| {
        Error::new(Kind::Invalid, format!("volume {}: {message}", spec.name))
            .hint("driver `local` has the options type, o and device")
    };
    let options = &spec.driver_opts;
    if let Some(other) = options.keys().find(|key| !["type", "o", "device"].contains(&key.as_str()))
    {
        return Err(invalid(format!("invalid option: \"{other}\"")));
    }
    let option = |key: &str| options.get(key).map_or("", String::as_str);
    let (kind, device) = (option("type"), option("device"));
    let words = option("o").split(',').map(str::trim).filter(|word| !word.is_empty());
    let words: Vec<&str> = words.filter(|word| !FOR_MOUNT.contains(word)).collect();
    if options.is_empty() {
        return Ok(None);
    }
    let bind = words.iter().find(|word| ["bind", "rbind"].contains(word));
    let needed = if bind.is_some() { &["device"][..] } else { &["type", "device"] };
    if let Some(missing) = needed.iter().find(|key| option(key).is_empty()) {
        return Err(invalid(format!("missing required option: \"{missing}\"")));
    }
    let mut rest: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    if bind.is_some() {
        rest.push("rprivate".to_owned());
        let (kind, device) = ("bind".to_owned(), device.to_owned());
        return Ok(Some(VolumeContent::FileSystem { kind, device, options: rest }));
    }
    let address = words.iter().find_map(|word| word.strip_prefix("addr="));
    let device = match (kind, address) {
        // The kernel wants a server before the colon; mount.nfs(8) puts it there.
        ("nfs" | "nfs4", Some(address)) if device.starts_with(':') => format!("{address}{device}"),
        _ => device.to_owned(),
    };
    Ok(Some(VolumeContent::FileSystem { kind: kind.to_owned(), device, options: rest }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(options: &[(&str, &str)]) -> String {
        let driver_opts = options.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect();
        match mount(&VolumeSpec { name: "v".into(), driver_opts, ..VolumeSpec::default() }) {
            Ok(Some(VolumeContent::FileSystem { kind, device, options })) => {
                format!("{kind} {device} {}", options.join(","))
            }
            Ok(_) => "directory".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn options_mean_what_they_mean_to_mount() {
        assert_eq!(mounted(&[]), "directory");
        let bind = [("type", "none"), ("o", "bind,ro"), ("device", "/srv")];
        assert_eq!(mounted(&bind), "bind /srv bind,ro,rprivate");
        let tmpfs = [("type", "tmpfs"), ("device", "tmpfs"), ("o", "size=1m,uid=5")];
        assert_eq!(mounted(&tmpfs), "tmpfs tmpfs size=1m,uid=5");
        let nfs = [("type", "nfs"), ("o", "addr=10.0.0.1,rw,nfsvers=4"), ("device", ":/export")];
        assert_eq!(mounted(&nfs), "nfs 10.0.0.1:/export addr=10.0.0.1,nfsvers=4");
    }

    #[test]
    fn what_is_missing_or_unknown_is_named() {
        assert_eq!(mounted(&[("type", "nfs")]), "volume v: missing required option: \"device\"");
        assert_eq!(mounted(&[("speed", "1")]), "volume v: invalid option: \"speed\"");
    }
}
