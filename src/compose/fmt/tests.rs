//! Formatting, case by case.

use super::*;
use crate::diag::{Style, render};

fn laid_out(text: &str) -> String {
    match format("compose.yaml", text, false) {
        Ok(formatted) => formatted.text,
        Err((out, sources)) => panic!("{}", render(&out, &sources, Style::default())),
    }
}

fn upgraded(text: &str) -> (String, Vec<String>) {
    let formatted = format("compose.yaml", text, true).unwrap();
    let again = format("compose.yaml", &formatted.text, true).unwrap();
    assert_eq!(again, Formatted { text: formatted.text.clone(), changes: Vec::new() });
    let changes = formatted.changes.iter().map(|it| format!("{}: {}", it.line, it.text));
    (formatted.text, changes.collect())
}

#[test]
fn everything_has_its_place() {
    let text = "\
# About this file

version: '3'   # old
services:
    web:   # the site
        image:   'nginx:1.27'
        ports:
        - '8080:80'
        - \"22:22\"


        environment: {A: '1',   B: \"b\"}
        # done
    db:
        image: postgres
        command:   [ 'postgres',
          \"-c\",   # an option
          fsync=off ]
volumes:
  data:
";
    assert_eq!(
        laid_out(text),
        "\
# About this file

version: \"3\" # old

services:
  web: # the site
    image: nginx:1.27
    ports:
      - \"8080:80\"
      - \"22:22\"

    environment: { A: \"1\", B: b }
    # done

  db:
    image: postgres
    command:
      [
        \"postgres\",
        \"-c\", # an option
        fsync=off
      ]

volumes:
  data:
"
    );
}

#[test]
fn comments_stay_where_they_belong() {
    let text = "\
services:
      # before web
      web: &web   # head
            image: x
            environment:
              # FOO: bar
            ports: # why
            # above the port
            - 80:80
            # below the port, above volumes
            volumes:
            -   # a volume
              type: bind
            # last of web
      # db:
      #   image: y
# far left
networks: {}
# the end
";
    assert_eq!(
        laid_out(text),
        "\
services:
  # before web
  web: &web # head
    image: x
    environment:
      # FOO: bar
    ports: # why
      # above the port
      - 80:80
    # below the port, above volumes
    volumes:
      - # a volume
        type: bind
    # last of web
  # db:
  #   image: y

# far left
networks: {}
# the end
"
    );
}

#[test]
fn texts_of_several_lines_keep_every_letter() {
    let text = "\
a: |-
      one
        two

      three
b: >
    folded
    text

    again
c: |+
  kept


d: |2
   indented
e: \"one
    two\\
      \\ three\"
f: plain
   text
g: |
";
    assert_eq!(
        laid_out(text),
        "\
a: |-
  one
    two

  three

b: >
  folded
  text

  again

c: |+
  kept


d: |2
   indented

e: \"one
  two\\
  \\ three\"
f: plain
  text

g: \"\"
"
    );
}

#[test]
fn anchors_merges_tags_and_documents_survive() {
    let text = "\
%YAML 1.2
---   # first
x-a: &a !override
    k: v
b:
    <<: *a
    ports: !reset []
    c: !reset null
*a : &e
...
---
d: [ &x 1, *x ]
---
";
    assert_eq!(
        laid_out(text),
        "\
%YAML 1.2
--- # first
x-a: &a !override
  k: v

b:
  <<: *a
  ports: !reset []
  c: !reset null

*a : &e
---
d: [&x 1, *x]
---
"
    );
}

#[test]
fn json_stays_json() {
    let text = "{\"services\":{\n\"web\":{\"image\":\"nginx\"}}}";
    let json = "{\n  \"services\": {\n    \"web\": { \"image\": \"nginx\" }\n  }\n}\n";
    assert_eq!(laid_out(text).replace("\n    {", " {"), json);
    serde_json::from_str::<serde_json::Value>(&laid_out(text)).unwrap();
}

#[test]
fn what_no_compose_file_has_is_an_error_with_a_place() {
    for (text, code) in
        [("a: [1", "yaml"), ("? [a]\n: b\n", "key-not-text"), ("text\n", "wrong-type")]
    {
        let (out, _) = format("compose.yaml", text, false).unwrap_err();
        assert_eq!(out.iter().map(|it| it.code).collect::<Vec<_>>(), [code], "{text}");
        assert!(out.iter().all(|it| it.span.is_some()));
    }
}

#[test]
fn a_file_of_compose_v1_gets_its_services_and_volumes() {
    let text = "\
# My site

web:
  build: .
  dockerfile: Web.dockerfile
  net: \"container:db\"
  volumes_from:
    - db
    - other:ro
  log_driver: syslog # quiet
  log_opt:
    tag: web
# The data
db:
  image: postgres
  volume_driver: flocker
  volumes:
    - data:/var/lib
    - ./here:/there
";
    let (text, changes) = upgraded(text);
    assert_eq!(
        text,
        "\
# My site

services:
  web:
    build:
      context: .
      dockerfile: Web.dockerfile
    network_mode: service:db
    volumes_from:
      - db
      - container:other:ro
    logging:
      driver: syslog # quiet
      options:
        tag: web

  # The data
  db:
    image: postgres
    volumes:
      - data:/var/lib
      - ./here:/there

volumes:
  data:
    name: data
    driver: flocker
"
    );
    assert_eq!(changes.len(), 7, "{changes:#?}");
    assert_eq!(changes[0], "3: services are below `services` now");
}

#[test]
fn obsolete_keys_are_replaced_and_their_comments_stay() {
    let text = "\
# header
version: \"2\" # gone
services:
  web:
    image: x
    net: host
volumes:
  data:
    external: # ours
      name: real
";
    let (text, _) = upgraded(text);
    assert_eq!(
        text,
        "\
# header
# gone
services:
  web:
    image: x
    network_mode: host

volumes:
  data:
    external: true # ours
    name: real
"
    );
}
