//! Frames: how they come and go, and what to say of one that can't be read.

use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::CapacityError;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use tokio_tungstenite::tungstenite::{Error, Message};

use super::super::closing::Closing;

/// A client's WebSocket.
pub(in super::super) type WebSocket = WebSocketStream<TokioIo<Upgraded>>;

/// Every connection has a buffer of this size for as long as it lasts, so it is small.
const BUFFER: usize = 4 << 10;

/// How much is sent in one frame. What is larger goes in several, as the buffer that a frame is written to stays as large
/// as the largest ever was, for as long as the connection lasts.
const PART: usize = 8 << 10;

/// How long a client may take to read what is sent, and how much of it in a second at the least if it is much.
const SENDING: Duration = Duration::from_secs(30);
const SLOWEST: usize = 16 << 10;

/// How sockets are, where no message is larger than that.
pub(in super::super) fn config(max_message: usize) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(PART)
        .max_message_size(Some(max_message))
        .max_frame_size(Some(max_message))
}

/// Sends messages, to somebody who reads them in time.
pub(super) async fn send(
    socket: &mut WebSocket,
    messages: impl IntoIterator<Item = Message>,
) -> Result<(), Closing> {
    let messages: Vec<_> = messages.into_iter().collect();
    let bytes: usize = messages.iter().map(Message::len).sum();
    let patience = SENDING + Duration::from_secs((bytes / SLOWEST) as u64);
    let sending = async {
        for message in messages {
            match message {
                Message::Binary(bytes) if bytes.len() > PART => {
                    feed_in_parts(socket, bytes).await?
                }
                message => socket.feed(message).await?,
            }
        }
        socket.flush().await
    };
    match tokio::time::timeout(patience, sending).await {
        Ok(Ok(())) => Ok(()),
        // It reads no more, or too slowly; what it lacks it gets when it comes again.
        Ok(Err(_)) | Err(_) => Err(Closing::TryAgain),
    }
}

async fn feed_in_parts(socket: &mut WebSocket, mut bytes: Bytes) -> Result<(), Error> {
    let mut kind = OpCode::Data(Data::Binary);
    while !bytes.is_empty() {
        let part = bytes.split_to(bytes.len().min(PART));
        socket.feed(Message::Frame(Frame::message(part, kind, bytes.is_empty()))).await?;
        kind = OpCode::Data(Data::Continue);
    }
    Ok(())
}

/// What to tell a client whose message could not be read; nothing if it is not there any more.
pub(super) fn complaint(error: &Error) -> Option<Closing> {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => Some(Closing::TooLarge),
        Error::Io(_) | Error::ConnectionClosed | Error::AlreadyClosed => None,
        _ => Some(Closing::Nonsense),
    }
}
