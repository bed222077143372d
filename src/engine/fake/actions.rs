//! What the fake engine's containers can be asked about and told while they exist.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::resource::inspection::{DiskUse, GeneratedFiles, Inspection, LayerDirs};
use crate::resource::mount::MountSource;
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
}
