//! The documents that sockets have open.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::OnceCell;

use super::room::Room;
use crate::{DocumentError, Space, SpaceId};

type Key = (SpaceId, String);

/// One room for each document, for as long as somebody is in it.
#[derive(Default)]
pub(super) struct Rooms(Mutex<HashMap<Key, Weak<Cell>>>);

/// A room, once it is open.
type Cell = OnceCell<Arc<Room>>;

/// Keeps a room open.
pub(super) struct Inside {
    pub(super) room: Arc<Room>,
    _cell: Arc<Cell>,
}

impl Rooms {
    /// The room of a document; whoever comes while it is being opened waits for that.
    pub(super) async fn enter(&self, space: &Space, name: &str) -> Result<Inside, DocumentError> {
        let cell = self.cell((space.id(), name.to_owned()));
        let open = async {
            let (document, news) = (space.document(name).await?, space.news().await?);
            Ok::<_, DocumentError>(Room::open(document, news))
        };
        let room = cell.get_or_try_init(|| open).await?.clone();
        Ok(Inside { room, _cell: cell })
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        let rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rooms.values().filter(|cell| cell.strong_count() > 0).count()
    }

    fn cell(&self, key: Key) -> Arc<Cell> {
        let mut rooms = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = rooms.get(&key).and_then(Weak::upgrade) {
            return cell;
        }
        // Whoever opens one sweeps, when as many are gone as are there.
        if rooms.len() == rooms.capacity() {
            rooms.retain(|_, cell| cell.strong_count() > 0);
        }
        let cell = Arc::<Cell>::default();
        rooms.insert(key, Arc::downgrade(&cell));
        cell
    }
}
