//! The language as a whole: every key of the schema, and what holds for every file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::support::{fixtures, load_files, properties, request, schema, walk};
use compose::compose::model::{self, Project};
use compose::compose::support::{INERT, inert};
use compose::compose::{LoadRequest, Loaded, Memory, config, keys, load};
use compose::diag::{Severity, Style, render};
use proptest::prelude::*;
use serde::de::{self, DeserializeOwned, Visitor};

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
fn hostile_files_end_soon_in_a_clear_error_or_a_project() {
    let request = LoadRequest { working_dir: "/p".into(), ..LoadRequest::default() };
    for (name, files) in crate::hostile::inputs(8) {
        let started = Instant::now();
        let loaded = load(&request, &files);
        let said = render(&loaded.diagnostics, &loaded.sources, Style::default());
        // Without optimisation, and beside other tests, more than the second of a release.
        assert!(started.elapsed().as_secs() < 20, "{name}: {:?}", started.elapsed());
        assert!(loaded.project.is_some() || loaded.diagnostics.has_errors(), "{name}");
        assert!(said.len() < 4 << 20, "{name}: {} bytes of messages", said.len());
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
