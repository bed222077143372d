//! Files that were made to hurt: each small enough to be written by hand or by a short script, and
//! each ends in an error or a project within a second, whatever it expands to.
//!
//! `tests/language` loads them all; `cargo run --release --example load-bench -- hostile` says how
//! long each takes.

use std::fmt::Write as _;

use compose::compose::Memory;

/// What it does, and its files, the first of them `/p/compose.yaml`. What is repeated often is
/// repeated `by` times less often.
pub fn inputs(by: usize) -> Vec<(&'static str, Memory)> {
    let mut all: Vec<(&'static str, Memory)> =
        texts(by).into_iter().map(|(name, text)| (name, alone(text))).collect();
    all.extend(several_files(by));
    all
}

fn alone(text: String) -> Memory {
    Memory::new().with("/p/compose.yaml", text)
}

/// `piece(0) piece(1) …`, `count` of them.
fn many(count: usize, piece: impl Fn(usize) -> String) -> String {
    (0..count).map(piece).collect()
}

fn web(keys: &str) -> String {
    format!("services:\n  web:\n    image: x\n{keys}")
}

fn texts(by: usize) -> Vec<(&'static str, String)> {
    let mut all = nested(by);
    all.extend(aliases(by));
    all.extend(wide(by));
    all.extend(wrong(by));
    all
}

fn nested(by: usize) -> Vec<(&'static str, String)> {
    vec![
        ("brackets in brackets", "[".repeat(100_000)),
        ("braces in braces", "{a: ".repeat(100_000)),
        ("lists in lists", "- ".repeat(100_000)),
        ("mappings in mappings", many(3_000, |it| format!("{}a:\n", " ".repeat(it)))),
        ("variables in variables", web(&format!("    user: {}\n", "${A:-".repeat(50_000)))),
        ("dollars", web(&format!("    user: \"{}\"\n", "$$".repeat(2_000_000)))),
        ("unclosed braces", web(&format!("    user: \"{}\"\n", "${A:-x".repeat(100_000)))),
        (
            "a very long line",
            format!("services: {{web: {{image: x, user: \"{}\"}}}}\n", "y".repeat(7 << 20)),
        ),
        ("50 MB", "a: b\n".repeat(10_000_000)),
        ("many documents", "---\nservices: {web: {image: x}}\n".repeat(100_000 / by)),
        ("a long comment", format!("#{}\nservices: {{web: {{image: x}}}}\n", "#".repeat(7 << 20))),
    ]
}

/// A list of lists of … of one value, `width` times at each of `depth` levels.
fn bomb(value: &str, width: usize, depth: usize) -> String {
    let mut text = format!("x-a0: &a0 [{value}]\n");
    for level in 1..depth {
        let list = vec![format!("*a{}", level - 1); width].join(", ");
        let _ = writeln!(text, "x-a{level}: &a{level} [{list}]");
    }
    text + "services: {web: {image: x}}\n"
}

fn aliases(by: usize) -> Vec<(&'static str, String)> {
    let merges = many(300, |it| {
        format!("x-m{}: &m{}\n  <<: [*m{it}, *m{it}]\n  k{it}: 1\n", it + 1, it + 1)
    });
    let long = "y".repeat(2 << 20);
    vec![
        ("an alias bomb", bomb("x", 10, 30)),
        ("a wide alias bomb", bomb("x", 1000, 4)),
        (
            "a long text with many aliases",
            format!("x-a: &a {long}\nx-b: [{}]\n", "*a,".repeat(1_000_000)),
        ),
        (
            "merges of merges",
            format!("x-m0: &m0 {{a: 1}}\n{merges}services: {{web: {{image: x}}}}\n"),
        ),
        ("an alias in itself", "x-a: &a [*a]\nservices: {web: {image: x}}\n".to_owned()),
        ("many anchors", many(200_000 / by, |it| format!("x-{it}: &a{it} y\n")) + &web("")),
    ]
}

fn wide(by: usize) -> Vec<(&'static str, String)> {
    let service = |it: usize, more: &str| format!("  s{it}: {{image: x{more}}}\n");
    let chain = |count: usize| {
        many(count, |it| match it {
            0 => service(it, ""),
            _ => service(it, &format!(", depends_on: [s{}]", it - 1)),
        })
    };
    let ring = format!(
        "services:\n  s0: {{image: x, depends_on: [s{}]}}\n{}",
        60_000 / by - 1,
        many(60_000 / by - 1, |it| service(it + 1, &format!(", depends_on: [s{it}]")))
    );
    let extends = many(60_000 / by, |it| format!("  s{}: {{extends: s{it}}}\n", it + 1));
    let base = many(20_000 / by, |it| format!("      V{it}: x\n"));
    let heirs = many(20_000 / by, |it| format!("  h{it}: {{extends: web}}\n"));
    vec![
        ("a chain of dependencies", format!("services:\n{}", chain(60_000 / by))),
        ("a ring of dependencies", ring),
        ("a chain of extends", format!("services:\n  s0: {{image: x}}\n{extends}")),
        (
            "a ring of extends",
            "services: {a: {extends: b, image: x}, b: {extends: a}}\n".to_owned(),
        ),
        ("a large base with many heirs", web(&format!("    environment:\n{base}")) + &heirs),
        ("many services", format!("services:\n{}", many(60_000 / by, |it| service(it, "")))),
        (
            "one service 100 000 times",
            "services:\n".to_owned() + &"  web: {image: x}\n".repeat(100_000 / by),
        ),
        (
            "many volumes",
            web("    volumes:\n") + &many(100_000 / by, |it| format!("      - /v{it}\n")),
        ),
        ("many equal volumes", web("    volumes:\n") + &"      - ./a:/v\n".repeat(100_000 / by)),
        (
            "many capabilities",
            web("    cap_add:\n") + &many(200_000 / by, |it| format!("      - C{it}\n")),
        ),
        (
            "many variables",
            web("    environment:\n")
                + &many(200_000 / by, |it| format!("      - V{it}=${{V{it}}}\n")),
        ),
        ("all ports", web("    ports: [\"1-65535:1-65535\", \"1-65535:1-65535/udp\"]\n")),
        (
            "all ports of many services",
            format!(
                "services:\n{}",
                many(2_000 / by, |it| service(it, ", ports: [\"1-65535:1-65535\"]"))
            ),
        ),
        ("all ports many times", web("    ports:\n") + &"      - 1-65535\n".repeat(100_000 / by)),
        (
            "many exposed ranges",
            web("    expose:\n")
                + &many(100_000 / by, |it| format!("      - 1-{}\n", 2 + it % 60_000)),
        ),
        (
            "many networks",
            web("networks:\n") + &many(100_000 / by, |it| format!("  n{it}: {{}}\n")),
        ),
    ]
}

fn wrong(by: usize) -> Vec<(&'static str, String)> {
    vec![
        ("many unknown keys", web("") + &many(200_000 / by, |it| format!("    k{it}: 1\n"))),
        (
            "many wrong ports",
            web("    ports:\n") + &many(200_000 / by, |it| format!("      - p{it}\n")),
        ),
        (
            "many missing services",
            web("    depends_on:\n") + &many(100_000 / by, |it| format!("      - m{it}\n")),
        ),
        (
            "many missing keys",
            web("    volumes:\n") + &"      - {source: x}\n".repeat(100_000 / by),
        ),
        (
            "many wrong values and missing keys",
            web("    volumes:\n") + &"      - {type: zz}\n".repeat(100_000 / by),
        ),
        (
            "many missing networks",
            "services:\n".to_owned()
                + &many(50_000 / by, |it| format!("  s{it}: {{image: x, networks: [n{it}]}}\n")),
        ),
        ("many equal items", web("    cap_add:\n") + &"      - ALL\n".repeat(200_000 / by)),
        ("one key many times", web("") + &"    user: a\n".repeat(200_000 / by)),
        (
            "mistakes in one long line",
            format!("services: {{web: {{image: x, ports: [{}]}}}}\n", "p,".repeat(500_000 / by)),
        ),
        (
            "many bad variables",
            web("    environment:\n") + &many(200_000 / by, |it| format!("      - V{it}=${{!}}\n")),
        ),
        ("control characters", "\u{1}".repeat(100_000)),
        ("many colons", web(&format!("    volumes: [\"{}\"]\n", ":".repeat(1_000_000)))),
    ]
}

fn several_files(by: usize) -> Vec<(&'static str, Memory)> {
    let doubling =
        |first: &str| first.to_owned() + &many(60, |it| format!("V{}=$V{it}$V{it}\n", it + 1));
    let main = web("    user: $V60\n    env_file: a.env\n");
    let long = format!("V0={}\n", "y".repeat(4 << 20));
    let resets = "services:\n  web:\n    environment:\n".to_owned()
        + &many(100_000 / by, |it| format!("      V{it}: !reset null\n"));
    let chain = (0..5_000).fold(Memory::new(), |files, it| {
        files.with(format!("/p/{it}.yaml"), format!("include: [{}.yaml]\n", it + 1))
    });
    vec![
        (
            "doubling variables in .env",
            alone(main.clone()).with("/p/.env", doubling("V0=yyyyyyyy\n")).with("/p/a.env", ""),
        ),
        (
            "doubling variables in env_file",
            alone(main.clone())
                .with("/p/.env", "V60=1\n")
                .with("/p/a.env", doubling("V0=yyyyyyyy\n")),
        ),
        (
            "a long variable used often",
            alone(web(&format!("    user: \"{}\"\n", "$V0".repeat(1_000_000))))
                .with("/p/.env", long.clone()),
        ),
        (
            "a long variable in many values",
            alone(
                web("    environment:\n")
                    + &many(100_000 / by, |it| format!("      - V{it}=$V0\n")),
            )
            .with("/p/.env", long),
        ),
        (
            "many variables in .env",
            alone(web("    user: $V9\n"))
                .with("/p/.env", many(200_000 / by, |it| format!("V{}=$V{it}x\n", it + 1))),
        ),
        (
            "many resets",
            alone(
                web("    environment:\n") + &many(100_000 / by, |it| format!("      V{it}: x\n")),
            )
            .with("/p/compose.override.yaml", resets),
        ),
        ("a file that includes itself", alone("include: [compose.yaml]\n".to_owned())),
        (
            "one file included many times",
            alone(format!("include: [{}]\n", "a.yaml,".repeat(100_000 / by)))
                .with("/p/a.yaml", "services: {web: {image: x, ports: [\"1-65535\"]}}\n"),
        ),
        ("a chain of includes", chain.with("/p/compose.yaml", "include: [0.yaml]\n")),
        (
            "a service of another file extended often",
            alone(
                "services:\n".to_owned()
                    + &many(60_000 / by, |it| {
                        format!("  s{it}: {{extends: {{file: a.yaml, service: web}}}}\n")
                    }),
            )
            .with(
                "/p/a.yaml",
                web(&format!(
                    "    environment:\n{}",
                    many(5_000 / by, |it| format!("      V{it}: x\n"))
                )),
            ),
        ),
    ]
}
