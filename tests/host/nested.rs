//! The program in a container, as continuous integration runs it.

use std::fs;

use crate::world::World;

const INNER: &str = "
services:
  web: {image: busybox, command: [sh, -c, 'echo within > /index.html; httpd -f -p 80 -h /'], init: true}
  ask: {image: busybox, command: [wget, -qO-, 'http://web/'], depends_on: [web]}
";

#[test]
fn a_container_runs_a_project_of_its_own() {
    let world = World::new();
    let project = world.project();
    fs::create_dir(project.join("inner")).unwrap();
    fs::write(project.join("inner/compose.yaml"), INNER).unwrap();
    world.compose(&["image", "save", "-o", "inner/busybox.tar", "busybox"]).ok();
    let program = env!("CARGO_BIN_EXE_compose");
    let service = format!(
        "
    image: busybox
    command: [sleep, infinity]
    init: true
    working_dir: /inner
    volumes: ['./inner:/inner', '{program}:/bin/compose:ro', 'state:/var/lib/compose']
"
    );
    world.up(&format!(
        "services:\n  may:{service}    privileged: true\n  may-not:{service}volumes: {{state: }}\n"
    ));

    let shown = world.inside(
        "may",
        "compose image load -qi busybox.tar && compose up -d 2>/dev/null && compose wait ask && \
         compose logs --no-log-prefix ask && compose down 2>/dev/null && compose system check",
    );
    assert!(shown.contains("within"), "{shown}");
    assert!(shown.ends_with("Nothing is left over."), "{shown}");

    // Each obstacle is named with its way out.
    let elsewhere = "export COMPOSE_DATA_ROOT=/elsewhere; compose image load -qi busybox.tar; \
                     compose up -d 2>&1; compose down 2>/dev/null";
    let refused = world.inside("may", elsewhere);
    assert!(refused.contains("/elsewhere/containers/"), "{refused}");
    assert!(refused.contains("lies on an overlay itself"), "{refused}");
    let refused = world.inside("may-not", "compose up -d 2>&1 || true");
    assert!(refused.contains("`privileged: true`"), "{refused}");
    world.compose(&["down", "-v", "-t", "1"]).ok();
    world.assert_clean();
}
