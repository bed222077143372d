//! A Dockerfile of one's own: the chapter with the web application.

use crate::tutorial::{LIMIT, Tutorial};
use crate::world::eventually;

/// The tutorial's file, word for word.
const DOCKERFILE: &str = "\
# The image to start from
FROM node:16.13.2
WORKDIR /usr/src/app
COPY package*.json ./
RUN npm install
COPY ./server.js ./server.js
EXPOSE 8080
CMD [ \"node\", \"server.js\" ]
";

/// What `npm init` writes. Without the packages of the tutorial: those are fetched from npm's
/// registry, which a test does not have.
const PACKAGE: &str =
    r#"{"name": "app", "version": "1.0.0", "main": "server.js", "dependencies": {}}"#;

/// The tutorial's server, on what Node itself has.
const SERVER: &str = "\
require('http').createServer((request, response) => response.end('Hello Docker'))
  .listen(8080, '0.0.0.0', () => console.log('Running on http://0.0.0.0:8080'));
process.on('SIGTERM', () => process.exit(0));
";

/// Rows 70, 71, 72, 73, 81: build, run, build again, look inside.
#[test]
fn an_application_is_built_run_and_built_again_from_the_cache() {
    let t = Tutorial::new(&[]);
    t.write("app", "Dockerfile", DOCKERFILE);
    t.write("app", "package.json", PACKAGE);
    t.write("app", "server.js", SERVER);
    t.types_in("app", "docker build -t node-app ./").ok();
    assert_eq!(t.types("docker run --rm node-app node -v").ok().text(), "v16.13.2");
    let images = t.types("docker images node-app --format '{{.Repository}} {{.Tag}}'").ok();
    assert_eq!(images.text(), "node-app latest");
    let id = t.types_in("app", "docker build -q -t node-app ./").ok();
    assert!(id.text().starts_with("sha256:") && id.text().len() == 71, "{id:?}");

    t.types("docker run -d --name app -p 3000:8080 node-app").ok();
    t.sees("localhost:3000", "Hello Docker");
    eventually("it says where it listens", LIMIT, || {
        t.types("docker logs app").ok().stdout.contains("Running on http://0.0.0.0:8080")
    });
    assert_eq!(
        t.types("docker port app").ok().text().lines().next().unwrap(),
        "8080/tcp -> 0.0.0.0:3000"
    );

    let layers = |name: &str| {
        let line = format!("docker inspect -f '{{{{json .RootFS.Layers}}}}' {name}");
        serde_json::from_str::<Vec<String>>(&t.types(&line).ok().stdout).unwrap()
    };
    let (app, base) = (layers("node-app"), layers("node:16.13.2"));
    assert!(app.len() > base.len() && app.starts_with(&base), "{app:?} {base:?}");

    // FROM, WORKDIR, two COPY, RUN.
    let cached = || {
        let built = t.types_in("app", "docker build -t node-app ./").ok();
        built.stderr.matches(" CACHED\n").count()
    };
    assert_eq!(cached(), 5, "nothing has changed");
    t.write("app", "server.js", &SERVER.replace("Docker", "again"));
    assert_eq!(cached(), 4, "only the last COPY is done anew");
    let changed = layers("node-app");
    assert_eq!(changed[..changed.len() - 1], app[..app.len() - 1], "only the last step ran");
    assert_ne!(changed.last(), app.last());

    t.write("app", "Dockerfile", "FROM busybox\nRUN exit 3\n");
    let failed = t.types_in("app", "docker build -t broken .");
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains("exit 3"), "{}", failed.stderr);
    t.leave();
}
