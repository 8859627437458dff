//! A disk that fails: nothing acknowledged is lost, and nothing more is promised.

use std::ops::Range;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, mpsc};
use std::{io, path::Path};

use driftline_core::id::DocumentId;
use driftline_storage::{
    Batch, Engine, EngineError, Pairs, Progress, SledEngine, Store, StoreError, WriteNumber, Writer,
};
use quickcheck::quickcheck;

use crate::author::Author;
use crate::{open, same_boot};

/// A real database on a disk that is full after so many steps.
struct Filling {
    engine: SledEngine,
    steps: AtomicI64,
}

impl Filling {
    fn open(folder: &Path, steps: i64) -> Self {
        Self { engine: SledEngine::open(folder).unwrap(), steps: AtomicI64::new(steps) }
    }

    fn step(&self) -> Result<(), EngineError> {
        match self.steps.fetch_sub(1, Ordering::SeqCst) {
            1.. => Ok(()),
            _ => {
                let source = io::ErrorKind::StorageFull.into();
                Err(EngineError::Io { action: "write", source })
            }
        }
    }
}

impl Engine for Filling {
    fn apply(&self, batch: Batch) -> Result<(), EngineError> {
        self.step()?;
        self.engine.apply(batch)
    }

    fn write(&self) -> Result<(), EngineError> {
        self.step()?;
        self.engine.write()
    }

    fn save(&self) -> Result<(), EngineError> {
        self.step()?;
        self.engine.save()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn scan(&self, range: Range<&[u8]>) -> Pairs<'_> {
        self.engine.scan(range)
    }
}

quickcheck! {
    fn what_was_acknowledged_before_the_disk_was_full_is_kept(steps: u8) -> bool {
        let folder = tempfile::tempdir().unwrap();
        // Opening takes three steps; each append at least two more.
        let engine = Filling::open(folder.path(), 3 + i64::from(steps % 60));
        let store = Arc::new(Store::open(engine, same_boot()).unwrap());
        let mut author = Author::new(DocumentId([1; 32]), 1);
        let acknowledged = write_until_full(&store, &mut author);

        assert!(matches!(store.append(&[]), Err(StoreError::Broken { .. })));
        assert!(matches!(store.write(), Err(StoreError::Broken { .. })));
        assert!(matches!(store.close(), Err(StoreError::Broken { .. })));
        let still_read = store.document(&author.head.document).unwrap().segments;
        assert!(author.check(&still_read, 0).len() as u64 >= acknowledged.0);
        drop(store);

        let kept = open(folder.path()).document(&author.head.document).unwrap().segments;
        author.check(&kept, 0).len() as u64 >= acknowledged.0
    }
}

/// Appends until it is refused; returns the last number that was acknowledged.
fn write_until_full(store: &Arc<Store<Filling>>, author: &mut Author) -> WriteNumber {
    let (sender, progress) = mpsc::channel();
    let report = move |news| sender.send(news).unwrap();
    let writer = Writer::start(Arc::clone(store), report).unwrap();
    for text in 0_u64.. {
        match writer.append(author.write(&[text.to_be_bytes().to_vec()])) {
            Ok(number) => assert_eq!(number.0, text + 1),
            Err(StoreError::Broken { .. }) => break,
            Err(other) => panic!("{other}"),
        }
    }
    let (done, jobs) = mpsc::channel();
    writer.after(Box::new(move |_| done.send(()).unwrap())).unwrap();
    jobs.recv().expect("jobs run on a broken store");
    assert!(matches!(writer.close(), Err(StoreError::Broken { .. })));

    let mut written = WriteNumber(0);
    let mut failures = 0;
    for news in progress {
        match news {
            Progress::Written(number) => written = number,
            Progress::Saved(number) => assert!(number <= written),
            Progress::Failed(error) => {
                failures += 1;
                assert!(matches!(*error, StoreError::Engine { .. }), "{error}");
            }
        }
    }
    assert_eq!(failures, 1, "failure is reported once");
    written
}
