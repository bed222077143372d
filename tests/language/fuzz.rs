//! Bounded fuzzing: real inputs, changed at random, and every small grammar against what it prints.
//!
//! `FUZZ_SECONDS=60 cargo test --test language fuzz` goes on for a minute each; without it each
//! target takes about a second. Seeds are fixed, so a failure comes again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::{fixtures, walk};
use compose::base::{Bytes, duration};
use compose::compose::{LoadRequest, Loaded, Memory, config, fmt, load};
use compose::diag::{Style, render};

/// Small, fast, the same everywhere (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.below(list.len())]
    }
}

/// Pieces that mean something to one of the grammars.
const TOKENS: [&str; 72] = [
    "$",
    "${",
    "}",
    ":-",
    ":?",
    ":+",
    "$$",
    "${A:-${B}}",
    ":",
    "::",
    "/",
    "-",
    "--",
    "..",
    "0",
    "08",
    "0x1f",
    "1e309",
    "-1",
    "65536",
    "4294967296",
    "99999999999999999999",
    "1.5",
    ".",
    ",",
    "=",
    "'",
    "\"",
    "\\",
    "\n",
    "\r\n",
    "\t",
    " ",
    "  ",
    "#",
    " #",
    "&a",
    "*a",
    "<<: *a",
    "!reset",
    "!override",
    "!!str",
    "|",
    ">-",
    "[",
    "]",
    "{",
    "}",
    "? ",
    "- ",
    "---\n",
    "...\n",
    "%YAML 1.1\n",
    "null",
    "~",
    "true",
    "yes",
    "1h2m3s",
    "10s",
    "512m",
    "1gb",
    "[::1]:80:80",
    "127.0.0.1:",
    "/tcp",
    "/udp",
    "8000-8010",
    "C:\\x",
    "\u{feff}",
    "\u{2028}",
    "é",
    "\u{0}",
    "x-a",
];

/// A text with some bytes removed, repeated or replaced.
fn mutate(seed: &str, random: &mut Random) -> String {
    let mut text = seed.to_owned();
    for _ in 0..=random.below(4) {
        let at = text.floor_char_boundary(random.below(text.len() + 1));
        let end = text.floor_char_boundary((at + random.below(12)).min(text.len())).max(at);
        match random.below(4) {
            0 => text.replace_range(at..end, ""),
            1 => text.insert_str(at, random.pick::<&str>(&TOKENS)),
            2 => text.replace_range(at..end, random.pick::<&str>(&TOKENS)),
            _ => {
                let piece = text[at..end].to_owned();
                let to = text.floor_char_boundary(random.below(text.len() + 1));
                text.insert_str(to, &piece);
            }
        }
    }
    text
}

/// Runs `target` on changed seeds for a while, and says on which it failed.
fn fuzz(name: &str, seeds: &[String], target: impl Fn(&str)) {
    let seconds = std::env::var("FUZZ_SECONDS").ok().and_then(|it| it.parse().ok()).unwrap_or(1.0);
    let limit = Duration::from_secs_f64(seconds);
    let (started, mut random, mut runs) = (Instant::now(), Random(0x9E37_79B9_7F4A_7C15), 0_u64);
    while started.elapsed() < limit || runs < 50 {
        let text = mutate(random.pick(seeds).as_str(), &mut random);
        let report = Report { name, text: &text };
        target(&text);
        std::mem::forget(report);
        runs += 1;
    }
    println!("{name}: {runs} inputs");
}

/// Prints the input when a target panics.
struct Report<'a> {
    name: &'a str,
    text: &'a str,
}

impl Drop for Report<'_> {
    fn drop(&mut self) {
        eprintln!("{} failed on {:?}", self.name, self.text);
    }
}

fn recorded() -> Vec<String> {
    let mut files = Vec::new();
    walk(&fixtures(), &mut files);
    walk(&fixtures().with_file_name("diagnostics"), &mut files);
    let yaml = |path: &PathBuf| path.extension().is_some_and(|it| it == "yaml" || it == "yml");
    let texts =
        files.iter().filter(|path| yaml(path)).filter_map(|it| std::fs::read_to_string(it).ok());
    texts.filter(|text| text.len() < 4096).collect()
}

fn load_with(files: &Memory) -> Loaded {
    let loaded = load(&LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() }, files);
    let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
    assert!(loaded.project.is_some() || loaded.diagnostics.has_errors(), "{said}");
    loaded
}

/// What loads is printed, and what is printed loads to the same.
fn comes_back(loaded: Loaded) {
    let Some(project) = loaded.project else { return };
    let printed = config::to_yaml(&project);
    let again = load_with(&Memory::new().with("/p/compose.yaml", printed.as_str()));
    let said = render(&again.diagnostics, &again.sources, Style::default());
    let Some(second) = again.project else { panic!("{said}\n{printed}") };
    assert_eq!(config::to_yaml(&second), printed);
}

#[test]
fn yaml() {
    fuzz("yaml", &recorded(), |text| {
        let files = Memory::new().with("/p/compose.yaml", text).with("/p/.env", "A=1\nB=$A\n");
        comes_back(load_with(&files));
    });
}

#[test]
fn layout() {
    fuzz("layout", &recorded(), |text| {
        for upgrade in [false, true] {
            if let Ok(formatted) = fmt::format("compose.yaml", text, upgrade) {
                let again = fmt::format("compose.yaml", &formatted.text, false).unwrap();
                assert_eq!(again.text, formatted.text);
            }
        }
    });
}

#[test]
fn interpolation() {
    let seeds = [
        "$A",
        "${A}",
        "${A:-b}",
        "${A-${B:-c}}",
        "${NO:?say ${A}}",
        "${A:+x}y",
        "$$A ${B+1}$",
        "a$1b",
        "{\"a\": \"${NO:-{}}\"}",
    ];
    fuzz("interpolation", &seeds.map(str::to_owned), |value| {
        let quoted = serde_json::Value::from(value).to_string();
        let text = format!("services: {{web: {{image: x, labels: {{a: {quoted}}}}}}}\n");
        let files = Memory::new().with("/p/compose.yaml", text).with("/p/.env", "A=1\nB='$x'\n");
        let loaded = load_with(&files);
        if let Some(project) = &loaded.project
            && !value.contains('$')
        {
            assert_eq!(project.services["web"].labels["a"], value);
        }
        comes_back(loaded);
    });
}

#[test]
fn dotenv() {
    let seeds = [
        "A=b\nexport C='d e' # f\nG=\"h\\n$A\"\n",
        "A: b\nB=${A:-c}\n# x\nC\n",
        "A=\"multi\nline\"\nB='$A'\nC=$B$$\n",
        "\u{feff}A=1\r\nB=2\r\n",
    ];
    let main = "services: {web: {image: x, env_file: [a.env, {path: b.env, format: raw}], label_file: a.env}}\n";
    fuzz("dotenv", &seeds.map(str::to_owned), |text| {
        let files = ["a.env", "b.env", ".env"]
            .into_iter()
            .fold(Memory::new().with("/p/compose.yaml", main), |files, name| {
                files.with(format!("/p/{name}"), text)
            });
        load_with(&files);
    });
}

/// A service whose `key` is a list with one text.
fn service_with(key: &str, value: &str) -> Loaded {
    let quoted = serde_json::Value::from(value.replace('$', "$$")).to_string();
    let text = format!(
        "services: {{web: {{image: x, {key}: [{quoted}]}}}}\nvolumes: {{data: , a: , b: }}\n"
    );
    load_with(&Memory::new().with("/p/compose.yaml", text))
}

#[test]
fn ports() {
    let seeds = [
        "80",
        "8080:80",
        "127.0.0.1:8080:80/udp",
        "[::1]:8080:80",
        "8000-8010:80",
        "3000-3005",
        "8000-8002:9000-9002/tcp",
        "::1:80:80",
        "0.0.0.0::80",
    ];
    fuzz("ports", &seeds.map(str::to_owned), |text| {
        comes_back(service_with("ports", text));
    });
}

#[test]
fn volumes() {
    let seeds = [
        "/a",
        "data:/a",
        "./x:/a:ro",
        "~/x:/a:z,rshared",
        "C:\\x:/a",
        "a:/b:nocopy",
        "../x:/y:rw",
        "/a/b/../c:/d",
    ];
    fuzz("volumes", &seeds.map(str::to_owned), |text| comes_back(service_with("volumes", text)));
}

#[test]
fn durations_and_sizes() {
    let seeds = [
        "1h2m3.5s", "10s", "0", "1d", "1w2d", "100ms", "5us", "1.5h", "-3s", "512m", "1.5gb",
        "2TiB",
    ];
    fuzz("durations and sizes", &seeds.map(str::to_owned), |text| {
        if let Ok(span) = duration::parse(text) {
            assert_eq!(duration::parse(&duration::print(span)).unwrap(), span, "{text}");
        }
        if let Ok(bytes) = text.parse::<Bytes>() {
            assert_eq!(bytes.to_string().parse::<Bytes>().unwrap(), bytes, "{text}");
        }
    });
}

#[test]
fn commands() {
    let seeds = ["sh -c 'a b' \"c\" d\\ e", "a && b", "x 2>/dev/null", "a (b)", "'' \"\""];
    fuzz("commands", &seeds.map(str::to_owned), |text| {
        let quoted = serde_json::Value::from(text.replace('$', "$$")).to_string();
        let file = format!(
            "services: {{web: {{image: x, command: {quoted}, healthcheck: {{test: {quoted}}}}}}}\n"
        );
        comes_back(load_with(&Memory::new().with("/p/compose.yaml", file)));
    });
}
