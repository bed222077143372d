//! What the fake engine's containers can be asked about and told while they exist.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use crate::base::{Context, Error, Kind, Result};
use crate::image::diff::Change;
use crate::resource::Endpoint;
use crate::resource::container::Link;
use crate::resource::file::{FileKind, FileStat};
use crate::resource::inspection::{DiskUse, GeneratedFiles, Inspection, LayerDirs};
use crate::resource::mount::MountSource;
use crate::resource::network::NetworkMode;
use crate::resource::stats::{Stats, Traffic};
use crate::state::ContainerDir;

use super::world::World;

impl World {
    pub(super) fn inspect(&self, index: usize, size: bool) -> Inspection {
        let container = self.observed.containers[index].clone();
        let place = |root: &str| PathBuf::from(root).join(container.id.short());
        let dir = ContainerDir::new(place("/fake/data"), place("/fake/run"));
        let volumes =
            container.spec.all_mounts().into_iter().filter_map(|mount| match &mount.source {
                MountSource::Volume { name, .. } => {
                    Some((name.clone(), PathBuf::from("/fake/volumes").join(name)))
                }
                _ => None,
            });
        Inspection {
            networks: self.observed.networks.clone(),
            commands: Vec::new(),
            volumes: volumes.collect(),
            files: GeneratedFiles {
                resolv_conf: dir.etc("resolv.conf"),
                hostname: dir.etc("hostname"),
                hosts: dir.etc("hosts"),
                log: dir.log(),
            },
            layers: LayerDirs {
                lowers: vec![PathBuf::from("/fake/image")],
                upper: dir.upper(),
                work: dir.work(),
            },
            profile: String::new(),
            masked: vec!["/proc/kcore".to_owned()],
            read_only: vec!["/proc/sys".to_owned()],
            size: size.then_some(DiskUse { writable: 1000, total: 1_001_000 }),
            container,
        }
    }

    /// A container that runs uses a quarter of a machine with two processors.
    pub(super) fn stats(&mut self, index: usize) -> Stats {
        let (read_at, number) = (self.now(), u64::from(self.next()));
        if !self.observed.containers[index].status.state.is_active() {
            return Stats { read_at, ..Stats::default() };
        }
        let traffic = Traffic { received: 1500, received_packets: 10, sent: 700, sent_packets: 5 };
        Stats {
            read_at,
            cpu_nanos: number * 1_000_000,
            system_nanos: number * 4_000_000,
            online_cpus: 2,
            memory: 3 << 20,
            memory_inactive_file: 1 << 20,
            memory_limit: 1 << 30,
            pids: 3,
            io_read: 4096,
            networks: BTreeMap::from([("eth0".to_owned(), traffic)]),
            ..Stats::default()
        }
    }

    /// Directories are those that files are below, and `/tmp`.
    pub(super) fn stat_file(&self, index: usize, path: &str) -> Option<FileStat> {
        let path = clean(path);
        let stat = |kind, size| FileStat { kind, size, mode: 0o755, target: String::new() };
        if let Some(content) = self.files.get(&(self.name(index), path.clone())) {
            return Some(stat(FileKind::File, content.len() as u64));
        }
        let mut inside = self.files_below(index, &path);
        let exists = path.is_empty() || path == "/tmp" || inside.next().is_some();
        exists.then(|| stat(FileKind::Directory, 0))
    }

    pub(super) fn copy_out(&self, index: usize, path: &str, top: &str, out: OwnedFd) -> Result<()> {
        let path = clean(path);
        let mut builder = tar::Builder::new(File::from(out));
        let mut add = |name: String, content: &[u8]| {
            let mut header = tar::Header::new_ustar();
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            let added = builder.append_data(&mut header, name, content);
            added.context(|| "cannot write an archive".to_owned())
        };
        if let Some(content) = self.files.get(&(self.name(index), path.clone())) {
            add(top.to_owned(), content)?;
        }
        for (rest, content) in self.files_below(index, &path) {
            add(format!("{top}/{rest}"), content)?;
        }
        builder.into_inner().map(drop).context(|| "cannot write an archive".to_owned())
    }

    pub(super) fn copy_in(&mut self, index: usize, into: &str, archive: OwnedFd) -> Result<()> {
        if self.stat_file(index, into).is_none_or(|stat| stat.kind != FileKind::Directory) {
            return Err(Error::new(Kind::NotFound, format!("Could not find the file {into}")));
        }
        let failed = || "cannot read an archive".to_owned();
        let (name, into) = (self.name(index), clean(into));
        let mut archive = tar::Archive::new(File::from(archive));
        for entry in archive.entries().context(failed)? {
            let mut entry = entry.context(failed)?;
            let path = entry.path().context(failed)?.display().to_string();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).context(failed)?;
            if entry.header().entry_type().is_file() {
                let path = format!("{into}/{}", path.trim_start_matches("./"));
                self.files.insert((name.clone(), path), content);
            }
        }
        Ok(())
    }

    pub(super) fn remove_files(&mut self, index: usize, paths: &[String]) {
        let container = self.name(index);
        let gone = |path: &String| {
            let inside = |at: &String| *path == *at || path.starts_with(&format!("{at}/"));
            paths.iter().any(inside)
        };
        self.files.retain(|(name, path), _| *name != container || !gone(path));
    }

    /// Every file is one that was added.
    pub(super) fn changes(&self, index: usize) -> Vec<(Change, PathBuf)> {
        let files = self.files_below(index, "");
        files.map(|(path, _)| (Change::Added, PathBuf::from("/").join(path))).collect()
    }

    pub(super) fn connect(&mut self, index: usize, to: &Endpoint, links: &[Link]) -> Result<()> {
        let spec = &mut self.observed.containers[index].spec;
        let conflict = |message| Err(Error::new(Kind::Conflict, message));
        let NetworkMode::Networks(endpoints) = &mut spec.network else {
            return conflict("the container has no network of its own".to_owned());
        };
        if endpoints.iter().any(|endpoint| endpoint.network == to.network) {
            let (name, network) = (&spec.name, &to.network);
            return conflict(format!(
                "endpoint with name {name} already exists in network {network}"
            ));
        }
        endpoints.push(to.clone());
        spec.links.extend(links.iter().cloned());
        Ok(())
    }

    pub(super) fn disconnect(&mut self, index: usize, network: &str) -> Result<()> {
        let container = &mut self.observed.containers[index];
        if let NetworkMode::Networks(endpoints) = &mut container.spec.network
            && let Some(at) = endpoints.iter().position(|endpoint| endpoint.network == network)
        {
            endpoints.remove(at);
            return Ok(());
        }
        let message = format!("container {} is not connected to network {network}", container.id);
        Err(Error::new(Kind::NotFound, message))
    }

    fn name(&self, index: usize) -> String {
        self.observed.containers[index].spec.name.clone()
    }

    /// Files below a directory, by their paths from there.
    fn files_below(&self, index: usize, path: &str) -> impl Iterator<Item = (String, &Vec<u8>)> {
        let (name, prefix) = (self.name(index), format!("{path}/"));
        self.files.iter().filter_map(move |((container, path), content)| {
            let rest = path.strip_prefix(&prefix).filter(|_| *container == name)?;
            Some((rest.to_owned(), content))
        })
    }
}

/// Without a slash or `/.` at the end; the root is empty.
fn clean(path: &str) -> String {
    let path = path.strip_suffix("/.").unwrap_or(path).trim_end_matches('/');
    if path.starts_with('/') || path.is_empty() { path.to_owned() } else { format!("/{path}") }
}
