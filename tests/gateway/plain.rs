//! Plain HTTP, one request a connection: what `curl` would do.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::Value;

/// What was answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.said(name).unwrap_or_else(|| panic!("no {name} in {}", self.head))
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.said(name).is_some()
    }

    fn said(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find_map(|(it, value)| (it == name).then_some(value))
    }
}

/// Asks for something; `headers` are whole lines.
pub(crate) fn ask(port: u16, method: &str, path: &str, headers: &[&str], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut request = format!("{method} {path} HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n");
    headers.iter().for_each(|line| request += &format!("{line}\r\n"));
    request += &format!("Content-Length: {}\r\n\r\n", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = answer.split_off(end + 4);
    let body = if head.contains("transfer-encoding: chunked") { dechunked(&body) } else { body };
    Answer { status, head, body }
}

fn dechunked(mut bytes: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = bytes.windows(2).position(|pair| pair == b"\r\n") {
        let length =
            usize::from_str_radix(std::str::from_utf8(&bytes[..end]).unwrap(), 16).unwrap();
        let chunk = &bytes[end + 2..];
        whole.extend_from_slice(&chunk[..length]);
        bytes = &chunk[(length + 2).min(chunk.len())..];
    }
    whole
}
