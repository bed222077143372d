//! Secrets and configs from every source, with the owner and mode that were asked for.

use std::fs;

use crate::world::World;

#[test]
fn every_source_gives_a_file_with_its_owner_and_mode_in_a_read_only_container_too() {
    let world = World::new();
    fs::write(world.project().join("file.txt"), "of a file").unwrap();
    world.shell(&format!("chmod 600 {}", world.project().join("file.txt").display())).ok();
    fs::write(world.project().join(".env"), "TOKEN=of the environment\n").unwrap();
    // The local store is a directory: what is external is put there once, by hand.
    fs::write(world.path().join("data/secrets/shared_key"), "of the store").unwrap();
    fs::write(world.path().join("data/configs/shared_conf"), "config of the store").unwrap();
    world.compose_yaml(
        "
services:
  it:
    image: busybox
    user: '33:44'
    read_only: true
    secrets:
      - plain
      - {source: token, target: the_token, uid: '33', gid: '44', mode: 0400}
      - {source: kept, target: /kept}
    configs:
      - {source: inline, target: /etc/app/inline.conf}
      - {source: stored, uid: '33', mode: 0440}
secrets:
  plain: {file: ./file.txt}
  token: {environment: TOKEN}
  kept: {external: true, name: shared_key}
configs:
  inline: {content: \"inline of ${TOKEN}\"}
  stored: {external: true, name: shared_conf}
",
    );
    let script = "for f in /run/secrets/plain /run/secrets/the_token /kept /etc/app/inline.conf /stored; do \
                  stat -c '%u:%g %a' $f; cat $f; echo; done; stat -fc %T /run/secrets/plain; \
                  (echo x > /run/secrets/plain) 2>/dev/null || echo locked";
    let done = world.compose(&["run", "--rm", "it", "sh", "-c", script]).ok();
    assert_eq!(
        done.text().replace('\r', ""),
        "0:0 444\nof a file\n33:44 400\nof the environment\n0:0 444\nof the store\n\
         0:0 444\ninline of of the environment\n33:0 440\nconfig of the store\ntmpfs\nlocked"
    );
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn what_is_missing_is_named_with_the_way_out() {
    let world = World::new();
    world.compose_yaml(
        "services: {it: {image: busybox, secrets: [gone]}}\nsecrets: {gone: {external: true}}",
    );
    let refused = world.compose(&["up", "-d"]);
    assert_ne!(refused.code, 0);
    assert!(
        refused.stderr.contains("external secret \"gone\" is not in the local store"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("data/secrets/gone"), "{}", refused.stderr);
    world.compose(&["down"]).ok();
    world.assert_clean();
}
