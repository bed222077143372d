//! The language as a whole: every key of the schema, and what holds for every file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::support::{fixtures, load_files, request, walk};
use compose::compose::model::{self, Project};
use compose::compose::support::{INERT, inert};
use compose::compose::{LoadRequest, Loaded, Memory, config, keys, load};
use compose::diag::{Severity, Style, render};
use proptest::prelude::*;
use serde::de::{self, DeserializeOwned, Visitor};
use serde_json::Value;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/compose-spec.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// The path of every property of a JSON schema.
fn properties(root: &Value, at: &Value, path: &str, found: &mut BTreeSet<String>) {
    let at = match at["$ref"].as_str() {
        Some(reference) => root.pointer(reference.trim_start_matches('#')).unwrap(),
        None => at,
    };
    for (name, inner) in at["properties"].as_object().into_iter().flatten() {
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        properties(root, inner, &path, found);
        found.insert(path);
    }
    for (pattern, inner) in at["patternProperties"].as_object().into_iter().flatten() {
        if pattern != "^x-" {
            properties(root, inner, &format!("{path}.*"), found);
        }
    }
    if at["items"].is_object() {
        properties(root, &at["items"], &format!("{path}[]"), found);
    }
    for inner in at["oneOf"].as_array().into_iter().flatten() {
        properties(root, inner, path, found);
    }
}

#[test]
fn the_grammar_has_every_property_of_the_schema_and_no_other() {
    let (root, mut theirs) = (schema(), BTreeSet::new());
    properties(&root, &root, "", &mut theirs);
    let ours = keys();
    let missing: Vec<_> = theirs.difference(&ours).collect();
    let more: Vec<_> = ours.difference(&theirs).collect();
    assert!(missing.is_empty() && more.is_empty(), "missing {missing:?}\nmore {more:?}");
    assert!(ours.len() > 300, "{}", ours.len());
}

#[test]
fn every_key_without_effect_is_a_key() {
    let keys = keys();
    for (path, _) in INERT {
        assert!(keys.contains(path), "{path}");
        assert!(inert(&format!("{path}.below")).is_some());
    }
    assert_eq!(inert("services.*.image"), None);
}

/// Tells which fields a struct has, and reads nothing.
struct Recorder<'a>(&'a mut Vec<&'static str>);

macro_rules! refuse {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, _: V) -> Result<V::Value, de::value::Error> {
            Err(de::Error::custom("only structs are looked at"))
        }
    )*};
}

impl<'de> de::Deserializer<'de> for Recorder<'_> {
    type Error = de::value::Error;
    refuse! {
        deserialize_any deserialize_bool deserialize_i8 deserialize_i16 deserialize_i32
        deserialize_i64 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_f32 deserialize_f64 deserialize_char deserialize_str deserialize_string
        deserialize_bytes deserialize_byte_buf deserialize_unit deserialize_seq deserialize_map
        deserialize_identifier deserialize_ignored_any
    }
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_some(self)
    }
    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        self.0.extend(fields);
        Err(de::Error::custom("seen"))
    }
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Self::Error> {
        visitor.visit_newtype_struct(self)
    }
    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only structs are looked at"))
    }
    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, _: V) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only structs are looked at"))
    }
    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only structs are looked at"))
    }
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        Err(de::Error::custom("only structs are looked at"))
    }
}

fn fields<T: DeserializeOwned>() -> BTreeSet<&'static str> {
    let mut fields = Vec::new();
    let _ = T::deserialize(Recorder(&mut fields)).err();
    fields.into_iter().filter(|field| !matches!(*field, "x-" | "single")).collect()
}

#[test]
fn every_key_has_a_field_in_the_model() {
    let bound: [(&str, BTreeSet<&str>); 42] = [
        ("services.*", fields::<model::Service>()),
        ("services.*.blkio_config", fields::<model::BlkioConfig>()),
        ("services.*.blkio_config.device_read_bps[]", fields::<model::BlkioRate>()),
        ("services.*.blkio_config.weight_device[]", fields::<model::BlkioWeight>()),
        ("services.*.build", fields::<model::Build>()),
        ("services.*.build.secrets[]", fields::<model::FileMount>()),
        ("services.*.configs[]", fields::<model::FileMount>()),
        ("services.*.credential_spec", fields::<model::CredentialSpec>()),
        ("services.*.depends_on.*", fields::<model::Dependency>()),
        ("services.*.deploy", fields::<model::Deploy>()),
        ("services.*.deploy.placement", fields::<model::Placement>()),
        ("services.*.deploy.placement.preferences[]", fields::<model::PlacementPreference>()),
        ("services.*.deploy.resources", fields::<model::DeployResources>()),
        ("services.*.deploy.resources.limits", fields::<model::DeployLimits>()),
        ("services.*.deploy.resources.reservations", fields::<model::DeployReservations>()),
        ("services.*.deploy.resources.reservations.devices[]", fields::<model::DeviceRequest>()),
        ("services.*.deploy.restart_policy", fields::<model::DeployRestart>()),
        ("services.*.deploy.rollback_config", fields::<model::Update>()),
        ("services.*.deploy.update_config", fields::<model::Update>()),
        ("services.*.develop", fields::<model::Develop>()),
        ("services.*.develop.watch[]", fields::<model::Watch>()),
        ("services.*.develop.watch[].exec", fields::<model::Hook>()),
        ("services.*.devices[]", fields::<model::Device>()),
        ("services.*.env_file[]", fields::<model::EnvFile>()),
        ("services.*.gpus[]", fields::<model::DeviceRequest>()),
        ("services.*.healthcheck", fields::<model::Healthcheck>()),
        ("services.*.logging", fields::<model::Logging>()),
        ("services.*.models.*", fields::<model::ModelUse>()),
        ("services.*.networks.*", fields::<model::ServiceNetwork>()),
        ("services.*.ports[]", fields::<model::Port>()),
        ("services.*.post_start[]", fields::<model::Hook>()),
        ("services.*.pre_start[]", fields::<model::InitHook>()),
        ("services.*.provider", fields::<model::Provider>()),
        ("services.*.secrets[]", fields::<model::FileMount>()),
        ("services.*.ulimits.*", fields::<model::Ulimit>()),
        ("services.*.volumes[]", fields::<model::ServiceVolume>()),
        ("networks.*", fields::<model::Network>()),
        ("networks.*.ipam.config[]", fields::<model::IpamPool>()),
        ("volumes.*", fields::<model::Volume>()),
        ("secrets.*", fields::<model::Secret>()),
        ("configs.*", fields::<model::Config>()),
        ("models.*", fields::<model::Model>()),
    ];
    let keys = keys();
    for (path, fields) in bound {
        let below: BTreeSet<&str> = keys
            .iter()
            .filter_map(|key| key.strip_prefix(path)?.strip_prefix('.'))
            .filter(|rest| !rest.contains(['.', '[']))
            // What a service extends is part of it once it is loaded.
            .filter(|rest| *rest != "extends")
            .collect();
        assert_eq!(below, fields, "{path}");
    }
}

/// Every recorded file that Docker Compose accepts, loaded.
fn loadable() -> Vec<(PathBuf, Loaded)> {
    let mut files = Vec::new();
    walk(&fixtures(), &mut files);
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|it| it == "yaml" || it == "yml"))
        .map(|path| (path.clone(), load_files(&[path])))
        .collect()
}

#[test]
fn what_config_prints_loads_to_the_same_model() {
    let mut count = 0;
    for (path, loaded) in loadable() {
        let Some(project) = loaded.project else { continue };
        let printed = config::to_yaml(&project);
        let directory = path.parent().unwrap();
        let again = Memory::new().with(directory.join("compose.yaml"), printed.clone());
        let request = LoadRequest {
            files: vec![directory.join("compose.yaml")],
            environment: project.environment.clone(),
            ..request(&[])
        };
        let loaded = load(&request, &again);
        let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
        let Some(second) = loaded.project else { panic!("{}\n{said}\n{printed}", path.display()) };
        assert_eq!(config::to_yaml(&second), printed, "{}", path.display());
        // Services whose profile is off are not printed.
        assert_eq!(comparable(&second), comparable(&project.used()), "{}", path.display());
        count += 1;
    }
    assert!(count > 250, "{count}");
}

/// A project without what depends on where its files are.
fn comparable(project: &Project) -> Project {
    let mut project = Project {
        files: Vec::new(),
        disabled: BTreeMap::new(),
        env_files: Vec::new(),
        ..project.clone()
    };
    for service in project.services.values_mut() {
        // A variable that names nothing but itself is printed with its value.
        service.label_files.clear();
    }
    project
}

#[test]
fn every_place_is_in_a_text_that_was_read() {
    for (path, loaded) in loadable() {
        check_places(&loaded, &loaded.document.root, &path);
        for it in loaded.diagnostics.iter().filter(|it| it.severity == Severity::Error) {
            for span in it.span.iter().chain(it.labels.iter().map(|label| &label.span)) {
                assert!(in_text(&loaded, *span), "{}: {}", path.display(), it.message);
            }
        }
    }
}

fn check_places(loaded: &Loaded, node: &compose::compose::Node, path: &Path) {
    use compose::compose::Value as Is;
    let span = node.span;
    assert!(span.is_none_or(|span| in_text(loaded, span)), "{}", path.display());
    match &node.value {
        Is::Sequence(items) => items.iter().for_each(|item| check_places(loaded, item, path)),
        Is::Mapping(mapping) => {
            for (name, entry) in mapping {
                check_places(loaded, &entry.node, path);
                let Some(key) = entry.key else { continue };
                let text = loaded.sources.slice(key);
                assert!(!text.is_empty(), "{}: {name}", path.display());
            }
        }
        _ => {}
    }
}

fn in_text(loaded: &Loaded, span: compose::diag::Span) -> bool {
    let text = &loaded.sources.get(span.source).text;
    text.get(span.start as usize..span.end as usize).is_some()
}

fn load_text(text: &str) -> Loaded {
    let files = Memory::new().with("/p/compose.yaml", text);
    load(&LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() }, &files)
}

#[test]
fn hostile_files_end_soon_in_a_clear_error() {
    let bomb = |width: usize, depth: usize| {
        let mut text = "x-a0: &a0 [x]\n".to_owned();
        for level in 1..depth {
            let list = vec![format!("*a{}", level - 1); width].join(", ");
            text += &format!("x-a{level}: &a{level} [{list}]\n");
        }
        text + "services: {web: {image: x}}\n"
    };
    let nested = "services:\n  web:\n    image: ".to_owned() + &"${A:-".repeat(50_000);
    let merges: String = (1..300)
        .map(|it| format!("x-m{it}: &m{it}\n  <<: [*m{0}, *m{0}]\n  k{it}: 1\n", it - 1))
        .collect();
    let texts = [
        bomb(10, 30),
        bomb(1000, 4),
        "[".repeat(100_000),
        "{a: ".repeat(100_000),
        "- ".repeat(100_000),
        "a: b\n".repeat(10_000_000),
        nested,
        "x-m0: &m0 {a: 1}\n".to_owned() + &merges + "services: {web: {image: x}}\n",
        "services:\n".to_owned() + &"  web: {image: x}\n".repeat(100_000),
        "services: {a: {extends: b, image: x}, b: {extends: a}}\n".to_owned(),
        "include: [compose.yaml]\n".to_owned(),
        "services: {web: {image: x, ports: [\"1-65535:1-65535\"]}}\n".to_owned(),
        "services: {web: {image: x, ports: [\"1-65535\", \"1-65535/udp\"]}}\n".to_owned(),
    ];
    for text in texts {
        let started = Instant::now();
        let loaded = load_text(&text);
        // Without optimisation ten times the second that a release needs at most.
        assert!(started.elapsed().as_secs() < 10, "{:?}: {:.60}", started.elapsed(), text);
        assert!(loaded.project.is_some() || loaded.diagnostics.has_errors(), "{text:.60}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_too_strange_to_be_read(text in "[\\PC\n\t:{}\\[\\]$&*!'\"#|>-]{0,200}") {
        let loaded = load_text(&text);
        let _ = render(&loaded.diagnostics, &loaded.sources, Style::default());
        prop_assert!(loaded.project.is_some() || loaded.diagnostics.has_errors());
    }

    #[test]
    fn no_value_is_too_strange_for_its_key(
        key in proptest::sample::select(vec!["image", "ports", "volumes", "command", "environment", "mem_limit", "stop_grace_period", "depends_on", "healthcheck", "env_file", "extra_hosts", "deploy", "networks", "build", "ulimits", "restart", "devices", "secrets"]),
        value in "[a-z0-9:./${}\\[\\], '\"=-]{0,40}",
    ) {
        let loaded = load_text(&format!("services:\n  web:\n    image: x\n    {key}: {value}\n"));
        let _ = render(&loaded.diagnostics, &loaded.sources, Style::default());
        prop_assert!(loaded.project.is_some() || loaded.diagnostics.has_errors());
    }

    #[test]
    fn no_variable_file_is_too_strange(text in "[A-Z=:'\"\\\\$#{} \n]{0,120}") {
        let files = Memory::new()
            .with("/p/compose.yaml", "services: {web: {image: x, env_file: a.env}}\n")
            .with("/p/a.env", text.clone())
            .with("/p/.env", text);
        let loaded = load(&LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() }, &files);
        let _ = render(&loaded.diagnostics, &loaded.sources, Style::default());
        prop_assert!(loaded.project.is_some() || loaded.diagnostics.has_errors());
    }
}

#[test]
fn loading_twice_says_and_gives_the_same() {
    for (path, first) in loadable().into_iter().take(200) {
        let second = load_files(&[path]);
        assert_eq!(first.project, second.project);
        assert_eq!(first.diagnostics, second.diagnostics);
    }
}
