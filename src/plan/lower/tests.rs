//! Tests of lowering: what a service says, what its image says, and what Docker's defaults are.

use std::time::Duration;

use snapbox::{assert_data_eq, str};

use super::*;
use crate::base::Bytes;
use crate::compose::model::{
    Config, Deploy, DeployLimits, DeployRestart, FileMount, Healthcheck, HostEntry, Ipam, IpamPool,
    MountKind, Network, Secret, ServiceNetwork, ServiceVolume, TmpfsOptions,
};
use crate::plan::testing::{image, project};
use crate::resource::image::ImageHealth;
use crate::resource::mount::{Mount, MountSource};

/// An image with everything set.
fn rich_image() -> Image {
    let mut image = image("app:1");
    image.config = ImageConfig {
        user: "app".into(),
        env: vec!["LANG=C".into(), "MODE=image".into(), "GONE=1".into()],
        entrypoint: vec!["/entry".into()],
        cmd: vec!["serve".into()],
        working_dir: "/srv".into(),
        labels: BTreeMap::from([("from".into(), "image".into()), ("both".into(), "image".into())]),
        exposed_ports: vec![
            "80".parse().map(|ports| ExposedPort { ports, protocol: Default::default() }).unwrap(),
        ],
        volumes: vec!["/data/".into(), "/cache".into()],
        stop_signal: Some("3".into()),
        health: Some(ImageHealth {
            test: vec!["CMD-SHELL".into(), "check".into()],
            interval: 5_000_000_000,
            retries: 7,
            ..ImageHealth::default()
        }),
        shell: Vec::new(),
        ..ImageConfig::default()
    };
    image
}

/// The container of a service `app` on that image.
fn lowered(change: impl FnOnce(&mut Project, &mut Service)) -> Result<ContainerSpec> {
    let mut project = project(&["app app:1"]);
    let mut service = project.services["app"].clone();
    change(&mut project, &mut service);
    project.services.insert("app".into(), service);
    let images = BTreeMap::from([("app:1".to_owned(), rich_image())]);
    let mut desired = lower(&project, &images, &LowerOptions::default())?;
    Ok(desired.services.remove("app").unwrap().spec)
}

fn plain() -> ContainerSpec {
    lowered(|_, _| {}).unwrap()
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_a_service_does_not_say_comes_from_its_image() {
    let spec = plain();
    assert_eq!(spec.process.argv, ["/entry", "serve"]);
    assert_eq!((spec.process.user.as_str(), spec.process.cwd.as_str()), ("app", "/srv"));
    assert_data_eq!(
        spec.process.env.join("\n"),
        str![[r#"
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
LANG=C
MODE=image
GONE=1
"#]]
    );
    assert_eq!(spec.stop.signal, "SIGQUIT");
    assert_eq!(spec.stop.grace, Some(Duration::from_secs(10)));
    assert_eq!(spec.restart, RestartPolicy::No);
    assert_eq!(spec.image_id, Some(image("app:1").id));
}

#[test]
fn the_command_line_is_merged_as_docker_does() {
    let argv = |entrypoint: Option<&str>, command: Option<&str>| {
        lowered(|_, service| {
            service.entrypoint = entrypoint.map(words);
            service.command = command.map(words);
        })
        .map(|spec| spec.process.argv.join(" "))
        .unwrap_or_else(|error| error.to_string())
    };
    assert_eq!(argv(None, Some("sleep 1")), "/entry sleep 1");
    assert_eq!(argv(Some("tini --"), None), "tini --");
    assert_eq!(argv(Some("tini --"), Some("sleep 1")), "tini -- sleep 1");
    assert_eq!(argv(None, Some("")), "/entry");
    assert_eq!(argv(Some(""), Some("sleep 1")), "sleep 1");
    assert_eq!(argv(Some(""), Some("")), "service app: no command specified");
}

#[test]
fn a_variable_takes_the_place_of_the_images_and_one_without_value_takes_it_away() {
    let spec = lowered(|_, service| {
        service.tty = true;
        service.environment = BTreeMap::from([
            ("MODE".into(), Some("own".into())),
            ("GONE".into(), None),
            ("NEW".into(), Some(String::new())),
        ]);
    })
    .unwrap();
    assert_eq!(spec.process.env[1..], ["TERM=xterm", "LANG=C", "MODE=own", "NEW="]);
}

#[test]
fn labels_of_compose_win_over_the_users_and_those_over_the_images() {
    let spec = lowered(|project, service| {
        service.labels = BTreeMap::from([
            ("both".into(), "user".into()),
            ("com.docker.compose.project".into(), "fake".into()),
        ]);
        let needed = crate::compose::model::Dependency { required: true, ..Default::default() };
        service.depends_on.insert("db".into(), needed);
        project.files = vec!["/p/compose.yaml".into(), "/p/other.yaml".into()];
    })
    .unwrap();
    let mut labels = spec.labels.clone();
    // The hash and the digest are long, and say nothing here.
    labels.remove(crate::resource::labels::CONFIG_HASH).unwrap();
    labels.remove(crate::resource::labels::IMAGE).unwrap();
    labels.remove(crate::resource::labels::VERSION).unwrap();
    let lines: Vec<String> = labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    assert_data_eq!(
        lines.join("\n"),
        str![[r#"
both=user
com.docker.compose.container-number=1
com.docker.compose.depends_on=db:service_started:false
com.docker.compose.oneoff=False
com.docker.compose.project=p
com.docker.compose.project.config_files=/p/compose.yaml,/p/other.yaml
com.docker.compose.project.working_dir=/p
com.docker.compose.service=app
from=image
"#]]
    );
}

/// Mounts, one line each.
fn list(mounts: &[Mount]) -> String {
    let line = |mount: &Mount| {
        let access = if mount.read_only { " read-only" } else { "" };
        let source = match &mount.source {
            MountSource::Bind { path, create, .. } => {
                format!("bind {} create={create}", path.display())
            }
            MountSource::Volume { name, anonymous: false, .. } => format!("volume {name}"),
            MountSource::Volume { name, .. } => format!("anonymous {name:?}"),
            MountSource::Tmpfs { size, mode, options } => {
                let size = size.map(|size| size.0);
                format!("tmpfs {size:?} {:?} {options:?}", mode.map(|mode| format!("{mode:o}")))
            }
            MountSource::Content { data, uid, gid, mode } => {
                format!("content {:?} {uid}:{gid} {mode:o}", String::from_utf8_lossy(data))
            }
            MountSource::Copy { origin, uid, gid, mode } => {
                format!("copy of {origin:?} {uid}:{gid} {mode:o}")
            }
            MountSource::Image { image, subpath, .. } => format!("image {image} {subpath:?}"),
        };
        format!("{}: {source}{access}\n", mount.target)
    };
    mounts.iter().map(line).collect()
}

#[test]
fn mounts_are_ordered_by_depth_and_cover_the_images_volumes() {
    let mount = |kind, source: Option<&str>, target: &str| ServiceVolume {
        kind,
        source: source.map(str::to_owned),
        target: target.to_owned(),
        ..ServiceVolume::default()
    };
    let spec = lowered(|project, service| {
        let named = crate::compose::model::Volume { name: "p_db".into(), ..Default::default() };
        project.volumes.insert("db".into(), named);
        let tmpfs = TmpfsOptions { size: Some(Bytes(64)), mode: Some(0o700), ..Default::default() };
        let memory = ServiceVolume { tmpfs: Some(tmpfs), ..mount(MountKind::Tmpfs, None, "/mem") };
        service.volumes = vec![
            mount(MountKind::Bind, Some("/p/src"), "/srv/app/src"),
            mount(MountKind::Volume, Some("db"), "/data"),
            ServiceVolume { read_only: true, ..mount(MountKind::Volume, None, "/srv/../lib/") },
            memory,
        ];
        service.tmpfs = vec!["/run:ro,size=1m,mode=1770,exec".into()];
    })
    .unwrap();
    assert_data_eq!(
        list(&spec.mounts),
        str![[r#"
/cache: anonymous ""
/data: volume p_db
/lib: anonymous "" read-only
/mem: tmpfs Some(64) Some("700") []
/run: tmpfs Some(1048576) Some("1770") ["exec"] read-only
/srv/app/src: bind /p/src create=true

"#]]
    );
}

#[test]
fn secrets_and_configs_are_files() {
    let file = |source: &str, target: Option<&str>| FileMount {
        source: source.to_owned(),
        target: target.map(str::to_owned),
        ..FileMount::default()
    };
    let with = |password: Option<&str>| {
        let password = password.map(str::to_owned);
        lowered(move |project, service| {
            let secret = |file: Option<&str>, variable: Option<&str>| Secret {
                file: file.map(str::to_owned),
                environment: variable.map(str::to_owned),
                ..Secret::default()
            };
            project.secrets.insert("key".into(), secret(Some("/p/key"), None));
            project.secrets.insert("pass".into(), secret(None, Some("PASS")));
            let config = Config { content: Some("a=1".into()), ..Config::default() };
            project.configs.insert("conf".into(), config);
            project.environment.extend(password.map(|value| ("PASS".to_owned(), value)));
            let owned =
                FileMount { uid: Some("7".into()), mode: Some(0o440), ..file("pass", Some("db")) };
            service.secrets = vec![file("key", None), owned];
            service.configs = vec![file("conf", None)];
        })
    };
    assert_data_eq!(
        list(&with(Some("secret")).unwrap().mounts),
        str![[r#"
/cache: anonymous ""
/conf: content "a=1" 0:0 444 read-only
/data: anonymous ""
/run/secrets/db: content "secret" 7:0 440 read-only
/run/secrets/key: copy of File("/p/key") 0:0 444 read-only

"#]]
    );
    assert_eq!(
        with(None).unwrap_err().to_string(),
        "service app: environment variable \"PASS\" required by secret \"pass\" is not set"
    );
}

#[test]
fn a_health_check_is_merged_field_by_field() {
    let check =
        |own: Option<Healthcheck>| lowered(|_, service| service.healthcheck = own).unwrap().health;
    let base = check(None).unwrap();
    assert_eq!(base.argv, ["/bin/sh", "-c", "check"]);
    assert_eq!((base.interval, base.timeout), (Duration::from_secs(5), Duration::from_secs(30)));
    assert_eq!(base.retries, 7);

    let own = Healthcheck {
        test: words("CMD probe"),
        timeout: Some(Duration::from_secs(1)),
        ..Healthcheck::default()
    };
    let merged = check(Some(own)).unwrap();
    assert_eq!(merged.argv, ["probe"]);
    assert_eq!((merged.interval, merged.timeout), (Duration::from_secs(5), Duration::from_secs(1)));

    assert_eq!(check(Some(Healthcheck { disable: true, ..Healthcheck::default() })), None);
    assert_eq!(check(Some(Healthcheck { test: words("NONE"), ..Healthcheck::default() })), None);
}

#[test]
fn networks_are_attached_by_priority_and_known_by_service_and_aliases() {
    let mut project = project(&["app app:1 net:back net:front"]);
    let service = project.services.get_mut("app").unwrap();
    service.mac_address = Some("02:00:00:00:00:01".into());
    let front = ServiceNetwork {
        priority: 10,
        aliases: vec!["www".into(), "app".into()],
        ipv4_address: "172.28.0.5".parse().ok(),
        ..ServiceNetwork::default()
    };
    service.networks.insert("front".into(), front);
    let pool = IpamPool { subnet: Some("172.28.0.0/16".into()), ..IpamPool::default() };
    let ipam = Ipam { config: vec![pool], ..Ipam::default() };
    let front = Network { name: "p_front".into(), internal: true, ipam, ..Network::default() };
    project.networks.insert("front".into(), front);
    project
        .networks
        .insert("unused".into(), Network { name: "p_unused".into(), ..Network::default() });
    let images = BTreeMap::from([("app:1".to_owned(), rich_image())]);
    let desired = lower(&project, &images, &LowerOptions::default()).unwrap();

    assert_eq!(desired.networks.keys().collect::<Vec<_>>(), ["p_back", "p_front"]);
    let options = LowerOptions { all_resources: true, ..LowerOptions::default() };
    let all = lower(&project, &images, &options).unwrap();
    assert_eq!(all.networks.keys().collect::<Vec<_>>(), ["p_back", "p_front", "p_unused"]);
    let front = &desired.networks["p_front"].spec;
    assert_eq!(
        (front.subnets[0].subnet.as_str(), front.internal, front.ipv4),
        ("172.28.0.0/16", true, true)
    );
    let crate::resource::network::NetworkMode::Networks(endpoints) =
        &desired.services["app"].spec.network
    else {
        panic!("networks");
    };
    let lines: Vec<String> = endpoints
        .iter()
        .map(|it| format!("{} {} {:?} {:?}", it.network, it.aliases.join(","), it.ipv4, it.mac))
        .collect();
    assert_eq!(
        lines,
        ["p_front app,www Some(172.28.0.5) Some(\"02:00:00:00:00:01\")", "p_back app None None"]
    );
}

#[test]
fn other_network_modes_need_no_network_of_the_project() {
    use crate::compose::model::NetworkMode as Written;
    let mode = |written: Written| {
        let spec = lowered(|_, service| service.network_mode = Some(written)).unwrap();
        format!("{:?}", spec.network)
    };
    assert_eq!(mode(Written::Host), "Host");
    assert_eq!(mode(Written::None), "None");
    assert_eq!(mode(Written::Service("vpn".into())), "Container(\"p-vpn-1\")");
    assert!(mode(Written::Named("bridge".into())).contains("network: \"bridge\""));
}

#[test]
fn deploy_wins_over_the_older_keys() {
    let spec = lowered(|_, service| {
        service.mem_limit = Some(Bytes(1));
        service.pids_limit = Some(-1);
        service.cap_add = vec!["cap_net_admin".into()];
        service.extra_hosts = vec![HostEntry { name: "db".into(), address: "10.0.0.1".into() }];
        let limits = DeployLimits { cpus: Some(1.5), memory: Some(Bytes(2)), ..Default::default() };
        let condition = Some("on-failure".to_owned());
        let policy = DeployRestart { condition, max_attempts: Some(3), ..Default::default() };
        let mut deploy = Deploy { restart_policy: Some(policy), ..Deploy::default() };
        deploy.resources.limits = Some(limits);
        service.deploy = Some(deploy);
    })
    .unwrap();
    assert_eq!(
        (spec.limits.memory, spec.limits.cpus, spec.limits.pids),
        (Some(Bytes(2)), Some(1.5), Some(-1))
    );
    assert_eq!(spec.restart, RestartPolicy::OnFailure { max_retries: 3 });
    assert_eq!(spec.security.cap_add, ["NET_ADMIN"]);
    assert_eq!(spec.extra_hosts, [("db".to_owned(), "10.0.0.1".to_owned())]);
}

#[test]
fn replicas_have_numbers_unless_the_name_is_fixed() {
    let project = project(&["web nginx:1 x2", "one nginx:1 name:solo"]);
    let images = crate::plan::testing::images(&project);
    let desired = lower(&project, &images, &LowerOptions::default()).unwrap();
    assert_eq!(desired.services["web"].replica(2).name, "p-web-2");
    assert_eq!(desired.services["one"].replica(2).name, "solo");
    let scale = BTreeMap::from([("web".to_owned(), 5)]);
    let options = LowerOptions { scale, ..LowerOptions::default() };
    assert_eq!(lower(&project, &images, &options).unwrap().services["web"].replicas, 5);
}

#[test]
fn an_image_that_is_missing_is_named() {
    let project = project(&["web nginx:1"]);
    let error = lower(&project, &BTreeMap::new(), &LowerOptions::default()).unwrap_err();
    assert_eq!(error.to_string(), "service web: image nginx:1 is not there");
}

#[test]
fn links_and_volumes_from_name_containers() {
    let spec = lowered(|project, service| {
        let db = Service { name: "db".into(), scale: Some(2), ..service.clone() };
        project.services.insert("db".into(), db);
        service.links = vec!["db:database".into()];
        service.external_links = vec!["far".into(), "other:near".into()];
        service.volumes_from = vec!["db:ro".into(), "container:box".into()];
    })
    .unwrap();
    let links: Vec<String> =
        spec.links.iter().map(|link| format!("{}={}", link.alias, link.target)).collect();
    assert_eq!(links, ["db-1=p-db-1", "db-2=p-db-2", "database=db", "near=other"]);
    let sources: Vec<(&str, bool)> =
        spec.volumes_from.iter().map(|it| (it.container.as_str(), it.read_only)).collect();
    assert_eq!(sources, [("p-db-1", true), ("box", false)]);
}

#[test]
fn a_user_namespace_that_cannot_be_had_is_refused() {
    let error = |mode: &str| {
        let mode = mode.parse().ok();
        lowered(|_, service| service.userns_mode = mode).err().map(|error| error.to_string())
    };
    assert_eq!(error("host"), None);
    assert_eq!(error("auto").unwrap(), "service app: userns_mode `auto` is not supported");
}
