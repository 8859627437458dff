//! The device's folder and its key.

use driftline_core::identity::DeviceKey;
use driftline_storage::{Folder, FolderError};

fn key() -> DeviceKey {
    DeviceKey::from_seed(&[7; 32])
}

#[test]
fn the_second_to_open_a_folder_is_told_who_has_it() {
    let parent = tempfile::tempdir().unwrap();
    let path = parent.path().join("a").join("b");
    let first = Folder::lock(&path).unwrap();
    let refused = Folder::lock(&path).unwrap_err();
    let own = std::process::id();
    assert!(matches!(refused, FolderError::InUse { process: Some(process), .. } if process == own));
    assert!(refused.to_string().ends_with(&format!("is in use by process {own}")), "{refused}");
    drop(first);
    Folder::lock(&path).unwrap();
}

#[test]
fn the_key_is_made_once() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&parent.path().join("device")).unwrap();
    let made = folder.key(key).unwrap();
    let read = folder.key(|| panic!("there is one already")).unwrap();
    assert_eq!(made.id(), read.id());
}

#[test]
fn a_key_file_that_holds_no_key_is_refused_and_left_alone() {
    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&parent.path().join("device")).unwrap();
    let path = folder.path().join("key");
    folder.key(key).unwrap();
    for damaged in ["", "07", &"g".repeat(64), &"07".repeat(33)] {
        std::fs::write(&path, damaged).unwrap();
        assert!(matches!(folder.key(key), Err(FolderError::BadKey { .. })), "{damaged}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), damaged);
    }
}

#[cfg(unix)]
#[test]
fn the_folder_and_the_key_are_closed_to_others() {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&parent.path().join("device")).unwrap();
    folder.key(key).unwrap();
    let path = folder.path().join("key");
    let mode = |path| metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(folder.path()), 0o700);
    assert_eq!(mode(&path), 0o600);

    set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
    let refused = folder.key(key).unwrap_err();
    assert!(matches!(refused, FolderError::KeyExposed { mode: 0o640, .. }), "{refused}");
}
