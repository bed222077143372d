//! The keys at the top of a file, and those of a service.

use super::super::model::{PullPolicy, Restart};
use super::super::node::Node;
use super::build::BUILD;
use super::canonical::{boolean, mapping};
use super::deploy::{DEPLOY, DEVELOP, GPUS};
use super::network::{ATTACHMENT, DRIVER_OPTIONS, NETWORK};
use super::ports::PORTS;
use super::resource::{CONFIG, CONFIGS, MODEL, SECRET, SECRETS, VOLUME};
use super::volumes::VOLUMES;
use super::{
    Fields, Items, List, Map, ONCE, ONE_OR_MORE, Pairs, STRICT, Shape, Unique, closed, fields, key,
    parses, required, short,
};

/// A whole file.
pub static PROJECT: Fields = fields(
    "a compose file",
    &[
        key("version", Shape::Text),
        key("name", Shape::Text),
        key("include", Shape::Items(&INCLUDES)),
        key("services", Shape::Map(&SERVICES)),
        key("models", Shape::Map(&MODELS)),
        key("networks", Shape::Map(&NETWORKS)),
        key("volumes", Shape::Map(&VOLUMES_BY_NAME)),
        key("secrets", Shape::Map(&SECRETS_BY_NAME)),
        key("configs", Shape::Map(&CONFIGS_BY_NAME)),
    ],
);

static INCLUDES: Items =
    Items { long: &INCLUDE, short: short::include, alone: false, unique: Unique::No };

// One included file.
static INCLUDE: Fields = closed(
    "an item of `include`",
    &[
        required("path", Shape::List(&ONE_OR_MORE)),
        key("env_file", Shape::List(&ONE_OR_MORE)),
        key("project_directory", Shape::Text),
    ],
);

static SERVICES: Map = Map { value: Shape::Fields(&SERVICE), names: Some("service"), listed: None };
static MODELS: Map = Map { value: Shape::Fields(&MODEL), names: Some("model"), listed: None };
static NETWORKS: Map =
    Map { value: Shape::FieldsOrNull(&NETWORK), names: Some("network"), listed: None };
static VOLUMES_BY_NAME: Map =
    Map { value: Shape::FieldsOrNull(&VOLUME), names: Some("volume"), listed: None };
static SECRETS_BY_NAME: Map =
    Map { value: Shape::Fields(&SECRET), names: Some("secret"), listed: None };
static CONFIGS_BY_NAME: Map =
    Map { value: Shape::Fields(&CONFIG), names: Some("config"), listed: None };

/// One service.
pub static SERVICE: Fields = fields(
    "a service",
    &[
        key("develop", Shape::FieldsOrNull(&DEVELOP)),
        key("deploy", Shape::FieldsOrNull(&DEPLOY)),
        key("annotations", Shape::Pairs(Pairs::Labels)),
        key("attach", Shape::Bool),
        key("build", Shape::Short(&BUILD, short::build)),
        key("blkio_config", Shape::Fields(&BLKIO)),
        key("cap_add", Shape::List(&ONCE)),
        key("cap_drop", Shape::List(&ONCE)),
        key("cgroup", Shape::Word(&["host", "private"])),
        key("cgroup_parent", Shape::Text),
        key("command", Shape::Command),
        key("configs", Shape::Items(&CONFIGS)),
        key("container_name", Shape::Text),
        key("cpu_count", Shape::Int(0, i64::MAX)),
        key("cpu_percent", Shape::Int(0, 100)),
        key("cpu_shares", Shape::Int(0, i64::MAX)),
        key("cpu_quota", Shape::Int(-1, i64::MAX)),
        key("cpu_period", Shape::Int(0, i64::MAX)),
        key("cpu_rt_period", Shape::Int(0, i64::MAX)),
        key("cpu_rt_runtime", Shape::Int(0, i64::MAX)),
        key("cpus", Shape::Number),
        key("cpuset", Shape::Text),
        key("credential_spec", Shape::Fields(&CREDENTIALS)),
        key("depends_on", Shape::Map(&DEPENDS_ON)),
        key("device_cgroup_rules", Shape::List(&STRICT)),
        key("devices", Shape::Items(&DEVICES)),
        key("dns", Shape::List(&ONE_OR_MORE)),
        key("dns_opt", Shape::List(&ONCE)),
        key("dns_search", Shape::List(&ONE_OR_MORE)),
        key("domainname", Shape::Text),
        key("entrypoint", Shape::Command),
        key("env_file", Shape::Items(&ENV_FILES)),
        key("label_file", Shape::List(&LABEL_FILES)),
        key("environment", Shape::Pairs(Pairs::Environment)),
        key("expose", Shape::List(&EXPOSE)),
        key("extends", Shape::Short(&EXTENDS, short::extends)),
        key("provider", Shape::Fields(&PROVIDER)),
        key("external_links", Shape::List(&STRICT)),
        key("extra_hosts", Shape::Hosts),
        key("gpus", Shape::Items(&GPUS)),
        key("group_add", Shape::List(&GROUPS)),
        key("healthcheck", Shape::Fields(&HEALTHCHECK)),
        key("hostname", Shape::Text),
        key("image", Shape::Text),
        key("init", Shape::Bool),
        key("ipc", Shape::Text),
        key("isolation", Shape::Text),
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("links", Shape::List(&ONCE)),
        key("logging", Shape::Fields(&LOGGING)),
        key("mac_address", Shape::Text),
        key("mem_limit", Shape::Size),
        key("mem_reservation", Shape::WholeSize),
        key("mem_swappiness", Shape::WholeSize),
        key("memswap_limit", Shape::Size),
        key("network_mode", Shape::Text),
        key("models", Shape::Map(&MODEL_USES)),
        key("networks", Shape::Map(&ATTACHMENTS)),
        key("oom_kill_disable", Shape::Bool),
        key("oom_score_adj", Shape::Int(-1000, 1000)),
        key("pid", Shape::TextOrNull),
        key("pids_limit", Shape::Int(-1, i64::MAX)),
        key("platform", Shape::Text),
        key("ports", Shape::Items(&PORTS)),
        key("pre_start", Shape::Items(&INIT_HOOKS)),
        key("post_start", Shape::Items(&HOOKS)),
        key("pre_stop", Shape::Items(&HOOKS)),
        key("privileged", Shape::Bool),
        key("profiles", Shape::List(&ONCE)),
        key("pull_policy", Shape::Parsed(parses::<PullPolicy>)),
        key("pull_refresh_after", Shape::Text),
        key("read_only", Shape::Bool),
        key("restart", Shape::Parsed(parses::<Restart>)),
        key("runtime", Shape::Text),
        key("scale", Shape::Int(0, 100_000)),
        key("security_opt", Shape::List(&STRICT)),
        key("shm_size", Shape::Size),
        key("secrets", Shape::Items(&SECRETS)),
        key("sysctls", Shape::Pairs(Pairs::Labels)),
        key("stdin_open", Shape::Bool),
        key("stop_grace_period", Shape::Duration),
        key("stop_signal", Shape::Text),
        key("storage_opt", Shape::Map(&OPTIONS)),
        key("tmpfs", Shape::List(&TMPFS)),
        key("tty", Shape::Bool),
        key("ulimits", Shape::Map(&ULIMITS)),
        key("use_api_socket", Shape::Bool),
        key("user", Shape::Text),
        key("uts", Shape::Text),
        key("userns_mode", Shape::Text),
        key("volumes", Shape::Items(&VOLUMES)),
        key("volumes_from", Shape::List(&STRICT)),
        key("working_dir", Shape::Text),
    ],
);

static OPTIONS: Map = Map { value: Shape::Option, names: None, listed: None };
static EXPOSE: List = List { item: Shape::TextOrNumber, unique: Unique::Once, alone: false };
static GROUPS: List = List { item: Shape::TextOrNumber, unique: Unique::Strict, alone: false };
static LABEL_FILES: List = List { item: Shape::Text, unique: Unique::No, alone: true };
static TMPFS: List =
    List { item: Shape::Text, unique: Unique::By(short::before_equals), alone: true };

static ENV_FILES: Items =
    Items { long: &ENV_FILE, short: short::env_file, alone: true, unique: Unique::By(short::path) };

static ENV_FILE: Fields = closed(
    "a file of variables",
    &[required("path", Shape::Text), key("format", Shape::Text), key("required", Shape::Bool)],
);

static EXTENDS: Fields =
    closed("`extends`", &[required("service", Shape::Text), key("file", Shape::Text)]);

static DEPENDS_ON: Map =
    Map { value: Shape::Fields(&DEPENDENCY), names: Some("service"), listed: Some(started) };

/// What a list of `depends_on` means for each of its names.
fn started() -> Node {
    mapping([("condition", Node::text("service_started")), ("required", boolean(true))])
}

static DEPENDENCY: Fields = fields(
    "a dependency",
    &[
        key("restart", Shape::Bool),
        key("required", Shape::Bool),
        required(
            "condition",
            Shape::Word(&["service_started", "service_healthy", "service_completed_successfully"]),
        ),
    ],
);

static ATTACHMENTS: Map = Map {
    value: Shape::FieldsOrNull(&ATTACHMENT),
    names: Some("network"),
    listed: Some(Node::default),
};

static MODEL_USES: Map = Map {
    value: Shape::FieldsOrNull(&MODEL_USE),
    names: Some("model"),
    listed: Some(Node::default),
};

static MODEL_USE: Fields = fields(
    "a model of a service",
    &[key("endpoint_var", Shape::Text), key("model_var", Shape::Text)],
);

/// Process limits.
pub static ULIMITS: Map = Map { value: Shape::Ulimit, names: Some("limit"), listed: None };

/// A soft and a hard process limit.
pub static ULIMIT: Fields = fields(
    "a process limit",
    &[required("soft", Shape::Int(-1, i64::MAX)), required("hard", Shape::Int(-1, i64::MAX))],
);

static BLKIO: Fields = closed(
    "`blkio_config`",
    &[
        key("device_read_bps", Shape::Items(&RATES)),
        key("device_read_iops", Shape::Items(&RATES)),
        key("device_write_bps", Shape::Items(&RATES)),
        key("device_write_iops", Shape::Items(&RATES)),
        key("weight", Shape::Int(0, 1000)),
        key("weight_device", Shape::Items(&WEIGHTS)),
    ],
);

static RATES: Items =
    Items { long: &RATE, short: short::none, alone: false, unique: Unique::By(short::path) };
static RATE: Fields = closed("a rate", &[key("path", Shape::Text), key("rate", Shape::WholeSize)]);
static WEIGHTS: Items =
    Items { long: &WEIGHT, short: short::none, alone: false, unique: Unique::By(short::path) };
static WEIGHT: Fields =
    closed("a weight", &[key("path", Shape::Text), key("weight", Shape::Int(0, 1000))]);

static CREDENTIALS: Fields = fields(
    "`credential_spec`",
    &[key("config", Shape::Text), key("file", Shape::Text), key("registry", Shape::Text)],
);

static DEVICES: Items = Items {
    long: &DEVICE,
    short: short::device,
    alone: false,
    unique: Unique::By(short::device_place),
};

static DEVICE: Fields = fields(
    "a device",
    &[required("source", Shape::Text), key("target", Shape::Text), key("permissions", Shape::Text)],
);

static PROVIDER: Fields =
    fields("a provider", &[required("type", Shape::Text), key("options", Shape::Map(&REPEATED))]);

static REPEATED: Map = Map { value: Shape::List(&VALUES), names: None, listed: None };
static VALUES: List = List { item: Shape::Option, unique: Unique::No, alone: true };

static HEALTHCHECK: Fields = fields(
    "a health check",
    &[
        key("disable", Shape::Bool),
        key("interval", Shape::Duration),
        key("retries", Shape::Int(0, i64::MAX)),
        key("test", Shape::HealthTest),
        key("timeout", Shape::Duration),
        key("start_period", Shape::Duration),
        key("start_interval", Shape::Duration),
    ],
);

/// Where output goes; merged in a way of its own.
pub static LOGGING: Fields =
    fields("`logging`", &[key("driver", Shape::Text), key("options", Shape::Map(&DRIVER_OPTIONS))]);

static HOOKS: Items = Items { long: &HOOK, short: short::none, alone: false, unique: Unique::No };

/// A command run at a point of a container's life.
pub static HOOK: Fields = fields(
    "a hook",
    &[
        required("command", Shape::Command),
        key("user", Shape::Text),
        key("privileged", Shape::Bool),
        key("working_dir", Shape::Text),
        key("environment", Shape::Pairs(Pairs::Environment)),
    ],
);

static INIT_HOOKS: Items =
    Items { long: &INIT_HOOK, short: short::none, alone: false, unique: Unique::No };

static INIT_HOOK: Fields = fields(
    "a hook before the start",
    &[
        key("command", Shape::Command),
        key("image", Shape::Text),
        key("user", Shape::Text),
        key("privileged", Shape::Bool),
        key("working_dir", Shape::Text),
        key("environment", Shape::Pairs(Pairs::Environment)),
        key("per_replica", Shape::Bool),
    ],
);
