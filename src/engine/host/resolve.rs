//! Looks up on the host what a container's specification only names, for its bundle.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path, PathBuf};

use crate::base::text::is_word;
use crate::base::{ContainerId, Context, Digest, Error, Kind, Result};
use crate::engine::bundle::{self, HostDevice, VolumeContent, bundle, cdi};
use crate::engine::{read_bounded, read_text_bounded};
use crate::resource::mount::{Mount, MountSource, Origin, Submounts};
use crate::resource::{ContainerSpec, Image};
use crate::runtime::Bundle;

use super::{Host, foreign, volumes};

/// Files that the shim writes for each start.
const GENERATED: [&str; 3] = ["hosts", "hostname", "resolv.conf"];

/// No secret or config is larger (Docker: 500 kB, in a cluster).
const CONTENT_BYTES: u64 = 32 << 20;

/// No seccomp profile is larger; Docker's own has 13 kB.
const PROFILE_BYTES: u64 = 4 << 20;

/// The control group in which those of all containers are made that name no other.
const CGROUP: &str = "compose";

/// Every path, number and flag for the kernel.
pub(super) fn resolve(host: &Host, id: &ContainerId, spec: &ContainerSpec) -> Result<Bundle> {
    check_words(spec)?;
    let mut spec = spec.clone();
    for mount in spec.mounts.iter_mut().chain(&mut spec.inherited) {
        read_file(host, mount)?;
        find_image(host, mount)?;
    }
    for option in &mut spec.security.options {
        read_profile(option)?;
    }
    let dir = host.roots().container(id);
    let image = spec.image_id.as_ref().ok_or_else(|| {
        Error::new(Kind::Invalid, format!("container {} has no image", spec.name))
    })?;
    let image = host.store().get(&image.to_string())?;
    let files = GENERATED.map(|file| (format!("/etc/{file}"), dir.etc(file)));
    let (volumes, images) = (volume_contents(host, &spec)?, image_layers(host, &spec)?);
    let mut bundle = bundle(
        &spec,
        &bundle::Host {
            id,
            lowers: host.store().lower_dirs(&image),
            upper: dir.upper(),
            work: dir.work(),
            volatile: spec.auto_remove,
            files: files.to_vec(),
            cgroup: cgroup(&spec, id)?,
            volume: &|name| volumes[name].clone(),
            runtime: foreign::program(&spec)?,
            image: &|id| images.get(id).cloned().unwrap_or_default(),
            devices: &|path| devices(Path::new(path)),
        },
    )?;
    if gains_nothing(host, &spec, &image)?
        && let Some(process) = bundle.spec.process_mut()
    {
        process.set_no_new_privileges(Some(true));
    }
    if let Some(profile) = super::apparmor::profile(&spec.security)?
        && let Some(process) = bundle.spec.process_mut()
    {
        process.set_apparmor_profile(Some(profile));
    }
    if cdi::is_wanted(&spec.security) {
        let node = |path: &str| node(&fs::metadata(path).ok()?);
        cdi::select(&super::cdi::descriptions()?, &spec.security)?.apply(&mut bundle, &node)?;
    }
    Ok(bundle)
}

/// Whether a container that may not gain privileges is none the worse for it: it runs as a user
/// without any, and its image has no file to gain some by. Who says something about it is obeyed.
fn gains_nothing(host: &Host, spec: &ContainerSpec, image: &Image) -> Result<bool> {
    let said = spec.security.options.iter().any(|it| it.starts_with("no-new-privileges"));
    let user = spec.process.user.split(':').next().unwrap_or_default();
    let is_root = matches!(user, "" | "0" | "root");
    if said || is_root || spec.security.privileged {
        return Ok(false);
    }
    host.store().has_privileged_files(image).map(|found| !found)
}

/// What is written to `/etc/hosts` and `/etc/resolv.conf` is one word each, whoever asks for it.
fn check_words(spec: &ContainerSpec) -> Result<()> {
    let named = [("host name", &spec.hostname), ("domain name", &spec.domainname)];
    let named = named.into_iter().filter_map(|(what, it)| Some((what, it.as_deref()?)));
    let search = spec.dns.search.iter().map(|it| ("search domain", it.as_str()));
    let options = spec.dns.options.iter().map(|it| ("resolver option", it.as_str()));
    let hosts = spec.extra_hosts.iter().flat_map(|(name, address)| [name, address]);
    let hosts = hosts.map(|it| ("extra host", it.as_str()));
    for (what, text) in named.chain(search).chain(options).chain(hosts) {
        if !text.is_empty() && !is_word(text) {
            let message = format!("invalid {what} \"{}\"", text.escape_debug());
            return Err(Error::new(Kind::Invalid, message).hint("it must be one word"));
        }
    }
    Ok(())
}

/// The container's control group, below the one it names.
fn cgroup(spec: &ContainerSpec, id: &ContainerId) -> Result<PathBuf> {
    let parent = Path::new(spec.cgroup_parent.as_deref().unwrap_or(CGROUP));
    let parent = parent.strip_prefix("/").unwrap_or(parent);
    if parent.components().any(|part| !matches!(part, Component::Normal(_))) {
        let message = format!("invalid cgroup_parent \"{}\"", parent.display());
        return Err(Error::new(Kind::Invalid, message).hint("write a path such as /batch/nightly"));
    }
    Ok(parent.join(id.as_str()))
}

/// Puts the content of a file in its place. Directories are mounted as they are.
fn read_file(host: &Host, mount: &mut Mount) -> Result<()> {
    let MountSource::Copy { origin, uid, gid, mode } = &mount.source else { return Ok(()) };
    let path = match origin {
        Origin::File(path) => path.clone(),
        Origin::Secret(name) => stored(host.roots().secret(name), "secret", name)?,
        Origin::Config(name) => stored(host.roots().config(name), "config", name)?,
    };
    mount.source = if path.is_dir() {
        let (create, propagation, submounts) = (false, None, Submounts::default());
        MountSource::Bind { path, create, propagation, submounts, selinux: None }
    } else {
        let data = read_bounded(&path, CONTENT_BYTES).map_err(|error| match error.kind() {
            ErrorKind::NotFound => {
                let message = format!("bind source path does not exist: {}", path.display());
                Error::new(Kind::NotFound, message)
            }
            _ => Error::other(format!("cannot read {}", path.display())).with_source(error),
        })?;
        MountSource::Content { data, uid: *uid, gid: *gid, mode: *mode }
    };
    Ok(())
}

/// The file of an external secret or config in the local store.
fn stored(path: PathBuf, kind: &str, name: &str) -> Result<PathBuf> {
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains('/');
    match plain && path.is_file() {
        true => Ok(path),
        false => {
            let message = format!("external {kind} \"{name}\" is not in the local store");
            Err(Error::new(Kind::NotFound, message)
                .hint(format!("put its content into the file {}", path.display())))
        }
    }
}

/// Whatever a mounted image's name means now, unless that was decided before.
fn find_image(host: &Host, mount: &mut Mount) -> Result<()> {
    if let MountSource::Image { image, id: id @ None, .. } = &mut mount.source {
        *id = Some(host.store().get(image)?.id);
    }
    Ok(())
}

/// Puts a seccomp profile's text in the place of its path.
fn read_profile(option: &mut String) -> Result<()> {
    let Some(path) = option.strip_prefix("seccomp=").filter(|path| path.starts_with('/')) else {
        return Ok(());
    };
    let text = read_text_bounded(Path::new(path), PROFILE_BYTES)
        .context(|| format!("opening seccomp profile ({path}) failed"))?;
    *option = format!("seccomp={text}");
    Ok(())
}

fn volume_contents(host: &Host, spec: &ContainerSpec) -> Result<HashMap<String, VolumeContent>> {
    let mut contents = HashMap::new();
    for mount in spec.all_mounts() {
        if let MountSource::Volume { name, .. } = &mount.source {
            contents.insert(name.clone(), volumes::content(host.roots(), name)?);
        }
    }
    Ok(contents)
}

fn image_layers(host: &Host, spec: &ContainerSpec) -> Result<HashMap<Digest, Vec<PathBuf>>> {
    let mut layers = HashMap::new();
    for mount in spec.all_mounts() {
        if let MountSource::Image { id: Some(id), .. } = &mount.source {
            let image = host.store().get(&id.to_string())?;
            layers.insert(id.clone(), host.store().lower_dirs(&image));
        }
    }
    Ok(layers)
}

/// Directories of `/dev` whose content is the container's own (Docker: the same).
const OWN: [&str; 5] = ["/dev/pts", "/dev/shm", "/dev/fd", "/dev/mqueue", "/dev/console"];

/// The device nodes at `path`, or below it.
fn devices(path: &Path) -> Vec<(PathBuf, HostDevice)> {
    let Ok(metadata) = fs::metadata(path) else { return Vec::new() };
    if !metadata.is_dir() {
        return node(&metadata).map(|node| (path.to_owned(), node)).into_iter().collect();
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let below = |entry: PathBuf| {
        let link = entry.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        let own = OWN.iter().any(|own| entry == Path::new(own));
        if link || own { Vec::new() } else { devices(&entry) }
    };
    entries.flat_map(below).collect()
}

fn node(metadata: &fs::Metadata) -> Option<HostDevice> {
    let kind = metadata.file_type();
    (kind.is_block_device() || kind.is_char_device()).then(|| HostDevice {
        block: kind.is_block_device(),
        major: rustix::fs::major(metadata.rdev()),
        minor: rustix::fs::minor(metadata.rdev()),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    })
}
