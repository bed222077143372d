//! How long loading takes: `cargo run --release --example load-bench [hostile]`.
//!
//! It makes projects of 200, 1000 and 5000 services with anchors, extends and
//! includes in memory, and prints the median of loading and printing each. With `hostile` it says
//! how long files take that were made to hurt.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use compose::compose::{Files, LoadRequest, Memory, config, load};
use compose::diag::{Style, render};

#[path = "hostile.rs"]
mod hostile;

fn main() {
    if std::env::args().nth(1).as_deref() == Some("hostile") {
        return hostile_files();
    }
    for services in [200, 1000, 5000] {
        let files = project(services);
        let (load, print, bytes) = measure(&files);
        println!(
            "{services:>5} services: load {:>7.2} ms, print {:>7.2} ms, {:>5.1} µs a service, {bytes} bytes printed",
            load.as_secs_f64() * 1e3,
            print.as_secs_f64() * 1e3,
            (load + print).as_secs_f64() * 1e6 / f64::from(services),
        );
    }
}

fn hostile_files() {
    for (name, files) in hostile::inputs(1) {
        let started = Instant::now();
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let loaded = load(&request, &files);
        let took = started.elapsed();
        let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
        let first = said.lines().next().unwrap_or("a project");
        println!(
            "{:>8.1} ms, {:>7.1} ms for messages: {name}: {first:.90}",
            took.as_secs_f64() * 1e3,
            (started.elapsed() - took).as_secs_f64() * 1e3,
        );
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}

fn measure(files: &Memory) -> (Duration, Duration, usize) {
    let (mut loads, mut prints, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..9 {
        let started = Instant::now();
        let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
        let loaded = load(&request, files as &dyn Files);
        loads.push(started.elapsed());
        let project = loaded.project.expect("the benchmark's files are right");
        let started = Instant::now();
        bytes = config::to_yaml(&project).len();
        prints.push(started.elapsed());
    }
    loads.sort();
    prints.sort();
    (loads[loads.len() / 2], prints[prints.len() / 2], bytes)
}

/// A quarter of the services extend one of another file, a quarter are included.
fn project(services: u32) -> Memory {
    let mut main = "include:\n".to_owned();
    let mut files = Memory::new();
    let included = services / 4;
    for group in 0..8 {
        let mut text = "services:\n".to_owned();
        for number in (group..included).step_by(8) {
            let _ = write!(
                text,
                "  inc{number}:\n    image: redis:${{TAG:-7}}\n    volumes: [\"./data:/data\"]\n"
            );
        }
        files = files.with(PathBuf::from(format!("/p/inc{group}/compose.yaml")), text);
        let _ = writeln!(main, "  - inc{group}/compose.yaml");
    }
    main += "x-base: &base\n  restart: unless-stopped\n  init: true\n  environment: &env\n    LOG: info\n    REGION: ${REGION:-eu}\n  healthcheck:\n    test: [CMD, \"true\"]\n    interval: 5s\nservices:\n";
    for number in included..services {
        let previous = number.saturating_sub(1).max(included);
        match number % 3 {
            0 => {
                let _ = write!(
                    main,
                    "  web{number}:\n    extends: {{file: common.yaml, service: base}}\n    hostname: web{number}\n    ports: [\"{}:80\"]\n",
                    10_000 + number
                );
            }
            _ => {
                let _ = write!(
                    main,
                    "  web{number}:\n    <<: *base\n    image: app:${{TAG:-1}}\n    environment:\n      <<: *env\n      NAME: web{number}\n    volumes:\n      - data:/var/lib/data\n      - ./src{number}:/src:ro\n    labels: [\"a=b\", \"number={number}\"]\n    networks: [front, back]\n"
                );
                if previous != number {
                    let _ = writeln!(main, "    depends_on: [web{previous}]");
                }
            }
        }
    }
    main += "networks:\n  front:\n  back:\nvolumes:\n  data:\n";
    let common = "services:\n  base:\n    image: app:${TAG:-1}\n    command: serve --port 80\n    deploy: {resources: {limits: {memory: 64m}}}\n";
    files.with("/p/compose.yaml", main).with("/p/common.yaml", common)
}
