//! Connections: taken in, served, and let go of.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_io_timeout::TimeoutStream;
use tokio_rustls::TlsAcceptor;
use tower_http::timeout::TimeoutLayer;
use tower_service::Service;

use super::http::Problem;
use super::lobby::Lobby;
use super::places::Place;
use super::{address, http, upgrade};

/// How long a client may take to say what it wants.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a request may take to come and be answered.
const REQUEST: Duration = Duration::from_secs(90);

/// How long nothing at all of what is sent may be read.
const STALLED: Duration = Duration::from_secs(30);

/// How long whoever is there may take to leave.
const GOODBYE: Duration = Duration::from_secs(5);

/// How large what a client says before its request's body may be.
const MAX_HEAD: usize = 16 << 10;

/// Serves until the gateway closes.
pub(super) async fn serve(listener: TcpListener, tls: Option<TlsAcceptor>, lobby: Arc<Lobby>) {
    let router = http::routes(&lobby)
        .route("/y/{space}/{*document}", any(upgrade::y_websocket))
        .route("/h/{space}", any(upgrade::hocuspocus))
        .with_state(lobby.clone());
    // A body that comes too slowly is not waited for; answers to those who wait come before that.
    let late = StatusCode::REQUEST_TIMEOUT;
    let router = router.layer(TimeoutLayer::with_status_code(late, REQUEST));
    let router = match lobby.origins.layer() {
        Some(layer) => router.layer(layer),
        None => router,
    };
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = lobby.left() => break,
        };
        match accepted {
            Ok((stream, address)) => take_in(stream, address, tls.clone(), &lobby, &router),
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

/// A connection's place, or that of a request which came through a proxy.
#[derive(Clone)]
pub(super) struct Seat {
    connection: Arc<Place<()>>,
    _address: Option<Arc<Place<IpAddr>>>,
}

fn take_in(
    stream: TcpStream,
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    lobby: &Arc<Lobby>,
    router: &Router,
) {
    // Whoever finds no seat is hung up on: an answer would cost what the limit is to save.
    let Some(place) = lobby.seats.take(&()) else { return };
    let seat = Seat { connection: Arc::new(place), _address: None };
    let from = address::network(address.ip());
    let proxy = lobby.proxies.contains(&address.ip());
    let Some(seat) = (if proxy { Some(seat) } else { seat.of(from, lobby) }) else { return };
    let guard = Guard { lobby: lobby.clone(), router: router.clone(), seat, proxy };
    // Small frames are not to wait for one another: where it can't be set, they do.
    _ = stream.set_nodelay(true);
    tokio::spawn(async move {
        let Some(tls) = tls else { return connection(stream, guard).await };
        match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => connection(stream, guard).await,
            Ok(Err(error)) => tracing::debug!(%error, "somebody does not speak TLS"),
            Err(_) => {}
        }
    });
}

impl Seat {
    /// The same, counted as one of those who come from there, if there are not too many.
    fn of(&self, from: IpAddr, lobby: &Lobby) -> Option<Self> {
        let address = lobby.addresses.take(&from)?;
        Some(Self { connection: self.connection.clone(), _address: Some(Arc::new(address)) })
    }
}

/// Answers what comes over one connection.
#[derive(Clone)]
struct Guard {
    lobby: Arc<Lobby>,
    router: Router,
    seat: Seat,
    /// Whether a proxy is at the other end, which speaks for many.
    proxy: bool,
}

impl Guard {
    /// Answers a request. One that opens a socket takes the seat along.
    async fn answer(mut self, request: Request<Incoming>) -> Result<Response, Infallible> {
        let mut request = request.map(Body::new);
        let from = self.proxy.then(|| address::forwarded(request.headers(), &self.lobby.proxies));
        let seat = match from.flatten() {
            Some(from) => match self.seat.of(address::network(from), &self.lobby) {
                Some(seat) => seat,
                None => return Ok(Problem::TooMuch.into_response()),
            },
            None => self.seat.clone(),
        };
        request.extensions_mut().insert(seat.clone());
        let answer = self.router.call(request).await;
        drop(seat);
        answer
    }
}

/// Serves until either side ends it.
async fn connection<S>(stream: S, guard: Guard)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let lobby = guard.lobby.clone();
    let answer = service_fn(move |request| guard.clone().answer(request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD);
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED));
    let stream = TokioIo::new(Box::pin(stream));
    let mut served = pin!(http.serve_connection(stream, answer).with_upgrades());
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
