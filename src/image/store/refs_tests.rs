//! Tests of names and of the rules for removing images.

use super::*;

fn id(letter: char) -> Digest {
    format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
}

/// Images `a`, `b`, … with the names after each letter.
fn refs(images: &[(char, &[&str])]) -> Refs {
    let mut refs = Refs::default();
    for (letter, names) in images {
        let entry = Entry { manifest: None, size: 1, tagged_at: None };
        refs.images.insert(id(*letter), entry);
        for name in *names {
            refs.point(&name.parse().unwrap(), &id(*letter), Timestamp::UNIX_EPOCH);
        }
    }
    refs
}

fn used(letter: char, running: bool) -> Usage {
    let user = User { container: "0123456789ab".to_owned(), running };
    Usage { images: [(id(letter), vec![user])].into(), ..Usage::default() }
}

/// `untagged… | deleted…` or the error.
fn removed(refs: &Refs, text: &str, force: bool, usage: &Usage) -> String {
    match removal(refs, text, force, usage) {
        Ok(plan) => {
            let untag: Vec<_> = plan.untag.iter().map(|name| familiar(name)).collect();
            let delete: Vec<_> = plan.delete.iter().map(|id| &id.hex()[..1]).collect();
            format!("{} | {}", untag.join(" "), delete.join(" "))
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_image_is_found_by_name_id_and_unique_prefix() {
    let digest = format!("app@sha256:{}", "d".repeat(64));
    let mut refs = refs(&[('a', &["nginx", &digest]), ('b', &["cafe"])]);
    refs.images.insert(
        format!("sha256:{}b", "a".repeat(63)).parse().unwrap(),
        Entry { manifest: None, size: 0, tagged_at: None },
    );
    let found = |text: &str| refs.find(text).unwrap().map(|id| id.hex()[..1].to_owned());

    let full_id = id('a').to_string();
    for text in ["nginx", "docker.io/library/nginx:latest", &digest, &full_id, id('a').hex()] {
        assert_eq!(found(text).as_deref(), Some("a"), "{text}");
    }
    for text in ["cafe", "bb", "sha256:bb"] {
        assert_eq!(found(text).as_deref(), Some("b"), "{text}");
    }
    for text in ["nginx:2", "cc", "", "NGINX", "nginx@sha256:x"] {
        assert_eq!(found(text), None, "{text}");
    }
    assert_eq!(refs.find("aaa").unwrap_err().kind(), Kind::Conflict);
}

#[test]
fn only_the_last_name_takes_the_image_along() {
    let digest = format!("app@sha256:{}", "d".repeat(64));
    let none = Usage::default();
    let two = refs(&[('a', &["app:1", "app:2", &digest])]);
    assert_eq!(removed(&two, "app:1", false, &none), "app:1 | ");
    let one = refs(&[('a', &["app:1", &digest])]);
    assert_eq!(removed(&one, "app:1", false, &none), format!("app:1 {digest} | a"));
    let elsewhere = refs(&[('a', &["app:1", "u/app:1", &digest])]);
    assert_eq!(removed(&elsewhere, "app:1", false, &none), format!("app:1 {digest} | "));
    assert_eq!(removed(&one, "other", false, &none), "No such image: other:latest");
}

#[test]
fn an_id_takes_the_names_of_one_repository_along() {
    let none = Usage::default();
    let digest = format!("app@sha256:{}", "d".repeat(64));
    let one = refs(&[('a', &["app:1", &digest])]);
    assert_eq!(removed(&one, "aaaa", false, &none), format!("app:1 {digest} | a"));
    let two = refs(&[('a', &["app:1", "u/app:1"])]);
    assert_eq!(
        removed(&two, "aaaa", false, &none),
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is referenced in multiple repositories"
    );
    assert_eq!(removed(&two, "aaaa", true, &none), "app:1 u/app:1 | a");
}

#[test]
fn containers_protect_their_image() {
    let one = refs(&[('a', &["app:1"])]);
    assert_eq!(
        removed(&one, "app:1", false, &used('a', false)),
        "conflict: unable to remove repository reference \"app:1\" (must force) - container 0123456789ab is using its referenced image aaaaaaaaaaaa"
    );
    assert_eq!(removed(&one, "app:1", true, &used('a', false)), "app:1 | a");
    assert_eq!(removed(&one, "app:1", true, &used('a', true)), "app:1 | ");
    assert_eq!(
        removed(&one, "aaa", true, &used('a', true)),
        "conflict: unable to delete aaaaaaaaaaaa (cannot be forced) - image is being used by running container 0123456789ab"
    );
    assert_eq!(
        removed(&one, "aaa", false, &used('a', false)),
        "conflict: unable to delete aaaaaaaaaaaa (must be forced) - image is being used by stopped container 0123456789ab"
    );
    let two = refs(&[('a', &["app:1", "app:2"])]);
    assert_eq!(removed(&two, "app:1", false, &used('a', true)), "app:1 | ");
}

#[test]
fn a_moved_tag_leaves_its_old_image_to_prune() {
    let digest = format!("app@sha256:{}", "d".repeat(64));
    let refs = refs(&[('a', &["app:1", &digest]), ('b', &["app:1"])]);
    assert_eq!(refs.names_of(&id('a')), (vec![], vec![digest]));
    let plan = unused(&refs, false, &Usage::default(), |_| false);
    assert_eq!(plan.delete, [id('a')]);
    assert_eq!(unused(&refs, true, &used('a', false), |_| false).delete, [id('b')]);
    assert_eq!(unused(&refs, true, &Usage::default(), |_| true), Removal::default());
}
