//! Builds whose context or Dockerfile is elsewhere: in a git repository, on a web server, on
//! standard input.

use std::fs;
use std::process::Child;

use crate::world::{COMPOSE, LIMIT, World, eventually};

/// A web server that ends with the test; it serves the directory `web` of the world.
struct Web(Child);

impl Drop for Web {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// A world with a repository and other files on a web server.
fn world() -> (World, Web) {
    let world = World::new();
    let script = "
        set -e
        export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        mkdir -p web source/app && cd source
        git init -q -b main .
        printf 'FROM busybox\\nCOPY . /all\\nRUN cat /all/which\\n' > Dockerfile
        cp Dockerfile app/Dockerfile
        echo top > which; echo below > app/which
        ln -s /etc link
        git add . && git commit -qm one && git tag v1
        echo newer > which && git commit -qam two
        git clone -q --bare . ../web/repo.git
        cd ../web/repo.git && git update-server-info
        cd ../../source && git rev-parse v1 > ../v1
        tar -czf ../web/context.tgz Dockerfile which
        printf 'FROM busybox\\nRUN echo remote > /which\\n' > ../web/Dockerfile";
    world.shell(script).ok();
    let serve = ["-m", "http.server", "8090", "--bind", "127.0.0.1", "--directory", "web"];
    let mut command = world.command(world.path(), "python3");
    let web = Web(command.args(serve).stderr(std::process::Stdio::null()).spawn().unwrap());
    let answers = || world.shell("curl -so /dev/null 127.0.0.1:8090").code == 0;
    eventually("the web server answers", LIMIT, answers);
    (world, web)
}

const REPOSITORY: &str = "http://127.0.0.1:8090/repo.git";

/// Builds, and gives what the named file in the image says.
fn built(world: &World, arguments: &[&str], file: &str) -> String {
    world.compose(&[&["image", "build", "-t", "it"], arguments].concat()).ok();
    world.compose_yaml("services:\n  it:\n    image: it\n");
    let text = world.compose(&["run", "--rm", "-T", "it", "cat", file]).ok().text().to_owned();
    world.compose(&["down"]).ok();
    text
}

#[test]
fn a_repository_is_a_context() {
    let (world, _web) = world();
    assert_eq!(built(&world, &[REPOSITORY], "/all/which"), "newer");
    assert_eq!(built(&world, &[&format!("{REPOSITORY}#v1")], "/all/which"), "top");
    assert_eq!(built(&world, &[&format!("{REPOSITORY}#main:app")], "/all/which"), "below");
    let v1 = fs::read_to_string(world.path().join("v1")).unwrap();
    let short = format!("{REPOSITORY}#{}", &v1[..10]);
    assert_eq!(built(&world, &[&short], "/all/which"), "top");

    let wrong = world.compose(&["image", "build", &format!("{REPOSITORY}#nothing")]);
    assert_eq!(wrong.code, 1);
    assert!(wrong.stderr.contains(&format!("cannot fetch {REPOSITORY}")), "{}", wrong.stderr);
    // CVE-2026-33748, CVE-2026-44517: no path and no link leads out of the repository.
    for directory in ["link", "../../etc"] {
        let escape = world.compose(&["image", "build", &format!("{REPOSITORY}#main:{directory}")]);
        assert_eq!(escape.code, 1, "{}", escape.stderr);
        assert!(!escape.stderr.contains("[build"), "{}", escape.stderr);
    }
    // CVE-2022-39253: nothing local is cloned, nor is a reference an option (CVE-2019-13139).
    for bad in ["file:///etc/.git", &format!("{REPOSITORY}#--upload-pack=touch")] {
        assert_eq!(world.compose(&["image", "build", bad]).code, 1);
    }
    world.assert_clean();
}

#[test]
fn submodules_come_from_servers_that_have_no_parts_of_a_history() {
    let (world, _web) = world();
    let script = "
        set -e
        export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        mkdir part && cd part && git init -q -b main .
        echo old > which && git add . && git commit -qm one
        git clone -q --bare . ../web/part.git && (cd ../web/part.git && git update-server-info)
        cd ../source && git submodule -q add http://127.0.0.1:8090/part.git part && git commit -qm three
        git push -q ../web/repo.git main && (cd ../web/repo.git && git update-server-info)
        cd ../part && echo new > which && git commit -qam two
        git push -q ../web/part.git main && (cd ../web/part.git && git update-server-info)";
    world.shell(script).ok();
    // The commit that the repository names, which is not the newest one.
    assert_eq!(built(&world, &[REPOSITORY], "/all/part/which"), "old");
    world.assert_clean();
}

#[test]
fn services_build_from_repositories_too() {
    let (world, _web) = world();
    let yaml = format!(
        "services:\n  it:\n    build:\n      context: {REPOSITORY}#v1\n      dockerfile_inline: |\n        FROM busybox\n        COPY which /\n        COPY --from=other which /other\n      additional_contexts:\n        other: {REPOSITORY}#main:app\n"
    );
    world.compose_yaml(&yaml);
    world.compose(&["build"]).ok();
    let text = world.compose(&["run", "--rm", "-T", "it", "cat", "/which", "/other"]).ok();
    assert_eq!(text.text(), "top\nbelow");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn add_takes_repositories_and_downloads_with_a_checksum() {
    let (world, _web) = world();
    let v1 = fs::read_to_string(world.path().join("v1")).unwrap();
    let sum = world.shell("sha256sum < web/Dockerfile").stdout;
    let sum = sum.split(' ').next().unwrap();
    let dockerfile = format!(
        "FROM busybox\n\
         ADD --checksum={} {REPOSITORY}#v1 /plain\n\
         ADD --keep-git-dir {REPOSITORY}#main:app /kept\n\
         ADD --checksum=sha256:{sum} http://127.0.0.1:8090/Dockerfile /down/\n\
         ADD {REPOSITORY}#main:app {REPOSITORY}#v1 /two/\n\
         RUN test ! -e /plain/.git && test -e /plain/app && test $(stat -c %a /down/Dockerfile) = 600\n\
         RUN cat /two/which /two/app/which | tr '\\n' ' ' | grep -qx 'top below '\n",
        v1.trim()
    );
    fs::write(world.project().join("Dockerfile"), &dockerfile).unwrap();
    world.compose(&["image", "build", "."]).ok();
    // The same commit is the same step, though git's own files differ.
    let again = world.compose(&["image", "build", "."]).ok();
    assert_eq!(again.stderr.matches("CACHED").count(), 7, "{}", again.stderr);

    let wrong = dockerfile.replace(v1.trim(), &"0".repeat(40));
    fs::write(world.project().join("Dockerfile"), wrong).unwrap();
    let failed = world.compose(&["image", "build", "."]);
    assert!(failed.stderr.contains("is at commit"), "{}", failed.stderr);
    let wrong = dockerfile.replace(sum, &"0".repeat(64));
    fs::write(world.project().join("Dockerfile"), wrong).unwrap();
    let failed = world.compose(&["image", "build", "."]);
    assert!(failed.stderr.contains("digest mismatch"), "{}", failed.stderr);
    world.assert_clean();
}

#[test]
fn a_download_that_is_refused_leaves_nothing_behind() {
    let (world, _web) = world();
    world.shell("head -c 17000000 /dev/zero | tr '\\0' '#' > web/large").ok();
    fs::write(world.project().join("Dockerfile"), "FROM busybox\n").unwrap();
    world.compose(&["image", "build", "."]).ok();
    let files = || {
        world.shell("find data -type f | sort; find data/images -size +1M -newer v1").ok().stdout
    };
    let before = files();
    let sum = "0".repeat(64);
    let text = format!("FROM busybox\nADD --checksum=sha256:{sum} http://127.0.0.1:8090/large /\n");
    fs::write(world.project().join("Dockerfile"), text).unwrap();
    for (arguments, words) in [
        (&["."][..], "digest mismatch"),
        (&["-f", "http://127.0.0.1:8090/large", "."], "it is larger than 16777216 bytes"),
        (&["http://127.0.0.1:8090/large"], "is no archive, and larger than a Dockerfile"),
        (&["http://127.0.0.1:8090/missing"], "the server says 404"),
    ] {
        let failed = world.compose(&[&["image", "build"], arguments].concat());
        assert!(failed.code == 1 && failed.stderr.contains(words), "{}", failed.stderr);
        assert_eq!(files(), before, "{arguments:?}");
    }
    world.assert_clean();
}

#[test]
fn archives_and_dockerfiles_come_from_urls_and_standard_input() {
    let (world, _web) = world();
    assert_eq!(built(&world, &["http://127.0.0.1:8090/context.tgz"], "/all/which"), "newer");
    assert_eq!(built(&world, &["http://127.0.0.1:8090/Dockerfile"], "/which"), "remote");
    let url = ["-f", "http://127.0.0.1:8090/Dockerfile", "."];
    assert_eq!(built(&world, &url, "/which"), "remote");

    let piped = |input: &str, arguments: &str| {
        world.shell(&format!("{input} | {COMPOSE} image build -q {arguments}")).ok().stdout
    };
    let archive = piped("tar -c -C source Dockerfile which", "-");
    assert_eq!(archive, piped("xz < web/context.tgz >/dev/null; cat web/context.tgz", "-"));
    let named = piped("tar -c -C source app which", "-f app/Dockerfile -");
    assert!(named.starts_with("sha256:"), "{named}");
    assert_eq!(piped("cat web/Dockerfile", "-"), piped("cat web/Dockerfile", "-f - source"));
    let both = world.shell(&format!("{COMPOSE} image build -f - -"));
    assert!(both.stderr.contains("cannot be both"), "{}", both.stderr);
    world.assert_clean();
}

#[test]
fn without_git_the_error_says_so() {
    let world = World::new();
    let done = world.shell(&format!("PATH=/nonexistent {COMPOSE} image build {REPOSITORY}"));
    assert_eq!(done.code, 1);
    assert!(done.stderr.contains("needs git, which is not installed"), "{}", done.stderr);
    assert!(done.stderr.contains("apt-get install git"), "{}", done.stderr);
}

#[test]
fn images_and_layouts_are_contexts() {
    let world = World::new();
    let project = world.project();
    fs::write(project.join("Dockerfile"), "FROM busybox\nRUN echo layout > /which\n").unwrap();
    world.compose(&["image", "build", "-q", "-t", "team/base:1", "."]).ok();
    world.compose(&["image", "save", "-o", "base.tar", "team/base:1"]).ok();
    world.shell("mkdir project/layout && tar -xf project/base.tar -C project/layout").ok();
    world.compose(&["image", "rm", "team/base:1"]).ok();
    world.compose(&["builder", "prune", "-f"]).ok();
    let text = "FROM base\nCOPY --from=files /which /copy\nCOPY --from=tools /bin/busybox /tool\n";
    fs::write(project.join("Dockerfile"), text).unwrap();
    let file = |tag: &str| {
        format!(
            "services:\n  it:\n    image: it\n    command: cat /which /copy\n    build:\n      context: .\n      additional_contexts:\n        base: oci-layout://./layout{tag}\n        files: oci-layout://./layout\n        tools: docker-image://busybox\n"
        )
    };
    for tag in ["", ":1", ":docker.io/team/base:1"] {
        world.compose_yaml(&file(tag));
        let done = world.compose(&["build"]);
        // A name with slashes belongs to the path.
        if tag.contains('/') {
            assert!(done.stderr.contains("there is no OCI layout in"), "{}", done.stderr);
            continue;
        }
        done.ok();
        let said = world.compose(&["run", "--rm", "-T", "it"]).ok();
        assert_eq!(said.text(), "layout\nlayout");
    }
    world.compose_yaml(&file(":2"));
    let missing = world.compose(&["build"]);
    assert!(missing.stderr.contains("has no image `2`"), "{}", missing.stderr);
    // What came from the layout has no name here, and is no image of its own.
    let listed = world.compose(&["image", "ls", "-a", "--format", "{{.Repository}}"]).ok();
    assert_eq!(listed.text().lines().collect::<Vec<_>>(), ["it", "busybox"]);
    world.compose(&["down"]).ok();
    world.assert_clean();
}
