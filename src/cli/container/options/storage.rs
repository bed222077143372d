//! What is mounted into a container: volumes, directories of the host, memory.

use std::path::{Path, PathBuf};

use crate::base::{Error, Kind, Result};
use crate::cli::Context;
use crate::compose::Service;
use crate::compose::model::{BindOptions, MountKind, Recursive, ServiceVolume, VolumeOptions};
use crate::engine::Engine;
use crate::resource::VolumeSpec;

use super::mount::Mount;

#[derive(clap::Args, Debug)]
#[command(next_help_heading = "Storage")]
pub struct Storage {
    /// Mount a volume or a directory, as in `data:/data` or `./site:/srv:ro`
    #[arg(short, long, value_name = "SOURCE:TARGET")]
    volume: Vec<String>,

    /// Mount something, as in `type=bind,source=/a,target=/b,readonly`
    #[arg(long, value_name = "KEY=VALUE,…")]
    mount: Vec<String>,

    /// Mount memory, as in `/run:size=64m,mode=1777`
    #[arg(long, value_name = "TARGET")]
    tmpfs: Vec<String>,

    /// Mount what another container has, as in `other:ro`
    #[arg(long, value_name = "CONTAINER")]
    volumes_from: Vec<String>,

    /// Driver of new volumes
    #[arg(long, value_name = "DRIVER")]
    volume_driver: Option<String>,

    /// The root file system is read-only
    #[arg(long)]
    read_only: bool,

    /// Option of the storage driver
    #[arg(long, value_name = "NAME=VALUE")]
    storage_opt: Vec<String>,
}

impl Storage {
    pub fn apply(&self, cx: &Context<impl Engine>, service: &mut Service) -> Result<()> {
        for text in &self.volume {
            let volume = short(text, cx.directory())?;
            check_unique(service, &volume)?;
            service.volumes.push(volume);
        }
        for text in &self.mount {
            let volume = Mount::parse(text)?.volume;
            check_unique(service, &volume)?;
            service.volumes.push(volume);
        }
        service.tmpfs.clone_from(&self.tmpfs);
        let from = self.volumes_from.iter();
        service.volumes_from = from.map(|name| format!("container:{name}")).collect();
        service.read_only = self.read_only;
        for text in &self.storage_opt {
            let (name, value) = super::pair(text, "--storage-opt")?;
            service.storage_opt.insert(name, value);
        }
        Ok(())
    }

    /// Volumes with a driver, options or labels of their own.
    pub fn special(&self) -> Result<Vec<VolumeSpec>> {
        let mut special = Vec::new();
        for text in &self.mount {
            special.extend(Mount::parse(text)?.special);
        }
        let Some(driver) = &self.volume_driver else { return Ok(special) };
        for text in &self.volume {
            if let Some((name, _)) = text.split_once(':').filter(|(source, _)| !is_path(source)) {
                let (name, driver) = (name.to_owned(), driver.clone());
                special.push(VolumeSpec { name, driver, ..VolumeSpec::default() });
            }
        }
        Ok(special)
    }
}

/// A source that is a path of the host.
fn is_path(source: &str) -> bool {
    source.starts_with(['/', '.', '~'])
}

/// `[SOURCE:]TARGET[:OPTIONS]`.
fn short(text: &str, directory: &Path) -> Result<ServiceVolume> {
    let invalid = |why: &str| {
        Err(Error::new(Kind::Invalid, format!("invalid volume specification: {text:?}: {why}")))
    };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, options) = match parts[..] {
        [target] => (None, target, ""),
        [source, target] => (Some(source), target, ""),
        [source, target, options] => (Some(source), target, options),
        _ => return invalid("it has too many colons"),
    };
    if !target.starts_with('/') {
        return invalid("the path in the container must be absolute");
    }
    if target.trim_end_matches('/').is_empty() {
        return invalid("destination can't be '/'");
    }
    let mut volume = ServiceVolume { target: target.to_owned(), ..ServiceVolume::default() };
    match source {
        Some(path) if is_path(path) => {
            let path: PathBuf = directory.join(path).components().collect();
            volume.kind = MountKind::Bind;
            volume.source = Some(path.display().to_string());
            let create_host_path = Some(true);
            volume.bind = Some(BindOptions { create_host_path, ..BindOptions::default() });
        }
        Some("") => return invalid("empty section between colons"),
        Some(name) if !is_name(name) => {
            let message = format!(
                "{name:?} includes invalid characters for a local volume name, only \
                 \"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed"
            );
            return Err(Error::new(Kind::Invalid, message)
                .hint("for a directory of the host write its path from / or ./"));
        }
        Some(name) => volume.source = Some(name.to_owned()),
        None => {}
    }
    for option in options.split(',').filter(|option| !option.is_empty()) {
        apply_option(&mut volume, option, text)?;
    }
    Ok(volume)
}

fn apply_option(volume: &mut ServiceVolume, option: &str, text: &str) -> Result<()> {
    let own = volume.volume.get_or_insert_default();
    match (option, &mut volume.bind) {
        ("ro" | "readonly", _) => volume.read_only = true,
        ("rw" | "cached" | "delegated" | "consistent", _) => {}
        ("nocopy", None) => *own = VolumeOptions { nocopy: true, ..own.clone() },
        ("z" | "Z", Some(bind)) => bind.selinux = Some(option.to_owned()),
        ("z" | "Z", None) => {}
        ("bind-nonrecursive", Some(bind)) => bind.recursive = Some(Recursive::Disabled),
        ("shared" | "rshared" | "slave" | "rslave" | "private" | "rprivate", Some(bind)) => {
            bind.propagation = Some(option.to_owned());
        }
        _ => {
            let message = format!("invalid mode: {option}");
            return Err(Error::new(Kind::Invalid, message)
                .hint(format!("in {text:?}; known are ro, rw, nocopy, z, Z and propagations")));
        }
    }
    Ok(())
}

fn is_name(name: &str) -> bool {
    let mut letters = name.bytes();
    letters.next().is_some_and(|byte| byte.is_ascii_alphanumeric())
        && letters.all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

fn check_unique(service: &Service, volume: &ServiceVolume) -> Result<()> {
    let plain = |target: &str| target.trim_end_matches('/').to_owned();
    let same = |it: &ServiceVolume| plain(&it.target) == plain(&volume.target);
    // Docker: said twice in the same words, it is said once.
    match service.volumes.iter().any(|it| same(it) && it != volume) {
        true => {
            let message = format!("Duplicate mount point: {}", volume.target);
            Err(Error::new(Kind::Invalid, message))
        }
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ServiceVolume> {
        short(text, Path::new("/home/u"))
    }

    #[test]
    fn directories_volumes_and_neither() {
        let bind = read("./site/:/srv/:ro").unwrap();
        assert_eq!((bind.kind, bind.source.as_deref()), (MountKind::Bind, Some("/home/u/site")));
        assert!(bind.read_only);
        let named = read("data:/data").unwrap();
        assert_eq!((named.kind, named.source.as_deref()), (MountKind::Volume, Some("data")));
        assert_eq!(read("/data").unwrap().source, None);
    }

    #[test]
    fn what_cannot_be_mounted_is_said() {
        for (text, part) in [
            ("data/x:/y", "includes invalid characters for a local volume name"),
            ("/a:b", "must be absolute"),
            ("/a:/", "destination can't be '/'"),
            ("a:/b:wild", "invalid mode: wild"),
            ("a:/b:ro:x", "too many colons"),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
