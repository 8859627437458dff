//! The documents that sockets have open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use thiserror::Error;
use tokio::sync::OnceCell;

use super::GatewayLimits;
use super::caller::{Caller, GuestKey};
use super::places::{Place, Places};
use super::room::Room;
use crate::{DocumentError, SpaceId};

type Key = (SpaceId, String);

/// One room for each document, for as long as somebody is in it.
pub(super) struct Rooms {
    limits: GatewayLimits,
    cells: Mutex<HashMap<Key, Weak<Cell>>>,
    open: Arc<Places<()>>,
    visits: Arc<Places<GuestKey>>,
}

/// A room, once it is open.
type Cell = OnceCell<(Arc<Room>, Place<()>)>;

/// Keeps a room open.
pub(super) struct Inside {
    pub(super) room: Arc<Room>,
    _cell: Arc<Cell>,
    _visit: Place<GuestKey>,
}

/// Whether a guest can be in a document before anybody has written in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fresh {
    Welcome,
    PassedOver,
}

/// Why a guest can't be in a document.
#[derive(Debug, Error)]
pub(super) enum RoomError {
    #[error(transparent)]
    Document {
        #[from]
        source: DocumentError,
    },
    #[error("nobody has written in the document")]
    Nothing,
    #[error("guests have as many documents open as they may")]
    Busy,
    #[error("there are as many documents as guests may begin")]
    Full,
}

impl Rooms {
    pub(super) fn new(limits: GatewayLimits) -> Self {
        let open = Places::new(limits.open_documents, limits.open_documents);
        let visits = Places::new(usize::MAX, limits.open_documents_per_guest);
        Self { limits, cells: Mutex::default(), open, visits }
    }

    /// The room of a document; whoever comes while it is being opened waits for that.
    pub(super) async fn enter(
        &self,
        caller: &Caller,
        name: &str,
        fresh: Fresh,
    ) -> Result<Inside, RoomError> {
        let visit = self.visits.take(&caller.key()).ok_or(RoomError::Busy)?;
        let cell = self.cell((caller.space.id(), name.to_owned()));
        let (room, _) = cell.get_or_try_init(|| self.open_room(caller, name, fresh)).await?;
        Ok(Inside { room: room.clone(), _cell: cell, _visit: visit })
    }

    async fn open_room(
        &self,
        caller: &Caller,
        name: &str,
        fresh: Fresh,
    ) -> Result<(Arc<Room>, Place<()>), RoomError> {
        let place = self.open.take(&()).ok_or(RoomError::Busy)?;
        let extent = caller.space.extent(name).await?;
        if extent.bytes.is_none() {
            match fresh {
                Fresh::PassedOver => return Err(RoomError::Nothing),
                _ if extent.documents >= self.limits.documents => return Err(RoomError::Full),
                _ if !caller.allowance.take_new_document() => return Err(RoomError::Busy),
                Fresh::Welcome => {}
            }
        }
        let document = caller.space.document(name).await?;
        let news = caller.space.news().await.map_err(DocumentError::from)?;
        let size = (extent.bytes.unwrap_or_default(), self.limits.document_bytes);
        Ok((Room::open(document, news, size), place))
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.taken()
    }

    fn cell(&self, key: Key) -> Arc<Cell> {
        let mut cells = self.cells.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        // Whoever opens one sweeps, when as many are gone as are there.
        if cells.len() == cells.capacity() {
            cells.retain(|_, cell| cell.strong_count() > 0);
        }
        let cell = Arc::<Cell>::default();
        cells.insert(key, Arc::downgrade(&cell));
        cell
    }
}
