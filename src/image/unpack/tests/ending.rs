//! What ends when one side of the two threads fails.

use std::io::Write;
use std::time::Duration;

use super::*;

/// More than what fits between the threads and into their buffers.
const BEHIND: usize = 20 << 20;

/// Longer than any of this takes.
const LIMIT: Duration = Duration::from_secs(60);

/// What `work` returns; panics when it does not end.
fn ends<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(work()));
    receiver.recv_timeout(LIMIT).expect("it goes on for ever")
}

/// Bytes that no compressor makes small.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..length).map(|_| next()).collect()
}

fn with_data_behind(bad: impl FnOnce(&mut Tar)) -> Vec<u8> {
    let mut tar = Tar::default();
    bad(&mut tar);
    tar.header(&Fields { kind: b'0', path: "behind", link: "", mode: 0o644, size: BEHIND as u64 });
    tar.data(&noise(BEHIND)).end()
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn an_entry_that_cannot_be_unpacked_ends_it_however_much_follows() {
    type Bad = (&'static str, fn(&mut Tar), &'static str);
    let kinds: &[Bad] = &[
        (
            "hard link to nothing",
            |tar| {
                tar.hard_link("h", "none");
            },
            "cannot unpack /h",
        ),
        (
            "below a file",
            |tar| {
                tar.file("f", "").file("f/x", "");
            },
            "directory /f",
        ),
        (
            "name too long",
            |tar| {
                tar.pax(&[("path", &"n".repeat(300))]).file("n", "");
            },
            "nnn",
        ),
        (
            "outside",
            |tar| {
                tar.file("../x", "");
            },
            "../x",
        ),
        ("broken header", |tar| tar.0.extend_from_slice(&[b'x'; 512]), "archive"),
    ];
    for (name, bad, words) in kinds {
        let plain = with_data_behind(bad);
        let zstd = zstd::encode_all(&plain[..], 1).unwrap();
        for bytes in [gzipped(&plain), zstd, plain] {
            let error = ends(move || Place::new().unpack(&bytes).unwrap_err().to_string());
            assert!(error.contains(words), "{name}: {error}");
        }
    }
}

#[test]
fn a_piece_that_nobody_takes_ends_it() {
    let bytes = with_data_behind(|tar| {
        tar.dir("d");
    });
    let error = ends(move || {
        let mut pieces = 0;
        let take = |_: &[u8]| {
            pieces += 1;
            if pieces == 3 { Err(io::Error::other("the compressor is full")) } else { Ok(()) }
        };
        let place = Place::new();
        unpack(&mut &bytes[..], &place.root(), &Limits::default(), take).unwrap_err().to_string()
    });
    assert!(error.contains("the compressor is full"), "{error}");
}

#[test]
fn a_source_that_breaks_is_the_cause_that_is_told() {
    let bytes = with_data_behind(|tar| {
        tar.dir("d");
    });
    let error = ends(move || {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the line is cut"))
            }
        }
        let mut source = bytes[..BEHIND / 2].chain(Broken);
        let place = Place::new();
        let unpacked = unpack(&mut source, &place.root(), &Limits::default(), |_| Ok(()));
        unpacked.unwrap_err().to_string()
    });
    assert!(error.contains("the line is cut"), "{error}");
}

#[test]
fn entries_over_the_limit_end_it() {
    let bytes = with_data_behind(|tar| {
        tar.dir("a").dir("b").dir("c");
    });
    let error = ends(move || {
        let place = Place::new();
        let limits = Limits { entries: 2, ..Limits::default() };
        unpack(&mut &bytes[..], &place.root(), &limits, |_| Ok(())).unwrap_err().to_string()
    });
    assert!(error.contains("more than 2 entries"), "{error}");
}
