//! Help and mistakes in arguments.

use crate::machine::Machine;

/// Words after `Commands:` in a help text.
fn commands(help: &str) -> Vec<&str> {
    let list = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = list.take_while(|line| !line.is_empty());
    let names = names.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    names.filter_map(|line| line.split_whitespace().next()).collect()
}

#[test]
fn the_help_of_each_command_has_examples() {
    let machine = Machine::empty();
    let help = machine.out("--help");
    let names = commands(&help);
    assert!(names.contains(&"up") && names.contains(&"down"), "{help}");
    for name in names.iter().filter(|name| **name != "help") {
        let help = machine.out(&format!("{name} --help"));
        let families = commands(&help);
        match families.is_empty() {
            true => assert!(help.contains("\nExamples:\n  compose"), "{name}: {help}"),
            false => assert!(help.contains("Commands:"), "{name}"),
        }
    }
}

#[test]
fn options_of_compose_may_stand_anywhere() {
    let machine = Machine::with("services:\n  web: {image: nginx}\n");
    machine.write("other.yaml", "name: other\nservices:\n  api: {image: x}\n");
    assert_eq!(machine.out("-f other.yaml config --services"), "api\n");
    assert_eq!(machine.out("config --file other.yaml --services"), "api\n");
    // Here they mean something else.
    machine.err("up -d");
    assert_eq!(machine.out("logs -f --tail 0 --project-name empty-one"), "");
}

#[test]
fn mistyped_words_are_recognised() {
    let machine = Machine::empty();
    let err = machine.fails("satrt");
    assert!(err.contains("unrecognized subcommand 'satrt'"), "{err}");
    assert!(err.contains("start"), "{err}");
    let err = machine.fails("up --detatch");
    assert!(err.contains("--detach"), "{err}");
}
