//! The keys of `build`.

use super::resource::BUILD_SECRETS;
use super::service::ULIMITS;
use super::{Fields, ONCE, ONE_OR_MORE, Pairs, Shape, TEXTS, fields, key};

/// How an image is built.
pub static BUILD: Fields = fields(
    "`build`",
    &[
        key("context", Shape::Text),
        key("dockerfile", Shape::Text),
        key("dockerfile_inline", Shape::Text),
        key("entitlements", Shape::List(&TEXTS)),
        key("args", Shape::Pairs(Pairs::Environment)),
        key("ssh", Shape::Pairs(Pairs::Names)),
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("cache_from", Shape::List(&TEXTS)),
        key("cache_to", Shape::List(&TEXTS)),
        key("no_cache", Shape::Bool),
        key("no_cache_filter", Shape::List(&ONE_OR_MORE)),
        key("additional_contexts", Shape::Pairs(Pairs::Names)),
        key("network", Shape::Text),
        key("provenance", Shape::TextOrBool),
        key("sbom", Shape::TextOrBool),
        key("pull", Shape::Bool),
        key("target", Shape::Text),
        key("shm_size", Shape::WholeSize),
        key("extra_hosts", Shape::Hosts),
        key("isolation", Shape::Text),
        key("privileged", Shape::Bool),
        key("secrets", Shape::Items(&BUILD_SECRETS)),
        key("tags", Shape::List(&ONCE)),
        key("ulimits", Shape::Map(&ULIMITS)),
        key("platforms", Shape::List(&TEXTS)),
    ],
);
