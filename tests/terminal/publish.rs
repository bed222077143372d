//! `publish`: a project in a real registry (Debian's).

use std::fs;

use crate::hub::{PLACE, Registry};
use crate::world::World;

#[test]
fn a_published_project_is_in_the_registry_as_docker_compose_writes_it() {
    let world = World::new();
    let _registry = Registry::start(&world, "", "http");
    let text =
        "name: shop\nservices:\n  web: {image: \"busybox:${TAG:-latest}\", env_file: web.env}\n";
    world.compose_yaml(text);
    fs::write(world.project().join("web.env"), "A=1\n").unwrap();
    let name = &format!("{PLACE}/team/shop:1.2");
    let refused = world.compose(&["publish", name]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("--with-env"), "{}", refused.stderr);
    let done = world.compose(&["publish", "--with-env", name]).ok();
    assert!(done.stderr.contains("team/shop:1.2  published sha256:"), "{}", done.stderr);

    let base = format!("http://{PLACE}/v2/team/shop");
    let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
    let manifest = world.shell(&format!("curl -sf -H '{accept}' {base}/manifests/1.2")).ok().stdout;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["artifactType"], "application/vnd.docker.compose.project");
    let layers = manifest["layers"].as_array().unwrap();
    let line = |layer: &serde_json::Value, key: &str| {
        let notes = &layer["annotations"];
        format!("{} {}", layer["mediaType"].as_str().unwrap(), notes[key].as_str().unwrap())
    };
    assert_eq!(
        line(&layers[0], "com.docker.compose.file"),
        "application/vnd.docker.compose.file+yaml compose.yaml"
    );
    assert_eq!(
        line(&layers[1], "com.docker.compose.envfile"),
        "application/vnd.docker.compose.envfile web.env"
    );
    let digest = layers[0]["digest"].as_str().unwrap();
    assert_eq!(world.shell(&format!("curl -sf {base}/blobs/{digest}")).ok().stdout, text);
}
