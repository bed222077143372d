//! What is mounted, seen from inside: every kind of volume, with its options.

use std::fs;

use crate::world::World;

#[test]
fn binds_have_their_propagation_and_their_submounts() {
    let world = World::new();
    let project = world.project();
    fs::create_dir_all(project.join("tree/below")).unwrap();
    world
        .shell(&format!(
            "cd {0} && mount --bind tree tree && mount --make-shared tree && \
             mount -t tmpfs none tree/below && touch tree/below/there",
            project.display()
        ))
        .ok();
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    volumes:
      - {type: bind, source: ./tree, target: /all, read_only: true}
      - {type: bind, source: ./tree, target: /flat, bind: {recursive: disabled}}
      - {type: bind, source: ./tree, target: /top, read_only: true, bind: {recursive: writable}}
      - {type: bind, source: ./tree, target: /seen, bind: {propagation: rslave}}
      - {type: bind, source: ./made/by/us, target: /made}
");
    let script = "ls /all/below /flat/below /top/below | grep -c there; \
                  touch /all/below/x 2>/dev/null || echo locked; touch /top/below/x && echo open; \
                  touch /top/x 2>/dev/null || echo locked; ls -A /made";
    assert_eq!(world.inside("it", script), "2\nlocked\nopen\nlocked");
    world
        .shell(&format!(
            "mkdir {0}/late && mount -t tmpfs none {0}/late && touch {0}/late/new",
            project.join("tree").display()
        ))
        .ok();
    assert_eq!(world.inside("it", "ls /seen/late; ls -A /all/late"), "new");
    assert!(project.join("made/by/us").is_dir());
    world.compose(&["down", "-t", "1"]).ok();
    world.shell(&format!("cd {} && umount tree/late tree/below tree", project.display())).ok();
    world.assert_clean();
}

#[test]
fn a_bind_without_its_path_is_refused_when_nothing_shall_be_made() {
    let world = World::new();
    world.compose_yaml(
        "services: {it: {image: busybox, volumes: [{type: bind, source: ./no, target: /no, \
         bind: {create_host_path: false}}]}}",
    );
    let refused = world.compose(&["up", "-d"]);
    assert_ne!(refused.code, 0);
    assert!(refused.stderr.contains("bind source path does not exist"), "{}", refused.stderr);
    world.down();
}

#[test]
fn volumes_are_filled_from_the_image_unless_told_otherwise_and_parts_of_them_can_be_mounted() {
    let world = World::new();
    let data = |name: &str| world.path().join("data/volumes").join(name).join("_data");
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    volumes:
      - filled:/etc
      - {type: volume, source: empty, target: /bin/none, volume: {nocopy: true}}
      - {type: volume, target: /anonymous, volume: {labels: {tier: cache}}}
volumes: {filled: {labels: {kind: data}}, empty: }
");
    assert!(world.inside("it", "ls /etc").contains("passwd"));
    assert_eq!(world.inside("it", "ls -A /bin/none"), "");
    let labelled = world.compose(&["volume", "ls", "-q", "--filter", "label=tier=cache"]).ok();
    assert_eq!(labelled.text().len(), 64, "an anonymous volume has its label");
    fs::create_dir(data("project_empty").join("part")).unwrap();
    std::os::unix::fs::symlink("/etc", data("project_empty").join("out")).unwrap();

    let part = |subpath: &str| {
        format!(
            "services: {{it: {{image: busybox, command: [sh, -c, 'touch /part/made; sleep 999'], \
             init: true, volumes: [{{type: volume, source: empty, target: /part, \
             volume: {{subpath: {subpath}}}}}]}}}}\nvolumes: {{empty: }}"
        )
    };
    world.up(&part("part"));
    assert_eq!(world.inside("it", "ls /part"), "made");
    assert!(data("project_empty").join("part/made").exists());
    // A link out of the volume leads nowhere (CVE-2024-10846's like).
    for subpath in ["missing", "out", "../.."] {
        world.compose_yaml(&part(subpath));
        let refused = world.compose(&["up", "-d"]);
        let inside = world.compose(&["exec", "-T", "it", "ls", "/part/passwd"]);
        assert!(refused.code != 0 || inside.code != 0, "{subpath} is outside the volume");
    }
    world.down();
}

#[test]
fn volumes_with_driver_options_are_mounted_as_they_say() {
    let world = World::new();
    fs::create_dir(world.project().join("host")).unwrap();
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    volumes: ['memory:/memory', 'bound:/bound']
volumes:
  memory: {driver_opts: {type: tmpfs, device: tmpfs, o: 'size=1m,uid=7,mode=0750'}}
  bound: {driver_opts: {type: none, o: bind, device: ./host}}
");
    let script =
        "stat -c '%u %a' /memory; df -k /memory | tail -1 | awk '{print $2}'; touch /bound/x";
    assert_eq!(world.inside("it", script), "7 750\n1024");
    assert!(world.project().join("host/x").exists());
    world.compose_yaml(
        "services: {it: {image: busybox, volumes: ['far:/v']}}\nvolumes: {far: {driver_opts: {type: nfs}}}",
    );
    let refused = world.compose(&["up", "-d"]);
    assert!(refused.stderr.contains("missing required option: \"device\""), "{}", refused.stderr);
    world.down();
}

#[test]
fn an_image_can_be_mounted_and_is_read_only() {
    let world = World::new();
    fs::create_dir_all(world.path().join("tree/deep")).unwrap();
    fs::write(world.path().join("tree/deep/file"), "from an image\n").unwrap();
    world.shell("tar -C tree -cf tree.tar .").ok();
    world.compose_in(world.path(), &["image", "import", "tree.tar", "files:1"]).ok();
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    volumes:
      - {type: image, source: 'files:1', target: /whole}
      - {type: image, source: 'files:1', target: /part, image: {subpath: deep}}
");
    let script = "cat /whole/deep/file /part/file; touch /whole/x 2>/dev/null || echo locked";
    assert_eq!(world.inside("it", script), "from an image\nfrom an image\nlocked");
    world.down();
}

#[test]
fn tmpfs_has_its_options() {
    let world = World::new();
    world.up("
services:
  it:
    image: busybox
    command: sleep infinity
    init: true
    user: '1000'
    tmpfs: ['/short:size=1m,mode=0700,uid=1000,exec', /plain]
    volumes: [{type: tmpfs, target: /long, tmpfs: {size: 2m, mode: 0o1750}}]
");
    let script = "stat -c '%n %u %a' /short /plain /long; df -k /short /long | awk 'NR>1 {print $2}'; \
                  mount | grep -E ' /(short|plain) ' | grep -c noexec";
    assert_eq!(
        world.inside("it", script),
        "/short 1000 700\n/plain 0 1777\n/long 0 1750\n1024\n2048\n1"
    );
    world.down();
}
