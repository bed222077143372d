//! Loading small projects from memory.

use std::collections::BTreeMap;

use crate::compose::{LoadRequest, Loaded, Memory, Project, Remote, config, load};
use crate::diag::{Style, render};

fn request() -> LoadRequest {
    let environment = BTreeMap::from([("HOME".to_owned(), "/home/u".to_owned())]);
    LoadRequest { working_dir: "/p".into(), environment, ..LoadRequest::default() }
}

fn files(list: &[(&str, &str)]) -> Memory {
    let below =
        |path: &str| if path.starts_with('/') { path.to_owned() } else { format!("/p/{path}") };
    list.iter().fold(Memory::new(), |files, (path, text)| files.with(below(path), *text))
}

fn said(loaded: &Loaded) -> String {
    render(&loaded.diagnostics, &loaded.sources, Style::default())
}

fn project_with(list: &[(&str, &str)], request: &LoadRequest) -> Project {
    let loaded = load(request, &files(list));
    let said = said(&loaded);
    loaded.project.unwrap_or_else(|| panic!("{said}"))
}

fn project(list: &[(&str, &str)]) -> Project {
    project_with(list, &request())
}

fn yaml(project: &Project, service: &str) -> String {
    let mut only = project.clone();
    only.services.retain(|name, _| name == service);
    let text = config::to_yaml(&only);
    let start = text.find("services:\n").unwrap();
    let end = text.find("\nnetworks:\n").unwrap_or(text.len()).max(start);
    text[start..end].to_owned()
}

#[test]
fn files_are_merged_key_by_key_and_lists_are_appended() {
    let project = project(&[
        (
            "compose.yaml",
            "services:\n  web:\n    image: a\n    command: one\n    environment: [A=1, B=1]\n    ports: ['1:1']\n    cap_add: [X11, ALL]\n    network_mode: host\n",
        ),
        (
            "compose.override.yaml",
            "services:\n  web:\n    command: [two]\n    environment: {B: 2, C: }\n    expose: [9]\n    cap_add: [ALL, KILL]\n    image:\n",
        ),
    ]);
    let web = &project.services["web"];
    assert_eq!(web.image.as_deref(), Some("a"), "a key without a value says nothing");
    assert_eq!(web.command.as_deref(), Some(&["two".to_owned()][..]));
    let environment: Vec<_> =
        web.environment.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
    assert_eq!(environment, [("A", Some("1")), ("B", Some("2")), ("C", None)]);
    assert_eq!(web.cap_add, ["X11", "ALL", "KILL"]);
}

#[test]
fn reset_and_override_change_what_earlier_files_say() {
    let base = "services:\n  web:\n    image: a\n    ports: ['1:1', '2:2']\n    environment: {A: 1, B: 2}\n    labels: {x: y}\n    healthcheck: {test: 'true', retries: 3}\n  db: {image: b}\n";
    let over = "services:\n  web:\n    ports: !override ['3:3']\n    environment: {A: !reset null}\n    labels: !reset\n    healthcheck: {retries: !reset 0}\n  db: !reset {}\n";
    let project = project(&[("compose.yaml", base), ("compose.override.yaml", over)]);
    assert_eq!(project.services.len(), 1);
    let text = yaml(&project, "web");
    for gone in ["labels", "A:", "retries", "target: 1\n"] {
        assert!(!text.contains(gone), "{gone} in {text}");
    }
    assert!(text.contains("target: 3\n") && text.contains("B: \"2\""), "{text}");
}

#[test]
fn extending_copies_and_tags_reach_through_it() {
    let common = "services:\n  base:\n    extends: root\n    build: ./app\n    env_file: base.env\n    ports: ['1:1']\n  root:\n    init: true\n    labels: {from: root}\n";
    let main = "services:\n  web:\n    extends: {file: sub/common.yaml, service: base}\n    image: web\n    ports: !override ['2:2']\n    labels: {own: web}\n";
    let over = "services:\n  web:\n    labels: {from: !reset null}\n";
    let project = project(&[
        ("compose.yaml", main),
        ("compose.override.yaml", over),
        ("sub/common.yaml", common),
        ("sub/base.env", "A=1\n"),
    ]);
    let web = &project.services["web"];
    assert_eq!(web.build.as_ref().unwrap().context, "/p/sub/app");
    assert_eq!((web.init, web.ports.len(), web.ports[0].target), (Some(true), 1, 2));
    assert_eq!(web.environment["A"].as_deref(), Some("1"));
    assert_eq!(web.labels.keys().collect::<Vec<_>>(), ["own"]);
}

#[test]
fn a_reset_in_an_extending_service_reaches_its_base_and_earlier_files() {
    let first = "services:\n  web: {image: a, ports: ['1:1']}\n";
    let second = "services:\n  web:\n    extends: base\n    ports: !reset []\n  base: {image: b, ports: ['2:2']}\n";
    let project = project(&[("compose.yaml", first), ("compose.override.yaml", second)]);
    assert!(project.services["web"].ports.is_empty());
    assert_eq!(project.services["base"].ports.len(), 1);
}

#[test]
fn an_included_project_keeps_its_directory_and_environment() {
    let project = project(&[
        (
            "compose.yaml",
            "include:\n  - sub/compose.yaml\n  - path: [other.yaml, other.override.yaml]\n    env_file: other.env\nservices:\n  db:\n    ports: ['9:9']\n  web:\n    image: web:${TAG:-none}\n    depends_on: [db]\n",
        ),
        (
            "sub/compose.yaml",
            "name: ignored\nservices:\n  db:\n    image: db:${TAG}\n    volumes: ['./data:/data']\n    environment: [TAG]\n",
        ),
        ("sub/.env", "TAG=sub\n"),
        ("other.yaml", "services:\n  cache: {image: \"redis:${REDIS}\"}\n"),
        (
            "other.override.yaml",
            "services:\n  cache: {tty: true, secrets: [pass]}\nsecrets:\n  pass: {environment: PASSWORD}\n",
        ),
        ("other.env", "REDIS=7\nPASSWORD=x\n"),
    ]);
    assert_eq!(project.name, "p");
    let db = &project.services["db"];
    assert_eq!(db.image.as_deref(), Some("db:sub"));
    assert_eq!(db.volumes[0].source.as_deref(), Some("/p/sub/data"));
    assert_eq!(db.environment["TAG"].as_deref(), Some("sub"));
    assert_eq!(db.ports.len(), 1, "the including file adds to it");
    assert_eq!(project.services["web"].image.as_deref(), Some("web:none"));
    let cache = &project.services["cache"];
    assert_eq!((cache.image.as_deref(), cache.tty), (Some("redis:7"), true));
    assert_eq!(project.secrets["pass"].value.as_deref(), Some("x"));
    assert!(!project.environment.contains_key("PASSWORD"));
}

#[test]
fn the_environment_has_its_precedence() {
    let list = [
        (
            "compose.yaml",
            "services:\n  web:\n    image: '${A} ${B} ${C}'\n    env_file: [one.env, two.env]\n    environment: {X: 1, Y: , Z: }\n",
        ),
        (".env", "A=dotenv\nB=dotenv\nC=${B}-${HOME}\nY=project\n"),
        ("one.env", "X=file\nY=file\nZ=file\nV=one\nW=${A}\n"),
        ("two.env", "V=two\n"),
    ];
    let mut request = request();
    request.environment.insert("A".to_owned(), "process".to_owned());
    let project = project_with(&list, &request);
    let web = &project.services["web"];
    assert_eq!(web.image.as_deref(), Some("process dotenv dotenv-/home/u"));
    let environment: Vec<_> =
        web.environment.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
    let expected = [
        ("V", Some("two")),
        ("W", Some("process")),
        ("X", Some("1")),
        ("Y", Some("project")),
        ("Z", None),
    ];
    assert_eq!(environment, expected);
}

#[test]
fn files_and_names_come_from_the_environment_too() {
    let list = [
        (
            ".env",
            "COMPOSE_FILE=a.yaml:sub/b.yaml\nCOMPOSE_PROJECT_NAME=fromdotenv\nCOMPOSE_PROFILES=dev, x\n",
        ),
        ("a.yaml", "services:\n  web: {image: a}\n  tool: {image: t, profiles: [dev]}\n"),
        ("sub/b.yaml", "services:\n  web: {build: ./x}\n"),
    ];
    let project = project(&list);
    assert_eq!(
        (project.name.as_str(), project.profiles.as_slice()),
        ("fromdotenv", &["dev".to_owned(), "x".to_owned()][..])
    );
    assert_eq!(project.services.len(), 2);
    // All paths are relative to the project directory, which is that of the first file.
    assert_eq!(project.services["web"].build.as_ref().unwrap().context, "/p/x");
    let request = LoadRequest { project_name: Some("given".into()), ..request() };
    assert_eq!(project_with(&list, &request).name, "given");
    let request = LoadRequest { project_name: Some("Not.Good".into()), ..self::request() };
    assert!(said(&load(&request, &files(&list))).contains("use `notgood`"));
}

#[test]
fn services_of_other_profiles_are_off_until_they_are_named() {
    let list = [
        (
            "compose.yaml",
            "services:\n  web: {image: a}\n  mail: {image: b, profiles: [dev], env_file: mail.env}\n  test: {image: c, profiles: [ci], env_file: none.env}\n",
        ),
        ("mail.env", "M=1\n"),
    ];
    let project = project(&list);
    assert_eq!(project.services.keys().collect::<Vec<_>>(), ["web"]);
    let named = project.select(&["mail".into()], true).unwrap();
    assert_eq!(named.services["mail"].environment["M"].as_deref(), Some("1"));
    let request = LoadRequest { profiles: vec!["*".into()], ..request() };
    let loaded = load(&request, &files(&list));
    assert!(said(&loaded).contains("cannot read the file of variables `none.env`"));
}

#[test]
fn standard_input_and_several_documents_are_files() {
    let request = LoadRequest { files: vec!["-".into()], ..request() };
    let text = "services: {web: {image: a}}\n---\nservices: {web: {tty: true}}\n";
    let loaded = load(&request, &Memory::new().with("-", text));
    let project = loaded.project.unwrap();
    assert_eq!((project.services["web"].tty, project.working_dir.to_str()), (true, Some("/p")));
}

#[test]
fn without_interpolation_the_tree_keeps_its_variables() {
    let mut request = request();
    request.options.interpolate = false;
    let text = "services:\n  web:\n    image: a:${TAG}\n    ports: ['${PORT}:80', '1:2']\n    scale: ${N}\n    ulimits: {nofile: 5}\n";
    let loaded = load(&request, &files(&[("compose.yaml", text)]));
    let text = config::document_yaml(&loaded.document);
    for kept in ["a:${TAG}", "${PORT}:80", "${N}", "nofile: 5", "target: 2", "name: p_default"] {
        assert!(text.contains(kept), "{kept} in {text}{}", said(&loaded));
    }
    assert!(loaded.diagnostics.is_empty());
}

#[test]
fn a_mount_that_replaces_another_of_the_same_file_is_worth_a_warning() {
    let text =
        "services:\n  web:\n    image: a\n    volumes: ['./x:/data', './y:/data', './y:/data']\n";
    let loaded = load(&request(), &files(&[("compose.yaml", text)]));
    assert_eq!(said(&loaded).matches("replaced-item").count(), 1, "{}", said(&loaded));
    assert_eq!(loaded.project.unwrap().services["web"].volumes.len(), 1);
}

#[test]
fn warnings_can_be_made_errors() {
    let list = [("compose.yaml", "version: '3'\nservices: {web: {image: a}}\n")];
    assert!(load(&request(), &files(&list)).project.is_some());
    let strict = LoadRequest { strict: true, ..request() };
    assert!(load(&strict, &files(&list)).project.is_none());
}

#[test]
fn files_elsewhere_are_fetched_and_keep_their_name() {
    let git = |text: &str| Remote::Git(text.to_owned());
    let main = "include: ['https://x/a.git#v1']\nservices:\n  own:\n    extends: {file: 'oci://r/b:1', service: base}\n    hostname: own\n";
    let known = files(&[("compose.yaml", main)])
        .with("/cache/1/compose.yaml", "services:\n  web:\n    image: web\n    build: ./app\n")
        .with("/cache/2/compose.yaml", "services: {base: {image: base, env_file: b.env}}\n")
        .with("/cache/2/b.env", "A=1\n")
        .with_remote(git("https://x/a.git#v1"), "/cache/1")
        .with_remote(Remote::Oci("r/b:1".to_owned()), "/cache/2");
    let loaded = load(&request(), &known);
    let project = loaded.project.as_ref().unwrap_or_else(|| panic!("{}", said(&loaded)));
    assert_eq!(project.services["web"].build.as_ref().unwrap().context, "/cache/1/app");
    assert_eq!(project.services["own"].environment["A"].as_deref(), Some("1"));

    let wrong = known.clone().with("/cache/1/compose.yaml", "services: {web: {imge: x}}\n");
    let text = said(&load(&request(), &wrong));
    assert!(text.contains("--> https://x/a.git#v1/compose.yaml:1:"), "{text}");

    let text = said(&load(&request(), &files(&[("compose.yaml", main)])));
    assert!(text.contains("error[cannot-fetch]: cannot fetch `https://x/a.git#v1`"), "{text}");
    assert!(text.contains("compose.yaml:1:11") && text.contains("oci://r/b:1"), "{text}");

    let named = LoadRequest { files: vec!["https://x/a.git#v1".into()], ..request() };
    let project = load(&named, &known).project.unwrap();
    assert_eq!((project.working_dir.to_str(), project.services.len()), (Some("/cache/1"), 1));
}

#[test]
fn includes_are_not_nested_without_end() {
    let chain = (0..200).fold(files(&[("compose.yaml", "include: [0.yaml]\n")]), |files, it| {
        files.with(format!("/p/{it}.yaml"), format!("include: [{}.yaml]\n", it + 1))
    });
    assert!(said(&load(&request(), &chain)).contains("more than 64 files include one another"));
}

#[test]
fn a_service_that_is_included_and_overridden_is_extended_as_both() {
    let project = project(&[
        ("a.yml", "services:\n  web: {image: busybox, environment: {A: A}}\n"),
        (
            "compose.yaml",
            "include: [a.yml]\nservices:\n  web: {environment: {B: B}}\n  worker: {extends: {service: web}, environment: {C: C}}\n",
        ),
    ]);
    let worker = &project.services["worker"];
    let names: Vec<&str> = worker.environment.keys().map(String::as_str).collect();
    assert_eq!((worker.image.as_deref(), names), (Some("busybox"), vec!["A", "B", "C"]));
    assert_eq!(project.services["web"].environment.len(), 2);
}

#[test]
fn a_build_without_a_context_has_the_directory_of_its_own_project() {
    let project = project(&[
        ("sub/a.yml", "services:\n  web: {build: {dockerfile: My}}\n"),
        ("compose.yaml", "include: [sub/a.yml]\nservices:\n  own: {build: {dockerfile: My}}\n"),
    ]);
    let context = |name: &str| project.services[name].build.as_ref().unwrap().context.clone();
    assert_eq!((context("web").as_str(), context("own").as_str()), ("/p/sub", "/p"));
}

#[test]
fn files_with_nothing_but_comments_can_follow_and_be_included() {
    let project = project(&[
        ("a.yml", "# nothing yet\n"),
        ("compose.yaml", "include: [a.yml]\nservices:\n  web: {image: nginx}\n"),
    ]);
    assert_eq!(project.services.len(), 1);
    let memory = Memory::new()
        .with("/p/a.yml", "# nothing yet\n")
        .with("/p/compose.yaml", "services:\n  web: {image: nginx}\n");
    let load_both = |first: &str, second: &str| {
        let files = vec![first.into(), second.into()];
        let request = LoadRequest { working_dir: "/p".into(), files, ..LoadRequest::default() };
        load(&request, &memory).project.is_some()
    };
    assert!(load_both("/p/compose.yaml", "/p/a.yml"));
    assert!(!load_both("/p/a.yml", "/p/compose.yaml"));
}

#[test]
fn a_context_may_be_a_service_that_is_off_or_not_asked_for() {
    let memory = Memory::new().with(
        "/p/compose.yaml",
        "services:\n  base: {build: ., profiles: [off]}\n  app: {build: {context: ., additional_contexts: {base: 'service:base'}}}\n",
    );
    for services in [vec![], vec!["app".to_owned()]] {
        let request = LoadRequest { working_dir: "/p".into(), services, ..LoadRequest::default() };
        assert!(load(&request, &memory).project.is_some());
    }
}

/// words-with-lines: what becomes a word of `/etc/hosts` or `/etc/resolv.conf`.
#[test]
fn words_of_generated_files_bring_no_lines_of_their_own() {
    for key in [
        r#"hostname: "a\nroot""#,
        r#"domainname: "b c""#,
        r#"dns_search: ["a\nnameserver 6.6.6.6"]"#,
        r#"dns_opt: ["ndots:1\nsearch evil"]"#,
        r#"extra_hosts: ["a=1.2.3.4\nb"]"#,
    ] {
        let text = format!("services:\n  web:\n    image: nginx\n    {key}\n");
        let loaded = load(&request(), &files(&[("compose.yaml", &text)]));
        assert!(said(&loaded).contains("error["), "{key}: {}", said(&loaded));
    }
}
