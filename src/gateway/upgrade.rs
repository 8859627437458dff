//! Sockets are asked for over HTTP.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::{self, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::dialect::Dialect;
use super::lobby::Lobby;
use super::server::Seat;
use super::socket::Socket;
use super::socket::frames::{self, WebSocket};

/// What is called when a socket is asked for: everything that has to do with HTTP.
struct Request {
    lobby: Arc<Lobby>,
    seat: Seat,
    request: extract::Request,
}

/// A y-websocket client: its pass and its document stand in the address.
pub(super) async fn y_websocket(
    State(lobby): State<Arc<Lobby>>,
    Path((space, document)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    Extension(seat): Extension<Seat>,
    request: extract::Request,
) -> Response {
    let request = Request { lobby, seat, request };
    request.answer(async move |lobby, headers, socket| {
        let mut socket = Socket::new(&lobby, Dialect::YWebsocket, socket, (space, headers));
        let pass = query.get("token").map(String::as_str).unwrap_or_default();
        let closing = match socket.let_in("", &document, pass).await {
            Ok(()) => socket.run().await,
            Err(closing) => Err(closing),
        };
        socket.say_goodbye(closing).await;
    })
}

/// A Hocuspocus client: it says on its socket which documents it wants, and brings a pass for each.
pub(super) async fn hocuspocus(
    State(lobby): State<Arc<Lobby>>,
    Path(space): Path<String>,
    Extension(seat): Extension<Seat>,
    request: extract::Request,
) -> Response {
    let request = Request { lobby, seat, request };
    request.answer(async move |lobby, headers, socket| {
        let mut socket = Socket::new(&lobby, Dialect::Hocuspocus, socket, (space, headers));
        let closing = socket.run().await;
        socket.say_goodbye(closing).await;
    })
}

impl Request {
    /// Opens the socket. Who may not come in is told so there, where clients can read why.
    fn answer<F>(
        self,
        serve: impl FnOnce(Arc<Lobby>, HeaderMap, WebSocket) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let Self { lobby, seat, mut request } = self;
        if !lobby.origins.welcome(request.headers()) {
            return (StatusCode::FORBIDDEN, "pages of this origin may not come in").into_response();
        }
        let response = match create_response_with_body(&request, Body::empty) {
            Ok(response) => response,
            Err(error) => {
                let complaint =
                    format!("here are WebSockets, and this is no request for one: {error}");
                return (StatusCode::BAD_REQUEST, complaint).into_response();
            }
        };
        let upgrade = hyper::upgrade::on(&mut request);
        let headers = request.into_parts().0.headers;
        tokio::spawn(async move {
            // Who hangs up meanwhile is gone.
            let Ok(stream) = upgrade.await else { return };
            let config = frames::config(lobby.limits.frame_bytes);
            let stream = TokioIo::new(stream);
            let socket = WebSocket::from_raw_socket(stream, Role::Server, Some(config)).await;
            // Most sockets never look at what came with the request again, and stay for long.
            let names = [header::COOKIE, header::AUTHORIZATION];
            let matters =
                lobby.backend.is_some() || names.iter().any(|it| headers.contains_key(it));
            let headers = if matters { headers } else { HeaderMap::new() };
            serve(lobby, headers, socket).await;
            drop(seat);
        });
        response
    }
}
