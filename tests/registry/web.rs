//! Downloads from servers that do everything wrong: each either succeeds or fails with a precise
//! message, and leaves no file behind.

use std::fs;
use std::time::Duration;

use compose::image::{Settings, download};

use crate::scenario::{World, chain, noise, run};
use crate::server::{Quirk, Reply, Request, Server};

/// Most bytes that are taken.
const MOST: u64 = 10_000;

/// Content, and when the server says that it was last changed.
type Got = (Vec<u8>, Option<i64>);

/// Downloads `/file`; also gives how often it was asked for.
fn downloaded(
    stall: Duration,
    script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
) -> (Result<Got, String>, usize) {
    let server = Server::start(script);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let settings = Settings { stall, ..World::new().settings };
    let url = format!("http://me:secret@{}/file", server.address);
    let result = match run(download(&settings, &url, &file, MOST)) {
        Ok(modified) => Ok((fs::read(&file).unwrap(), modified)),
        Err(error) => {
            assert!(!file.exists(), "{error}: a file is left");
            let text = chain(&error).replace(&server.address, "HOST");
            assert!(!text.contains("secret"), "{text}");
            Err(text)
        }
    };
    (result, server.requests().len())
}

/// Longer than any test: nothing stalls.
const LONG: Duration = Duration::from_secs(60);

#[test]
fn a_file_comes_with_its_time() {
    let date = "Thu, 01 Jan 1970 00:01:40 GMT";
    for quirk in [Quirk::None, Quirk::Chunked] {
        let reply = Reply::new(200, noise(10_000)).with("Last-Modified", date).quirk(quirk);
        let (result, asked) = downloaded(LONG, move |_| reply.clone());
        assert_eq!((result, asked), (Ok((noise(10_000), Some(100))), 1));
    }
}

#[test]
fn what_is_too_large_is_not_taken() {
    for quirk in [Quirk::None, Quirk::Chunked] {
        let reply = Reply::new(200, noise(10_001)).quirk(quirk);
        let (result, asked) = downloaded(LONG, move |_| reply.clone());
        let text = "cannot download http://HOST/file: it is larger than 10000 bytes; ";
        assert_eq!((result.unwrap_err().as_str(), asked), (text, 1));
    }
    // What is announced is not waited for.
    let announced = Reply::new(200, "").with("Content-Length", (1u64 << 60).to_string());
    let (result, _) = downloaded(LONG, move |_| announced.clone().quirk(Quirk::Stall(0)));
    assert!(result.unwrap_err().contains("larger than 10000 bytes"));
}

#[test]
fn what_passes_is_tried_again() {
    for reply in [
        Reply::new(429, "").with("Retry-After", "0"),
        Reply::new(503, ""),
        Reply::new(200, "").quirk(Quirk::Close),
        Reply::new(200, noise(5000)).quirk(Quirk::Cut(3000)),
    ] {
        let name = format!("{} {:?}", reply.status, reply.quirk);
        let (result, asked) = downloaded(LONG, move |request| match request.before {
            0 => reply.clone(),
            _ => Reply::new(200, "content"),
        });
        assert_eq!((result, asked), (Ok((b"content".to_vec(), None)), 2), "{name}");
    }
}

#[test]
fn what_stays_wrong_is_told() {
    let circle = |request: &Request| {
        Reply::new(302, "").with("Location", format!("/file?{}", request.before))
    };
    assert!(downloaded(LONG, circle).0.unwrap_err().contains("too many redirects"));
    for (reply, words, attempts) in [
        (Reply::new(404, ""), "the server says 404 Not Found", 1),
        (Reply::new(503, ""), "the server is busy", 3),
        (Reply::new(200, noise(9)).quirk(Quirk::Cut(5)), "", 3),
        (Reply::new(200, "").quirk(Quirk::Garbage), "", 3),
        (Reply::new(302, "").with("Location", "file:///etc/passwd"), "", 1),
    ] {
        let name = format!("{} {:?}", reply.status, reply.quirk);
        let (result, asked) = downloaded(LONG, move |_| reply.clone());
        let text = result.unwrap_err();
        assert!(text.starts_with("cannot download http://HOST/file: "), "{name}: {text}");
        assert!(text.contains(words), "{name}: {text}");
        assert_eq!(asked, attempts, "{name}: {text}");
    }
}

#[test]
fn a_server_that_says_nothing_more_is_given_up() {
    let reply = Reply::new(200, noise(9)).quirk(Quirk::Stall(5));
    let (result, _) = downloaded(Duration::from_millis(50), move |_| reply.clone());
    assert_eq!(result.unwrap_err(), "cannot download http://HOST/file: no answer in time; ");
}
