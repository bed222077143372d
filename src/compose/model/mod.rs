//! What compose files mean: one struct per chapter of the specification, every default applied.
//!
//! Values are typed and final: variables are replaced, files merged, short forms expanded, paths
//! absolute. Where a value was written is not kept here but in the document beside it; ask
//! [`Project::place`]. Serialising a model prints what `config` prints.

mod build;
mod dependency;
mod deploy;
mod develop;
mod health;
mod limits;
mod network;
mod port;
mod project;
mod resource;
mod service;
mod text;
mod volume;
pub(in crate::compose) mod wire;

pub use build::Build;
pub use dependency::{Condition, Dependency, HostEntry, ModelUse};
pub use deploy::{
    Deploy, DeployLimits, DeployReservations, DeployResources, DeployRestart, DeviceCount,
    DeviceRequest, DiscreteResource, GenericResource, Placement, PlacementPreference, Update,
};
pub use develop::{Develop, Watch, WatchAction};
pub use health::{Healthcheck, Hook, InitHook, Provider};
pub use limits::{BlkioConfig, BlkioRate, BlkioWeight, CredentialSpec, Device, SwapLimit, Ulimit};
pub use network::{Ipam, IpamPool, Network, ServiceNetwork};
pub use port::Port;
pub use project::Project;
pub use resource::{Config, FileMount, Model, Secret};
pub use service::{EnvFile, Logging, Service};
pub use text::{CgroupMode, NamespaceMode, NetworkMode, PullPolicy, Restart};
pub use volume::{
    BindOptions, ImageOptions, MountKind, Recursive, ServiceVolume, TmpfsOptions, Volume,
    VolumeOptions,
};

/// Keys that start with `x-`: kept as they are, and without effect.
pub type Extensions = std::collections::BTreeMap<String, serde_json::Value>;
