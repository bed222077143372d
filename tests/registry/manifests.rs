//! What can be wrong with manifests and indexes.

use compose::image::hash;
use serde_json::{Value, json};

use crate::scenario::*;
use crate::server::{Quirk, Reply, Request};

/// Answers the question for the tag with this.
fn tagged(reply: Reply) -> impl Fn(&Request) -> Option<Reply> + Send + Sync {
    move |request| (request.path == MANIFEST).then(|| reply.clone())
}

fn document(value: &Value, media_type: &str) -> Reply {
    Reply::new(200, value.to_string()).with("Content-Type", media_type)
}

/// The usual manifest, changed.
fn changed(change: impl FnOnce(&mut Value)) -> Reply {
    let mut value: Value = serde_json::from_slice(&Image::usual().manifest).unwrap();
    change(&mut value);
    let media_type = value["mediaType"].as_str().unwrap_or(OCI_MANIFEST).to_owned();
    document(&value, &media_type)
}

#[test]
fn refused_and_missing() {
    let image = Image::usual();
    for (name, reply, words) in [
        ("not there", Reply::new(404, r#"{"errors":[{"code":"MANIFEST_UNKNOWN"}]}"#), "not found"),
        ("not there, as HTML", Reply::new(404, "<html>no</html>"), "not found"),
        ("gone", Reply::new(410, ""), "410"),
        ("forbidden", Reply::new(403, ""), "access denied"),
        ("a login without a way", Reply::new(401, ""), "wants a login"),
        ("too much asked", Reply::new(429, ""), "busy"),
        ("broken for good", Reply::new(500, "oops"), "busy"),
        ("nothing", Reply::new(200, ""), "manifest cannot be read"),
        ("garbage", Reply::new(200, "\u{0}\u{1}"), "manifest cannot be read"),
        ("HTML", Reply::new(200, "<html>log in</html>"), "manifest cannot be read"),
        ("a list", Reply::new(200, "[]"), "manifest cannot be read"),
        ("too large", Reply::new(200, vec![b' '; 5 << 20]), "4 MiB"),
        ("no content", Reply::new(204, ""), "manifest cannot be read"),
        ("cut off", Reply::new(200, image.manifest.clone()).quirk(Quirk::Cut(50)), "stopped"),
        ("stuck", Reply::new(200, image.manifest.clone()).quirk(Quirk::Stall(50)), "stopped"),
    ] {
        check(name, &image, tagged(reply), Ends::Badly(words));
    }
}

#[test]
fn wrong_in_themselves() {
    let image = Image::usual();
    let huge = json!(u64::MAX);
    for (name, reply, words) in [
        ("schema 1", changed(|it| it["schemaVersion"] = json!(1)), "schema 1"),
        ("no schema", changed(|it| it["schemaVersion"] = Value::Null), "schema 2"),
        ("both at once", changed(|it| it["manifests"] = json!([])), "claims to be an index"),
        ("an index by name", changed(|it| it["mediaType"] = json!(OCI_INDEX)), "media type"),
        ("no configuration", changed(|it| it["config"] = Value::Null), "no configuration"),
        ("an artifact", changed(|it| it["config"]["mediaType"] = json!("x/y")), "artifact"),
        ("a strange layer", changed(|it| it["layers"][0]["mediaType"] = json!("x/y")), "layer"),
        ("no layers", changed(|it| it["layers"] = json!([])), "0 layers"),
        ("a negative size", changed(|it| it["layers"][0]["size"] = json!(-1)), "cannot be read"),
        ("a digest of nothing", changed(|it| it["layers"][0]["digest"] = json!("")), "cannot"),
        ("a path for a digest", changed(|it| it["layers"][0]["digest"] = json!("../x")), "cannot"),
        ("a huge configuration", changed(|it| it["config"]["size"] = huge.clone()), "4 MiB"),
        (
            "600 layers",
            changed(|it| it["layers"] = json!(vec![it["layers"][0].clone(); 600])),
            "more than 500 layers",
        ),
    ] {
        check(name, &image, tagged(reply), Ends::Badly(words));
    }
}

#[test]
fn served_as_something_else() {
    let image = Image::usual();
    let wrong = Reply::new(200, image.manifest.clone()).with("Content-Type", OCI_INDEX);
    check("called an index", &image, tagged(wrong), Ends::Badly("media type"));
    let plain = Reply::new(200, image.manifest.clone()).with("Content-Type", "text/plain");
    check("called a text", &image, tagged(plain), Ends::Well);
    let typed = format!("{OCI_MANIFEST}; charset=utf-8");
    let typed = Reply::new(200, image.manifest.clone()).with("Content-Type", typed);
    check("with a character set", &image, tagged(typed), Ends::Well);
}

/// tag-mutable-race: what a tag names is asked for once, and all else by digest.
#[test]
fn digests_decide() {
    let image = Image::usual();
    let other = json!({"other": true}).to_string();
    let pinned = format!("app@{}", hash::sha256(&image.manifest));
    let script = move |request: &Request| {
        request.path.contains("/manifests/").then(|| Reply::new(200, other.clone()))
    };
    check_in(
        &World::new(),
        "another one",
        &pinned,
        &image,
        script,
        Ends::Badly("another manifest"),
    );
    check_in(&World::new(), "the right one", &pinned, &image, |_| None, Ends::Well);
}

#[test]
fn indexes() {
    let image = Image::usual();
    let own: Value = serde_json::from_slice(&image.config).unwrap();
    let here = json!({"architecture": own["architecture"], "os": "linux"});
    let entry = |platform: &Value, digest: &str, size: usize| json!({"mediaType": OCI_MANIFEST, "digest": digest, "size": size, "platform": platform});
    let digest = hash::sha256(&image.manifest).to_string();
    let good = entry(&here, &digest, image.manifest.len());
    let index = |entries: &[Value]| {
        let index = json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries});
        document(&index, OCI_INDEX)
    };
    let strange = json!({"architecture": "sparc", "os": "plan9"});
    let unknown = json!({"architecture": "unknown", "os": "unknown"});
    let elsewhere = entry(&strange, &digest, 1);
    let attestation = entry(&unknown, &hash::sha256(b"x").to_string(), 1);
    let missing = entry(&here, &hash::sha256(b"y").to_string(), 1);
    for (name, entries, ends) in [
        ("ours among others", vec![attestation.clone(), elsewhere.clone(), good], Ends::Well),
        ("not ours", vec![elsewhere], Ends::Badly("linux")),
        ("none", vec![], Ends::Badly("")),
        ("only notes", vec![attestation], Ends::Badly("")),
        ("leads nowhere", vec![missing], Ends::Badly("not known")),
    ] {
        check(name, &image, tagged(index(&entries)), ends);
    }
    let inner = json!({"schemaVersion": 2, "manifests": []}).to_string();
    let nested = index(&[entry(&here, &hash::sha256(inner.as_bytes()).to_string(), inner.len())]);
    let script = move |request: &Request| match request.path.as_str() {
        MANIFEST => Some(nested.clone()),
        path if path.contains("/manifests/") => Some(Reply::new(200, inner.clone())),
        _ => None,
    };
    check("an index in an index", &image, script, Ends::Badly("index inside of an index"));
}
