//! Pushes to a registry that does not know what it has.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use compose::image::{ImportOptions, Pushed, Quiet, Reference, hash, import, push};

use crate::scenario::*;
use crate::server::{Reply, Request, Server};

/// How a registry answers a push, besides taking what it gets.
#[derive(Clone, Copy)]
struct Habits {
    /// It says that it has every blob.
    boasts: bool,
    /// What it says to a manifest whose blobs it did not get.
    refusal: (u16, &'static str),
    /// So many manifests are refused whatever it has.
    stubborn: usize,
}

fn start(habits: Habits) -> Server {
    let blobs = Mutex::new(BTreeMap::<String, Vec<u8>>::new());
    Server::start(move |request: &Request| {
        let mut blobs = blobs.lock().unwrap();
        let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
        let name = path.rsplit('/').next().unwrap_or_default();
        let no = |(status, code): (u16, &str)| {
            Reply::new(status, format!(r#"{{"errors":[{{"code":"{code}","message":"no"}}]}}"#))
        };
        match (request.method.as_str(), path) {
            (_, "/v2/") => Reply::new(200, "{}"),
            ("HEAD", _) => match habits.boasts || blobs.contains_key(name) {
                true => Reply::new(200, ""),
                false => Reply::new(404, ""),
            },
            ("POST", _) => Reply::new(202, "").with("Location", "/v2/app/blobs/uploads/1"),
            ("PUT", "/v2/app/blobs/uploads/1") => {
                let digest = query.trim_start_matches("digest=").replace("%3A", ":");
                assert_eq!(digest, hash::sha256(&request.body).to_string());
                blobs.insert(digest, request.body.clone());
                Reply::new(201, "")
            }
            ("PUT", MANIFEST) => match request.before < habits.stubborn || blobs.len() < 2 {
                true => no(habits.refusal),
                false => Reply::new(201, ""),
            },
            _ => no((404, "UNSUPPORTED")),
        }
    })
}

/// Pushes an image of one layer; also gives how many manifests and how many blobs went out.
fn pushed(habits: Habits) -> (Result<Pushed, String>, usize, usize) {
    let server = start(habits);
    let world = World::new();
    let name: Reference = format!("{}/app:1", server.address).parse().unwrap();
    let archive = tar(&[("bin/sh", &noise(1000))]);
    import(&world.store, &archive[..], Some(&name), &ImportOptions::default()).unwrap();
    let result = run(push(&world.store, &name, &Arc::new(world.settings.clone()), &Quiet));
    let requests = server.requests();
    let puts = requests.iter().filter(|request| request.method == "PUT");
    let (manifests, blobs): (Vec<_>, Vec<_>) = puts.partition(|request| request.path == MANIFEST);
    (result.map_err(|error| chain(&error)), manifests.len(), blobs.len())
}

#[test]
fn blobs_that_a_registry_only_believes_to_have_are_sent_again() {
    let believed = |code| Habits { boasts: true, refusal: (400, code), stubborn: 0 };
    for code in ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "DIGEST_INVALID"] {
        let (result, manifests, blobs) = pushed(believed(code));
        assert!(result.is_ok(), "{code}: {result:?}");
        assert_eq!((manifests, blobs), (2, 2), "{code}");
    }
    let lagging = Habits { boasts: false, refusal: (404, "BLOB_UNKNOWN"), stubborn: 2 };
    let (result, manifests, _) = pushed(lagging);
    assert!(result.is_ok(), "{result:?}");
    assert_eq!(manifests, 3);
}

#[test]
fn a_manifest_that_is_refused_for_good_is_told_so() {
    let never = Habits { boasts: false, refusal: (400, "BLOB_UNKNOWN"), stubborn: usize::MAX };
    let (result, manifests, blobs) = pushed(never);
    assert_eq!(result.unwrap_err(), "cannot push the manifest: no; ");
    assert_eq!((manifests, blobs), (3, 6));
    // What is wrong with the manifest itself, no blob mends.
    let wrong = Habits { boasts: false, refusal: (400, "MANIFEST_INVALID"), stubborn: 9 };
    let (result, manifests, blobs) = pushed(wrong);
    assert_eq!(result.unwrap_err(), "cannot push the manifest: no; ");
    assert_eq!((manifests, blobs), (1, 2));
}
