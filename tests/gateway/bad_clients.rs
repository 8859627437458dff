//! Clients that mean harm, or are broken: each stops nobody but itself.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use data_encoding::BASE64;
use driftline::yrs::updates::decoder::Decode;
use driftline::yrs::{Doc, GetString, Transact, Update};
use socket2::{Domain, SockAddr, Socket as RawSocket, Type};

use crate::anchor::Anchor;
use crate::asking::{Guest, NOTES, typed};
use crate::plain::ask;
use crate::socket::{Heard, Socket, at, edit, number};
use crate::{PATIENCE, eventually};

/// Two honest guests in a document.
struct Honest {
    ann: Socket,
    bob: Socket,
    written: u64,
}

impl Honest {
    fn come(anchor: &Anchor) -> Self {
        let comes = |guest| {
            let mut socket =
                Socket::opens(anchor.port(), &at("honest", &anchor.pass(guest, "writer", "1h")));
            socket.is_synced();
            socket
        };
        Self { ann: comes("Ann"), bob: comes("Bob"), written: 0 }
    }

    /// How long the slowest of a hundred edits takes to come to Bob.
    fn waits(&mut self, edits: usize) -> Duration {
        let mut times: Vec<_> = (0..edits)
            .map(|_| {
                let begun = Instant::now();
                self.go_on();
                thread::sleep(Duration::from_millis(5));
                begun.elapsed() - Duration::from_millis(5)
            })
            .collect();
        times.sort_unstable();
        times[edits - 1 - edits / 100]
    }

    /// What Ann writes comes to Bob.
    fn go_on(&mut self) {
        self.written += 1;
        let client = 0xa000_0000 + self.written;
        let update = typed(client, "milk ");
        self.ann.says(&edit(&update));
        self.ann.hears_the_rest();
        // In a crowd it may come together with what others wrote.
        let hers = number(client);
        loop {
            match self.bob.hears() {
                Heard::Bytes(bytes) if bytes.windows(hers.len()).any(|it| it == hers) => return,
                Heard::Bytes(_) => {}
                other => panic!("Bob hears {other:?}"),
            }
        }
    }
}

/// A connection, and a request that opens a WebSocket on it, to go on by hand.
fn by_hand(anchor: &Anchor, pass: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", anchor.port())).unwrap();
    let path = at("mallory", pass);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\
         Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
        BASE64.encode(&[7; 16])
    )
    .unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101"), "{head}");
    assert!(!head.contains("permessage-deflate"), "nothing is inflated here: {head}");
    stream
}

/// A masked frame, as a client sends it; of its length only what `claims` says.
fn frame(first: u8, claims: u64, body: &[u8]) -> Vec<u8> {
    let mut frame = vec![first, 0xff];
    frame.extend(claims.to_be_bytes());
    frame.extend([0; 4]);
    frame.extend(body);
    frame
}

/// Reads until the other side hangs up; gives the code with which it closed the socket, if it did.
fn ends(mut stream: TcpStream) -> Option<u16> {
    let mut all = Vec::new();
    match stream.read_to_end(&mut all) {
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("it is not hung up on: {error}"),
    }
    let close = all.windows(2).rposition(|pair| pair[0] == 0x88 && pair[1] >= 2)?;
    Some(u16::from_be_bytes([*all.get(close + 2)?, *all.get(close + 3)?]))
}

#[test]
fn whoever_comes_and_says_nothing_is_hung_up_on() {
    let anchor = Anchor::opens();
    let mut honest = Honest::come(&anchor);
    let says = |bytes: &[u8]| {
        let mut stream = TcpStream::connect(("127.0.0.1", anchor.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(bytes).unwrap();
        stream
    };
    let silent = says(b"");
    let halfway = says(b"GET /v1/openapi.json HTTP/1.1\r\nHost: gate");
    let mut in_no_document = Socket::opens(anchor.port(), "/h/kitchen");
    honest.go_on();
    assert_eq!(ends(silent), None);
    assert_eq!(ends(halfway), None);
    assert_eq!(in_no_document.is_closed(), 4401);
    honest.go_on();
}

#[test]
fn garbage_costs_whoever_sends_it_and_nobody_else() {
    let anchor = Anchor::opens();
    let mut honest = Honest::come(&anchor);
    let pass = anchor.pass("Mallory", "writer", "1h");
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for round in 0..64 {
        let mut bytes = vec![0; 1 << (round % 12)];
        bytes.fill_with(|| {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            noise as u8
        });
        let mut socket = Socket::opens(anchor.port(), &at("mallory", &pass));
        socket.mutters(&bytes);
        socket.mutters(&[&[0, 2][..], &bytes].concat());
        let mut stream = TcpStream::connect(("127.0.0.1", anchor.port())).unwrap();
        _ = stream.write_all(&bytes);
        honest.go_on();
    }
    let large = frame(0x82, 5 << 20, &[0; 100]);
    let part = |first| frame(first, 1 << 20, &vec![0; 1 << 20]);
    let endless = [part(0x02), part(0), part(0), part(0), part(0)].concat();
    let compressed = frame(0x82 | 0x40, 4, &[0x4a, 0x4c, 0x4a, 0x06]);
    for (what, bytes, code) in [
        ("a large frame", large, 1009),
        ("many parts", endless, 1009),
        ("compressed", compressed, 1007),
    ] {
        let mut stream = by_hand(&anchor, &pass);
        // It may be hung up on before it has said all.
        _ = stream.write_all(&bytes);
        assert_eq!(ends(stream), Some(code), "{what}");
    }
    honest.go_on();
    assert!(anchor.says(&["verify"]).contains("all sound"));
}

#[test]
fn names_are_names_whatever_they_look_like() {
    let mut anchor = Anchor::opens();
    let ann = Guest::of(&anchor, "Ann", "writer");
    let documents = "/v1/spaces/kitchen/documents";
    for outside in
        ["..%2f..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/escaped", "a%25%32%65b", "x:y*z%3f"]
    {
        let path = format!("{documents}/{outside}");
        assert_eq!(ann.posts(&path, &typed(7, "milk")).status, 200, "{outside}");
        assert_eq!(ann.gets(&path).status, 200, "{outside}");
    }
    let pass = anchor.pass("Ann", "writer", "1h");
    for control in ["line%0aERROR forged", "%1b[31mred", "nul%00byte"] {
        let path = format!("{documents}/{}", control.replace(' ', "%20"));
        assert_eq!(ann.posts(&path, &typed(7, "milk")).status, 404, "{control}");
        let mut socket = Socket::opens(anchor.port(), &at(&control.replace(' ', "%20"), &pass));
        assert_eq!(socket.is_closed(), 4404, "{control}");
    }
    for guest in ["Eve\nERROR forged", "Eve\u{1b}[31m", ""] {
        anchor.fails(&["token", "kitchen", "--name", guest]);
    }
    anchor.is_asked_to_stop();
    let listed = anchor.says(&["doc", "ls", "kitchen"]);
    assert!(listed.contains("../../../etc/passwd"), "it is a name and nothing else: {listed}");
    let log = fs::read_to_string(anchor.log()).unwrap();
    assert!(!log.contains('\u{1b}') && !log.contains("\nERROR forged"), "{log:?}");
}

#[test]
fn what_is_nested_deeply_or_grows_when_it_is_unpacked_is_just_bytes() {
    let anchor = Anchor::opens();
    let mut honest = Honest::come(&anchor);
    let pass = anchor.pass("Mallory", "writer", "1h");
    let mut socket = Socket::opens(anchor.port(), &at("honest", &pass));
    socket.is_synced();
    let deep = format!("{}{}", "[".repeat(8_000), "]".repeat(8_000));
    let states = [&[1, 7, 1][..], &number(deep.len() as u64), deep.as_bytes()].concat();
    let mut presence = edit(&states);
    presence.splice(..2, [1]);
    socket.mutters(&presence);
    honest.go_on();
    let bearer = format!("Authorization: Bearer {pass}");
    let packed = [0x1f, 0x8b, 0x08, 0, 0, 0, 0, 0, 0, 3];
    let posted = ask(anchor.port(), "POST", NOTES, &[&bearer, "Content-Encoding: gzip"], &packed);
    assert_eq!(posted.status, 400);
    let commands = "/v1/spaces/kitchen/commands";
    let kind = "Content-Type: application/json";
    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let posted = ask(anchor.port(), "POST", commands, &[&bearer, kind], nested.as_bytes());
    assert!(posted.status >= 400, "{}", posted.status);
    honest.go_on();
}

#[test]
fn a_thousand_who_are_there_and_say_nothing_take_little() {
    let anchor = Anchor::opens();
    let mut honest = Honest::come(&anchor);
    let before = anchor.memory();
    let mut idle = Vec::new();
    for guest in 0..5 {
        let pass = anchor.pass(&format!("guest {guest}"), "reader", "1h");
        for _ in 0..200 {
            let mut socket = Socket::opens(anchor.port(), &at("honest", &pass));
            socket.is_synced();
            idle.push(socket);
        }
        honest.go_on();
    }
    let each = (anchor.memory() - before) / 1_000;
    assert!(each < 64, "{each} KiB for each");
}

#[test]
fn a_flood_makes_its_own_guest_wait() {
    let anchor = Anchor::opens();
    let mut honest = Honest::come(&anchor);
    let quiet = honest.waits(300);
    let ended = Arc::new(AtomicBool::new(false));
    let floods: Vec<_> = (0..8_u64)
        .map(|number| {
            let (ended, pass) = (ended.clone(), anchor.pass("Mallory", "writer", "1h"));
            let document = if number % 2 == 0 { "honest" } else { "mallory" };
            let mut socket = Socket::opens(anchor.port(), &at(document, &pass));
            // Whoever can't write on does not read either.
            socket.has_patience(Duration::from_secs(1));
            thread::spawn(move || {
                let mut client = number << 24;
                while !ended.load(Ordering::Relaxed) {
                    client += 1;
                    socket.mutters(&edit(&typed(client, "flood ")));
                }
            })
        })
        .collect();
    let flooded = honest.waits(1_000);
    ended.store(true, Ordering::Relaxed);
    floods.into_iter().for_each(|flood| flood.join().unwrap());
    // How long they waited is looked at by people: machines are busy with other things, too.
    let said = format!("the slowest of 100 edits takes {quiet:?}, and under a flood {flooded:?}\n");
    _ = std::io::stderr().write_all(said.as_bytes());
}

/// A connection whose owner reads nothing, and whose system keeps little for them.
fn reads_nothing(port: u16, path: &str) -> TcpStream {
    let raw = RawSocket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    raw.set_recv_buffer_size(16 << 10).unwrap();
    raw.connect(&SockAddr::from(std::net::SocketAddr::from(([127, 0, 0, 1], port)))).unwrap();
    let mut stream = TcpStream::from(raw);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nHost: gateway\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {}\r\n\r\n",
        BASE64.encode(&[7; 16])
    )
    .unwrap();
    // "What do I lack?" as a whole frame, masked with zeros.
    stream.write_all(&[0x82, 0x84, 0, 0, 0, 0, 0, 0, 1, 0]).unwrap();
    stream
}

#[test]
fn whoever_asks_for_much_and_does_not_read_it_takes_a_bounded_part_of_memory() {
    let anchor = Anchor::opens_with(&["--http-max-sending", "16M"]);
    let ann = Guest::of(&anchor, "Ann", "writer");
    let text = "milk and honey ".repeat(200_000);
    assert_eq!(ann.posts("/v1/spaces/kitchen/documents/large", &typed(7, &text)).status, 200);
    let mut honest = Honest::come(&anchor);
    let pass = anchor.pass("Mallory", "reader", "1h");
    // They are let in to what is large, and it is read once by somebody who does read.
    Socket::opens(anchor.port(), &at("large", &pass)).is_synced();
    let before = anchor.memory();
    let slow: Vec<_> = (0..60).map(|_| reads_nothing(anchor.port(), &at("large", &pass))).collect();
    for _ in 0..20 {
        honest.go_on();
        thread::sleep(Duration::from_millis(50));
    }
    let more = anchor.memory().saturating_sub(before) >> 10;
    assert!(more < 80, "60 × 3 MB were asked for, and {more} MiB are taken");
    drop(slow);
    eventually("large documents are read again", || {
        let read = ann.gets("/v1/spaces/kitchen/documents/large");
        read.status == 200 && read.body.len() > text.len()
    });
}

#[test]
fn a_slow_reader_gets_the_difference_and_loses_nothing() {
    let anchor = Anchor::opens_with(&["--http-max-waiting", "8K"]);
    let (ann, bob) = (anchor.pass("Ann", "writer", "1h"), anchor.pass("Bob", "reader", "1h"));
    let mut ann = Socket::opens(anchor.port(), &at("notes/today", &ann));
    let slow = reads_nothing(anchor.port(), &at("notes/today", &bob));
    ann.is_synced();
    let text = "milk and honey ".repeat(3_000);
    for client in 0..200 {
        ann.says(&edit(&typed(client, &text)));
    }
    let resyncs = || {
        let metrics = ask(anchor.metrics(), "GET", "/metrics", &[], &[]);
        String::from_utf8(metrics.body).unwrap()
    };
    eventually("too much waits for Bob", || !resyncs().contains("driftline_resyncs_total 0"));
    eventually("all is there", || anchor.reads("notes/today").len() == 200 * text.len());
    read_to_the_end(slow, 200 * text.len());
}

/// Reads what a socket was told until the document's text is as long as that.
fn read_to_the_end(stream: TcpStream, length: usize) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut socket = Socket::goes_on(stream);
    let doc = Doc::new();
    let body = doc.get_or_insert_text("body");
    loop {
        let Heard::Bytes(bytes) = socket.hears() else { panic!("he is hung up on") };
        if bytes[0] != 0 || bytes[1] == 0 {
            continue;
        }
        let begins = 2 + bytes[2..].iter().position(|byte| *byte < 0x80).unwrap() + 1;
        let update = Update::decode_v1(&bytes[begins..]).unwrap();
        doc.transact_mut().apply_update(update).unwrap();
        if body.get_string(&doc.transact()).len() == length {
            return;
        }
    }
}
