//! Words that shells complete.

use std::process::Command;

use crate::machine::Machine;

const FILES: &str = "\
services:
  web: {image: nginx}
  worker: {image: busybox}
  db: {image: postgres, profiles: [data]}
";

#[test]
fn commands_and_options_are_completed() {
    let machine = Machine::empty();
    assert_eq!(machine.complete("compose wa"), ["wait", "watch"]);
    assert!(machine.complete("compose up --no-st").contains(&"--no-start".to_owned()));
}

#[test]
fn services_come_from_the_compose_files_those_of_other_profiles_too() {
    let machine = Machine::with(FILES);
    assert_eq!(machine.complete("compose up "), ["db", "web", "worker"]);
    assert_eq!(machine.complete("compose logs -f w"), ["web", "worker"]);
    assert_eq!(machine.complete("compose exec wo"), ["worker"]);
    assert_eq!(machine.complete("compose up --attach d"), ["db"]);
    assert_eq!(machine.complete("compose --profile "), ["data"]);
    machine.write("other.yaml", "services:\n  api: {image: x}\n");
    assert_eq!(machine.complete("compose -f other.yaml up "), ["api"]);
}

#[test]
fn without_files_services_are_those_that_have_containers() {
    let machine = Machine::with(FILES);
    machine.err("up -d web");
    std::fs::rename(machine.path("compose.yaml"), machine.path("elsewhere.yaml")).unwrap();
    assert_eq!(machine.complete("compose -p demo stop "), ["web"]);
}

#[test]
fn names_of_what_exists_are_completed() {
    let machine = Machine::with(
        "services:\n  web: {image: nginx, volumes: ['data:/d']}\nvolumes: {data: }\n",
    );
    machine.err("up -d");
    assert_eq!(machine.complete("compose volume inspect "), ["demo_data"]);
    assert_eq!(machine.complete("compose network rm demo"), ["demo_default"]);
}

#[test]
fn mistakes_in_the_files_are_no_words() {
    let machine = Machine::with("services: [");
    let words = machine.complete("compose up ");
    assert!(words.iter().all(|word| word.starts_with("--")), "{words:?}");
}

#[test]
fn bash_completes_with_the_script_alone() {
    let machine = Machine::with(FILES);
    let bash = Command::new("bash")
        .args([
            "--norc",
            "-c",
            "source <(compose completion bash); \
            COMP_WORDS=(compose up w); COMP_CWORD=2; COMP_TYPE=9; \
            _clap_complete_compose compose w up; printf '%s\\n' \"${COMPREPLY[@]}\"",
        ])
        .env("PATH", machine.path_with_program())
        .current_dir(machine.path("."))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&bash.stdout).into_owned();
    assert_eq!(text, "web\nworker\n", "{}", String::from_utf8_lossy(&bash.stderr));
}

#[test]
fn there_is_a_script_for_each_shell() {
    let machine = Machine::empty();
    for (shell, word) in [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --")] {
        assert!(machine.out(&format!("completion {shell}")).contains(word), "{shell}");
    }
    assert!(machine.fails("completion csh").contains("[possible values: bash, zsh, fish]"));
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let machine = Machine::empty();
    machine.err("man pages");
    let up = machine.read("pages/compose-up.1");
    assert!(up.contains(".TH compose-up 1") && up.contains("force\\-recreate"), "{up}");
    assert!(up.contains("compose up \\-\\-plan"), "examples: {up}");
    assert!(machine.read("pages/compose-image-ls.1").contains("compose"));
    assert!(!machine.path("pages/compose-bridge.1").exists());
}
