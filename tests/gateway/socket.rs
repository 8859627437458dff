//! A WebSocket as a program opens it, to say what no editor would.

use std::io::Read;
use std::net::TcpStream;
use std::time::Duration;

use tungstenite::client::IntoClientRequest;
use tungstenite::handshake::HandshakeError;
use tungstenite::http::{HeaderName, HeaderValue};
use tungstenite::protocol::Role;
use tungstenite::{Error, Message, WebSocket};

use crate::PATIENCE;

pub(crate) struct Socket(WebSocket<TcpStream>);

/// What comes over a socket.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    Bytes(Vec<u8>),
    /// It was closed, with this code.
    Closed(u16),
    /// It was cut off.
    Lost,
}

impl Socket {
    /// Opens one that has to open.
    pub(crate) fn opens(port: u16, path: &str) -> Self {
        Self::tries(port, path, &[]).unwrap()
    }

    /// Opens one, with more headers; or gives the status with which it was refused.
    pub(crate) fn tries(port: u16, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut request = format!("ws://127.0.0.1:{port}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let name: HeaderName = name.parse().unwrap();
            request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
        }
        match tungstenite::client(request, stream) {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(HandshakeError::Failure(Error::Http(response))) => Err(response.status().as_u16()),
            Err(error) => panic!("no WebSocket: {error}"),
        }
    }

    /// Goes on with a connection on which the request for a socket was sent, and the answer not read yet.
    pub(crate) fn goes_on(mut stream: TcpStream) -> Self {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            head.extend(byte);
        }
        assert!(head.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&head));
        Self(WebSocket::from_raw_socket(stream, Role::Client, None))
    }

    pub(crate) fn says(&mut self, bytes: &[u8]) {
        self.0.send(Message::binary(bytes.to_vec())).unwrap();
    }

    /// Says something that may not be heard any more.
    pub(crate) fn mutters(&mut self, bytes: &[u8]) {
        _ = self.0.send(Message::binary(bytes.to_vec()));
    }

    /// Gives up on what takes longer than that to say.
    pub(crate) fn has_patience(&mut self, patience: Duration) {
        self.0.get_ref().set_write_timeout(Some(patience)).unwrap();
    }

    pub(crate) fn hears(&mut self) -> Heard {
        loop {
            match self.0.read() {
                Ok(Message::Binary(bytes)) => return Heard::Bytes(bytes.to_vec()),
                Ok(Message::Close(frame)) => {
                    let code = frame.map_or(1005, |frame| frame.code.into());
                    return Heard::Closed(code);
                }
                Ok(_) => {}
                Err(_) => return Heard::Lost,
            }
        }
    }

    /// Hears what has come by now, and does not wait for more.
    pub(crate) fn hears_the_rest(&mut self) {
        self.0.get_ref().set_nonblocking(true).unwrap();
        while self.0.read().is_ok() {}
        self.0.get_ref().set_nonblocking(false).unwrap();
    }

    /// Waits until it is closed, and gives the code.
    pub(crate) fn is_closed(&mut self) -> u16 {
        loop {
            match self.hears() {
                Heard::Bytes(_) => {}
                Heard::Closed(code) => return code,
                other => panic!("it was not closed: {other:?}"),
            }
        }
    }

    /// Waits until it has all that is there; gives the last answer to its question.
    pub(crate) fn is_synced(&mut self) -> Vec<u8> {
        self.says(&[0, 0, 1, 0]);
        loop {
            match self.hears() {
                Heard::Bytes(bytes) if bytes.starts_with(&[0, 1]) => return bytes,
                Heard::Bytes(_) => {}
                other => panic!("it is not answered: {other:?}"),
            }
        }
    }
}

/// Where a y-websocket client finds a document.
pub(crate) fn at(document: &str, pass: &str) -> String {
    format!("/y/kitchen/{document}?token={pass}")
}

/// An edit as y-websocket frames it.
pub(crate) fn edit(update: &[u8]) -> Vec<u8> {
    [&[0, 2][..], &number(update.len() as u64), update].concat()
}

/// A number as Yjs writes it.
pub(crate) fn number(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
