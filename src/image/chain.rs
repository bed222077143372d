//! Chain ids: a layer together with everything below it.

use crate::base::Digest;

use super::hash::sha256;

/// One chain id for each of `diff_ids`, base first (OCI: config.md#layer-chainid).
#[must_use]
pub fn ids(diff_ids: &[Digest]) -> Vec<Digest> {
    let mut chain: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let id = match chain.last() {
            None => diff_id.clone(),
            Some(below) => sha256(format!("{below} {diff_id}").as_bytes()),
        };
        chain.push(id);
    }
    chain
}
