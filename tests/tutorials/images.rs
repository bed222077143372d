//! Images and registries: pull, list, tag, push, log in, search, remove.

use crate::tutorial::Tutorial;

/// Rows 5, 21, 22, 23, 24, 35, 75: names and versions of images.
#[test]
fn images_are_pulled_listed_tagged_and_removed() {
    let t = Tutorial::new(&["nginx:1.28.0"]);
    let pull = t.types("docker pull nginx").ok();
    let lines: Vec<&str> = pull.stdout.lines().collect();
    assert_eq!(lines[0], "Using default tag: latest");
    assert_eq!(lines[1], "latest: Pulling from library/nginx");
    assert!(lines[2].ends_with(": Pulling fs layer"), "{lines:?}");
    let end = &lines[lines.len() - 3..];
    assert!(end[0].starts_with("Digest: sha256:"), "{end:?}");
    assert_eq!(end[1], "Status: Downloaded newer image for nginx:latest");
    assert_eq!(end[2], "docker.io/library/nginx:latest");
    let again = t.types("docker pull nginx:latest").ok();
    assert!(again.stdout.contains("Status: Image is up to date for nginx:latest\n"));
    let shared = t.types("docker pull nginx:1.28.0").ok();
    assert!(shared.stdout.contains(": Already exists\n"), "one copy of a layer: {}", shared.stdout);
    t.types("docker pull busybox").ok();

    let list = t.types("docker images").ok().stdout;
    let heading: Vec<&str> = list.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heading.join(" "), "REPOSITORY TAG IMAGE ID CREATED SIZE");
    let nginx = t.types("docker images nginx --format '{{.Repository}}:{{.Tag}}'").ok();
    let mut names: Vec<&str> = nginx.text().lines().collect();
    names.sort_unstable();
    assert_eq!(names, ["nginx:1.28.0", "nginx:latest"]);

    t.types("docker tag busybox me/tool").ok();
    let ids = t.types("docker images -q busybox; docker images -q me/tool").ok();
    let ids: Vec<&str> = ids.text().lines().collect();
    assert_eq!(ids[0], ids[1], "one image, two names");
    assert_eq!(t.types("docker rmi me/tool").ok().stdout, "Untagged: me/tool:latest\n");
    t.types("docker run --name user busybox true").ok();
    let refused = t.types("docker rmi busybox");
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("(must force)"), "{}", refused.stderr);
    t.types("docker rm user").ok();
    assert!(t.types("docker rmi busybox").ok().stdout.contains("\nDeleted: sha256:"));
    t.leave();
}

/// Rows 8, 20, 42, 74, 76, 77, 78: to a registry and back.
#[test]
fn an_image_goes_to_a_registry_and_comes_back() {
    let t = Tutorial::new(&[]);
    t.types("docker pull -q busybox").ok();
    let upper = t.types("docker tag busybox Me/App");
    assert_eq!(upper.code, 1);
    assert!(upper.stderr.contains("must be lowercase"), "{}", upper.stderr);
    t.types("docker tag busybox 127.0.0.1:5000/me/app").ok();
    let push = t.types("docker push 127.0.0.1:5000/me/app").ok();
    let lines: Vec<&str> = push.stdout.lines().collect();
    assert_eq!(lines[0], "Using default tag: latest");
    assert_eq!(lines[1], "The push refers to repository [127.0.0.1:5000/me/app]");
    assert!(lines[lines.len() - 1].starts_with("latest: digest: sha256:"), "{lines:?}");
    let again = t.types("docker push 127.0.0.1:5000/me/app").ok();
    assert!(again.stdout.contains(": Layer already exists\n"), "{}", again.stdout);
    t.types("docker rmi 127.0.0.1:5000/me/app").ok();
    // What was pushed under a user's name is what others get from the hub.
    let run = t.types("docker run --rm me/app echo back").ok();
    assert!(run.stderr.starts_with("Unable to find image 'me/app:latest' locally\n"));
    assert_eq!(run.text(), "back");
    let nobody = t.types("docker login </dev/null");
    assert_eq!(nobody.code, 1, "{nobody:?}");
    t.leave();
}

/// Rows 10, 25: what there is, and which versions.
#[test]
fn the_hub_is_searched() {
    let t = Tutorial::new(&["nginx:1.28.0"]);
    let found = t.types("docker search nginx").ok().stdout;
    let heading: Vec<&str> = found.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(heading, ["NAME", "DESCRIPTION", "STARS", "OFFICIAL"]);
    let row = found.lines().find(|line| line.starts_with("nginx ")).unwrap();
    assert!(row.ends_with("[OK]"), "{row}");
    let tags = t.types("docker image tags nginx").ok();
    assert!(tags.text().lines().any(|tag| tag == "1.28.0"), "{tags:?}");
    t.leave();
}

/// Rows 43, 46, 47, 48: versions, layers, and an image as a file.
#[test]
fn an_image_goes_through_a_file_unchanged() {
    let t = Tutorial::new(&[]);
    assert!(t.types("docker --version").ok().stdout.starts_with("Docker version "));
    let version = t.types("docker version").ok().stdout;
    assert!(version.contains("Client:") && version.contains("Server:"), "{version}");
    t.types("docker pull -q nginx").ok();
    let id = t.types("docker inspect -f '{{.Id}}' nginx").ok().stdout;
    t.types("docker save -o nginx.tar nginx && docker rmi nginx").ok();
    assert_eq!(t.types("docker load -i nginx.tar").ok().text(), "Loaded image: nginx:latest");
    assert_eq!(t.types("docker inspect -f '{{.Id}}' nginx").ok().stdout, id);
    assert!(t.types("docker history nginx").ok().stdout.starts_with("IMAGE "));
    let overlay = t.types("docker run --rm --entrypoint cat nginx /proc/mounts").ok();
    assert!(overlay.stdout.contains(" / overlay "), "{}", overlay.stdout);
    t.leave();
}
