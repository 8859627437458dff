//! The device's folder.

use driftline_storage::{Folder, FolderError};

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

#[cfg(unix)]
#[test]
fn the_folder_is_closed_to_others() {
    use std::os::unix::fs::PermissionsExt;

    let parent = tempfile::tempdir().unwrap();
    let folder = Folder::lock(&parent.path().join("device")).unwrap();
    let mode = std::fs::metadata(folder.path()).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o700);
}
