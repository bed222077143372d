//! Shells in containers, as the first chapters of tutorials have them.

use crate::tutorial::{LIMIT, Tutorial};
use crate::world::eventually;

/// Rows 18, 24, 55: an image that is not there is fetched, in these words, on standard error.
#[test]
fn a_missing_image_is_fetched_and_its_shell_ends_at_once() {
    let t = Tutorial::new(&["ubuntu:latest"]);
    let run = t.types("docker run ubuntu:latest").ok();
    assert_eq!(run.stdout, "");
    let lines: Vec<&str> = run.stderr.lines().collect();
    assert_eq!(lines[0], "Unable to find image 'ubuntu:latest' locally");
    assert_eq!(lines[1], "latest: Pulling from library/ubuntu");
    assert!(lines.iter().any(|line| line.ends_with(": Pull complete")), "{lines:?}");
    assert!(lines[lines.len() - 2].starts_with("Digest: sha256:"), "{lines:?}");
    assert_eq!(lines[lines.len() - 1], "Status: Downloaded newer image for ubuntu:latest");
    let status = t.types("docker ps -a --format '{{.Status}}'").ok();
    assert!(status.text().starts_with("Exited (0)"), "{status:?}");
    t.leave();
}

/// Rows 1, 26, 27, 28, 54, 57: at a terminal, alone among processes, with the host's kernel.
#[test]
fn a_shell_has_a_terminal_and_ends_with_its_own_code() {
    let t = Tutorial::new(&["ubuntu:latest", "centos:centos8.4.2105"]);
    t.types("docker pull -q ubuntu:latest").ok();
    let shell = t.types_at_terminal(
        "docker run -it ubuntu:latest /bin/sh",
        "echo \"hello, docker\"\\ntty\\nhostname\\nexit 3\\n",
    );
    assert_eq!(shell.code, 3, "{shell:?}");
    let said = |text: &str| shell.stdout.lines().any(|line| line.trim_end().ends_with(text));
    assert!(said("hello, docker") && said("/dev/pts/0"), "{}", shell.stdout);
    let id = t.types("docker ps -aq").ok();
    assert!(said(id.text()), "the host name is the short id: {}", shell.stdout);
    assert!(t.types("docker ps -a").ok().stdout.contains("Exited (3) "));

    let centos = t.types_at_terminal(
        "docker run -it --rm centos:centos8.4.2105 /bin/sh",
        "cat /etc/centos-release; uname -r; ps | wc -l\\nexit\\n",
    );
    assert!(centos.stdout.contains("CentOS Linux release 8.4.2105"), "{}", centos.stdout);
    let kernel = t.world.shell("uname -r").stdout;
    assert!(centos.stdout.contains(kernel.trim()), "{}", centos.stdout);
    assert_eq!(t.types("docker ps -aq").ok().stdout.lines().count(), 1, "--rm");
    let alone = t.types("docker run --rm centos:centos8.4.2105 sh -c 'ps -o pid,comm'").ok();
    assert!(!alone.stdout.contains("shim") && alone.stdout.contains("    1 "), "{}", alone.stdout);
    t.leave();
}

/// Rows 13, 14, 31: commands in a container that runs already.
#[test]
fn commands_run_in_a_container_that_runs_already() {
    let t = Tutorial::new(&["ubuntu:latest"]);
    t.types("docker run -dit --name box ubuntu:latest bash").ok();
    assert_ne!(t.types("docker exec box sh -c 'echo $$'").ok().text(), "1");
    let work = "docker exec box sh -c 'useradd u && id -u u && chown u /srv && (sleep 999 &) && mkdir /new'";
    assert_eq!(t.types(work).ok().text(), "1000");
    assert!(t.types("docker top box").ok().stdout.contains("sleep 999"));
    assert_eq!(t.types("docker exec -u u box id -un").ok().text(), "u");
    assert_eq!(t.types("docker exec box no-such-program").code, 127);
    assert_eq!(t.types("docker exec -d box touch /there").code, 0);
    eventually("it ran in the background", LIMIT, || {
        t.types("docker exec box ls /there").code == 0
    });
    let attached = t.types_at_terminal("docker attach box", "echo from-$((40+2))\\nexit 4\\n");
    assert!(attached.stdout.contains("from-42"), "{}", attached.stdout);
    assert_eq!(attached.code, 4);
    t.leave();
}
