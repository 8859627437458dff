//! Whether the gateway is alive, and whether it can be given work.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;

use super::super::lobby::Lobby;

/// The process answers.
pub(in super::super) async fn alive() -> &'static str {
    "ok\n"
}

/// The device takes what is written, and the gateway is not being closed.
pub(in super::super) async fn ready(State(lobby): State<Arc<Lobby>>) -> (StatusCode, &'static str) {
    match lobby.is_ready().await {
        true => (StatusCode::OK, "ready\n"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "not ready: nothing can be written\n"),
    }
}
