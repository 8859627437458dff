//! Too much of everything: connections, sessions, frames, and nothing that is ever read.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use driftline::{Multiaddr, Role};
use futures::future::join_all;
use libp2p::multiaddr::Protocol;
use tokio::net::{TcpSocket, TcpStream};

use crate::kitchen::{Kitchen, Person, options, until};
use crate::mallory::Mallory;
use crate::wire::kind;

/// Mallory's end of a loopback connection, so that she is not taken for one of the honest.
const MALLORYS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 66));

fn socket_address(address: &Multiaddr) -> SocketAddr {
    let parts: Vec<_> = address.iter().collect();
    match parts[..] {
        [Protocol::Ip4(ip), Protocol::Tcp(port), ..] => SocketAddr::from((ip, port)),
        _ => panic!("{address} is no TCP address"),
    }
}

/// A TCP connection that says nothing.
async fn silence(to: SocketAddr) -> Option<TcpStream> {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(MALLORYS, 0)).unwrap();
    socket.connect(to).await.ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_that_say_nothing_keep_nobody_out() {
    // They took all places for handshakes, one after the other, and whoever came from elsewhere had none.
    let kitchen = Kitchen::opens().await;
    let anchor = socket_address(&kitchen.anchor.address());
    let silent = join_all((0..1_000).map(|_| silence(anchor))).await;
    assert!(silent.iter().flatten().count() > 500, "the machine lets her");
    // Somebody new comes in by way of the anchor, while all of them are held open.
    let ticket = kitchen.alice.invites(Role::Writer).await;
    let carol = Person::joins(&options(), &ticket).await;
    carol.device.dial(kitchen.anchor.address());
    let anchor = kitchen.anchor.device.id();
    until("Carol has the anchor", || async {
        let connections = carol.device.connections().await.unwrap();
        connections.iter().any(|connection| connection.peer == anchor)
    })
    .await;
    kitchen.holds_no_more_than(&[carol.device.id()]).await;
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_hundred_sessions_that_come_and_go_leave_nothing() {
    let kitchen = Kitchen::opens().await;
    for _ in 0..200 {
        let mut mallory = Mallory::knocks(&kitchen).await;
        mallory.says(kind::STRANGER, &[]).await;
    }
    kitchen.is_clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_reads_nothing_holds_up_nobody() {
    let kitchen = Kitchen::opens().await;
    let ticket = kitchen.alice.invites(Role::Reader).await;
    let mut mallory = Mallory::meets_deaf(&kitchen.anchor, kitchen.id()).await;
    mallory.asks_with(&ticket).await;
    // Twenty megabytes go by her, and four of them wait for her at the most, with a frame or two.
    for _ in 0..40 {
        kitchen.alice.writes(&"word ".repeat(100_000));
        kitchen.goes_on().await;
        assert!(kitchen.anchor.device.waiting_bytes() < 6 << 20);
    }
    kitchen.holds_no_more_than(&[mallory.id()]).await;
}
