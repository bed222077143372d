//! The version in Docker's shape.

use serde_json::{Value as Json, json};

use crate::docker::{API, OWN, SPOKEN, architecture};

/// Docker: `docker version --format json`, on a machine with this `kernel` release.
#[must_use]
pub fn shape(kernel: &str) -> Json {
    let (os, arch) = (std::env::consts::OS, architecture());
    let details = json!({
        "ApiVersion": API, "Arch": arch, "BuildTime": "", "Experimental": "false",
        "GitCommit": format!("compose-{OWN}"), "GoVersion": "", "KernelVersion": kernel,
        "MinAPIVersion": API, "Os": os,
    });
    let engine = json!({ "Name": "Engine", "Version": SPOKEN, "Details": details });
    let own = json!({ "Name": "compose", "Version": OWN, "Details": {} });
    json!({
        "Client": {
            "Platform": { "Name": "compose" }, "Version": SPOKEN, "ApiVersion": API,
            "DefaultAPIVersion": API, "GitCommit": format!("compose-{OWN}"), "GoVersion": "",
            "Os": os, "Arch": arch, "BuildTime": "", "Context": "default",
        },
        "Server": {
            "Platform": { "Name": "compose" }, "Components": [engine, own], "Version": SPOKEN,
            "ApiVersion": API, "MinAPIVersion": API, "GitCommit": format!("compose-{OWN}"),
            "GoVersion": "", "Os": os, "Arch": arch, "KernelVersion": kernel, "BuildTime": "",
        },
    })
}
