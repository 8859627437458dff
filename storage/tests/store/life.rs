//! When what the store promised still holds, and when it says that it may not.

use std::path::Path;

use driftline_core::clock::WallTime;
use driftline_core::document::Label;
use driftline_core::id::Hash;
use driftline_core::identity::DeviceKey;
use driftline_core::log::Frontier;
use driftline_core::roster::Genesis;
use driftline_core::space::{ChainState, Change, SpaceRecord};
use driftline_storage::{Batch, Engine, FORMAT, Life, SledEngine, Store, StoreError};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::author::Author;

fn open(folder: &Path, boot: Option<&str>, fresh: u8) -> Store<SledEngine> {
    let life = Life { boot: boot.map(str::to_owned), fresh: [fresh; 16] };
    Store::open(SledEngine::open(folder).unwrap(), life).unwrap()
}

/// What is known after the store was opened in one boot, closed or not, and opened again in another.
fn reopened(closed: bool, boots: [Option<&str>; 2]) -> (bool, [u8; 16]) {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), boots[0], 1);
    assert!(store.ends_proven() && store.incarnation() == [1; 16]);
    if closed {
        store.close().unwrap();
    }
    drop(store);
    let store = open(folder.path(), boots[1], 2);
    (store.ends_proven(), store.incarnation())
}

#[test]
fn the_incarnation_stays_unless_something_may_be_lost() {
    let kept = (true, [1; 16]);
    let new = (false, [2; 16]);
    assert_eq!(reopened(true, [Some("monday"), Some("monday")]), kept);
    assert_eq!(reopened(true, [Some("monday"), Some("tuesday")]), kept);
    assert_eq!(reopened(true, [None, None]), kept);
    assert_eq!(reopened(false, [Some("monday"), Some("monday")]), kept);
    assert_eq!(reopened(false, [Some("monday"), Some("tuesday")]), new);
    assert_eq!(reopened(false, [Some("monday"), None]), new);
    assert_eq!(reopened(false, [None, None]), new);
}

#[test]
fn the_mark_of_a_clean_end_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), Some("monday"), 1).close().unwrap();
    drop(open(folder.path(), Some("monday"), 2));
    assert!(!open(folder.path(), Some("tuesday"), 3).ends_proven());
}

/// Whether a store is proven in a folder to which another was brought, closed or not, in the same run of the machine.
fn proven_after(closed: bool, brings: impl Fn(&Path, &Path)) -> bool {
    let parent = tempfile::tempdir().unwrap();
    let [here, there] = ["here", "there"].map(|name| parent.path().join(name));
    let store = open(&here, Some("monday"), 1);
    if closed {
        store.close().unwrap();
    }
    drop(store);
    // Sled's own lock is freed a little later.
    drop(SledEngine::open(&here).unwrap());
    brings(&here, &there);
    let proven = open(&there, Some("monday"), 2).ends_proven();
    // Whichever it was, it is at home there now.
    assert!(open(&there, Some("monday"), 3).ends_proven());
    proven
}

/// A copy of a closed store, or one made in the same run of the machine, was taken for the store itself: it wrote on
/// where the original had gone on, and gave out numbers again that peers had followed.
#[cfg(unix)]
#[test]
fn a_copy_is_told_from_the_store_itself_and_a_renamed_store_is_the_same() {
    let copies = |from: &Path, to: &Path| {
        let done = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
        assert!(done.success());
    };
    let moves = |from: &Path, to: &Path| std::fs::rename(from, to).unwrap();
    let restores = |from: &Path, to: &Path| {
        let backup = to.with_file_name("backup");
        copies(from, &backup);
        // The number of the file that is gone may be given to the next one.
        std::fs::remove_dir_all(from).unwrap();
        copies(&backup, to);
    };
    for closed in [true, false] {
        assert!(!proven_after(closed, copies));
        assert!(!proven_after(closed, restores));
        assert!(proven_after(closed, moves));
    }
}

#[test]
fn an_own_chain_from_before_a_loss_stays_retired() {
    let folder = tempfile::tempdir().unwrap();
    let creator = DeviceKey::from_seed(&[5; 32]);
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let genesis = Genesis::new("kitchen", &creator, WallTime(5), &mut rng);
    let space = genesis.space();
    let label = Label::new("notes").unwrap();
    let mut old = Author::new(label.document(&space), 1);
    let again = DeviceKey::from_seed(&old.key.seed());
    let mut new = Author::open(old.head.document, again, Some(old.chain()));
    let mut foreign = Author::new(label.document(&space), 2);

    let store = open(folder.path(), Some("monday"), 1);
    let record = SpaceRecord { genesis, local: false };
    store.append(&[Change::Space(record).into()]).unwrap();
    store.append(&[Change::Document { space, label, mended: Frontier::default() }.into()]).unwrap();
    store.append(&old.write(&[b"before".to_vec()])).unwrap();
    store.append(&foreign.write(&[b"before".to_vec()])).unwrap();
    store.write().unwrap();
    drop(store);

    let store = open(folder.path(), Some("tuesday"), 2);
    store.append(&new.write(&[b"after".to_vec()])).unwrap();
    // Storing the old head again proves nothing.
    store.append(&[Change::Head(old.head.clone()).into()]).unwrap();
    store.close().unwrap();
    drop(store);

    // The loss is long known, and still the old chain must not be written on.
    let store = open(folder.path(), Some("wednesday"), 3);
    assert!(store.ends_proven());
    let spaces = store.load(&old.key.id()).unwrap();
    let state = |author: &Author| {
        let mut chains = spaces[0].documents[0].chains.iter();
        chains.find(|(head, _)| *head == author.head).unwrap().1.state
    };
    assert_eq!(state(&old), ChainState::Retired);
    assert_eq!(state(&new), ChainState::Open);
    assert_eq!(state(&foreign), ChainState::Open);
}

#[test]
fn a_closed_store_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), None, 1);
    store.close().unwrap();
    assert!(matches!(store.append(&[]), Err(StoreError::Closed)));
}

#[test]
fn a_store_from_the_future_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    open(folder.path(), None, 1).close().unwrap();
    let engine = SledEngine::open(folder.path()).unwrap();
    // The row as the table in the documentation has it: checksum, parts that follow, version.
    let version = (FORMAT + 1).to_be_bytes();
    let sum = Hash::of("driftline row 1", &[&5_u32.to_be_bytes(), &[0; 5], &[0; 4], &version]);
    let mut batch = Batch::default();
    batch.put(vec![0; 5], [&sum.0[..8], &[0; 4], &version].concat());
    engine.apply(batch).unwrap();
    let life = Life { boot: None, fresh: [2; 16] };
    let refused = Store::open(engine, life).unwrap_err();
    assert!(matches!(refused, StoreError::NewerFormat { found } if found == FORMAT + 1));
}
