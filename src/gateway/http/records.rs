//! Records, as they are decided.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use driftline_core::record::{Key, Row, RowId, Table};
use serde_json::{Value, json};

use super::super::caller::Caller;
use super::super::lobby::Lobby;
use super::changes::Cookie;
use super::problem::Problem;

/// `GET /v1/spaces/{space}/records`: all of them, with the cookie to go on from.
pub(in super::super) async fn all(
    State(lobby): State<Arc<Lobby>>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let (number, table) = lobby.histories.of(&caller.space).newest();
    let names = table.collections().into_iter();
    let records: Vec<_> = names.flat_map(|name| rows(&table, name)).collect();
    let next = Cookie { life: lobby.life, number }.to_string();
    Ok(Json(json!({ "records": records, "next": next })))
}

/// `GET /v1/spaces/{space}/records/{collection}`.
pub(in super::super) async fn collection(
    State(lobby): State<Arc<Lobby>>,
    Path((_, collection)): Path<(String, String)>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let (_, table) = lobby.histories.of(&caller.space).newest();
    Ok(Json(json!({ "records": rows(&table, &collection) })))
}

/// `GET /v1/spaces/{space}/records/{collection}/{key}`.
pub(in super::super) async fn one(
    State(lobby): State<Arc<Lobby>>,
    Path((_, collection, key)): Path<(String, String, String)>,
    caller: Caller,
) -> Result<Json<Value>, Problem> {
    let (_, table) = lobby.histories.of(&caller.space).newest();
    let number = key.parse().ok().map(Key::Int);
    let keys = number.into_iter().chain([Key::Text(key)]);
    let mut found = keys.filter_map(|key| {
        let row = table.row(&RowId::new(&collection, key.clone()))?;
        Some(record(&collection, &key, Some(row)))
    });
    found.next().map(Json).ok_or(Problem::Nothing("record"))
}

fn rows(table: &Table, collection: &str) -> Vec<Value> {
    let rows = table.collection(collection);
    rows.map(|(key, row)| record(collection, key, Some(row))).collect()
}

/// A record as it stands; without fields if it is not there any more.
pub(super) fn record(collection: &str, key: &Key, row: Option<&Row>) -> Value {
    let fields = row.map(|row| row.to_value());
    json!({ "collection": collection, "key": key, "fields": fields })
}
