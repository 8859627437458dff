//! What there is to do: one list, from two tables of a database that other programs write.

use driftline::{Bucket, Record, Source};
use rusqlite::{Connection, Row};
use serde::{Deserialize, Serialize};

use super::people::Result;

/// Something to be done by somebody. Each sees their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Record)]
#[record(collection = "work", bucket = WorkItem::desk)]
pub(crate) struct WorkItem {
    #[key]
    pub(crate) id: String,
    pub(crate) what: String,
    pub(crate) who: String,
}

impl WorkItem {
    fn desk(&self) -> Bucket {
        Bucket::from(&*self.who)
    }
}

/// A call that somebody has to return.
pub(crate) struct CallRow {
    id: i64,
    number: String,
    owner: String,
}

/// A repair.
pub(crate) struct RepairRow {
    code: String,
    device: String,
    technician: String,
}

impl Source for CallRow {
    const NAME: &'static str = "calls";
    type Record = WorkItem;

    fn project(&self) -> WorkItem {
        let what = format!("call {} back", self.number);
        WorkItem { id: format!("call-{}", self.id), what, who: self.owner.clone() }
    }
}

impl Source for RepairRow {
    const NAME: &'static str = "repairs";
    type Record = WorkItem;

    fn project(&self) -> WorkItem {
        let what = format!("repair the {}", self.device);
        WorkItem { id: format!("repair-{}", self.code), what, who: self.technician.clone() }
    }
}

/// A database as others have left it.
pub(crate) fn database() -> Result<Connection> {
    let database = Connection::open_in_memory()?;
    database.execute_batch(
        "CREATE TABLE calls (id INTEGER PRIMARY KEY, number TEXT, owner TEXT);
         CREATE TABLE repairs (code TEXT PRIMARY KEY, device TEXT, technician TEXT);
         INSERT INTO calls VALUES (1, '555-0100', 'ann'), (2, '555-0199', 'ben');
         INSERT INTO repairs VALUES ('A7', 'printer', 'ann');",
    )?;
    Ok(database)
}

pub(crate) fn calls(database: &Connection) -> Result<Vec<CallRow>> {
    let call =
        |row: &Row<'_>| Ok(CallRow { id: row.get(0)?, number: row.get(1)?, owner: row.get(2)? });
    let mut select = database.prepare("SELECT id, number, owner FROM calls")?;
    Ok(select.query_map([], call)?.collect::<rusqlite::Result<_>>()?)
}

pub(crate) fn repairs(database: &Connection) -> Result<Vec<RepairRow>> {
    let repair = |row: &Row<'_>| {
        Ok(RepairRow { code: row.get(0)?, device: row.get(1)?, technician: row.get(2)? })
    };
    let mut select = database.prepare("SELECT code, device, technician FROM repairs")?;
    Ok(select.query_map([], repair)?.collect::<rusqlite::Result<_>>()?)
}
