//! Tests of the fake engine: that it refuses what a machine would refuse.

use super::*;
use crate::resource::container::State;
use crate::resource::network::{Endpoint, NetworkMode};

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

fn spec(name: &str) -> ContainerSpec {
    let endpoint = Endpoint { network: "net".into(), ..Endpoint::default() };
    let network = NetworkMode::Networks(vec![endpoint]);
    ContainerSpec { name: name.into(), network, ..ContainerSpec::default() }
}

#[test]
fn what_is_in_use_cannot_be_removed() {
    block_on(async {
        let engine = Fake::default();
        let net = NetworkSpec { name: "net".into(), ..NetworkSpec::default() };
        engine.create_network(&net).await.unwrap();
        let id = engine.create_container(&spec("a")).await.unwrap();
        assert_eq!(engine.create_container(&spec("a")).await.unwrap_err().kind(), Kind::Conflict);
        engine.start_container(&id).await.unwrap();
        let remove = engine.remove_container(&id, &RemoveOptions::default()).await;
        assert_eq!(remove.unwrap_err().kind(), Kind::Conflict);
        let nets = ["net".to_owned()];
        assert_eq!(engine.remove_networks(&nets).await.unwrap_err().kind(), Kind::Conflict);
        engine.stop_container(&id, &StopOptions::default()).await.unwrap();
        engine.remove_container(&id, &RemoveOptions::default()).await.unwrap();
        engine.remove_networks(&nets).await.unwrap();
        assert_eq!(engine.snapshot(), Observed::default());
    });
}

#[test]
fn programs_are_played() {
    block_on(async {
        let engine = Fake::default();
        let mut job = ContainerSpec { name: "job".into(), ..ContainerSpec::default() };
        job.process.argv = vec!["false".into()];
        let id = engine.create_container(&job).await.unwrap();
        let status = engine.start_container(&id).await.unwrap();
        assert_eq!((status.state, status.exit_code), (State::Exited, Some(1)));
        assert_eq!(engine.calls(), ["create job", "start job"]);
    });
}
