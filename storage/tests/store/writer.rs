//! The writer's numbers and its order.

use std::sync::{Arc, mpsc};

use driftline_core::id::DocumentId;
use driftline_storage::{Progress, Record, StoreError, Writer};

use crate::author::Author;
use crate::open;

#[test]
fn numbers_grow_and_are_written_before_they_are_saved() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let (sender, progress) = mpsc::channel();
    let writer = Writer::start(store, move |news| sender.send(news).unwrap()).unwrap();
    let mut author = Author::new(DocumentId([1; 32]), 1);
    for number in 1..=500_u64 {
        let records = author.write(&[number.to_be_bytes().to_vec()]);
        assert_eq!(writer.append(records).unwrap().0, number);
    }
    // Nothing to write is also a write, and is acknowledged in its turn.
    assert_eq!(writer.append(Vec::new()).unwrap().0, 501);
    writer.close().unwrap();

    let (mut written, mut saved) = (0, 0);
    for news in progress {
        match news {
            Progress::Written(number) => {
                assert!(number.0 > written);
                written = number.0;
            }
            Progress::Saved(number) => {
                assert!(number.0 > saved && number.0 <= written);
                saved = number.0;
            }
            Progress::Failed(error) => panic!("{error}"),
        }
    }
    assert_eq!((written, saved), (501, 501));
}

#[test]
fn a_job_sees_what_was_appended_before_it_and_nothing_after() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(open(folder.path()));
    let writer = Writer::start(store, |_| {}).unwrap();
    let (sender, seen) = mpsc::channel();
    for round in 0..50_u8 {
        let name = "round".to_owned();
        writer.append(vec![Record::Setting { name, value: vec![round] }]).unwrap();
        let sender = sender.clone();
        let job = move |store: &_| sender.send(read(store)).unwrap();
        writer.after(Box::new(job)).unwrap();
    }
    writer.close().unwrap();
    drop(sender);
    let expected: Vec<_> = (0..50).map(|round| Some(vec![round])).collect();
    assert_eq!(seen.iter().collect::<Vec<_>>(), expected);
}

#[test]
fn after_a_panic_in_a_job_nobody_waits_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let writer = Writer::start(Arc::new(open(folder.path())), |_| {}).unwrap();
    writer.after(Box::new(|_| panic!("a job's own mistake"))).unwrap();
    let refused = std::iter::repeat_with(|| writer.append(Vec::new())).find_map(Result::err);
    assert!(matches!(refused, Some(StoreError::Closed)));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| writer.close()));
    assert!(panicked.is_err(), "the panic reaches whoever closes");
}

fn read(store: &driftline_storage::Store<driftline_storage::SledEngine>) -> Option<Vec<u8>> {
    store.setting("round").unwrap()
}
