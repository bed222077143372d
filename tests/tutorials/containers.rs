//! Servers in the background: run, stop, start, look, remove.

use std::fs;
use std::time::Instant;

use crate::tutorial::{LIMIT, Tutorial};
use crate::world::eventually;

fn is_id(text: &str) -> bool {
    text.len() == 65 && text.trim_end().bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Rows 3, 7, 9, 16, 33, 34: PHP from a directory of the host, stopped and started again.
#[test]
fn a_web_server_runs_the_files_of_a_directory() {
    let t = Tutorial::new(&["php:apache"]);
    let files = t.dir("files");
    fs::write(files.join("index.php"), "<?php echo 6*7;").unwrap();
    let path = files.display();
    let run = t.types(&format!(
        "docker run -d --name my-php-webserver -p 8080:80 -v {path}/:/var/www/html/ php:apache"
    ));
    let id = run.ok().stdout;
    assert!(is_id(&id), "{id:?}");
    t.sees("localhost:8080", "42");
    fs::write(files.join("index.php"), "<?php file_put_contents('made', 'x'); echo 1+1;").unwrap();
    t.world.shell(&format!("chmod 777 {path}")).ok();
    // PHP looks for edits every two seconds.
    t.sees("localhost:8080", "2");
    eventually("the page was run anew", LIMIT, || t.page("localhost:8080") == "2");
    assert!(files.join("made").exists(), "what the container writes is on the host");

    assert_eq!(t.types("docker stop my-php-webserver").ok().text(), "my-php-webserver");
    let status = t.types("docker ps -a --format '{{.Status}}'").ok();
    assert!(status.stdout.starts_with("Exited (0) "), "{}", status.stdout);
    assert_eq!(t.page("localhost:8080"), "");
    assert_eq!(t.types("docker start my-php-webserver").ok().text(), "my-php-webserver");
    t.sees("localhost:8080", "2");
    assert_eq!(t.types("docker ps -q --no-trunc").ok().stdout, id);

    let refused = t.types("docker rm my-php-webserver nobody");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("container is running"), "{}", refused.stderr);
    assert_eq!(t.types(&format!("docker rm -f {}", &id[..6])).ok().text(), &id[..6]);
    t.leave();
}

/// Rows 10, 29, 30, 36, 44, 45, 63: nginx on a privileged port, its list entry, its log.
#[test]
fn nginx_is_reachable_listed_and_logs() {
    let t = Tutorial::new(&["nginx:1.28.0"]);
    t.types("docker run -d -p 80:80 --name nginx-twitter nginx:1.28.0").ok();
    t.sees("http://localhost", "nginx");
    assert!(t.page("http://[::1]/").contains("nginx"));

    let ps = t.types("docker ps").ok().stdout;
    let words: Vec<&str> = ps.lines().next().unwrap().split("   ").collect();
    assert_eq!(words[0], "CONTAINER ID");
    let row = ps.lines().nth(1).unwrap();
    assert!(row.contains("nginx:1.28.0") && row.ends_with("   nginx-twitter"), "{row}");
    assert!(row.contains("0.0.0.0:80->80/tcp"), "{row}");

    let log = |options: &str| t.types(&format!("docker logs {options} nginx-twitter")).ok().stdout;
    eventually("the access is logged", LIMIT, || log("").contains("GET / HTTP/1.1"));
    assert_eq!(log("--tail 1").lines().count(), 1);
    let stamped = log("-t -n 1");
    assert!(stamped.contains('T') && stamped.contains("Z "), "{stamped}");

    let taken = t.types("docker run -d --name nginx-twitter nginx:1.28.0");
    assert_eq!(taken.code, 125);
    assert!(taken.stderr.contains("The container name \"/nginx-twitter\" is already in use"));
    let clash = t.types("docker run -d --name second -p 80:80 nginx:1.28.0");
    assert_eq!(clash.code, 125, "{clash:?}");
    assert_eq!(t.types("docker ps -a -f name=second --format '{{.State}}'").ok().text(), "created");
    t.types("docker create nginx:1.28.0").ok();
    let name = t.types("docker ps -a -n 1 --format '{{.Names}}'").ok();
    assert!(name.text().contains('_'), "{name:?}");
    assert_eq!(t.types(&format!("docker start {}", name.text())).ok().text(), name.text());
    t.leave();
}

/// Row 58: in the foreground, with a directory over the image's, until Ctrl-C.
#[test]
fn an_empty_directory_hides_the_images_pages_until_it_has_its_own() {
    let t = Tutorial::new(&[]);
    let line = "docker run --rm -p 3000:80 -v $(pwd)/:/usr/share/nginx/html/ nginx & echo $! > ../pid; wait";
    let dir = t.dir("site");
    std::thread::scope(|scope| {
        let running = scope.spawn(|| t.types_in("site", line));
        t.sees("-o /dev/null -w %{http_code} localhost:3000", "403");
        fs::write(dir.join("index.html"), "<h1>Hello, Docker!</h1>").unwrap();
        assert_eq!(t.page("localhost:3000"), "<h1>Hello, Docker!</h1>");
        t.world.shell(&format!("kill -INT $(cat {}/../pid)", dir.display())).ok();
        running.join().unwrap();
    });
    eventually("--rm removed it", LIMIT, || t.types("docker ps -aq").ok().stdout.is_empty());
    t.leave();
}

/// Row 59: a database whose data are a directory of the host, and outlive the container.
#[test]
fn a_database_keeps_its_data_in_a_directory_of_the_host() {
    let t = Tutorial::new(&[]);
    let run = "docker run --name postgres -d -p 5432:5432 -e POSTGRES_PASSWORD=password \
               -v $(pwd)/data/:/var/lib/postgresql/data/ postgres:14.1";
    let sql = |statement: &str| {
        t.types(&format!("docker exec postgres psql -h 127.0.0.1 -U postgres -tAc \"{statement}\""))
    };
    t.types(run).ok();
    eventually("it takes statements", LIMIT, || sql("SELECT 1").text() == "1");
    sql("CREATE DATABASE hello_docker;").ok();
    assert!(sql("SELECT datname FROM pg_database").stdout.contains("hello_docker"));
    assert!(t.dir("work").join("data/PG_VERSION").exists());
    let shell = t.types_at_terminal("docker exec -it postgres /bin/sh", "psql --version\\nexit\\n");
    assert!(shell.stdout.contains("psql (PostgreSQL)"), "{}", shell.stdout);

    t.types("docker rm -f postgres").ok();
    t.types(run).ok();
    eventually("the database is still there", LIMIT, || {
        sql("SELECT datname FROM pg_database").stdout.contains("hello_docker")
    });
    t.leave();
}

/// Rows 6, 15, 17, 19, 40, 62, 79, 80: limits, times, what stays and what goes.
#[test]
fn containers_are_quick_limited_and_leave_their_image_alone() {
    let t = Tutorial::new(&[]);
    t.types("docker pull -q busybox").ok();
    let start = Instant::now();
    t.types("docker run --rm busybox true").ok();
    assert!(start.elapsed() < LIMIT, "{:?}", start.elapsed());

    let eater = "docker run --name eater -m 64m --memory-swap 64m busybox dd if=/dev/zero of=/dev/null bs=256M";
    assert_eq!(t.types(eater).code, 137, "it has more than it may have");
    let state = t.types("docker inspect -f '{{.State.OOMKilled}} {{.State.ExitCode}}' eater").ok();
    assert_eq!(state.text(), "true 137");
    let busy = "docker run --rm --cpus .5 busybox sh -c \
                'timeout 5 sh -c \"while :; do :; done\"; cut -d\" \" -f16,17 /proc/$$/stat'";
    let ticks = t.types(busy).ok();
    let used: u64 = ticks.text().split(' ').map(|ticks| ticks.parse::<u64>().unwrap()).sum();
    assert!((10..300).contains(&used), "half a processor for five seconds is 250 ticks: {used}");
    assert_eq!(t.types("docker run --rm --init busybox sh -c 'kill -9 $$'").code, 137);
    assert_eq!(t.types("docker run --rm -w /a/b busybox pwd").ok().text(), "/a/b");

    let inside = "docker run --name writer busybox sh -c 'rm /bin/vi; echo x > /new'";
    t.types(inside).ok();
    assert_eq!(t.types("docker run --rm busybox ls /bin/vi /new 2>/dev/null").text(), "/bin/vi");
    t.types("docker run --rm -v kept:/data busybox sh -c 'echo 42 > /data/x'").ok();
    assert_eq!(t.types("docker run --rm -v kept:/data busybox cat /data/x").ok().text(), "42");
    assert_eq!(t.types("docker volume ls -q").ok().text(), "kept");

    t.write("work", "dev.env", "MODE=dev\n");
    t.write("work", "prod.env", "MODE=prod\n");
    for mode in ["dev", "prod"] {
        let line = format!("docker run --rm --env-file {mode}.env busybox sh -c 'echo $MODE'");
        assert_eq!(t.types(&line).ok().text(), mode);
    }
    let again =
        "docker run -d --name steady --restart on-failure:5 busybox sh -c 'sleep 0.2; exit 1'";
    t.types(again).ok();
    eventually("it is started again with nobody there", LIMIT, || {
        t.types("docker inspect -f '{{.RestartCount}}' steady").ok().text() != "0"
    });
    t.leave();
}
