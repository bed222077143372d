//! An image that is opened, and of which only some layers are fetched.

use std::sync::Arc;

use compose::image::{Opened, PullOptions, hash};

use crate::scenario::*;
use crate::server::{Reply, Server};

#[test]
fn only_the_layers_that_are_wanted_are_fetched_and_each_once() {
    let archives: Vec<Vec<u8>> = (0..3u8).map(|number| tar(&[("file", &[number; 1000])])).collect();
    let diff_ids: Vec<_> = archives.iter().map(|archive| hash::sha256(archive)).collect();
    let blobs: Vec<Vec<u8>> = archives.iter().map(|archive| gzip(archive)).collect();
    let listed: Vec<_> = blobs.iter().map(|blob| descriptor(LAYER_GZIP, blob)).collect();
    let config = config(&diff_ids);
    let image = Image { manifest: manifest(&config, &listed), layer: blobs[0].clone(), config };
    let all = blobs.clone();
    let server = Server::start(move |request| {
        match all.iter().find(|blob| request.path == blob_path(blob)) {
            Some(blob) => Reply::new(200, blob.clone()),
            None => image.answer(request),
        }
    });
    let fetched = || -> Vec<usize> {
        let asked = server.requests();
        let count = |blob: &Vec<u8>| asked.iter().filter(|it| it.path == blob_path(blob)).count();
        blobs.iter().map(count).collect()
    };

    let world = World::new();
    let options = PullOptions::new(Arc::new(world.settings.clone()));
    let name = format!("{}/app:1", server.address).parse().unwrap();
    run(async {
        let opened = Opened::open(&world.store, &name, &options).await.unwrap();
        assert_eq!(fetched(), [0, 0, 0]);
        opened.fetch(&world.store, &diff_ids[1..2]).await.unwrap();
        assert_eq!(fetched(), [0, 1, 0]);
        opened.fetch(&world.store, &diff_ids[..2]).await.unwrap();
        assert_eq!(fetched(), [1, 1, 0]);
    });
    let has = |index: usize| world.store.layer(&diff_ids[index]).unwrap().is_some();
    assert_eq!([has(0), has(1), has(2)], [true, true, false]);
    assert!(world.store.list().unwrap().is_empty());
}
