//! Debian's `docker-registry` behind TLS, with a certificate of an authority of our own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use compose::image::{ImportOptions, Quiet, Reference, import, push};

use crate::scenario::{World, chain, noise, run, tar};

struct Registry(Child);

impl Drop for Registry {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn openssl(dir: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(dir)
        .output()
        .expect("openssl is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

fn make_certificates(dir: &Path) {
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    openssl(dir, &format!("req -x509 {key} -keyout ca.key -out ca.crt -days 2 -subj /CN=test-ca"));
    openssl(dir, &format!("req {key} -keyout own.key -out own.csr -subj /CN=registry"));
    fs::write(dir.join("names"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let sign = "x509 -req -in own.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2";
    openssl(dir, &format!("{sign} -extfile names -out own.crt"));
}

fn start(dir: &Path, address: &str) -> Registry {
    let root = dir.display();
    let config = format!(
        "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {root}/data}}\n\
         http:\n  addr: {address}\n  tls: {{certificate: {root}/own.crt, key: {root}/own.key}}\n"
    );
    fs::write(dir.join("config.yml"), config).unwrap();
    let mut process = Command::new("docker-registry")
        .args(["serve", &format!("{root}/config.yml")])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker-registry is installed");
    let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
    let listening = log.by_ref().map_while(Result::ok).any(|line| line.contains("listening on"));
    assert!(listening, "docker-registry did not start");
    std::thread::spawn(move || log.for_each(drop));
    Registry(process)
}

/// CVE-2025-6032, CVE-2020-29662: what nobody vouches for is not trusted. CVE-2019-10214,
/// CVE-2014-5277: nor is it spoken to without TLS instead.
#[test]
fn a_private_authority_is_trusted_where_it_is_named() {
    let dir = tempfile::tempdir().unwrap();
    make_certificates(dir.path());
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("127.0.0.1:{port}");
    let _registry = start(dir.path(), &address);

    let (mut here, mut there) = (World::new(), World::new());
    let name: Reference = format!("{address}/app:1").parse().unwrap();
    let archive = tar(&[("bin/sh", &noise(10_000))]);
    let options = ImportOptions::default();
    let image = import(&here.store, &archive[..], Some(&name), &options).unwrap();

    let pushed = run(push(&here.store, &name, &Arc::new(here.settings.clone()), &Quiet));
    let text = chain(&pushed.unwrap_err());
    assert!(text.contains("certificate"), "{text}");

    let trusted = dir.path().join("certs.d");
    fs::create_dir_all(trusted.join(&address)).unwrap();
    fs::copy(dir.path().join("ca.crt"), trusted.join(&address).join("ca.crt")).unwrap();
    for world in [&mut here, &mut there] {
        world.settings.certificates.clone_from(&trusted);
    }
    run(push(&here.store, &name, &Arc::new(here.settings.clone()), &Quiet)).unwrap();
    assert_eq!(there.pull(&name.to_string()).unwrap().id, image.id);
}
