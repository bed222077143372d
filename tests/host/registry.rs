//! Images go to a real registry (Debian's `docker-registry`) and come back equal, by the commands
//! that people type.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::hub::{PLACE, Registry};
use crate::world::{Done, World};

/// A project with a service that is built, under a name in the registry.
fn project() -> World {
    let world = World::new();
    let yaml = format!(
        "services:\n  web:\n    image: {PLACE}/team/web:1\n    build: {{context: ., tags: [\"{PLACE}/team/web:also\"]}}\n\
         \x20 base:\n    image: busybox\n"
    );
    world.compose_yaml(&yaml);
    fs::write(world.project().join("Dockerfile"), "FROM busybox\nRUN echo made > /made\n").unwrap();
    world
}

/// Runs `compose` as on another machine, which has images of its own.
fn elsewhere(world: &World, arguments: &[&str]) -> Done {
    let mut command = world.command(&world.project(), crate::world::COMPOSE);
    command.env("COMPOSE_DATA_ROOT", world.path().join("elsewhere"));
    command.env("COMPOSE_RUN_ROOT", world.path().join("elsewhere-run"));
    world.run(command.args(arguments))
}

fn id(done: Done) -> String {
    done.ok().text().to_owned()
}

const INSPECT: [&str; 4] = ["image", "inspect", "--format", "{{.Id}} {{.RepoDigests}}"];

#[test]
fn what_a_registry_got_stands_in_the_metadata_file() {
    let world = project();
    let _registry = Registry::start(&world, "", "http");
    let name = format!("{PLACE}/team/it:1");
    let build = ["image", "build", "-t", &name, "--push", "--metadata-file", "meta.json", "."];
    world.compose(&build).ok();
    let meta = std::fs::read_to_string(world.project().join("meta.json")).unwrap();
    let meta: serde_json::Value = serde_json::from_str(&meta).unwrap();
    let digest = meta["containerimage.digest"].as_str().unwrap();
    let here = id(world.compose(&[&INSPECT[..], &[&name]].concat()));
    let config = meta["containerimage.config.digest"].as_str().unwrap();
    assert_eq!(here, format!("{config} [{PLACE}/team/it@{digest}]"));
    let descriptor = &meta["containerimage.descriptor"];
    assert_eq!(descriptor["digest"], digest);
    assert_eq!(descriptor["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    assert!(descriptor["size"].as_u64() > Some(100), "{meta}");
}

#[test]
fn images_of_a_project_are_pushed_pulled_pinned_saved_and_loaded() {
    let world = project();
    let _registry = Registry::start(&world, "", "http");
    world.compose(&["build"]).ok();
    let pushed = world.compose(&["push"]).ok();
    for name in ["team/web:1", "team/web:also"] {
        assert!(
            pushed.stderr.contains(&format!("Image {PLACE}/{name}  Pushed")),
            "{}",
            pushed.stderr
        );
    }
    let name = format!("{PLACE}/team/web:1");
    let here = id(world.compose(&[&INSPECT[..], &[&name]].concat()));

    elsewhere(&world, &["pull", "web"]).ok();
    assert_eq!(id(elsewhere(&world, &[&INSPECT[..], &[&name]].concat())), here);
    let made = elsewhere(&world, &["run", "--rm", "web", "cat", "/made"]).ok();
    assert_eq!(made.text(), "made");
    elsewhere(&world, &["down"]).ok();

    // What the registry says, not what is here.
    world.compose_yaml(&format!("services:\n  web:\n    image: {name}\n"));
    let digest = here.rsplit('@').next().unwrap().trim_end_matches(']').to_owned();
    let config = world.compose(&["config", "--resolve-image-digests"]).ok();
    assert!(config.stdout.contains(&format!("@{digest}\n")), "{}", config.stdout);
    assert_eq!(world.compose(&["lock"]).ok().text(), format!("{name} {digest}"));
    assert_eq!(elsewhere(&world, &["lock", "--check"]).ok().stdout, "");

    world.compose(&["image", "save", "-o", "both.tar", &name, "busybox"]).ok();
    let clean = world.path().join("third");
    let load = world.shell(&format!(
        "zstd -q < project/both.tar | COMPOSE_DATA_ROOT={0} COMPOSE_RUN_ROOT={0}-run {1} image load",
        clean.display(),
        crate::world::COMPOSE,
    ));
    let loaded = format!("Loaded image: {name}\nLoaded image: busybox:latest\n");
    assert_eq!(load.ok().stdout, loaded);
    world.assert_clean();
}

#[test]
fn what_the_registry_has_is_not_sent_again() {
    let world = project();
    let _registry = Registry::start(&world, "", "http");
    let push = |name: &str| {
        world.compose(&["image", "tag", "busybox", name]).ok();
        world.compose(&["image", "push", name]).ok()
    };
    let first = push(&format!("{PLACE}/one/app:1"));
    assert!(first.stderr.contains("Pushed"), "{}", first.stderr);
    let again = push(&format!("{PLACE}/one/app:2"));
    assert!(again.stderr.contains("Already exists"), "{}", again.stderr);
    // Another repository of the same registry gets it from the first.
    let before = sizes(&world);
    push(&format!("{PLACE}/two/app:1"));
    let mounted = Path::new("registry/data/docker/registry/v2/repositories/two/app/_layers/sha256");
    assert!(world.path().join(mounted).is_dir());
    assert_eq!(sizes(&world).0, before.0, "a blob came twice");
    world.assert_clean();
}

/// How many blobs there are in the registry that are no manifests, and how many in all.
fn sizes(world: &World) -> (usize, usize) {
    let found = world.shell("find registry/data -path '*blobs*' -name data -size +4k | wc -l");
    let all = world.shell("find registry/data -path '*blobs*' -name data | wc -l");
    (found.text().trim().parse().unwrap(), all.text().trim().parse().unwrap())
}

#[test]
fn a_registry_with_passwords_is_logged_in_to() {
    let world = project();
    fs::create_dir(world.path().join("registry")).unwrap();
    // `secret`, as htpasswd -B writes it.
    let script = "import crypt; print('me:' + crypt.crypt('secret', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=32)))";
    let line = Command::new("python3").args(["-W", "ignore", "-c", script]).output().unwrap();
    assert!(line.status.success(), "{}", String::from_utf8_lossy(&line.stderr));
    fs::write(world.path().join("registry/htpasswd"), line.stdout).unwrap();
    let _registry =
        Registry::start(&world, "auth:\n  htpasswd: {realm: it, path: DIR/htpasswd}\n", "http");
    world.compose(&["build"]).ok();
    let refused = world.compose(&["push"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("compose login"), "{}", refused.stderr);

    let login = |password: &str| {
        let compose = crate::world::COMPOSE;
        world.shell(&format!("printf {password} | {compose} login {PLACE} -u me --password-stdin"))
    };
    assert_eq!(login("wrong").code, 1);
    login("secret").ok();
    world.compose(&["push"]).ok();
    elsewhere(&world, &["pull", "web"]).ok();
    world.compose(&["logout", PLACE]).ok();
    assert_eq!(elsewhere(&world, &["pull", "web"]).code, 1);
    world.assert_clean();
}

#[test]
fn a_registry_with_a_certificate_of_its_own_authority() {
    let world = project();
    let script = "
        mkdir registry && cd registry
        key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
        openssl req -x509 $key -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca
        openssl req $key -keyout own.key -out own.csr -subj /CN=registry
        echo subjectAltName=IP:127.0.0.1 > names
        openssl x509 -req -in own.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out own.crt";
    world.shell(&format!("set -e\n{script}")).ok();
    let tls = "  tls: {certificate: DIR/own.crt, key: DIR/own.key}\n";
    let _registry = Registry::start(&world, tls, "https");
    world.compose(&["build"]).ok();
    let refused = world.compose(&["push"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("certificate"), "{}", refused.stderr);

    let trusting = |arguments: &[&str]| {
        let mut command = world.command(&world.project(), crate::world::COMPOSE);
        command.env("SSL_CERT_FILE", world.path().join("registry/ca.crt"));
        world.run(command.args(arguments)).ok()
    };
    trusting(&["push"]);
    trusting(&[
        "image",
        "rm",
        "-f",
        &format!("{PLACE}/team/web:1"),
        &format!("{PLACE}/team/web:also"),
    ]);
    trusting(&["pull", "web"]);
    world.assert_clean();
}

#[test]
fn built_steps_travel_through_a_registry() {
    let world = project();
    let _registry = Registry::start(&world, "", "http");
    let tar = crate::world::fixture("busybox");
    let import = ["image", "import", tar.to_str().unwrap(), "busybox:latest", "-c", "CMD [\"sh\"]"];
    elsewhere(&world, &import).ok();
    let with = |keys: &str| {
        world.compose_yaml(&format!(
            "services:\n  web:\n    image: {PLACE}/team/web:1\n    build:\n      context: .\n{keys}"
        ));
    };
    // Beside the image, under a name of its own.
    with(&format!("      cache_to: [\"type=registry,ref={PLACE}/team/cache,mode=max\"]\n"));
    world.compose(&["build"]).ok();
    assert_eq!(world.compose(&["image", "ls", "-q", "-a"]).ok().stdout.lines().count(), 2);
    with(&format!("      cache_from: [\"{PLACE}/team/cache\", \"type=gha\"]\n"));
    let built = elsewhere(&world, &["build"]).ok();
    assert_eq!(built.stderr.matches(" CACHED").count(), 2, "{}", built.stderr);
    // Of what is not used any more, nothing is fetched: the base stays alone.
    elsewhere(&world, &["image", "rm", &format!("{PLACE}/team/web:1")]).ok();
    elsewhere(&world, &["builder", "prune", "-f"]).ok();
    let layers = || fs::read_dir(world.path().join("elsewhere/images/layers")).unwrap().count();
    assert_eq!(layers(), 1);
    let other = "FROM busybox\nRUN echo other > /made\n";
    let made = fs::read_to_string(world.project().join("Dockerfile")).unwrap();
    fs::write(world.project().join("Dockerfile"), other).unwrap();
    elsewhere(&world, &["build"]).ok();
    assert_eq!(layers(), 2);
    fs::write(world.project().join("Dockerfile"), made).unwrap();
    elsewhere(&world, &["image", "rm", &format!("{PLACE}/team/web:1")]).ok();
    elsewhere(&world, &["builder", "prune", "-f"]).ok();
    // Inside the image itself, which is the same image all the same.
    with("      cache_to: [\"type=inline\"]\n");
    world.compose(&["build", "--push"]).ok();
    with(&format!("      cache_from: [\"{PLACE}/team/web:1\"]\n"));
    let built = elsewhere(&world, &["build"]).ok();
    assert_eq!(built.stderr.matches(" CACHED").count(), 2, "{}", built.stderr);
    world.assert_clean();
}
