//! `up` in the foreground: output, Ctrl-C, and the menu.

use crate::terminal::Terminal;
use crate::world::World;

/// Prints a line every now and then, and ends when it is asked to.
const TICKER: &str = "\
name: term
services:
  tick:
    image: busybox
    init: true
    command: [sh, -c, 'i=0; while :; do i=$$((i+1)); echo tick $$i; sleep 0.2; done']
";

const MENU: &str = "   d detach   v view config";

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn output_flows_above_the_menu_and_ctrl_c_stops_everything() {
    let world = World::new();
    world.compose_yaml(TICKER);
    let mut terminal = Terminal::compose(&world, &["up"], (24, 80));
    terminal.shows("Attaching to tick-1");
    terminal.shows("tick-1  | tick 3");
    terminal.until("the menu is the last line", |text| last_line(text) == MENU);
    terminal.keys("\x03");
    terminal.shows("Gracefully Stopping... press Ctrl+C again to force");
    assert_eq!(terminal.ends(), 130);
    let text = terminal.text();
    assert!(text.contains("Container term-tick-1  Stopped"), "{text}");
    assert!(!text.contains("d detach"), "the menu is gone:\n{text}");
    // Nothing of the menu is between the lines either.
    let odd: Vec<&str> = text
        .lines()
        .skip_while(|line| !line.starts_with("Attaching"))
        .filter(|line| !line.is_empty() && !line.starts_with("tick-1"))
        .collect();
    assert!(odd.iter().all(|line| ["Attach", "Gracef", " Conta"].contains(&&line[..6])), "{odd:?}");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn ctrl_c_while_containers_start_leaves_none_running() {
    let world = World::new();
    world.compose_yaml(TICKER);
    let mut terminal = Terminal::compose(&world, &["up"], (24, 80));
    // The menu is there before the first container.
    terminal.shows(MENU);
    terminal.keys("\x03");
    assert_eq!(terminal.ends(), 130);
    assert_eq!(world.compose(&["ps", "--services"]).text(), "");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn d_leaves_everything_running() {
    let world = World::new();
    world.compose_yaml(TICKER);
    let mut terminal = Terminal::compose(&world, &["up"], (24, 80));
    terminal.shows("tick 2");
    terminal.keys("d");
    assert_eq!(terminal.ends(), 0);
    assert!(terminal.text().contains("Detached"), "{}", terminal.text());
    assert_eq!(world.compose(&["ps", "--services"]).text(), "tick");
    world.compose(&["down"]).ok();
    world.assert_clean();
}

#[test]
fn v_shows_the_configuration_and_enter_an_empty_line() {
    let world = World::new();
    world.compose_yaml(TICKER);
    let mut terminal = Terminal::compose(&world, &["up", "--no-attach", "tick"], (40, 80));
    terminal.until("the menu is there", |text| last_line(text) == MENU);
    terminal.keys("v");
    terminal.shows("    image: busybox");
    terminal.keys("\n\n");
    terminal.until("two empty lines", |text| text.contains("term_default\n\n\n"));
    terminal.keys("d");
    assert_eq!(terminal.ends(), 0);
    world.compose(&["down"]).ok();
}

#[test]
fn the_menu_follows_the_window() {
    let world = World::new();
    world.compose_yaml(TICKER);
    let mut terminal = Terminal::compose(&world, &["up"], (24, 80));
    terminal.shows(MENU);
    terminal.resize(20, 40);
    terminal.until("still the last line", |text| last_line(text) == MENU);
    terminal.resize(20, 24);
    terminal.until("only what fits", |text| last_line(text) == "   d detach");
    terminal.resize(24, 100);
    terminal.until("all of it again", |text| last_line(text) == MENU);
    let menus = |text: &str| text.matches("d detach").count();
    terminal.until("one menu", |text| menus(text) == 1);
    terminal.keys("\x03");
    terminal.shows("Gracefully Stopping");
    assert_eq!(terminal.ends(), 130);
    world.compose(&["down", "-t", "1"]).ok();
}

#[test]
fn there_is_no_menu_where_it_is_not_wanted() {
    let world = World::new();
    world.compose_yaml(TICKER);
    for arguments in [["up", "--menu=false"], ["--ansi=never", "up"], ["--progress=plain", "up"]] {
        let mut terminal = Terminal::compose(&world, &arguments, (24, 80));
        terminal.shows("tick 2");
        assert!(!terminal.raw().contains("detach"), "{arguments:?}: {}", terminal.text());
        terminal.keys("\x03");
        assert_eq!(terminal.ends(), 130);
    }
    world.compose(&["down"]).ok();
}
