//! The hash that tells whether a container still is what its service asks for.

use sha2::{Digest, Sha256};

use super::model::{Deploy, Service};

/// Hash of all that a change of makes a new container necessary, in 64 hexadecimal digits.
///
/// What only changes how an image comes about, how many containers there are, or when they start,
/// does not count (Docker: `ServiceHash`).
#[must_use]
pub fn config_hash(service: &Service) -> String {
    let mut service = service.clone();
    service.build = None;
    service.pull_policy = None;
    service.scale = None;
    service.depends_on.clear();
    service.profiles.clear();
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
        if *deploy == Deploy::default() {
            service.deploy = None;
        }
    }
    digest(&service)
}

/// Hash of what `config` prints for a network or volume, to notice that it changed.
#[must_use]
pub fn resource_hash(resource: &impl serde::Serialize) -> String {
    digest(resource)
}

fn digest(value: &impl serde::Serialize) -> String {
    // Maps of models have text keys only, so this cannot fail; an empty text would still be stable.
    let text = serde_json::to_string(value).unwrap_or_default();
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_container_is_made_of_counts() {
        let service = Service { image: Some("nginx".into()), ..Service::default() };
        let hash = config_hash(&service);
        assert_eq!(hash.len(), 64);
        assert_eq!(config_hash(&Service { scale: Some(3), ..service.clone() }), hash);
        assert_ne!(config_hash(&Service { tty: true, ..service }), hash);
    }
}
