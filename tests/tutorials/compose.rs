//! Several containers together: `docker-compose` and `docker compose`.

use crate::tutorial::{LIMIT, Tutorial};
use crate::world::eventually;

const FILE: &str = "\
version: '3'   # what it says here does not matter any more
services:
  mysql-db:
    image: busybox   # stands for the database
    command: httpd -f -p 3306
    init: true
    volumes:
      - ./mysql:/var/lib/mysql
    environment:
      MYSQL_ROOT_PASSWORD: secret
";

const SECOND: &str = "  wordpress:
    image: busybox
    command: httpd -f -p 80 -h /etc
    init: true
    restart: always
    ports:
      - 3000:80
    environment:
      WORDPRESS_DB_HOST: mysql-db:3306
";

/// Rows 4, 50, 63, 64, 65, 66, 68, 69: the second file is up without touching what the first made.
#[test]
fn a_second_service_joins_the_first_one() {
    let t = Tutorial::new(&[]);
    let version = t.types("docker-compose version").ok();
    let lines: Vec<&str> = version.stdout.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(lines[0].starts_with("docker-compose version ") && lines[0].contains(", build "));

    t.write("My Blog", "docker-compose.yml", FILE);
    let up = t.types_in("My Blog", "docker-compose up -d").ok();
    assert!(up.stderr.contains(" Network myblog_default  Created"), "{}", up.stderr);
    let first = t.types_in("My Blog", "docker-compose ps -q").ok().stdout;
    assert!(t.dir("My Blog").join("mysql").is_dir());

    t.write("My Blog", "docker-compose.yml", &format!("{FILE}{SECOND}"));
    t.types_in("My Blog", "docker compose up -d").ok();
    let kept = t.types_in("My Blog", "docker-compose ps -q mysql-db").ok().stdout;
    assert_eq!(kept, first);
    t.sees("localhost:3000/hostname", "");
    let by_name = "docker-compose exec -T wordpress nslookup mysql-db";
    eventually("the other service is found by its name", LIMIT, || {
        t.types_in("My Blog", by_name).code == 0
    });
    let names = t.types("docker ps --format '{{.Names}}'").ok().stdout;
    let mut names: Vec<&str> = names.lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["myblog-mysql-db-1", "myblog-wordpress-1"]);
    let labels = t.types("docker network inspect -f '{{json .Labels}}' myblog_default").ok();
    assert!(labels.stdout.contains("\"com.docker.compose.project\":\"myblog\""));
    t.types_in("My Blog", "docker-compose down -t 0").ok();
    assert_eq!(t.types("docker ps -aq").ok().stdout, "");
    t.leave();
}

/// Rows 38, 67, 68: platforms, addresses, isolation between networks.
#[test]
fn networks_keep_strangers_apart() {
    let t = Tutorial::new(&[]);
    t.types("docker network create one && docker network create two").ok();
    t.types("docker run -d --init --name web --network one busybox httpd -f -h /etc").ok();
    let address =
        t.types("docker inspect -f '{{.NetworkSettings.Networks.one.IPAddress}}' web").ok();
    let address = address.text();
    assert!(address.ends_with(".0.2"), "the first free address: {address}");
    let ask = |network: &str| {
        t.types(&format!(
            "docker run --rm --init --network {network} busybox timeout 5 wget -qO- http://{address}/hostname"
        ))
    };
    // The server begins to listen some time after it was started.
    let id = t.types("docker ps -q").ok();
    eventually("the server answers", LIMIT, || ask("one").text() == id.text());
    assert_ne!(ask("two").code, 0);
    t.write("p", "compose.yaml", "services:\n  a: {image: busybox, platform: linux/x86_64}\n");
    // The kernel's name of the processor means the same as Go's.
    let config = t.types_in("p", "docker compose config").ok();
    assert!(config.stdout.contains("platform: linux/amd64\n"), "{}", config.stdout);
    t.write(
        "wrong",
        "compose.yaml",
        "services:\n  a:\n    image: busybox:1\n    environment: {platform: linux/x86_64}\n",
    );
    let hint = t.types_in("wrong", "docker compose lint");
    assert!(format!("{hint:?}").contains("only a variable here"), "{hint:?}");
    t.types_in("p", "docker compose run --rm a true").ok();
    t.types_in("p", "docker compose down").ok();
    t.types("docker rm -f web && docker network rm one two").ok();
    t.leave();
}
