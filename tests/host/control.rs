//! Looking into containers that run, and getting things in and out of them.

use crate::world::World;

#[test]
fn stats_are_those_of_the_container_alone() {
    let world = World::new();
    world.compose_yaml(
        "
services:
  busy:
    image: busybox
    command: [sh, -c, 'sleep infinity & while :; do :; done']
    mem_limit: 64m
  idle: {image: busybox, command: [sleep, infinity], init: true}
",
    );
    world.compose(&["up", "-d"]).ok();
    let done = world.compose(&["stats", "--no-stream", "--format", "json"]).ok();
    let rows: Vec<serde_json::Value> =
        done.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [busy, idle] = rows.as_slice() else { panic!("two containers: {rows:?}") };
    let percent = |row: &serde_json::Value| {
        row["CPUPerc"].as_str().unwrap().trim_end_matches('%').parse::<f64>().unwrap()
    };
    // How much of a processor it gets depends on who else wants some.
    assert!(percent(busy) > 1.0 && percent(busy) > 10.0 * percent(idle), "{rows:?}");
    assert_eq!(busy["PIDs"], "2");
    assert!(busy["MemUsage"].as_str().unwrap().ends_with(" / 64MiB"), "{busy}");
    assert!(!idle["MemUsage"].as_str().unwrap().ends_with(" / 64MiB"), "{idle}");

    let send = "for i in $(seq 60); do nc -w 1 busy 9 </dev/null; done; true";
    world.compose(&["exec", "-T", "idle", "sh", "-c", send]).ok();
    let net = |service| {
        let template = ["stats", "--no-stream", "--format", "{{.NetIO}}", service];
        world.compose(&template).ok().text().to_owned()
    };
    assert!(net("busy").contains("kB"), "{}", net("busy"));
    world.compose(&["kill", "busy"]).ok();
    assert_eq!(net("busy"), "");
    world.compose(&["down"]).ok();
    world.assert_clean();
}
