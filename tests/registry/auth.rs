//! Tokens, passwords, and who must never see them.

use base64::Engine as _;
use serde_json::json;

use crate::scenario::*;
use crate::server::{Quirk, Reply, Request, Server};

/// A registry that wants the token `good`, and says that `realm` (`HOST` is its own address) has
/// it; the token server there answers with `token`.
fn bearer(
    realm: &'static str,
    token: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static {
    move |request| {
        if request.path.starts_with("/token") {
            return Some(token(request));
        }
        let realm = realm.replace("HOST", &request.host);
        (request.header("authorization") != "Bearer good").then(|| {
            let challenge = format!("Bearer realm=\"{realm}\",service=\"test\"");
            Reply::new(401, "").with("WWW-Authenticate", challenge)
        })
    }
}

const OWN: &str = "http://HOST/token";

fn good(_: &Request) -> Reply {
    Reply::new(200, r#"{"token":"good"}"#)
}

#[test]
fn anybody_gets_a_token() {
    let image = Image::usual();
    let server = check("token", &image, bearer(OWN, good), Ends::Well);
    let asked = server.requests();
    let tokens: Vec<_> = asked.iter().filter(|it| it.path.starts_with("/token")).collect();
    assert!(tokens.iter().any(|it| it.path.contains("scope=repository%3Aapp%3Apull")));
    assert!(tokens.iter().all(|it| it.header("authorization").is_empty()));
    let access = |_: &Request| Reply::new(200, r#"{"access_token":"good","expires_in":60}"#);
    check("access token", &image, bearer(OWN, access), Ends::Well);
    // token-lifetime: more than a clock can add up.
    let text = format!(r#"{{"token":"good","expires_in":{}}}"#, u64::MAX);
    let eternal = move |_: &Request| Reply::new(200, text.clone());
    check("a token for longer than time lasts", &image, bearer(OWN, eternal), Ends::Well);
}

#[test]
fn token_servers_fail() {
    let image = Image::usual();
    for (name, reply, words) in [
        ("forbidden", Reply::new(403, ""), "token"),
        ("broken", Reply::new(500, ""), "token"),
        ("garbage", Reply::new(200, "x"), "gives no token"),
        ("empty", Reply::new(200, "{}"), "gives no token"),
        ("an empty token", Reply::new(200, r#"{"token":""}"#), "gives no token"),
        ("two headers", Reply::new(200, r#"{"token":"a\r\nX: b"}"#), "gives no token"),
        ("endless", Reply::new(200, vec![b' '; 2 << 20]), "gives no token"),
        ("the wrong one", Reply::new(200, r#"{"token":"bad"}"#), "access"),
    ] {
        check(name, &image, bearer(OWN, move |_| reply.clone()), Ends::Badly(words));
    }
}

#[test]
fn a_busy_token_server_is_asked_again() {
    let image = Image::usual();
    let replies = [
        Reply::new(429, "").with("Retry-After", "0"),
        Reply::new(503, ""),
        Reply::new(200, "").quirk(Quirk::Close),
    ];
    for reply in replies {
        let name = format!("{reply:?}");
        let busy = move |request: &Request| match request.before {
            0 => reply.clone(),
            _ => good(request),
        };
        check(&name, &image, bearer(OWN, busy), Ends::Well);
    }
}

/// CVE-2020-15157, CVE-2026-33540.
#[test]
fn realms_that_are_not_trusted() {
    let image = Image::usual();
    for (name, realm, words) in [
        ("no address", "token", "as token server"),
        ("a file", "file:///etc/passwd", "no TLS"),
        ("plain HTTP elsewhere", "http://192.0.2.1/token", "no TLS"),
    ] {
        check(name, &image, bearer(realm, good), Ends::Badly(words));
    }
    // With a password there is something to lose.
    let foreign = Server::start(|_| Reply::new(200, r#"{"token":"good"}"#));
    let realm = format!("http://localhost:{}/token", foreign.address.rsplit(':').next().unwrap());
    let served = image.clone();
    let server = Server::start(move |request| match request.header("authorization") {
        "Bearer good" => served.answer(request),
        _ => {
            let challenge = format!("Bearer realm=\"{realm}\",service=\"test\"");
            Reply::new(401, "").with("WWW-Authenticate", challenge)
        }
    });
    let world = World::new();
    let auth = base64::engine::general_purpose::STANDARD.encode("me:secret");
    world.log_in(&server.address, &json!({"auth": auth}));
    let error = world.pull(&format!("{}/app:1", server.address)).unwrap_err();
    assert!(chain(&error).contains("not its own"), "{}", chain(&error));
    assert!(foreign.requests().is_empty(), "the password's hash left the house");
}

#[test]
fn a_token_may_run_out_on_the_way() {
    let image = Image::usual();
    let manifest = compose::image::hash::sha256(&image.manifest);
    let script = bearer(OWN, good);
    let layer = image.layer_path();
    let expired = move |request: &Request| {
        let challenge = format!("Bearer realm=\"http://{}/token\"", request.host);
        let refused = Reply::new(401, "").with("WWW-Authenticate", challenge);
        match request.path == layer && request.before == 0 {
            true => Some(refused),
            false => script(request),
        }
    };
    check("run out", &image, expired, Ends::Well);
    assert!(manifest.to_string().starts_with("sha256:"));
}

#[test]
fn passwords() {
    let image = Image::usual();
    let encoded = base64::engine::general_purpose::STANDARD.encode("me:secret");
    let expected = format!("Basic {encoded}");
    let script = move |request: &Request| {
        (request.header("authorization") != expected)
            .then(|| Reply::new(401, "").with("WWW-Authenticate", "Basic realm=\"x\""))
    };
    for (name, password, ends) in [
        ("the right one", Some("me:secret"), Ends::Well),
        ("a wrong one", Some("me:wrong"), Ends::Badly("incorrect username or password")),
        ("none", None, Ends::Badly("wants a login")),
    ] {
        let world = World::new();
        let served = image.clone();
        let script = script.clone();
        let server = Server::start(move |it| script(it).unwrap_or_else(|| served.answer(it)));
        if let Some(password) = password {
            let auth = base64::engine::general_purpose::STANDARD.encode(password);
            world.log_in(&server.address, &json!({"auth": auth}));
        }
        let result = world.pull(&format!("{}/app:1", server.address));
        match ends {
            Ends::Well => drop(result.unwrap_or_else(|error| panic!("{name}: {}", chain(&error)))),
            Ends::Badly(words) => {
                let text = chain(&result.unwrap_err());
                assert!(text.contains(words) && !text.contains("secret"), "{name}: {text}");
            }
        }
    }
}

#[test]
fn an_identity_token_buys_access_tokens() {
    let image = Image::usual();
    let script = bearer(OWN, |request| {
        let form = String::from_utf8_lossy(&request.body).into_owned();
        match request.method == "POST" && form.contains("refresh_token=mine") {
            true => good(request),
            false => Reply::new(401, ""),
        }
    });
    let served = image.clone();
    let server = Server::start(move |it| script(it).unwrap_or_else(|| served.answer(it)));
    let world = World::new();
    world.log_in(&server.address, &json!({"auth": "", "identitytoken": "mine"}));
    world.pull(&format!("{}/app:1", server.address)).unwrap();
}

/// CVE-2020-15157, CVE-2026-49349, CVE-2021-41092: credentials are for one registry.
#[test]
fn other_origins_do_not_see_the_token() {
    let image = Image::usual();
    let layer = image.layer.clone();
    let storage = Server::start(move |request| part(&layer, request));
    let target = format!("http://{}/blob", storage.address);
    let (path, script) = (image.layer_path(), bearer(OWN, good));
    let redirect = move |request: &Request| {
        script(request).or_else(|| {
            (request.path == path).then(|| Reply::new(307, "").with("Location", target.clone()))
        })
    };
    check("storage elsewhere", &image, redirect, Ends::Well);
    let asked = storage.requests();
    assert!(!asked.is_empty() && asked.iter().all(|it| it.header("authorization").is_empty()));
}
