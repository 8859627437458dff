//! The records of a space as they were a while ago: what a cookie stands for.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use driftline_core::record::Table;
use tokio::sync::watch;

use crate::{Space, SpaceId};

/// How many states of a space are remembered. They share what they have in common.
const REMEMBERED: usize = 512;

/// The histories of all spaces that somebody follows.
#[derive(Default)]
pub(in super::super) struct Histories(Mutex<HashMap<SpaceId, Arc<History>>>);

/// The last states of a space's confirmed records, by number: of those in the common bucket, as guests are granted no other.
pub(in super::super) struct History {
    states: Mutex<VecDeque<Table>>,
    /// The number of the newest state; 0 while there is none.
    newest: watch::Sender<u64>,
}

impl Histories {
    /// The history of a space, which begins when it is first asked for.
    pub(in super::super) fn of(&self, space: &Space) -> Arc<History> {
        let mut histories = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = || History::begin(space);
        histories.entry(space.id()).or_insert_with(begin).clone()
    }
}

impl History {
    fn begin(space: &Space) -> Arc<Self> {
        let states = Mutex::new(VecDeque::from([space.view().common()]));
        let history = Arc::new(Self { states, newest: watch::Sender::new(1) });
        let (mut views, kept) = (space.views(), history.clone());
        tokio::spawn(async move {
            while let Ok(view) = views.next().await {
                kept.add(view.common());
            }
        });
        history
    }

    fn add(&self, table: Table) {
        let mut states = self.lock();
        if states.back() == Some(&table) {
            return;
        }
        states.push_back(table);
        if states.len() > REMEMBERED {
            states.pop_front();
        }
        drop(states);
        self.newest.send_modify(|number| *number += 1);
    }

    /// The newest state, with its number.
    pub(in super::super) fn newest(&self) -> (u64, Table) {
        let states = self.lock();
        let number = *self.newest.borrow();
        (number, states.back().cloned().unwrap_or_default())
    }

    /// A state of before, if it is remembered.
    pub(in super::super) fn state(&self, number: u64) -> Option<Table> {
        let states = self.lock();
        let back = self.newest.borrow().checked_sub(number)?;
        let index = states.len().checked_sub(1)?.checked_sub(usize::try_from(back).ok()?)?;
        states.get(index).cloned()
    }

    /// Resolves when there is a newer state than that.
    pub(in super::super) async fn newer_than(&self, number: u64) {
        let mut newest = self.newest.subscribe();
        // The sender is held here.
        _ = newest.wait_for(|newest| *newest > number).await;
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Table>> {
        self.states.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
