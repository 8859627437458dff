//! Checking every byte that a device has at rest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use driftline_core::id::SpaceId;
use driftline_storage::{
    Audit, EngineError, Fault, Finding, Folder, FolderError, KeyFile, SledEngine, Store,
    StoreError, Tally,
};
use thiserror::Error;

use crate::device::Device;
use crate::engine::{EngineGone, Request};

/// Why what is stored can't be checked. What is wrong with it is found instead.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The folder can't be used, because another process has it, say.
    #[error(transparent)]
    Folder {
        /// Why.
        #[from]
        source: FolderError,
    },
    /// Nothing is stored there.
    #[error("there is no store in {}", path.display())]
    NoStore {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The database can't be opened.
    #[error("the database in {} can't be opened", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// Why.
        source: EngineError,
    },
    /// The database can't be read.
    #[error("what is stored can't be read")]
    Store {
        /// Why.
        #[from]
        source: StoreError,
    },
    /// The device is closed, or the check itself failed.
    #[error(transparent)]
    Gone {
        /// The engine's end.
        #[from]
        source: EngineGone,
    },
}

/// A check of everything that a device has at rest: hashes, signatures, who was let in, every update, every folded
/// state, and every byte against its checksum.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("device");
/// use driftline::{Device, Verification};
///
/// let device = Device::open(&path).await?;
/// device.create_space("kitchen").await?;
/// device.close().await?;
///
/// let mut check = Verification::at_rest(&path).await?;
/// while let Some(findings) = check.next().await? {
///     assert!(findings.is_empty(), "{findings:?}");
/// }
/// assert_eq!(check.tally().spaces, 1);
/// # Ok(())
/// # }
/// ```
pub struct Verification {
    place: Where,
    /// Taken while a step is under way.
    audit: Option<Audit>,
    findings: Vec<Finding>,
}

enum Where {
    AtRest(Arc<AtRest>),
    Running(Device),
}

/// A folder that nobody else gets meanwhile.
struct AtRest {
    store: Store<SledEngine>,
    _folder: Folder,
}

impl Verification {
    /// Begins to check the folder of a device that no process has, and takes it until the check is dropped. Nothing
    /// is written to its store.
    ///
    /// # Errors
    /// If another process has the folder, or it holds no store that opens.
    pub async fn at_rest(path: impl AsRef<Path>) -> Result<Self, VerifyError> {
        let path = path.as_ref().to_owned();
        let home = path.clone();
        let opened = tokio::task::spawn_blocking(move || AtRest::open(&home));
        let at_rest = opened.await.map_err(|_| EngineGone)??;
        Ok(Self::new(Where::AtRest(Arc::new(at_rest)), &path))
    }

    /// Begins to check what a device has stored that is running, and goes on with its work meanwhile. It asks members for
    /// the entries that are found damaged, and puts them back when it gets them.
    pub fn running(device: &Device) -> Self {
        let home = device.folder().to_owned();
        Self::new(Where::Running(device.clone()), &home)
    }

    /// Checks one space alone.
    pub fn only(mut self, space: SpaceId) -> Self {
        if let Some(audit) = &mut self.audit {
            audit.only(space);
        }
        self
    }

    /// The spaces that are stored, with their names.
    ///
    /// # Errors
    /// If the database can't be read, or the device is closed.
    pub async fn spaces(&self) -> Result<Vec<(SpaceId, String)>, VerifyError> {
        Ok(self.place.look(Store::spaces).await??)
    }

    /// Goes on, and says what was found; nothing at the end. After an error it is at its end.
    ///
    /// # Errors
    /// If the database can't be read, or the device is closed.
    pub async fn next(&mut self) -> Result<Option<Vec<Finding>>, VerifyError> {
        let key = std::mem::take(&mut self.findings);
        let Some(mut audit) = self.audit.take_if(|audit| !audit.is_done()) else {
            return Ok(Some(key).filter(|findings| !findings.is_empty()));
        };
        let step = move |store: &Store<SledEngine>| {
            audit.step(store)?;
            Ok::<_, StoreError>(audit)
        };
        let mut audit = self.place.look(step).await??;
        let found: Vec<_> = key.into_iter().chain(audit.take_findings()).collect();
        found.iter().for_each(|finding| self.place.ask_for_lost(finding));
        self.audit = Some(audit);
        Ok(Some(found))
    }

    /// How many steps are done, and how many there are.
    pub fn progress(&self) -> (u64, u64) {
        self.audit.as_ref().map(Audit::progress).unwrap_or_default()
    }

    /// How much was looked at so far.
    pub fn tally(&self) -> Tally {
        self.audit.as_ref().map(Audit::tally).unwrap_or_default()
    }

    fn new(place: Where, home: &Path) -> Self {
        let (me, unusable) = match KeyFile::look(home) {
            Ok(Some(key)) => (Some(key.device), None),
            Ok(None) => (None, Some(Fault::NoKey { path: home.join("key") })),
            Err(source) => (None, Some(Fault::Key { source })),
        };
        let findings = unusable.into_iter().map(Finding::from).collect();
        Self { place, audit: Some(Audit::new(me)), findings }
    }
}

impl Where {
    async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Store<SledEngine>) -> T + Send + 'static,
    ) -> Result<T, EngineGone> {
        match self {
            Self::AtRest(at_rest) => {
                let at_rest = at_rest.clone();
                let looked = tokio::task::spawn_blocking(move || look(&at_rest.store));
                looked.await.map_err(|_| EngineGone)
            }
            Self::Running(device) => device.look(look).await,
        }
    }

    /// A device that runs asks members for what it has lost.
    fn ask_for_lost(&self, Finding { place, fault, .. }: &Finding) {
        if let (Self::Running(device), Fault::Row { .. }) = (self, fault)
            && let (Some(document), Some(chain), Some(first)) =
                (place.document, place.chain, place.entry)
        {
            device.request(Request::Lost { document, chain, first });
        }
    }
}

impl AtRest {
    fn open(path: &Path) -> Result<Self, VerifyError> {
        let database = path.join("store");
        // Opening would make it.
        if !database.join("db").exists() {
            return Err(VerifyError::NoStore { path: path.to_owned() });
        }
        let folder = Folder::lock(path)?;
        let engine = SledEngine::open(&database)
            .map_err(|source| VerifyError::Database { path: database, source })?;
        Ok(Self { store: Store::read_only(engine)?, _folder: folder })
    }
}
