//! What `config` prints: the project as one file, in which nothing is left to decide.

mod explain;
mod json;
mod portable;
mod raw;
mod variables;
mod write;
mod yaml;

pub use explain::explain;
pub use json::{project_json, to_json, to_json_all};
pub use portable::to_portable;
pub use raw::{document_json, document_yaml};
pub use variables::{variables_json, variables_yaml};
pub use yaml::{to_yaml, to_yaml_all};
