//! Names of the labels that tie resources to a Compose project (Docker Compose: the same names, so
//! that tools which read them go on working).

/// What all of them begin with.
pub const PREFIX: &str = "com.docker.compose.";
/// Project name.
pub const PROJECT: &str = "com.docker.compose.project";
/// Directory that relative paths start from.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// The compose files, separated by commas.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// The files given with `--env-file`, separated by commas.
pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
/// Service name.
pub const SERVICE: &str = "com.docker.compose.service";
/// Number of the replica, from 1.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// `True` for containers of `run`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// Identifies a container of `run`.
pub const SLUG: &str = "com.docker.compose.slug";
/// Hash of the service's resolved configuration.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Digest of the image the container was made from.
pub const IMAGE: &str = "com.docker.compose.image";
/// Dependencies, as in `db:service_healthy:false`.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Version of the tool that made it.
pub const VERSION: &str = "com.docker.compose.version";
/// Key of a network in the compose file.
pub const NETWORK: &str = "com.docker.compose.network";
/// Key of a volume in the compose file.
pub const VOLUME: &str = "com.docker.compose.volume";
/// Of containers that run before a service's own: `pre_start`.
pub const HOOK: &str = "com.docker.compose.hook";
