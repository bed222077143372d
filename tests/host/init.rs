//! What `init` writes comes up, and answers.

use std::time::Duration;

use crate::world::{World, eventually};

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

/// A slow machine builds an image and initialises a database in well under this.
const LIMIT: Duration = Duration::from_secs(180);

/// The tools of PHP's official images, for the fixtures, whose extensions are Debian's packages:
/// asked for one that is not there, they fail.
const PHP_TOOLS: &str = "\
COPY --chmod=0755 <<\"END\" /usr/local/bin/docker-php-ext-install
#!/bin/sh
for extension; do
    case $extension in
        -*) ;;
        opcache) php -v | grep -q OPcache ;;
        *) php -m | grep -qix \"$extension\" ;;
    esac || { echo \"no extension $extension\" >&2; exit 1; }
done
END
";

/// The fixtures' registry, and images of it under the names that `init` writes.
fn world_with(images: &[(&str, &str)]) -> World {
    let world = World::without_images();
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh start")).ok();
    let forge = world.path().join("forge");
    std::fs::create_dir(&forge).unwrap();
    for (name, dockerfile) in images {
        std::fs::write(forge.join("Dockerfile"), dockerfile).unwrap();
        world.compose_in(&forge, &["image", "build", "-q", "-t", name, "."]).ok();
    }
    world
}

/// Writes a project, brings it up, and takes it down when its page says all of `parts`.
fn answers(world: &World, line: &str, path: &str, parts: &[&str]) {
    let name = line.split_whitespace().next().unwrap();
    let dir = world.path().join(format!("new-{name}"));
    std::fs::create_dir(&dir).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    world.compose_in(&dir, &[&["init", "-y", "--port", "8088"], &words[..]].concat()).ok();
    world.compose_in(&dir, &["up", "-d", "--wait", "--pull", "missing"]).ok();
    let page = || world.shell(&format!("curl -sL --max-time 5 127.0.0.1:8088/{path}")).stdout;
    eventually(&format!("{name} shows its page"), LIMIT, || {
        let page = page();
        parts.iter().all(|part| page.contains(part))
    });
    world.compose_in(&dir, &["down", "-v", "-t", "20", "--rmi", "local"]).ok();
}

/// Removes what forging made, and looks whether anything is left.
fn leave(world: &World) {
    world.shell(&format!("{REPOSITORY}/tests/support/registry.sh stop")).ok();
    world.assert_clean();
}

#[test]
fn the_lemp_and_lamp_stacks_of_init_show_their_pages() {
    let fpm = format!("FROM php:fpm\n{PHP_TOOLS}");
    let apache = format!("FROM php:apache\n{PHP_TOOLS}");
    let world = world_with(&[
        ("php:8.2-fpm", &fpm),
        ("php:8.2-apache", &apache),
        ("nginx:1.29", "FROM nginx:latest\n"),
        ("mysql:8.4", "FROM mysql:8\n"),
    ]);
    let parts = ["PHP 8.2", "database "];
    answers(&world, "lemp --php 8.2 --database mysql", "", &parts);
    answers(&world, "lamp --php 8.2 --database mysql", "index.php", &parts);
    leave(&world);
}

#[test]
fn the_django_stack_of_init_works_with_postgres_and_redis() {
    let world =
        world_with(&[("postgres:17", "FROM postgres:14.1\n"), ("redis:8", "FROM redis:latest\n")]);
    let dir = world.path().join("site");
    std::fs::create_dir(&dir).unwrap();
    let init = ["init", "-y", "--port", "8088", "django", "--database", "postgres", "--redis"];
    world.compose_in(&dir, &init).ok();
    world.compose_in(&dir, &["up", "-d", "--wait", "--pull", "missing"]).ok();
    eventually("Django shows its page", LIMIT, || {
        let page = world.shell("curl -sL --max-time 5 127.0.0.1:8088/").stdout;
        page.starts_with("Django 5.")
    });
    // Its tables are in the database, and its cache in Redis.
    let query = ["psql", "-U", "app", "-d", "app", "-Atc", "select count(*) from auth_user"];
    let count = world.compose_in(&dir, &[&["exec", "-T", "db"], &query[..]].concat()).ok();
    assert_eq!(count.text(), "0");
    let write = "from django.core.cache import cache; cache.set('seen', 'by redis', 60)";
    let web = ["exec", "-T", "web", "python", "manage.py", "shell", "-c", write];
    world.compose_in(&dir, &web).ok();
    let keys = world.compose_in(&dir, &["exec", "-T", "redis", "redis-cli", "keys", "*"]).ok();
    assert_eq!(keys.text(), ":1:seen");
    world.compose_in(&dir, &["down", "-v", "-t", "20", "--rmi", "local"]).ok();
    leave(&world);
}

#[test]
fn the_wordpress_and_node_stacks_of_init_show_their_pages() {
    let world = world_with(&[
        ("wordpress:6.8-php8.3-apache", "FROM wordpress:latest\n"),
        ("mysql:8.4", "FROM mysql:8\n"),
        ("node:24-slim", "FROM node:16.13.2\n"),
    ]);
    answers(&world, "wordpress --php 8.3 --database mysql", "", &["WordPress"]);
    // Without packages of npm, which a test cannot fetch.
    answers(&world, "node --database none", "", &["Node v16.13.2"]);
    leave(&world);
}
