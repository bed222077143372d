//! Whole stacks from the examples, with real databases and web servers from the local registry.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::world::{World, eventually};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A slow machine initialises a database in well under this.
const LIMIT: Duration = Duration::from_secs(120);

/// A world with the fixture registry on its loopback, as `docker.io`.
fn world_with_registry() -> World {
    let world = World::without_images();
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh start")).ok();
    world
}

/// A copy of an example's directory, so that its data stay out of the checkout.
fn example(world: &World, name: &str) -> PathBuf {
    let (from, to) = (Path::new(REPOSITORY).join("examples").join(name), world.path().join(name));
    world.shell(&format!("cp -a {} {}", from.display(), to.display())).ok();
    to
}

fn page(world: &World, url: &str) -> String {
    world.shell(&format!("curl -sL --max-time 5 {url}")).stdout
}

#[test]
fn the_wordpress_tutorial_works_word_for_word() {
    let world = world_with_registry();
    let dir = example(&world, "wordpress");
    let whole = fs::read_to_string(dir.join("docker-compose.yml")).unwrap();
    // The traps of the text: nothing says what waits for what, or which database is meant.
    assert!(!whole.contains("depends_on") && !whole.contains("WORDPRESS_DB_NAME"));
    let first = whole.split("\n  wordpress:").next().unwrap();
    fs::write(dir.join("docker-compose.yml"), first).unwrap();

    world.compose_in(&dir, &["up", "-d"]).ok();
    let database = world.compose_in(&dir, &["ps", "-q", "mysql-db"]).ok().stdout;

    fs::write(dir.join("docker-compose.yml"), &whole).unwrap();
    world.compose_in(&dir, &["up", "-d"]).ok();
    assert_eq!(world.compose_in(&dir, &["ps", "-q", "mysql-db"]).ok().stdout, database);
    let installer = || page(&world, "127.0.0.1:3000").contains("install.php?step=");
    eventually("WordPress shows its installation page", LIMIT, installer);
    let restarts = ["inspect", "-f", "{{.HostConfig.RestartPolicy.Name}} {{.RestartCount}}"];
    let restarts = world.compose(&[&restarts[..], &["wordpress-wordpress-1"]].concat()).ok();
    assert!(
        restarts.text().starts_with("always "),
        "it may have waited by restarting: {restarts:?}"
    );

    let write = "CREATE TABLE wordpress.kept (n INT); INSERT INTO wordpress.kept VALUES (42)";
    sql(&world, &dir, write);
    world.compose_in(&dir, &["down"]).ok();
    world.compose_in(&dir, &["up", "-d"]).ok();
    eventually("the data survived", LIMIT, || {
        sql(&world, &dir, "SELECT n FROM wordpress.kept").contains("42")
    });
    world.compose_in(&dir, &["down", "-t", "20"]).ok();
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh stop")).ok();
    world.assert_clean();
}

/// Runs one statement with the example's root password.
fn sql(world: &World, dir: &Path, statement: &str) -> String {
    let script = format!("mysql -uroot -p\"$MYSQL_ROOT_PASSWORD\" -N -e '{statement}' 2>&1");
    world.compose_in(dir, &["exec", "-T", "mysql-db", "sh", "-c", &script]).stdout
}

#[test]
fn the_lemp_stack_answers_and_shows_an_edit_at_once() {
    let world = world_with_registry();
    let dir = example(&world, "lemp");
    world.compose_in(&dir, &["up", "-d"]).ok();
    let port = world.compose_in(&dir, &["port", "nginx", "80"]).ok().text().to_owned();
    let url = format!("http://127.0.0.1:{}/", port.rsplit(':').next().unwrap());
    eventually("PHP answers through nginx", LIMIT, || page(&world, &url).contains("MySQL"));

    fs::write(dir.join("code/edit.php"), "<?php echo 6 * 7;").unwrap();
    assert_eq!(page(&world, &format!("{url}edit.php")), "42");

    world.compose_in(&dir, &["down", "-v", "-t", "20"]).ok();
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh stop")).ok();
    world.assert_clean();
}

/// Built by our own `build` (`fixtures/images/build.sh`): node's packages installed by npm, and
/// PHP's by apt, in steps with a network.
#[test]
fn images_built_from_dockerfiles_serve_pages() {
    let world = world_with_registry();
    let dir = world.path().join("served");
    fs::create_dir_all(dir.join("pages")).unwrap();
    fs::write(dir.join("pages/index.php"), "<?php echo 'PHP says ', 6 * 7;").unwrap();
    let yaml = "services:\n  node:\n    image: node-web-app\n    ports: [\"49160:8080\"]\n    init: true\n\
                \x20 php:\n    image: php:apache\n    ports: [\"49161:80\"]\n    volumes: [\"./pages:/var/www/html:ro\"]\n";
    fs::write(dir.join("compose.yaml"), yaml).unwrap();
    world.compose_in(&dir, &["up", "-d"]).ok();
    eventually("the Node application answers", LIMIT, || {
        page(&world, "127.0.0.1:49160").contains("Hello World")
    });
    eventually("PHP answers", LIMIT, || page(&world, "127.0.0.1:49161").contains("PHP says 42"));
    world.compose_in(&dir, &["down", "-t", "5"]).ok();
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh stop")).ok();
    world.assert_clean();
}
