//! Registries that are not there, and lists of tags that do not end.

use std::sync::Arc;

use compose::image::{Reference, tags};

use crate::scenario::*;
use crate::server::{Quirk, Reply, Request, Server};

#[test]
fn nobody_is_there() {
    let address = Server::start(|_| Reply::new(200, "")).address.clone();
    let error = World::new().pull(&format!("{address}/app:1")).unwrap_err();
    assert_eq!(error.to_string(), format!("cannot reach http://{address}: connection refused"));
}

#[test]
fn something_else_is_there() {
    let image = Image::usual();
    for (name, quirk) in [("no HTTP", Quirk::Garbage), ("nothing", Quirk::Close)] {
        let reply = Reply::new(200, "").quirk(quirk);
        check(name, &image, move |_| Some(reply.clone()), Ends::Badly("127.0.0.1"));
    }
    check("another service", &image, |_| Some(Reply::new(404, "nginx")), Ends::Badly("not found"));
}

fn listed(
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> Result<Vec<String>, String> {
    let server = Server::start(move |request| match request.path.as_str() {
        "/v2/" => Reply::new(200, ""),
        _ => script(request),
    });
    let reference: Reference = format!("{}/app", server.address).parse().unwrap();
    run(tags(&Arc::new(World::new().settings), &reference)).map_err(|error| chain(&error))
}

#[test]
fn tags_come_in_pages() {
    let two = listed(|request| match request.path.contains("last=b") {
        false => Reply::new(200, r#"{"name":"app","tags":["a","b"]}"#)
            .with("Link", "</v2/app/tags/list?n=2&last=b>; rel=\"next\""),
        true => Reply::new(200, r#"{"name":"app","tags":["c"]}"#),
    });
    assert_eq!(two.unwrap(), ["a", "b", "c"]);
    let elsewhere = listed(|_| {
        Reply::new(200, r#"{"tags":["a"]}"#).with("Link", "<http://127.0.0.1:1/x>; rel=\"next\"")
    });
    assert_eq!(elsewhere.unwrap(), ["a"], "another origin is not asked");
    assert_eq!(listed(|_| Reply::new(200, r#"{"tags":null}"#)).unwrap(), Vec::<String>::new());
    let endless = listed(|request| {
        let last = request.path.rsplit("last=").next().and_then(|text| text.parse().ok());
        let next = format!("</v2/app/tags/list?last={}>; rel=\"next\"", last.unwrap_or(0) + 1);
        Reply::new(200, r#"{"tags":["a"]}"#).with("Link", next)
    });
    assert!(endless.unwrap_err().contains("does not end"));
    assert!(listed(|_| Reply::new(200, "x")).unwrap_err().contains("cannot be read"));
    assert!(listed(|_| Reply::new(404, "")).unwrap_err().contains("not found"));
}
