//! Connections: taken in, served, and let go of.

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

use super::lobby::Lobby;
use super::seats::Seat;
use super::{http, socket};

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long whoever is there may take to leave.
const GOODBYE: Duration = Duration::from_secs(5);

/// How large what a client says before its request's body may be.
const MAX_HEAD: usize = 16 << 10;

/// Serves until the gateway closes.
pub(super) async fn serve(listener: TcpListener, lobby: Arc<Lobby>) {
    let router = http::routes(&lobby)
        .route("/y/{space}/{*document}", any(socket::y_websocket))
        .route("/h/{space}", any(socket::hocuspocus))
        .with_state(lobby.clone());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lobby.left() => break,
        };
        match accepted {
            Ok((stream, address)) => take_in(stream, address, &lobby, &router),
            // Most likely there are no file descriptors left: some are given back soon.
            Err(error) => {
                tracing::warn!(%error, "no connection can be taken in");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    if tokio::time::timeout(GOODBYE, lobby.seats.all_free()).await.is_err() {
        tracing::warn!("some connections did not end in time");
    }
}

fn take_in(stream: TcpStream, address: SocketAddr, lobby: &Arc<Lobby>, router: &Router) {
    // Whoever finds no seat is hung up on: an answer would cost what the limit is to save.
    let Some(seat) = lobby.seats.take(address.ip()) else { return };
    let (lobby, router) = (lobby.clone(), router.clone());
    tokio::spawn(async move { connection(stream, Arc::new(seat), &lobby, router).await });
}

/// Answers requests. One that opens a socket takes the seat along.
async fn connection(stream: TcpStream, seat: Arc<Seat>, lobby: &Lobby, router: Router) {
    // Small frames are not to wait for one another: where it can't be set, they do.
    _ = stream.set_nodelay(true);
    let answer = service_fn(move |request: Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(seat.clone());
        router.clone().call(request)
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD);
    let mut served = pin!(http.serve_connection(TokioIo::new(stream), answer).with_upgrades());
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = lobby.left() => {
            served.as_mut().graceful_shutdown();
            served.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended early");
    }
}
