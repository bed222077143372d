//! A Dockerfile of one's own: the chapter with the web application.

use crate::tutorial::Tutorial;

/// The tutorial's file. Its `npm install` needs the registry of npm, which a test does not have:
/// here the same instruction makes the directory that `npm` would.
const DOCKERFILE: &str = "\
# The image to start from
FROM node:16.13.2
WORKDIR /usr/src/app
COPY package*.json ./
RUN mkdir node_modules
COPY ./server.js ./server.js
EXPOSE 8080
CMD [ \"sh\", \"-c\", \"echo Running on http://0.0.0.0:8080; exec httpd -f -p 8080 -h /usr/src/app\" ]
";

/// Rows 70, 71, 72, 73, 81: build, run, build again, look inside.
#[test]
fn an_application_is_built_run_and_built_again_from_the_cache() {
    let t = Tutorial::new(&["node:16.13.2"]);
    t.write("app", "Dockerfile", DOCKERFILE);
    t.write("app", "package.json", "{}");
    t.write("app", "server.js", "Hello Docker");
    t.types_in("app", "docker build -t node-app ./").ok();
    let images = t.types("docker images node-app --format '{{.Repository}} {{.Tag}}'").ok();
    assert_eq!(images.text(), "node-app latest");
    let id = t.types_in("app", "docker build -q -t node-app ./").ok();
    assert!(id.text().starts_with("sha256:") && id.text().len() == 71, "{id:?}");

    t.types("docker run -d --name app -p 3000:8080 node-app").ok();
    t.sees("localhost:3000/server.js", "Hello Docker");
    assert!(t.types("docker logs app").ok().stdout.contains("Running on http://0.0.0.0:8080"));
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

    t.write("app", "server.js", "Hello again");
    t.types_in("app", "docker build -t node-app ./").ok();
    let changed = layers("node-app");
    assert_eq!(changed[..changed.len() - 1], app[..app.len() - 1], "only the last step ran");
    assert_ne!(changed.last(), app.last());

    t.write("app", "Dockerfile", "FROM busybox\nRUN exit 3\n");
    let failed = t.types_in("app", "docker build -t broken .");
    assert_ne!(failed.code, 0);
    assert!(failed.stderr.contains("exit 3"), "{}", failed.stderr);
    t.leave();
}
