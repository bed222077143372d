//! Mount options as OCI bundles write them (OCI: config.md#linux-mount-options).

use std::path::PathBuf;

use crate::sys::mount::Attributes;

/// A mount's options, sorted out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// For the mount itself.
    pub attributes: Attributes,
    /// For it and all below it.
    pub recursive: Attributes,
    /// How it propagates: `MS_PRIVATE` and its like; 0: as its parent does.
    pub propagation: u64,
    /// Propagation applies to all below it too.
    pub propagation_recursive: bool,
    /// A bind mount, with what is mounted below its source.
    pub bind_recursive: bool,
    /// A bind mount, whatever the type says.
    pub bind: bool,
    /// Fill the new tmpfs with what it covers.
    pub copy_up: bool,
    /// Owners of files are shown as a user namespace says; whether also on mounts below.
    pub map_ids: Option<bool>,
    /// Only this directory or file of the source, which no link leads out of.
    pub subpath: Option<PathBuf>,
    /// For the file system, in order.
    pub data: Vec<(String, Option<String>)>,
}

/// Options that set or clear an attribute: name, bits, whether they are set.
const ATTRIBUTES: &[(&str, u64, bool)] = &[
    ("ro", libc::MOUNT_ATTR_RDONLY, true),
    ("rw", libc::MOUNT_ATTR_RDONLY, false),
    ("nosuid", libc::MOUNT_ATTR_NOSUID, true),
    ("suid", libc::MOUNT_ATTR_NOSUID, false),
    ("nodev", libc::MOUNT_ATTR_NODEV, true),
    ("dev", libc::MOUNT_ATTR_NODEV, false),
    ("noexec", libc::MOUNT_ATTR_NOEXEC, true),
    ("exec", libc::MOUNT_ATTR_NOEXEC, false),
    ("noatime", libc::MOUNT_ATTR_NOATIME, true),
    ("atime", libc::MOUNT_ATTR_NOATIME, false),
    ("strictatime", libc::MOUNT_ATTR_STRICTATIME, true),
    ("nostrictatime", libc::MOUNT_ATTR_STRICTATIME, false),
    ("nodiratime", libc::MOUNT_ATTR_NODIRATIME, true),
    ("diratime", libc::MOUNT_ATTR_NODIRATIME, false),
    ("nosymfollow", libc::MOUNT_ATTR_NOSYMFOLLOW, true),
    ("symfollow", libc::MOUNT_ATTR_NOSYMFOLLOW, false),
];

/// How mounts may propagate, by name without the `r` for all below.
const PROPAGATIONS: &[(&str, u64)] = &[
    ("private", libc::MS_PRIVATE),
    ("shared", libc::MS_SHARED),
    ("slave", libc::MS_SLAVE),
    ("unbindable", libc::MS_UNBINDABLE),
];

impl Options {
    /// Sorts out `options`; what is not a mount attribute belongs to the file system.
    #[must_use]
    pub fn parse(options: &[String]) -> Options {
        let mut parsed = Options::default();
        for option in options {
            parsed.add(option);
        }
        parsed
    }

    fn add(&mut self, option: &str) {
        match option {
            "bind" => self.bind = true,
            "rbind" => (self.bind, self.bind_recursive) = (true, true),
            // Bits of zero, or for other programs than the kernel (mount(8)).
            "" | "defaults" | "norelatime" | "async" | "nofail" | "remount" | "silent" | "loud"
            | "iversion" | "noiversion" | "nolazytime" | "nomand" => {}
            "relatime" => change(&mut self.attributes, libc::MOUNT_ATTR__ATIME, false),
            "rrelatime" => change(&mut self.recursive, libc::MOUNT_ATTR__ATIME, false),
            "tmpcopyup" => self.copy_up = true,
            "idmap" => self.map_ids = Some(false),
            "ridmap" => self.map_ids = Some(true),
            _ => match option.strip_prefix("X-mount.subdir=") {
                Some(subpath) => self.subpath = Some(PathBuf::from(subpath)),
                None => self.add_attribute(option),
            },
        }
    }

    fn add_attribute(&mut self, option: &str) {
        let bare = option.strip_prefix('r').unwrap_or(option);
        let recursive = bare != option;
        let known = |name: &str| ATTRIBUTES.iter().find(|attribute| attribute.0 == name);
        if let Some((_, bits, set)) = known(option) {
            change(&mut self.attributes, *bits, *set);
        } else if let Some((_, bits, set)) = known(bare).filter(|_| recursive) {
            change(&mut self.recursive, *bits, *set);
        } else if let Some((propagation, recursive)) = propagation(option) {
            self.propagation = propagation;
            self.propagation_recursive = recursive;
        } else {
            self.data.push(match option.split_once('=') {
                Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
                None => (option.to_owned(), None),
            });
        }
    }
}

/// Propagation by its name, as in `rslave`: `MS_*`, and whether it is for all below too.
#[must_use]
pub fn propagation(name: &str) -> Option<(u64, bool)> {
    let bare = name.strip_prefix('r').unwrap_or(name);
    let known = PROPAGATIONS.iter().find(|known| known.0 == bare)?;
    Some((known.1, bare != name))
}

/// Names of all options that are not left to a file system, for those who ask what we can do.
#[must_use]
pub fn names() -> Vec<String> {
    let attributes =
        ATTRIBUTES.iter().flat_map(|known| [known.0.to_owned(), format!("r{}", known.0)]);
    let propagations =
        PROPAGATIONS.iter().flat_map(|known| [known.0.to_owned(), format!("r{}", known.0)]);
    let more = ["bind", "rbind", "defaults", "relatime", "rrelatime", "norelatime", "tmpcopyup"];
    let more = more.into_iter().chain(["idmap", "ridmap", "async", "sync", "dirsync", "remount"]);
    let mut names: Vec<String> =
        attributes.chain(propagations).chain(more.map(str::to_owned)).collect();
    names.sort();
    names
}

/// Adds `bits` to one side and takes them from the other: the last word counts.
fn change(attributes: &mut Attributes, bits: u64, set: bool) {
    let (to, from) = match set {
        true => (&mut attributes.set, &mut attributes.clear),
        false => (&mut attributes.clear, &mut attributes.set),
    };
    *to |= bits;
    *from &= !bits;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Options {
        let options: Vec<String> = text.split(',').map(str::to_owned).collect();
        Options::parse(&options)
    }

    #[test]
    fn attributes_propagation_and_data_are_told_apart() {
        let options = parse("rbind,rro,nosuid,nodev,rslave,size=64m,newinstance");

        assert!(options.bind && options.bind_recursive);
        assert_eq!(options.recursive.set, libc::MOUNT_ATTR_RDONLY);
        assert_eq!(options.attributes.set, libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV);
        assert_eq!((options.propagation, options.propagation_recursive), (libc::MS_SLAVE, true));
        assert_eq!(
            options.data,
            [("size".to_owned(), Some("64m".to_owned())), ("newinstance".to_owned(), None)]
        );
    }

    #[test]
    fn the_last_word_counts() {
        let options = parse("noexec,exec,rw,ro");
        assert_eq!(options.attributes.set, libc::MOUNT_ATTR_RDONLY);
        assert_eq!(options.attributes.clear, libc::MOUNT_ATTR_NOEXEC);
    }
}
