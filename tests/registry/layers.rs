//! Blobs that arrive in every way but the right one.

use crate::scenario::*;
use crate::server::{Quirk, Reply, Request};

/// Answers questions for the layer; `script` also gets what a good registry would say.
fn layer(
    image: &Image,
    script: impl Fn(&Request, Reply) -> Reply + Send + Sync + 'static,
) -> impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static {
    let image = image.clone();
    move |request| {
        let is_layer = request.path == image.layer_path();
        is_layer.then(|| script(request, image.answer(request)))
    }
}

/// The first time so, then well.
fn once(reply: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Script {
    Box::new(move |request, good| if request.before == 0 { reply(good) } else { good })
}

/// Every time so.
fn always(reply: impl Fn(Reply) -> Reply + Send + Sync + 'static) -> Script {
    Box::new(move |_, good| reply(good))
}

type Script = Box<dyn Fn(&Request, Reply) -> Reply + Send + Sync>;

#[test]
fn what_passes_is_tried_again() {
    let image = Image::usual();
    let whole = image.layer.clone();
    let scripts: Vec<(&str, Script)> = vec![
        ("500", once(|_| Reply::new(500, ""))),
        ("502", once(|_| Reply::new(502, "<html>"))),
        ("503 with a time", once(|_| Reply::new(503, "").with("Retry-After", "0"))),
        ("429", once(|_| Reply::new(429, "").with("Retry-After", "0"))),
        ("408", once(|_| Reply::new(408, ""))),
        ("closed", once(|good| good.quirk(Quirk::Close))),
        ("no HTTP", once(|good| good.quirk(Quirk::Garbage))),
        ("cut off", once(|good| good.quirk(Quirk::Cut(40_000)))),
        ("cut off at once", once(|good| good.quirk(Quirk::Cut(0)))),
        ("stuck", once(|good| good.quirk(Quirk::Stall(30_000)))),
        ("cut off again and again", always(|good| good.quirk(Quirk::Cut(40_000)))),
        ("slow", always(|good| good.quirk(Quirk::Slow(20)))),
        ("without a length", always(|good| good.quirk(Quirk::Chunked))),
        (
            "ranges are not known",
            Box::new(move |request, _| match request.before {
                0 => Reply::new(200, whole.clone()).quirk(Quirk::Cut(40_000)),
                _ => Reply::new(200, whole.clone()),
            }),
        ),
    ];
    for (name, script) in scripts {
        check(name, &image, layer(&image, script), Ends::Well);
    }
}

#[test]
fn what_stays_wrong_is_told() {
    let image = Image::usual();
    let noise = noise(image.layer.len());
    let longer = [&image.layer[..], b"more"].concat();
    let shorter = image.layer[..1000].to_vec();
    let scripts: Vec<(&str, Script, &'static str)> = vec![
        ("missing", always(|_| Reply::new(404, "")), "404"),
        ("forbidden", always(|_| Reply::new(403, "")), ""),
        ("broken", always(|_| Reply::new(500, "")), "500"),
        ("busy", always(|_| Reply::new(429, "").with("Retry-After", "0")), "429"),
        ("closed", always(|good| good.quirk(Quirk::Close)), ""),
        ("no HTTP", always(|good| good.quirk(Quirk::Garbage)), ""),
        ("nothing", always(|good| good.quirk(Quirk::Cut(0))), "broke after 0 of"),
        ("hardly anything", always(|good| good.quirk(Quirk::Cut(500))), "broke after 2000 of"),
        ("stuck", always(|good| good.quirk(Quirk::Stall(0))), "nothing more came after 0 of"),
        ("another", always(move |_| Reply::new(200, noise.clone())), "not what its digest says"),
        ("longer", always(move |_| Reply::new(200, longer.clone())), ""),
        ("shorter", always(move |_| Reply::new(200, shorter.clone())), ""),
        ("empty", always(|_| Reply::new(200, "")), ""),
        (
            "another range",
            Box::new(|request, good| match request.start() {
                0 => good.quirk(Quirk::Cut(40_000)),
                _ => Reply::new(206, vec![0; 10]).with("Content-Range", "bytes 7-16/17"),
            }),
            "",
        ),
        (
            "no range at all",
            Box::new(|request, good| match request.start() {
                0 => good.quirk(Quirk::Cut(40_000)),
                _ => Reply::new(416, ""),
            }),
            "",
        ),
    ];
    for (name, script, words) in scripts {
        check(name, &image, layer(&image, script), Ends::Badly(words));
    }
}

#[test]
fn redirects() {
    let image = Image::usual();
    let to = |address: &'static str| always(move |_| Reply::new(307, "").with("Location", address));
    let scripts: Vec<(&str, Script, &'static str)> = vec![
        (
            "in a circle",
            Box::new(|it, _| Reply::new(307, "").with("Location", it.path.as_str())),
            "circle",
        ),
        ("to FTP", to("ftp://127.0.0.1/x"), "scheme ftp"),
        ("to a file", to("file:///etc/passwd"), "scheme file"),
        ("to plain HTTP elsewhere", to("http://192.0.2.1/x"), "without TLS"),
        ("to nowhere", always(|_| Reply::new(307, "")), "to no address"),
        ("to garbage", to("http://[::"), "to no address"),
    ];
    for (name, script, words) in scripts {
        check(name, &image, layer(&image, script), Ends::Badly(words));
    }
    for status in [301, 302, 303, 307, 308] {
        let served = image.clone();
        let script = move |request: &Request| match request.path.as_str() {
            "/elsewhere" => Some(part(&served.layer, request)),
            path if path == served.layer_path() => {
                Some(Reply::new(status, "").with("Location", "../../../elsewhere"))
            }
            _ => None,
        };
        check("relative", &image, script, Ends::Well);
    }
}
