//! Which keys have an effect, and why the others have none.
//!
//! The grammar has every key of the schema; this list has those of them that change nothing here.
//! Notices and README's table are made from it.

/// Why a key has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It steers a cluster, and there is one machine.
    Cluster,
    /// It is about Windows.
    Windows,
    /// It needs a program that is not part of this one.
    Foreign,
    /// It is documentation only, by its definition.
    Documentation,
    /// The writable layer of a container has no quota here.
    Quota,
}

impl Reason {
    /// The reason as the end of a sentence.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Cluster => "it is for clusters, and this is one machine",
            Reason::Windows => "it is for Windows",
            Reason::Foreign => "it needs a program that is not part of this one",
            Reason::Documentation => "it is documentation",
            Reason::Quota => "a container's own layer has no quota here",
        }
    }
}

/// Keys without effect. `*` stands for any name, `[]` for an item of a list; what is below such a
/// key has none, either.
pub const INERT: [(&str, Reason); 36] = [
    ("services.*.cpu_count", Reason::Windows),
    ("services.*.cpu_percent", Reason::Windows),
    ("services.*.credential_spec", Reason::Windows),
    ("services.*.isolation", Reason::Windows),
    ("services.*.build.isolation", Reason::Windows),
    ("services.*.build.provenance", Reason::Foreign),
    ("services.*.build.sbom", Reason::Foreign),
    ("services.*.deploy.mode", Reason::Cluster),
    ("services.*.deploy.endpoint_mode", Reason::Cluster),
    ("services.*.deploy.labels", Reason::Cluster),
    ("services.*.deploy.placement", Reason::Cluster),
    ("services.*.deploy.rollback_config", Reason::Cluster),
    ("services.*.deploy.update_config", Reason::Cluster),
    ("services.*.deploy.restart_policy.delay", Reason::Cluster),
    ("services.*.deploy.restart_policy.window", Reason::Cluster),
    ("services.*.deploy.resources.reservations.cpus", Reason::Cluster),
    ("services.*.deploy.resources.reservations.generic_resources", Reason::Cluster),
    ("services.*.models", Reason::Foreign),
    ("services.*.ports[].name", Reason::Documentation),
    ("services.*.ports[].mode", Reason::Cluster),
    ("services.*.ports[].app_protocol", Reason::Documentation),
    ("services.*.pull_refresh_after", Reason::Documentation),
    ("services.*.storage_opt", Reason::Quota),
    ("services.*.use_api_socket", Reason::Foreign),
    ("services.*.volumes[].consistency", Reason::Documentation),
    ("models", Reason::Foreign),
    ("networks.*.attachable", Reason::Cluster),
    ("networks.*.ipam.driver", Reason::Foreign),
    ("networks.*.ipam.options", Reason::Foreign),
    ("secrets.*.labels", Reason::Cluster),
    ("secrets.*.driver", Reason::Cluster),
    ("secrets.*.driver_opts", Reason::Cluster),
    ("secrets.*.template_driver", Reason::Cluster),
    ("configs.*.labels", Reason::Cluster),
    ("configs.*.template_driver", Reason::Cluster),
    ("version", Reason::Documentation),
];

/// Why the key at a path has no effect; `None`: it has one.
#[must_use]
pub fn inert(path: &str) -> Option<Reason> {
    let below = |parent: &str| {
        path.strip_prefix(parent)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    INERT.iter().find(|(key, _)| below(key)).map(|(_, reason)| *reason)
}

/// Every key and whether it has an effect, as a table in Markdown: one row for each key of a file,
/// a service, a network and so on, with those below it that have none.
#[must_use]
pub fn table() -> String {
    let keys = super::keys();
    let mut out = "| key | effect |\n|---|---|\n".to_owned();
    for key in keys.iter().filter(|key| is_row(key)) {
        let below: Vec<String> = INERT
            .iter()
            .filter_map(|(path, reason)| {
                let rest = path.strip_prefix(key.as_str())?;
                let rest = rest.strip_prefix('.').or_else(|| rest.strip_prefix("[]."))?;
                Some(format!("`{rest}` ({})", reason.as_str()))
            })
            .collect();
        let effect = match (inert(key), below.as_slice()) {
            (Some(reason), _) => format!("none: {}", reason.as_str()),
            (None, []) => "yes".to_owned(),
            (None, below) => format!("yes, but for {}", below.join(", ")),
        };
        out += &format!("| `{key}` | {effect} |\n");
    }
    out
}

/// A key at the top, or right below a name.
fn is_row(key: &str) -> bool {
    match key.split_once(".*.") {
        Some((_, rest)) => !rest.contains(['.', '[', '*']),
        None => !key.contains(['.', '[']),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_row_for_every_key_of_a_service() {
        let table = table();
        assert!(table.contains("| `services.*.image` | yes |\n"), "{table}");
        assert!(table.contains("| `services.*.isolation` | none: it is for Windows |\n"));
        assert!(table.contains("| `services.*.deploy` | yes, but for `mode` ("));
    }
}
