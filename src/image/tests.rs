//! Round trips through a real registry: Debian's `docker-registry`, on a port of loopback.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::store::tests::{World, world};
use super::*;
use crate::base::Kind;
use crate::resource::Image;

/// A registry that lives as long as this does.
pub struct RealRegistry {
    process: Child,
    /// `127.0.0.1:PORT`.
    pub address: String,
    dir: tempfile::TempDir,
}

impl Drop for RealRegistry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl RealRegistry {
    /// Starts one; `more` is added to its configuration, where `DIR` is its directory.
    pub fn start(more: &str, prepare: impl FnOnce(&Path)) -> RealRegistry {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path());
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let address = format!("127.0.0.1:{port}");
        let root = dir.path().display();
        let config = format!(
            "version: 0.1\nlog: {{level: info}}\nstorage:\n  filesystem: {{rootdirectory: {root}/data}}\n  delete: {{enabled: true}}\nhttp:\n  addr: {address}\n{}",
            more.replace("DIR", &root.to_string())
        );
        std::fs::write(dir.path().join("config.yml"), config).unwrap();
        let mut process = Command::new("docker-registry")
            .args(["serve", &format!("{root}/config.yml")])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is installed");
        let mut log = BufReader::new(process.stderr.take().unwrap()).lines();
        let listening =
            log.by_ref().map_while(Result::ok).any(|line| line.contains("listening on"));
        assert!(listening, "docker-registry did not start");
        std::thread::spawn(move || log.for_each(drop));
        RealRegistry { process, address, dir }
    }

    /// A name in this registry.
    pub fn name(&self, rest: &str) -> Reference {
        format!("{}/{rest}", self.address).parse().unwrap()
    }
}

pub fn settings() -> Settings {
    Settings {
        first_wait: Duration::from_millis(1),
        stall: Duration::from_secs(5),
        ..Settings::plain(Path::new("/nonexistent"))
    }
}

/// Everything that was told, in order.
#[derive(Debug, Default)]
pub struct Heard(Mutex<Vec<Event>>);

impl Progress for Heard {
    fn event(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Heard {
    /// Each layer's last phase.
    pub fn last(&self) -> Vec<Phase> {
        let mut last = std::collections::BTreeMap::new();
        for event in self.0.lock().unwrap().iter() {
            if let Event::Layer { digest, phase, .. } = event {
                last.insert(digest.clone(), *phase);
            }
        }
        last.into_values().collect()
    }
}

/// An archive of files that do not compress to nothing.
pub fn archive(files: &[(&str, usize)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut state = 12345u32;
    for (path, size) in files {
        let content: Vec<u8> = (0..*size)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 24) as u8
            })
            .collect();
        let mut header = tar::Header::new_ustar();
        header.set_size(*size as u64);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        builder.append_data(&mut header, path, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

pub fn imported(world: &World, name: &Reference, size: usize) -> Image {
    let options = ImportOptions { changes: vec!["CMD [\"sh\"]".to_owned()], ..Default::default() };
    let archive = archive(&[("etc/data", size), ("bin/sh", 10)]);
    import(&world.store, &archive[..], Some(name), &options).unwrap()
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(future)
}

pub fn pull_from(
    world: &World,
    name: &Reference,
    settings: &Settings,
) -> crate::base::Result<(Pulled, Arc<Heard>)> {
    let heard = Arc::new(Heard::default());
    let options = PullOptions::new(Arc::new(settings.clone()));
    run(pull(&world.store, name, &options, &*heard)).map(|pulled| (pulled, heard))
}

pub fn push_to(
    world: &World,
    name: &Reference,
    settings: &Settings,
) -> crate::base::Result<(Pushed, Arc<Heard>)> {
    let heard = Arc::new(Heard::default());
    let settings = Arc::new(settings.clone());
    run(push(&world.store, name, &settings, &*heard)).map(|pushed| (pushed, heard))
}

#[test]
fn an_image_goes_to_a_registry_and_comes_back_equal() {
    let registry = RealRegistry::start("", |_| {});
    let (here, there) = (world(), world());
    let name = registry.name("team/app:1");
    let image = imported(&here, &name, 300_000);

    let (pushed, heard) = push_to(&here, &name, &settings()).unwrap();
    assert_eq!(heard.last(), [Phase::Pushed]);
    let (_, heard) = push_to(&here, &name, &settings()).unwrap();
    assert_eq!(heard.last(), [Phase::Exists]);

    let (pulled, heard) = pull_from(&there, &name, &settings()).unwrap();
    assert!(pulled.is_new);
    assert_eq!(heard.last(), [Phase::Pulled]);
    assert_eq!((&pulled.image.id, &pulled.image.diff_ids), (&image.id, &image.diff_ids));
    assert_eq!(pulled.digest.as_ref(), Some(&pushed.digest));
    let repository = name.familiar_name();
    assert_eq!(pulled.image.digests, [format!("{repository}@{}", pushed.digest)]);
    let file =
        |world: &World| std::fs::read(world.store.lower_dirs(&image)[0].join("etc/data")).unwrap();
    assert!(file(&here) == file(&there));

    let (again, _) = pull_from(&there, &name, &settings()).unwrap();
    assert!(!again.is_new);
    let pinned = name.pinned(pushed.digest.clone());
    assert_eq!(pull_from(&there, &pinned, &settings()).unwrap().0.image.id, image.id);
    // Pulled images keep their manifest.
    there.store.tag("team", &name).unwrap_err();
    let copy = registry.name("other/copy");
    there.store.tag(&name.familiar(), &copy).unwrap();
    let (copied, heard) = push_to(&there, &copy, &settings()).unwrap();
    assert_eq!((copied.digest, heard.last()), (pushed.digest, vec![Phase::Mounted]));
}

#[test]
fn large_layers_go_up_in_pieces() {
    let registry = RealRegistry::start("", |_| {});
    let (here, there) = (world(), world());
    let name = registry.name("big");
    let image = imported(&here, &name, 1_000_000);
    let settings = Settings { upload_piece: 300_000, ..settings() };
    push_to(&here, &name, &settings).unwrap();
    assert_eq!(pull_from(&there, &name, &settings).unwrap().0.image.id, image.id);
}

#[test]
fn names_of_docker_io_come_from_the_mirror() {
    let registry = RealRegistry::start("", |_| {});
    let (here, there) = (world(), world());
    let upstream = registry.name("library/mysql:5.7");
    let image = imported(&here, &upstream, 1000);
    push_to(&here, &upstream, &settings()).unwrap();

    let mut mirrored = settings();
    mirrored.add_mirrors("docker.io", &[format!("http://{}", registry.address)]).unwrap();
    let name = "mysql:5.7".parse().unwrap();
    let (pulled, _) = pull_from(&there, &name, &mirrored).unwrap();
    assert_eq!((pulled.image.id, pulled.image.tags), (image.id, vec!["mysql:5.7".to_owned()]));
    assert!(there.store.find("mysql:5.7").unwrap().is_some());
}

#[test]
fn a_missing_image_is_not_found() {
    let registry = RealRegistry::start("", |_| {});
    let world = world();
    let name = registry.name("nothing:1");
    let error = pull_from(&world, &name, &settings()).unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(
        error.to_string().contains(&format!("manifest for {} not found", name.familiar())),
        "{error}"
    );
    let error = push_to(&world, &name, &settings()).unwrap_err();
    assert!(error.to_string().starts_with("An image does not exist locally"), "{error}");
    assert_eq!(world.staged(), 0);
}

#[test]
fn an_interrupted_download_goes_on_where_it_stopped() {
    let registry = RealRegistry::start("", |_| {});
    let (here, there) = (world(), world());
    let name = registry.name("app");
    let image = imported(&here, &name, 400_000);
    push_to(&here, &name, &settings()).unwrap();
    let blob = here.store.layer(&image.diff_ids[0]).unwrap().unwrap().blob.unwrap();
    let whole = std::fs::read(here.store.blob_path(&blob.digest)).unwrap();

    // What a killed pull leaves; the second one damaged.
    for damage in [0, 1] {
        let mut part = whole[..whole.len() / 2].to_vec();
        part[1000] ^= damage;
        std::fs::write(there.store.partial(&blob.digest), part).unwrap();
        let (pulled, heard) = pull_from(&there, &name, &settings()).unwrap();
        assert_eq!(pulled.image.id, image.id);
        if damage == 0 {
            let events = heard.0.lock().unwrap();
            let first = events.iter().find_map(|event| match event {
                Event::Layer { phase: Phase::Downloading, bytes, .. } => Some(*bytes),
                _ => None,
            });
            assert!(first.unwrap() > whole.len() as u64 / 2, "it began anew");
        }
        assert!(!there.store.partial(&blob.digest).exists());
        there.store.remove(&name.familiar(), true, &Default::default()).unwrap();
        assert!(there.store.layer(&image.diff_ids[0]).unwrap().is_none());
    }
}

#[test]
fn eight_pulls_of_one_image_fetch_its_layer_once() {
    let registry = RealRegistry::start("", |_| {});
    let (here, there) = (world(), world());
    let name = registry.name("app");
    imported(&here, &name, 2_000_000);
    push_to(&here, &name, &settings()).unwrap();
    let phases: Vec<Phase> = std::thread::scope(|scope| {
        let pulls: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| pull_from(&there, &name, &settings()).unwrap().1.last()))
            .collect();
        pulls.into_iter().flat_map(|pull| pull.join().unwrap()).collect()
    });
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::Pulled).count(), 1);
    assert_eq!(phases.iter().filter(|phase| **phase == Phase::Exists).count(), 7);
}

#[test]
fn a_registry_with_passwords_wants_the_right_one() {
    let more = "auth:\n  htpasswd: {realm: basic, path: DIR/htpasswd}\n";
    let registry = RealRegistry::start(more, |dir| {
        // `secret`, by htpasswd -B.
        let line = "me:$2y$05$7bB5bPCVxQ0DhBaLCNWT7.mHd3W8MVE4dXhkPNDZvoMHRbn8p5kqK\n";
        let made = Command::new("python3").args(["-c", "import crypt; print('me:' + crypt.crypt('secret', crypt.mksalt(crypt.METHOD_BLOWFISH, rounds=32)))"]).output();
        let text = made.ok().filter(|output| output.status.success()).map(|output| output.stdout);
        std::fs::write(dir.join("htpasswd"), text.unwrap_or_else(|| line.into())).unwrap();
    });
    let here = world();
    let name = registry.name("private/app");
    imported(&here, &name, 1000);
    let with = |password: &str| {
        let docker = registry.dir.path().join(password);
        std::fs::create_dir_all(&docker).unwrap();
        use base64::Engine as _;
        let auth = base64::engine::general_purpose::STANDARD.encode(format!("me:{password}"));
        let config = format!(r#"{{"auths": {{"{}": {{"auth": "{auth}"}}}}}}"#, registry.address);
        std::fs::write(docker.join("config.json"), config).unwrap();
        Settings { docker, ..settings() }
    };
    let error = push_to(&here, &name, &settings()).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    let error = push_to(&here, &name, &with("wrong")).unwrap_err();
    assert_eq!(error.kind(), Kind::Unauthorized, "{error}");
    push_to(&here, &name, &with("secret")).unwrap();
    assert!(pull_from(&world(), &name, &with("secret")).is_ok());
}
