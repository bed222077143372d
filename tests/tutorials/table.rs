//! Every row of what tutorials teach: where it is held, or why it is not typed here.

use std::collections::BTreeSet;

/// Where a row is held.
enum Held {
    /// A test of this directory, or of another one.
    By(&'static str),
    /// Not here, for this reason.
    Not(&'static str),
}
use Held::{By, Not};

const ROWS: [(u32, &str, Held); 83] = [
    (
        1,
        "a container is a process, not a machine",
        By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code"),
    ),
    (
        2,
        "web server, PHP and database as three containers",
        By("host::stacks::the_lemp_stack_answers_and_shows_an_edit_at_once"),
    ),
    (
        3,
        "a directory of the host in a container",
        By("containers::a_web_server_runs_the_files_of_a_directory"),
    ),
    (
        4,
        "docker-compose.yml describes containers together",
        By("compose::a_second_service_joins_the_first_one"),
    ),
    (5, "one copy of each layer", By("images::images_are_pulled_listed_tagged_and_removed")),
    (
        6,
        "started in a second or two",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        7,
        "docker run -d --name -p -v php:apache",
        By("containers::a_web_server_runs_the_files_of_a_directory"),
    ),
    (
        8,
        "pull fetches what a tag means now",
        By("images::an_image_goes_to_a_registry_and_comes_back"),
    ),
    (9, "docker stop, docker start", By("containers::a_web_server_runs_the_files_of_a_directory")),
    (10, "official images", By("images::the_hub_is_searched")),
    (11, "a generator of stacks", Not("`compose init` has tests of its own")),
    (12, "links to documentation", Not("reading, nothing to type")),
    (
        13,
        "commands in a running container",
        By("shells::commands_run_in_a_container_that_runs_already"),
    ),
    (
        14,
        "users, programs, processes inside",
        By("shells::commands_run_in_a_container_that_runs_already"),
    ),
    (
        15,
        "limits of memory and processor",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        16,
        "ports and directories of the host",
        By("containers::a_web_server_runs_the_files_of_a_directory"),
    ),
    (
        17,
        "images do not change",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        18,
        "an image knows its command",
        By("shells::a_missing_image_is_fetched_and_its_shell_ends_at_once"),
    ),
    (
        19,
        "images with many processes",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        20,
        "the same image on another machine",
        By("images::an_image_goes_to_a_registry_and_comes_back"),
    ),
    (21, "a registry of one's own", By("images::an_image_goes_to_a_registry_and_comes_back")),
    (22, "docker images", By("images::images_are_pulled_listed_tagged_and_removed")),
    (23, "docker images NAME", By("images::images_are_pulled_listed_tagged_and_removed")),
    (24, "docker pull", By("images::images_are_pulled_listed_tagged_and_removed")),
    (25, "docker search", By("images::the_hub_is_searched")),
    (
        26,
        "docker run -it IMAGE /bin/sh",
        By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code"),
    ),
    (27, "echo in the shell", By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code")),
    (
        28,
        "exit ends the container",
        By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code"),
    ),
    (29, "docker ps, docker ps -a", By("containers::nginx_is_reachable_listed_and_logs")),
    (
        30,
        "docker start NAME, generated names",
        By("containers::nginx_is_reachable_listed_and_logs"),
    ),
    (31, "docker attach", By("shells::commands_run_in_a_container_that_runs_already")),
    (32, "Ctrl-P Ctrl-Q", Not("needs keys with time between them: the terminal tests have it")),
    (33, "docker stop NAME|ID", By("containers::a_web_server_runs_the_files_of_a_directory")),
    (34, "docker rm", By("containers::a_web_server_runs_the_files_of_a_directory")),
    (35, "docker rmi", By("images::images_are_pulled_listed_tagged_and_removed")),
    (36, "names and ports clash", By("containers::nginx_is_reachable_listed_and_logs")),
    (37, "history of Docker's runtime", Not("reading, nothing to type")),
    (38, "isolation", By("compose::networks_keep_strangers_apart")),
    (39, "sizes of images", Not("those of the fixtures say nothing about others")),
    (
        40,
        "what runs needs no terminal",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (41, "the API on a socket", Not("there is no daemon, and no API yet")),
    (42, "public and private registries", By("images::an_image_goes_to_a_registry_and_comes_back")),
    (43, "docker --version, docker version", By("images::an_image_goes_through_a_file_unchanged")),
    (44, "docker run -d -p 80:80 nginx", By("containers::nginx_is_reachable_listed_and_logs")),
    (45, "docker logs", By("containers::nginx_is_reachable_listed_and_logs")),
    (46, "an overlay file system", By("images::an_image_goes_through_a_file_unchanged")),
    (47, "the same files everywhere", By("images::an_image_goes_through_a_file_unchanged")),
    (48, "versions of images", By("images::an_image_goes_through_a_file_unchanged")),
    (
        49,
        "the same environment for everybody",
        By("build::an_application_is_built_run_and_built_again_from_the_cache"),
    ),
    (50, "one command starts everything", By("compose::a_second_service_joins_the_first_one")),
    (51, "docker swarm", Not("one machine: `docker swarm` says so")),
    (52, "installing", Not("one file, made by cargo build")),
    (53, "other systems", Not("Linux only")),
    (
        54,
        "distributions share the kernel",
        By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code"),
    ),
    (
        55,
        "docker run ubuntu:latest",
        By("shells::a_missing_image_is_fetched_and_its_shell_ends_at_once"),
    ),
    (56, "a window with containers", Not("there is no dashboard yet")),
    (
        57,
        "docker run -it --rm centos",
        By("shells::a_shell_has_a_terminal_and_ends_with_its_own_code"),
    ),
    (
        58,
        "docker run --rm -p -v $(pwd) nginx",
        By("containers::an_empty_directory_hides_the_images_pages_until_it_has_its_own"),
    ),
    (
        59,
        "PostgreSQL with its data outside",
        By("containers::a_database_keeps_its_data_in_a_directory_of_the_host"),
    ),
    (60, "Ghost", Not("needs the registry of npm, which a test does not reach")),
    (61, "a game server", Not("needs the registry of npm, which a test does not reach")),
    (
        62,
        "options, image, command, arguments",
        By(
            "cli::option_table::each_command_and_option_of_docker_is_here_or_is_listed_with_the_reason",
        ),
    ),
    (63, "options of every verb", By("compose::a_second_service_joins_the_first_one")),
    (64, "docker-compose version", By("compose::a_second_service_joins_the_first_one")),
    (65, "the first compose file", By("compose::a_second_service_joins_the_first_one")),
    (
        66,
        "the second service, WordPress",
        By("host::stacks::the_wordpress_tutorial_works_word_for_word"),
    ),
    (67, "platform", By("compose::networks_keep_strangers_apart")),
    (68, "addresses and names", By("compose::networks_keep_strangers_apart")),
    (69, "the network of a directory", By("compose::a_second_service_joins_the_first_one")),
    (70, "a Dockerfile", By("build::an_application_is_built_run_and_built_again_from_the_cache")),
    (
        71,
        "an application that answers",
        By("build::an_application_is_built_run_and_built_again_from_the_cache"),
    ),
    (
        72,
        "docker build -t node-app ./",
        By("build::an_application_is_built_run_and_built_again_from_the_cache"),
    ),
    (
        73,
        "docker inspect: layers",
        By("build::an_application_is_built_run_and_built_again_from_the_cache"),
    ),
    (74, "names are lower case", By("images::an_image_goes_to_a_registry_and_comes_back")),
    (75, "docker tag", By("images::images_are_pulled_listed_tagged_and_removed")),
    (76, "docker login", By("images::an_image_goes_to_a_registry_and_comes_back")),
    (77, "docker push", By("images::an_image_goes_to_a_registry_and_comes_back")),
    (
        78,
        "docker rmi, docker run fetches again",
        By("images::an_image_goes_to_a_registry_and_comes_back"),
    ),
    (
        79,
        "data go with the container, volumes stay",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        80,
        "variables by environment",
        By("containers::containers_are_quick_limited_and_leave_their_image_alone"),
    ),
    (
        81,
        "everything is code",
        By("build::an_application_is_built_run_and_built_again_from_the_cache"),
    ),
    (82, "as fast as without", Not("tests/bench measures it")),
    (83, "who wrote Docker", Not("reading, nothing to type")),
];

/// Sources in which the tests are.
const SOURCES: [(&str, &str); 7] = [
    ("containers", include_str!("containers.rs")),
    ("shells", include_str!("shells.rs")),
    ("images", include_str!("images.rs")),
    ("build", include_str!("build.rs")),
    ("compose", include_str!("compose.rs")),
    ("host::stacks", include_str!("../host/stacks.rs")),
    ("cli::option_table", include_str!("../cli/option_table.rs")),
];

#[test]
fn every_row_is_held_or_has_a_reason() {
    let numbers: Vec<u32> = ROWS.iter().map(|(number, ..)| *number).collect();
    assert_eq!(numbers, (1..=83).collect::<Vec<_>>());
    let mut held = BTreeSet::new();
    for (number, what, how) in &ROWS {
        assert!(!what.is_empty());
        match how {
            Not(reason) => assert!(!reason.is_empty(), "row {number}"),
            By(test) => {
                let (module, name) = test.rsplit_once("::").unwrap();
                let (_, source) = SOURCES.iter().find(|(it, _)| *it == module).unwrap();
                assert!(source.contains(&format!("fn {name}()")), "row {number}: {test}");
                held.insert(*number);
            }
        }
    }
    assert!(held.len() >= 65, "only {} rows are held", held.len());
}
