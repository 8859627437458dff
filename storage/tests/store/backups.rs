//! Backups of a store: consistent while it is written to, and found out when they are changed.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use driftline_core::id::DocumentId;
use driftline_storage::{BackupError, Folder, Life, SledEngine, Snapshot, Store, restore};

use crate::author::Author;
use crate::same_boot;

fn home(parent: &Path) -> Folder {
    let folder = Folder::lock(&parent.join("device")).unwrap();
    folder.key(None, &mut rand::rng()).unwrap();
    folder
}

fn open(folder: &Folder, life: Life) -> Store<SledEngine> {
    Store::open(SledEngine::open(&folder.database()).unwrap(), life).unwrap()
}

#[test]
fn a_backup_under_load_holds_each_log_up_to_its_end() {
    let parent = tempfile::tempdir().unwrap();
    let home = home(parent.path());
    let store = open(&home, same_boot());
    let mut authors: Vec<_> = (0..20).map(|n| Author::new(DocumentId([n; 32]), n)).collect();
    let over = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            let mut rounds = 0_u64;
            while !over.load(Ordering::Relaxed) {
                for author in &mut authors {
                    store.append(&author.write(&[vec![7; 3_000], vec![8; 50]])).unwrap();
                }
                rounds += 1;
            }
            rounds
        });
        for number in 0..5 {
            let name = parent.path().join(format!("backup-{number}"));
            store.back_up(home.path(), &name).unwrap();
        }
        over.store(true, Ordering::Relaxed);
        writing.join().unwrap()
    });
    assert!(written > 5, "it was written to meanwhile");
    for number in 0..5 {
        let folder = parent.path().join(format!("again-{number}"));
        restore(&parent.path().join(format!("backup-{number}")), &folder).unwrap();
        let again = open(&Folder::lock(&folder).unwrap(), Life { fresh: [2; 16], ..same_boot() });
        assert!(!again.ends_proven(), "others may know more of it");
        for author in &authors {
            let log = again.document(&author.head.document).unwrap();
            author.check(&log.segments, 0);
        }
    }
}

#[test]
fn no_changed_byte_of_a_backup_is_restored() {
    let parent = tempfile::tempdir().unwrap();
    let home = home(parent.path());
    let store = open(&home, same_boot());
    let mut author = Author::new(DocumentId([1; 32]), 1);
    store.append(&author.write(&[b"milk".to_vec()])).unwrap();
    let backup = parent.path().join("backup");
    store.back_up(home.path(), &backup).unwrap();
    let rows = backup.join("rows");
    let whole = fs::read(&rows).unwrap();
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&rows, changed).unwrap();
        let to = parent.path().join("again");
        let refused = restore(&backup, &to).unwrap_err();
        assert!(
            matches!(refused, BackupError::Bad { .. } | BackupError::Store { .. }),
            "{refused}"
        );
        assert!(!to.exists());
    }
}

#[test]
fn a_folded_state_that_is_ahead_of_the_log_stays_behind() {
    let parent = tempfile::tempdir().unwrap();
    let home = home(parent.path());
    let store = open(&home, same_boot());
    let mut author = Author::new(DocumentId([1; 32]), 1);
    let records = author.write(&[b"milk".to_vec()]);
    let document = author.head.document;
    let frontier = [(author.head.id(), author.tip.point())].into_iter().collect();
    let snapshot = Snapshot { frontier, state: b"folded".to_vec() };
    let folded = driftline_storage::Record::Snapshot { document, snapshot };
    let backed_up = |name: &str| {
        let (backup, again) = (parent.path().join(name), parent.path().join(name).join("again"));
        store.back_up(home.path(), &backup).unwrap();
        restore(&backup, &again).unwrap();
        open(&Folder::lock(&again).unwrap(), same_boot()).snapshot(&document).unwrap()
    };
    store.append([&folded]).unwrap();
    assert_eq!(backed_up("ahead"), None);
    store.append(&records).unwrap();
    assert!(backed_up("level").is_some());
}
