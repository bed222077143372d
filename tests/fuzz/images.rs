//! References, manifests, configurations, Dockerfiles and archives.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use compose::build::dockerfile;
use compose::diag::{Diagnostics, Sources, Style, render};
use compose::image::unpack::{Limits, unpack};
use compose::image::{Reference, config, hash, manifest};

use crate::mutate::{Random, for_a_while, mutated};

#[test]
fn references_are_read_and_printed_back() {
    let words = [
        "docker.io/",
        "library/",
        ":latest",
        "@sha256:",
        "localhost:5000/",
        "//",
        "..",
        "é",
        "A",
        "-",
        "_",
    ];
    let digest = "0123456789abcdef".repeat(4);
    let good = [
        "nginx",
        "a/b:c",
        "localhost:5000/x/y@sha256:",
        "registry.example.com:443/team/app:1.2_3-x",
    ];
    for_a_while(|random| {
        let base = random.of(&good);
        let base = if base.ends_with(':') { format!("{base}{digest}") } else { (*base).to_owned() };
        let input = mutated(random, base.as_bytes(), &words);
        let text = String::from_utf8_lossy(&input);
        let Ok(name) = text.parse::<Reference>() else { return };
        for printed in [name.to_string(), name.familiar()] {
            assert_eq!(printed.parse::<Reference>().unwrap(), name, "{text} as {printed}");
        }
        assert!(!name.path().contains(".."), "{text}");
    });
}

#[test]
fn manifests_indexes_and_configurations() {
    let digest = format!("sha256:{}", "ab".repeat(32));
    let of = |kind: &str| format!(r#"{{"mediaType":"{kind}","digest":"{digest}","size":7}}"#);
    let manifest_text = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        of("application/vnd.oci.image.config.v1+json"),
        of("application/vnd.oci.image.layer.v1.tar+gzip"),
    );
    let index = format!(
        r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}","size":3,"mediaType":"application/vnd.oci.image.manifest.v1+json","platform":{{"os":"linux","architecture":"amd64"}}}}]}}"#
    );
    let document = format!(
        r#"{{"architecture":"amd64","os":"linux","created":"2024-01-01T00:00:00Z","config":{{"Env":["A=b"],"Cmd":["sh"],"ExposedPorts":{{"80/tcp":{{}}}},"Healthcheck":{{"Test":["CMD","x"],"Interval":1}}}},"rootfs":{{"type":"layers","diff_ids":["{digest}"]}},"history":[{{"created_by":"x","empty_layer":true}}]}}"#
    );
    let words = [
        "null",
        "-1",
        "{}",
        "[]",
        "\"",
        "1e999",
        "99999999999999999999",
        "\\u0000",
        "\"layers\":[],",
        "../",
    ];
    let texts = [manifest_text, index, document];
    for_a_while(|random| {
        let text = &texts[random.below(3)];
        let input = mutated(random, text.as_bytes(), &words);
        if let Ok(manifest::Document::Manifest(found)) = manifest::parse(&input, None) {
            for layer in &found.layers {
                assert_eq!(layer.digest.hex().len(), 64);
            }
        }
        if let Ok(found) = config::parse(&input) {
            // What was understood is written so that it is understood again.
            let again = config::parse(&config::print(&found)).unwrap();
            assert_eq!(again.diff_ids, found.diff_ids);
            assert_eq!(again.config.env, found.config.env);
        }
    });
}

#[test]
fn dockerfiles_never_panic_and_mistakes_have_places() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/dockerfiles");
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|it| it == "Dockerfile")).collect();
    files.sort();
    let texts: Vec<Vec<u8>> = files.iter().map(|path| fs::read(path).unwrap()).collect();
    let words = [
        "\\\n",
        "<<EOF",
        "<<-\"X\"\n",
        "\nEOF\n",
        "${A:-",
        "}",
        "[\"",
        "\"]",
        "--mount=",
        "--from=",
        "#escape=`\n",
        "\nFROM ",
        "\nONBUILD ",
        "\nARG ",
        "'",
        "\0",
        "\u{feff}",
        "\r\n",
        "$$",
        "é",
    ];
    for_a_while(|random| {
        let text = &texts[random.below(texts.len())];
        let input = mutated(random, text, &words);
        let text = String::from_utf8_lossy(&input).into_owned();
        let mut sources = Sources::default();
        let source = sources.add("Dockerfile", text.as_str());
        let mut out = Diagnostics::default();
        let file = dockerfile::parse(source, &text, &mut out);
        assert!(out.has_errors() || !file.stages.is_empty());
        // Every place is one in the text, at the boundary of a letter.
        let shown = render(&out, &sources, Style::default());
        assert!(out.is_empty() || !shown.is_empty());
    });
}

/// Archives in every format, made by Python.
const MAKE: &str = r"
import io, sys, tarfile
for number, format in enumerate([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]):
    with tarfile.open(f'{sys.argv[1]}/good{number}.tar', 'w', format=format) as tar:
        for index, name in enumerate(['a', 'dir/b', 'dir/' + 'long' * 23, 'z' * 90]):
            about = tarfile.TarInfo(name if format == 0 else name + 'é' * (index * 20))
            data = bytes([65 + index]) * (index * 300)
            about.size = len(data)
            tar.addfile(about, io.BytesIO(data))
        link = tarfile.TarInfo('link')
        link.type, link.linkname = tarfile.SYMTYPE, 'a'
        tar.addfile(link)
        tar.addfile(tarfile.TarInfo('last'), None)
";

/// What Python sees in archives: names of files with their sizes and digests.
const LIST: &str = r"
import hashlib, json, os, sys, tarfile
out = {}
for name in sorted(os.listdir(sys.argv[1])):
    if not name.startswith('case'):
        continue
    try:
        files = {}
        with tarfile.open(os.path.join(sys.argv[1], name), 'r:', errorlevel=2) as tar:
            for about in tar:
                path = os.path.normpath(about.name).encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
                known = about.type in tarfile.SUPPORTED_TYPES
                if about.isreg() or not known:
                    data = tar.extractfile(about).read()
                    files[path] = 'sha256:' + hashlib.sha256(data).hexdigest()
                elif about.islnk() and os.path.normpath(about.linkname) in files:
                    files[path] = files[os.path.normpath(about.linkname)]
                elif not about.isdir():
                    files.pop(path, None)
        out[name] = files
    except Exception as error:
        out[name] = None
json.dump(out, sys.stdout)
";

fn python(script: &str, dir: &Path) -> Vec<u8> {
    let output = Command::new("python3").args(["-c", script]).arg(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Changes one field of one header, and its checksum so that it is right again; or, rarely, any
/// byte.
fn changed(random: &mut Random, good: &[u8]) -> Vec<u8> {
    let mut bytes = good.to_vec();
    let blocks = bytes.len() / 512;
    let start = random.below(blocks.min(24)) * 512;
    let (from, to) =
        [(0, 100), (124, 136), (156, 157), (257, 265), (345, 500), (0, 512)][random.below(6)];
    for _ in 0..1 + random.below(2) {
        let at = start + from + random.below(to - from);
        bytes[at] = match random.below(3) {
            0 => b'0' + random.below(8) as u8,
            1 => random
                .of(&[&0u8, &b'x', &b'L', &b'g', &b'5', &b'2', &b'/', &b' ', &0x80])
                .to_owned(),
            _ => bytes[at] ^ (1 << random.below(8)),
        };
    }
    let header = &mut bytes[start..start + 512];
    header[148..156].copy_from_slice(b"        ");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    bytes
}

/// Files below `root` with their digests.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![root.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let about = path.symlink_metadata().unwrap();
            if about.is_dir() {
                left.push(path);
            } else if about.is_file() {
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                found.insert(name, hash::sha256(&fs::read(&path).unwrap()).to_string());
            }
        }
    }
    found
}

/// RUSTSEC-2025-0110, CVE-2025-62518: two readers that see different files in one archive are a
/// way to smuggle some past one of them. What we take, Python must see in the same way; what is
/// ambiguous we refuse.
#[test]
fn archives_mean_the_same_to_us_and_to_others() {
    let dir = tempfile::tempdir().unwrap();
    python(MAKE, dir.path());
    let good: Vec<Vec<u8>> =
        (0..3).map(|it| fs::read(dir.path().join(format!("good{it}.tar"))).unwrap()).collect();
    let mut ours = BTreeMap::new();
    for number in 0..600 {
        let mut random = Random::new(number);
        let bytes = match number {
            0..3 => good[number as usize].clone(),
            _ => {
                let base = &good[random.below(3)];
                changed(&mut random, base)
            }
        };
        let name = format!("case{number:04}");
        fs::write(dir.path().join(&name), &bytes).unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        let limits = Limits::for_disk(&root);
        if unpack(&mut &bytes[..], &root, &limits, |_| Ok(())).is_ok() {
            ours.insert(name, files(&root));
        }
        fs::remove_dir_all(&root).unwrap();
    }
    let theirs: BTreeMap<String, Option<BTreeMap<String, String>>> =
        serde_json::from_slice(&python(LIST, dir.path())).unwrap();
    assert!(ours.len() > 100, "only {} archives were taken", ours.len());
    for (name, files) in &ours {
        let printable = |text: &String| text.chars().all(|c| !c.is_control() && c != '\u{fffd}');
        let Some(other) = &theirs[name] else { continue };
        // Names that a file system or JSON cannot have are compared by their content.
        let same = match files.keys().chain(other.keys()).all(printable) {
            true => files == other,
            false => files.len() == other.len(),
        };
        assert!(same, "{name}:\nours   {files:?}\ntheirs {other:?}");
    }
}
