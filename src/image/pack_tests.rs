//! Layers packed and unpacked again.

use std::os::unix::fs::{PermissionsExt, symlink};

use super::entry::decimal;
use super::*;
use crate::image::unpack::{Limits, unpack};

#[test]
fn what_was_unpacked_packs_to_the_same_archive() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("a");
    std::fs::create_dir_all(root.join("d/e")).unwrap();
    std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::write(root.join("d/file"), "content").unwrap();
    std::fs::hard_link(root.join("d/file"), root.join("second")).unwrap();
    std::fs::write(root.join(format!("d/{}", "long".repeat(40))), [0; 700]).unwrap();
    symlink("../x", root.join("d/link")).unwrap();
    let device = rustix::fs::makedev(0, 0);
    let kind = FileType::CharacterDevice;
    rustix::fs::mknodat(CWD, root.join("gone"), kind, Mode::empty(), device).unwrap();
    let opaque = rustix::fs::XattrFlags::empty();
    rustix::fs::setxattr(root.join("d/e"), "trusted.overlay.opaque", b"y", opaque).unwrap();

    let mut archive = Vec::new();
    let packed = pack(&root, &mut archive).unwrap();
    assert_eq!(packed.archive_size, archive.len() as u64);
    assert_eq!(packed.size, 707);

    let again = dir.path().join("b");
    std::fs::create_dir(&again).unwrap();
    std::fs::set_permissions(&again, std::fs::Permissions::from_mode(0o755)).unwrap();
    let unpacked = unpack(&mut &archive[..], &again, &Limits::default(), |_| Ok(())).unwrap();
    assert_eq!(unpacked.diff_id, packed.diff_id);
    assert_eq!(digest(&again).unwrap(), packed);
}

#[test]
fn times_before_1970_have_their_fraction() {
    assert_eq!(decimal(-2, 500_000_000), "-1.5");
    assert_eq!(decimal(3, 40), "3.00000004");
    assert_eq!(decimal(-3, 0), "-3");
}
