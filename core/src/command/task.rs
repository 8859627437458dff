//! What is to happen once, outside: an e-mail, a payment.
//!
//! A handler asks for it; if its command stands, the decision carries it, and the app on the anchor gets it as a task,
//! until it says that it is done. Killed between the two, it gets the task again, with the same key: that is what the
//! outside can tell a repetition by.

use std::collections::{BTreeMap, BTreeSet};

use bincode::{Decode, Encode};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::Decision;
use crate::record::{Bucket, Home, Value};

/// A type of effect: what an app declares.
pub trait Effect: Serialize + DeserializeOwned + 'static {
    /// What it is called, for ever.
    const NAME: &'static str;
}

/// Names a task for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
pub struct TaskId {
    /// The decision that it comes from.
    pub order: u64,
    /// Which of that decision's tasks.
    pub index: u32,
}

/// Something to be done outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its name for ever.
    pub id: TaskId,
    /// What the outside tells repetitions by: the command's id, and which of its tasks it is.
    pub key: String,
    /// What kind of effect it is.
    pub name: String,
    /// What is to be done.
    pub value: Value,
    /// The bucket of the command that asks for it.
    pub bucket: Bucket,
}

/// The tasks that are not done.
#[derive(Clone, Debug, Default)]
pub(super) struct Tasks {
    open: BTreeMap<TaskId, Task>,
    /// Said to be done before what they come from was here.
    done: BTreeSet<TaskId>,
}

impl Tasks {
    pub(super) fn take(&mut self, home: &Home, decision: &Decision) {
        for (index, (name, value)) in (0..).zip(&decision.effects) {
            let id = TaskId { order: decision.order, index };
            let key = format!("{}-{index}", decision.command);
            let (name, value, bucket) = (name.clone(), value.clone(), home.bucket.clone());
            let task = Task { id, key, name, value, bucket };
            if !self.done.remove(&id) {
                self.open.insert(id, task);
            }
        }
    }

    /// A task is done; `decided` says whether what it comes from is here.
    pub(super) fn finish(&mut self, id: TaskId, decided: bool) {
        if self.open.remove(&id).is_none() && !decided {
            self.done.insert(id);
        }
    }

    /// A task that is not done.
    pub(super) fn get(&self, id: &TaskId) -> Option<&Task> {
        self.open.get(id)
    }

    /// The first open task behind that one which is of that name.
    pub(super) fn next(&self, after: Option<TaskId>, name: &str) -> Option<&Task> {
        let mut open = self.open.values().filter(|task| Some(task.id) > after);
        open.find(|task| task.name == name)
    }
}
