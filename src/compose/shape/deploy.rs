//! The keys of `deploy` and `develop`, and requests for devices.

use super::service::HOOK;
use super::short;
use super::{
    Fields, Items, ONE_OR_MORE, Pairs, STRICT, Shape, TEXTS, Unique, fields, key, required,
};

/// How a service is run.
pub static DEPLOY: Fields = fields(
    "`deploy`",
    &[
        key("mode", Shape::Text),
        key("endpoint_mode", Shape::Text),
        key("replicas", Shape::Int(0, 100_000)),
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("rollback_config", Shape::Fields(&UPDATE)),
        key("update_config", Shape::Fields(&UPDATE)),
        key("resources", Shape::Fields(&RESOURCES)),
        key("restart_policy", Shape::Fields(&RESTART)),
        key("placement", Shape::Fields(&PLACEMENT)),
    ],
);

static UPDATE: Fields = fields(
    "an update",
    &[
        key("parallelism", Shape::Int(0, i64::MAX)),
        key("delay", Shape::Duration),
        key("failure_action", Shape::Text),
        key("monitor", Shape::Duration),
        key("max_failure_ratio", Shape::Number),
        key("order", Shape::Word(&["start-first", "stop-first"])),
    ],
);

static RESOURCES: Fields = fields(
    "`resources`",
    &[key("limits", Shape::Fields(&LIMITS)), key("reservations", Shape::Fields(&RESERVATIONS))],
);

static LIMITS: Fields = fields(
    "`limits`",
    &[
        key("cpus", Shape::Number),
        key("memory", Shape::SizeText),
        key("pids", Shape::Int(-1, i64::MAX)),
    ],
);

static RESERVATIONS: Fields = fields(
    "`reservations`",
    &[
        key("cpus", Shape::Number),
        key("memory", Shape::SizeText),
        key("generic_resources", Shape::Items(&GENERIC)),
        key("devices", Shape::Items(&DEVICES)),
    ],
);

static GENERIC: Items =
    Items { long: &GENERIC_RESOURCE, short: short::none, alone: false, unique: Unique::No };

static GENERIC_RESOURCE: Fields =
    fields("a resource", &[key("discrete_resource_spec", Shape::Fields(&DISCRETE))]);

static DISCRETE: Fields = fields(
    "`discrete_resource_spec`",
    &[key("kind", Shape::Text), key("value", Shape::Int(0, i64::MAX))],
);

static DEVICES: Items =
    Items { long: &DEVICE_REQUEST, short: short::none, alone: false, unique: Unique::No };

static DEVICE_REQUEST: Fields = fields(
    "a request for devices",
    &[
        required("capabilities", Shape::List(&STRICT)),
        key("count", Shape::Count),
        key("device_ids", Shape::List(&STRICT)),
        key("driver", Shape::Text),
        key("options", Shape::Pairs(Pairs::Labels)),
    ],
);

/// Requests for GPUs, whose capability goes without saying.
pub static GPUS: Items = Items { long: &GPU, short: short::gpus, alone: true, unique: Unique::No };

static GPU: Fields = fields(
    "a request for GPUs",
    &[
        key("capabilities", Shape::List(&STRICT)),
        key("count", Shape::Count),
        key("device_ids", Shape::List(&STRICT)),
        key("driver", Shape::Text),
        key("options", Shape::Pairs(Pairs::Labels)),
    ],
);

static RESTART: Fields = fields(
    "`restart_policy`",
    &[
        key("condition", Shape::Text),
        key("delay", Shape::Duration),
        key("max_attempts", Shape::Int(0, u32::MAX as i64)),
        key("window", Shape::Duration),
    ],
);

static PLACEMENT: Fields = fields(
    "`placement`",
    &[
        key("constraints", Shape::List(&TEXTS)),
        key("preferences", Shape::Items(&PREFERENCES)),
        key("max_replicas_per_node", Shape::Int(0, i64::MAX)),
    ],
);

static PREFERENCES: Items =
    Items { long: &PREFERENCE, short: short::none, alone: false, unique: Unique::No };

static PREFERENCE: Fields = fields("a preference", &[key("spread", Shape::Text)]);

/// What `watch` does.
pub static DEVELOP: Fields = fields("`develop`", &[key("watch", Shape::Items(&WATCH))]);

static WATCH: Items = Items { long: &RULE, short: short::none, alone: false, unique: Unique::No };

static RULE: Fields = fields(
    "a rule of `watch`",
    &[
        key("ignore", Shape::List(&ONE_OR_MORE)),
        key("include", Shape::List(&ONE_OR_MORE)),
        required("path", Shape::Text),
        required(
            "action",
            Shape::Word(&["rebuild", "sync", "restart", "sync+restart", "sync+exec"]),
        ),
        key("target", Shape::Text),
        key("exec", Shape::Fields(&HOOK)),
        key("initial_sync", Shape::Bool),
    ],
);
