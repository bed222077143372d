//! Compose files that are elsewhere: in a git repository, and in a registry.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::machine::Machine;

/// `git daemon` on a port of its own; it ends with the test.
struct Daemon {
    process: Child,
    address: String,
}

impl Daemon {
    fn serving(directory: &Path) -> Daemon {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let programs = Command::new("git").arg("--exec-path").output().expect("git is installed");
        let programs = String::from_utf8(programs.stdout).unwrap();
        // Not by way of `git daemon`, which would leave its child behind when it is killed.
        let process = Command::new(Path::new(programs.trim()).join("git-daemon"))
            .args(["--reuseaddr", "--export-all", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", directory.display()))
            .arg(directory)
            .stderr(Stdio::null())
            .spawn()
            .expect("git is installed");
        let address = format!("127.0.0.1:{port}");
        let start = Instant::now();
        while TcpStream::connect(&address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "git daemon does not answer");
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Daemon { process, address }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}

fn git(directory: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("git is installed");
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_project_in_a_git_repository_is_included_with_what_lies_beside_it() {
    let root = tempfile::tempdir().unwrap();
    let repository = root.path().join("app.git");
    std::fs::create_dir_all(repository.join("deploy")).unwrap();
    let text = "services:\n  web: {image: web, env_file: web.env}\n";
    std::fs::write(repository.join("deploy/compose.yaml"), text).unwrap();
    std::fs::write(repository.join("deploy/web.env"), "FROM=git\n").unwrap();
    git(&repository, &["init", "--quiet"]);
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "-m", "first"]);
    git(&repository, &["tag", "v1"]);
    std::fs::write(repository.join("deploy/web.env"), "FROM=later\n").unwrap();
    git(&repository, &["commit", "--quiet", "-a", "-m", "second"]);
    let daemon = Daemon::serving(root.path());

    let url = format!("git://{}/app.git", daemon.address);
    let mut machine =
        Machine::with(&format!("include: ['{url}#v1:deploy']\nservices: {{own: {{image: x}}}}\n"));
    machine.set("HOME", root.path().to_str().unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&machine.out("config --format json")).unwrap();
    assert_eq!(json["services"]["web"]["environment"]["FROM"], "git");

    let named = machine.out(&format!("-f {url}#main:deploy/compose.yaml config --format json"));
    let json: serde_json::Value = serde_json::from_str(&named).unwrap();
    assert_eq!(json["services"]["web"]["environment"]["FROM"], "later");

    // CVE-2026-33748: neither `..` nor a link leads out of the repository.
    std::fs::create_dir(root.path().join("outside")).unwrap();
    let text = "services: {outside: {image: outside}}\n";
    std::fs::write(root.path().join("outside/compose.yaml"), text).unwrap();
    let up = format!("{}{}", "../".repeat(12), root.path().join("outside").display());
    let escape = machine.fails(&format!("-f {url}#main:{up} config"));
    assert!(escape.contains("has no directory"), "{escape}");
    let missing = machine.fails(&format!("-f {url}#main:nowhere config"));
    assert!(missing.contains("has no directory `nowhere`"), "{missing}");
    let option = machine.fails(&format!("-f {url}#--upload-pack=x config"));
    assert!(option.contains("is no reference of a git repository"), "{option}");

    // remote-link-out: nor does a link by which the project reads or mounts.
    std::os::unix::fs::symlink(root.path().join("outside"), repository.join("link")).unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "--quiet", "-m", "third"]);
    for named in ["main", "main:link", "main:link/compose.yaml"] {
        let escape = machine.fails(&format!("-f {url}#{named} config --services"));
        let told = ["link is a link that leads out of the repository", "has no directory `link`"];
        assert!(told.iter().any(|told| escape.contains(told)), "{escape}");
    }
}

/// A registry that has one artifact: a manifest and blobs, answered by digest or tag.
fn registry(manifest: String, blobs: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // The thread ends with the process; it holds nothing but its port.
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut stream = stream;
            loop {
                let mut first = String::new();
                if reader.read_line(&mut first).unwrap_or(0) == 0 {
                    break;
                }
                let mut line = String::from("-");
                while !line.trim().is_empty() {
                    line.clear();
                    reader.read_line(&mut line).unwrap();
                }
                let path = first.split(' ').nth(1).unwrap_or_default();
                let blob = blobs.iter().find(|blob| path.ends_with(&digest(blob)));
                let (kind, body) = match blob {
                    Some(blob) => ("application/octet-stream", blob.as_str()),
                    None if path.contains("/manifests/") => {
                        ("application/vnd.oci.image.manifest.v1+json", manifest.as_str())
                    }
                    None => ("application/json", "{}"),
                };
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                    body.len()
                );
                if stream.write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    address
}

fn digest(text: &str) -> String {
    let bytes = Sha256::digest(text.as_bytes());
    format!("sha256:{}", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

fn artifact(files: &[(&str, &str, &str)]) -> (String, Vec<String>) {
    let layers: Vec<serde_json::Value> = files
        .iter()
        .map(|(kind, name, text)| {
            let (key, more) = match *kind {
                "envfile" => ("com.docker.compose.envfile", "false"),
                "extended" => ("com.docker.compose.file", "true"),
                _ => ("com.docker.compose.file", "false"),
            };
            let media = if *kind == "envfile" { "envfile" } else { "file+yaml" };
            serde_json::json!({
                "mediaType": format!("application/vnd.docker.compose.{media}"),
                "digest": digest(text), "size": text.len(),
                "annotations": {key: name, "com.docker.compose.extends": more},
            })
        })
        .collect();
    let manifest = serde_json::json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.docker.compose.project",
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest("{}"), "size": 2},
        "layers": layers,
    });
    (manifest.to_string(), files.iter().map(|(_, _, text)| (*text).to_owned()).collect())
}

#[test]
fn a_project_in_a_registry_is_included() {
    let home = tempfile::tempdir().unwrap();
    let (manifest, blobs) = artifact(&[
        ("file", "compose.yaml", "services: {web: {extends: {file: ab.yaml, service: base}}}\n"),
        ("file", "override.yaml", "services: {web: {hostname: over}}\n"),
        ("extended", "ab.yaml", "services: {base: {image: base, env_file: cd.env}}\n"),
        ("envfile", "cd.env", "A=1\n"),
    ]);
    let address = registry(manifest, blobs);
    let mut machine = Machine::with(&format!("include: ['oci://{address}/team/app:1']\n"));
    machine.set("HOME", home.path().to_str().unwrap());
    let json: serde_json::Value =
        serde_json::from_str(&machine.out("config --format json")).unwrap();
    let web = &json["services"]["web"];
    assert_eq!((&web["image"], &web["hostname"]), (&"base".into(), &"over".into()));
    assert_eq!(web["environment"]["A"], "1");
}

#[test]
fn cve_2025_62725_a_registry_does_not_choose_where_files_are_written() {
    let home = tempfile::tempdir().unwrap();
    let (manifest, blobs) = artifact(&[
        ("file", "compose.yaml", "services: {web: {image: x}}\n"),
        ("extended", "../../../escaped.yaml", "services: {}\n"),
    ]);
    let address = registry(manifest, blobs);
    let mut machine = Machine::with(&format!("include: ['oci://{address}/team/app:1']\n"));
    machine.set("HOME", home.path().to_str().unwrap());
    let said = machine.fails("config");
    assert!(
        said.contains("error[cannot-fetch]") && said.contains("../../../escaped.yaml"),
        "{said}"
    );
    let written: Vec<_> = std::fs::read_dir(home.path().join(".cache/compose/remote"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(written.is_empty(), "{written:?}");
}

#[test]
fn what_cannot_be_fetched_is_said_at_its_place() {
    let home = tempfile::tempdir().unwrap();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut machine = Machine::with(&format!("include:\n  - git://{free}/a.git\n"));
    machine.set("HOME", home.path().to_str().unwrap());
    let said = machine.fails("config");
    assert!(said.contains("error[cannot-fetch]"), "{said}");
    assert!(said.contains("compose.yaml:3:5"), "{said}");
}
