//! Pushes to a registry that does not know what it has, or loses what it gets.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use compose::image::publish::{Document, Version, publish};
use compose::image::registry::Settings;
use compose::image::{ImportOptions, Quiet, Reference, hash, import, push};

use crate::scenario::*;
use crate::server::{Quirk, Reply, Request, Server};

/// What a registry was given.
#[derive(Default)]
struct Shelf {
    blobs: BTreeMap<String, Vec<u8>>,
    /// By address, which ends in a number.
    uploads: BTreeMap<String, Vec<u8>>,
    begun: usize,
}

const UPLOADS: &str = "/v2/app/blobs/uploads/";

impl Shelf {
    /// What a good registry answers.
    fn answer(&mut self, request: &Request) -> Reply {
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        match (request.method.as_str(), path) {
            (_, "/v2/") => Reply::new(200, "{}"),
            ("HEAD", _) => Reply::new(if self.blobs.contains_key(name) { 200 } else { 404 }, ""),
            ("POST", _) => {
                let address = format!("{UPLOADS}{}", self.begun);
                self.begun += 1;
                self.uploads.insert(address.clone(), Vec::new());
                Reply::new(202, "").with("Location", address)
            }
            ("PUT", MANIFEST) if self.blobs.len() < 2 => no(400, "MANIFEST_BLOB_UNKNOWN"),
            ("PUT", MANIFEST) => Reply::new(201, ""),
            (method, _) => {
                let Some(upload) = self.uploads.get_mut(path) else {
                    return no(404, "BLOB_UPLOAD_UNKNOWN");
                };
                let start = request.header("content-range").split('-').next();
                if start
                    .and_then(|start| start.parse().ok())
                    .is_some_and(|it: usize| upload.len() != it)
                {
                    return no(416, "RANGE_INVALID");
                }
                upload.extend_from_slice(&request.body);
                if method != "PUT" {
                    return Reply::new(if method == "GET" { 204 } else { 202 }, "")
                        .with("Location", path)
                        .with("Range", format!("0-{}", upload.len().saturating_sub(1)));
                }
                let digest = query.trim_start_matches("digest=").replace("%3A", ":");
                if digest != hash::sha256(upload).to_string() {
                    return no(400, "DIGEST_INVALID");
                }
                let blob = std::mem::take(upload);
                self.uploads.remove(path);
                self.blobs.insert(digest, blob);
                Reply::new(201, "")
            }
        }
    }
}

fn no(status: u16, code: &str) -> Reply {
    Reply::new(status, format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#))
}

/// A registry that takes what it gets where the script says nothing.
fn start(script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Server {
    let shelf = Mutex::new(Shelf::default());
    Server::start(move |request| {
        script(request).unwrap_or_else(|| shelf.lock().unwrap().answer(request))
    })
}

/// How a push went.
struct Went {
    result: Result<(), String>,
    requests: Vec<Request>,
}

impl Went {
    /// How often something was sent.
    fn count(&self, is: impl Fn(&Request) -> bool) -> usize {
        self.requests.iter().filter(|request| is(request)).count()
    }

    fn manifests(&self) -> usize {
        self.count(is_manifest)
    }

    fn blobs(&self) -> usize {
        self.count(is_blob)
    }
}

fn is_manifest(request: &Request) -> bool {
    request.method == "PUT" && request.path == MANIFEST
}

/// The last, or only, piece of one.
fn is_blob(request: &Request) -> bool {
    request.method == "PUT" && request.path.starts_with(UPLOADS)
}

fn is_piece(request: &Request) -> bool {
    request.method == "PATCH"
}

/// Bytes of the layer's content: several pieces of it.
const CONTENT: usize = 20_000;
const PIECE: u64 = 6000;

/// Nothing stalls here, and attempts are counted.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pushes an image of one layer, which goes in pieces of so many bytes.
fn pushed(piece: u64, script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Went {
    let server = start(script);
    let mut world = World::new();
    world.settings.upload_piece = piece;
    world.settings.stall = PATIENCE;
    let name: Reference = format!("{}/app:1", server.address).parse().unwrap();
    let archive = tar(&[("bin/sh", &noise(CONTENT))]);
    import(&world.store, &archive[..], Some(&name), &ImportOptions::default()).unwrap();
    let result = run(push(&world.store, &name, &Arc::new(world.settings.clone()), &Quiet));
    Went { result: result.map(drop).map_err(|error| chain(&error)), requests: server.requests() }
}

/// Publishes a document.
fn published(script: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static) -> Went {
    let server = start(script);
    let settings = Arc::new(Settings { stall: PATIENCE, ..World::new().settings });
    let name: Reference = format!("{}/app:1", server.address).parse().unwrap();
    let bytes = b"services: {}".to_vec();
    let document = Document { media_type: "text/x".to_owned(), bytes, annotations: Vec::new() };
    let result = run(publish(&settings, &name, "text/y", Version::V1_1, &[document]));
    Went { result: result.map(drop).map_err(|error| chain(&error)), requests: server.requests() }
}

#[test]
fn blobs_that_a_registry_only_believes_to_have_are_sent_again() {
    for code in ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "DIGEST_INVALID"] {
        let boast = move |request: &Request| match request.method.as_str() {
            "HEAD" => Some(Reply::new(200, "")),
            _ => (is_manifest(request) && request.before == 0).then(|| no(400, code)),
        };
        for went in [pushed(u64::MAX, boast), published(boast)] {
            assert_eq!(went.result, Ok(()), "{code}");
            assert_eq!((went.manifests(), went.blobs()), (2, 2), "{code}");
        }
    }
    let lagging = |request: &Request| {
        (is_manifest(request) && request.before < 2).then(|| no(404, "BLOB_UNKNOWN"))
    };
    for went in [pushed(u64::MAX, lagging), published(lagging)] {
        assert_eq!(went.result, Ok(()));
        assert_eq!(went.manifests(), 3);
    }
}

#[test]
fn a_manifest_that_is_refused_for_good_is_told_so() {
    let never = |request: &Request| is_manifest(request).then(|| no(400, "BLOB_UNKNOWN"));
    let wrong = |request: &Request| is_manifest(request).then(|| no(400, "MANIFEST_INVALID"));
    for went in [pushed(u64::MAX, never), published(never)] {
        assert_eq!(went.result.as_ref().unwrap_err(), "cannot push the manifest: no; ");
        assert_eq!((went.manifests(), went.blobs()), (3, 6));
    }
    // What is wrong with the manifest itself, no blob mends.
    for went in [pushed(u64::MAX, wrong), published(wrong)] {
        assert_eq!(went.result.as_ref().unwrap_err(), "cannot push the manifest: no; ");
        assert_eq!((went.manifests(), went.blobs()), (1, 2));
    }
}

/// What passes: the registry is busy, or the connection breaks.
fn passing() -> [(&'static str, Reply); 6] {
    [
        ("too many requests", no(429, "TOOMANYREQUESTS")),
        ("too many, with a time", no(429, "TOOMANYREQUESTS").with("Retry-After", "0")),
        ("broken", Reply::new(500, "")),
        ("bad gateway", Reply::new(502, "<html>")),
        ("not now", Reply::new(503, "")),
        ("the connection breaks", Reply::new(201, "").quirk(Quirk::Close)),
    ]
}

type Picks = fn(&Request) -> bool;

/// A script that answers the first request of a kind with `reply`.
fn once(is: Picks, reply: Reply) -> impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static {
    let said = AtomicBool::new(false);
    move |request| (is(request) && !said.swap(true, Ordering::Relaxed)).then(|| reply.clone())
}

#[test]
fn what_passes_is_waited_for() {
    let steps: [(&str, u64, Picks); 7] = [
        ("a look for a blob", u64::MAX, |request| request.method == "HEAD"),
        ("the beginning of an upload", u64::MAX, |request| request.method == "POST"),
        ("a blob", u64::MAX, is_blob),
        ("a manifest", u64::MAX, is_manifest),
        ("a piece", PIECE, is_piece),
        ("the last piece", PIECE, is_blob),
        ("a manifest after pieces", PIECE, is_manifest),
    ];
    for (what, piece, is) in steps {
        for (how, reply) in passing() {
            let went = pushed(piece, once(is, reply.clone()));
            assert_eq!(went.result, Ok(()), "{what}: {how}");
            assert!(went.count(is) >= 2, "{what}: {how}");
            if piece == u64::MAX {
                assert_eq!(published(once(is, reply)).result, Ok(()), "{what}: {how}");
            }
        }
    }
}

#[test]
fn what_does_not_pass_is_told_after_all_attempts() {
    let steps: [(&str, u64, Picks); 4] = [
        ("a blob", u64::MAX, is_blob),
        ("a manifest", u64::MAX, is_manifest),
        ("a piece", PIECE, is_piece),
        ("the last piece", PIECE, is_blob),
    ];
    for (what, piece, is) in steps {
        let went = pushed(piece, move |it| is(it).then(|| no(503, "UNAVAILABLE")));
        assert_eq!(went.result.as_ref().unwrap_err(), "the registry is busy: no; ", "{what}");
        let attempts = went.requests.iter().filter(|it| is(it) && !is_small(it)).count();
        assert_eq!(attempts, 4, "{what}");
    }
}

/// The configuration, which goes on its own.
fn is_small(request: &Request) -> bool {
    is_blob(request) && request.body.starts_with(b"{")
}

#[test]
fn uploads_that_the_registry_loses_begin_anew() {
    for code in ["BLOB_UPLOAD_UNKNOWN", "BLOB_UPLOAD_INVALID", "DIGEST_INVALID", "SIZE_INVALID"] {
        let went = pushed(u64::MAX, once(is_blob, no(400, code)));
        assert_eq!(went.result, Ok(()), "{code}");
    }
    let lost = |request: &Request| match request.method.as_str() {
        "PATCH" if request.path.ends_with("/0") && request.before == 1 => Some(Reply::new(503, "")),
        "GET" if request.path.ends_with("/0") => Some(no(404, "BLOB_UPLOAD_UNKNOWN")),
        _ => None,
    };
    let went = pushed(PIECE, lost);
    assert_eq!(went.result, Ok(()));
    // Two pieces of the lost one, then all of them.
    assert_eq!(went.count(|it| is_piece(it) && it.path.ends_with("/0")), 2);
    assert_eq!(went.count(|it| is_piece(it) && it.path.ends_with("/1")), 3);
}

#[test]
fn an_upload_goes_on_where_the_registry_says() {
    let broken =
        |request: &Request| (is_piece(request) && request.before == 1).then(|| no(500, "UNKNOWN"));
    let went = pushed(PIECE, broken);
    assert_eq!(went.result, Ok(()));
    let ranges: Vec<&str> = went.requests.iter().map(|it| it.header("content-range")).collect();
    let ranges: Vec<&str> = ranges.into_iter().filter(|range| !range.is_empty()).collect();
    assert_eq!(ranges, ["0-5999", "6000-11999", "6000-11999", "12000-17999"]);
}

#[test]
fn what_a_registry_says_it_has_of_an_upload_is_checked() {
    for range in ["0-0", "0-18446744073709551615", "0-99999999", "7-", "x", "bytes=0-x"] {
        let strange = move |request: &Request| match request.method.as_str() {
            "PATCH" if request.path.ends_with("/0") && request.before == 1 => {
                Some(Reply::new(503, ""))
            }
            "GET" => Some(Reply::new(204, "").with("Location", "/else").with("Range", range)),
            _ => None,
        };
        assert_eq!(pushed(PIECE, strange).result, Ok(()), "{range}");
    }
    // One that loses everything each time ends, too.
    let leaky = |request: &Request| match request.method.as_str() {
        "PATCH" if request.header("content-range") != "0-5999" => Some(no(500, "UNKNOWN")),
        "GET" => Some(no(404, "BLOB_UPLOAD_UNKNOWN")),
        _ => None,
    };
    let went = pushed(PIECE, leaky);
    assert_eq!(went.result.as_ref().unwrap_err(), "the registry is busy: no; ");
    assert_eq!(went.count(|it| it.header("content-range") == "6000-11999"), 4);
}

#[test]
fn an_upload_that_is_refused_is_not_repeated() {
    for (status, code) in [(413, "SIZE_LIMIT"), (403, "DENIED"), (400, "UNSUPPORTED")] {
        let went = pushed(u64::MAX, move |it| is_blob(it).then(|| no(status, code)));
        let text = went.result.as_ref().unwrap_err();
        assert!(text.starts_with("cannot upload layer ") && text.ends_with(": no; "), "{text}");
        assert_eq!(went.blobs(), 1, "{code}");
        let went = pushed(PIECE, move |it| is_piece(it).then(|| no(status, code)));
        assert_eq!(went.result.as_ref().unwrap_err(), "cannot upload a layer: no; ", "{code}");
        assert_eq!(went.count(is_piece), 1, "{code}");
    }
}
