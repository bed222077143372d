//! The keys of volumes, secrets, configs and models.

use super::super::node::{Entry, Node, Value};
use super::canonical::boolean;
use super::network::DRIVER_OPTIONS;
use super::{
    Canonical, Digits, Fields, Items, Pairs, Shape, TEXTS, Unique, fields, key, required, short,
};

/// A volume of the project.
pub static VOLUME: Fields = Fields {
    noun: "a volume",
    keys: &[
        key("name", Shape::Text),
        key("driver", Shape::Text),
        key("driver_opts", Shape::Map(&DRIVER_OPTIONS)),
        key("external", Shape::External),
        key("labels", Shape::Pairs(Pairs::Labels)),
    ],
    open: true,
    then: Some(external),
};

/// A secret of the project.
pub static SECRET: Fields = Fields {
    noun: "a secret",
    keys: &[
        key("name", Shape::Text),
        key("environment", Shape::Text),
        key("file", Shape::Text),
        key("external", Shape::External),
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("driver", Shape::Text),
        key("driver_opts", Shape::Map(&DRIVER_OPTIONS)),
        key("template_driver", Shape::Text),
    ],
    open: true,
    then: Some(external),
};

/// A config of the project.
pub static CONFIG: Fields = Fields {
    noun: "a config",
    keys: &[
        key("name", Shape::Text),
        key("content", Shape::Text),
        key("environment", Shape::Text),
        key("file", Shape::Text),
        key("external", Shape::External),
        key("labels", Shape::Pairs(Pairs::Labels)),
        key("template_driver", Shape::Text),
    ],
    open: true,
    then: Some(external),
};

/// An AI model of the project.
pub static MODEL: Fields = fields(
    "a model",
    &[
        key("name", Shape::Text),
        required("model", Shape::Text),
        key("context_size", Shape::Int(0, i64::MAX)),
        key("runtime_flags", Shape::List(&TEXTS)),
    ],
);

/// The old form of `external`, which has the real name.
pub static EXTERNAL: Fields = fields("`external`", &[key("name", Shape::Text)]);

/// Secrets as files of a container.
pub static SECRETS: Items = Items {
    long: &FILE,
    short: short::file_mount,
    alone: false,
    unique: Unique::By(short::secret_place),
};

/// Configs as files of a container.
pub static CONFIGS: Items = Items {
    long: &FILE,
    short: short::file_mount,
    alone: false,
    unique: Unique::By(short::config_place),
};

/// Secrets that build steps can read.
pub static BUILD_SECRETS: Items =
    Items { long: &FILE, short: short::file_mount, alone: false, unique: Unique::No };

static FILE: Fields = fields(
    "a file",
    &[
        key("source", Shape::Text),
        key("target", Shape::Text),
        key("uid", Shape::Text),
        key("gid", Shape::Text),
        key("mode", Shape::Mode(Digits::Octal)),
    ],
);

/// Rewrites `external: {name: x}`, the form of old files, to `name: x` and `external: true`.
pub fn external(cx: &mut Canonical, node: &mut Node) -> bool {
    let Some(mapping) = node.as_mapping_mut() else { return true };
    let Some(old) = mapping.get("external").filter(|it| matches!(it.node.value, Value::Mapping(_)))
    else {
        return true;
    };
    let (key, span) = (old.key, old.node.span);
    let name = old.node.get("name").cloned();
    let mut right = true;
    if let Some(name) = name {
        let path = &cx.path;
        let message = format!("`{path}.external.name` is the form of old files");
        cx.out
            .warning("old-external", name.span, message)
            .hint("write `name: …` and `external: true`");
        match mapping.get("name") {
            Some(other) if other.node.as_str() != name.as_str() => {
                let message = format!("`{path}` has two different names");
                cx.out
                    .error("conflict", name.span, message)
                    .label(other.node.span, "the other one")
                    .hint("keep `name`, and write `external: true`");
                right = false;
            }
            _ => {
                mapping.insert("name".to_owned(), Entry { key: name.span, node: name });
            }
        }
    }
    let node = boolean(true).at(span);
    mapping.insert("external".to_owned(), Entry { key, node });
    right
}
