//! How long a live edit takes from one device to another, beside the round trip of a bare libp2p stream.

use std::error::Error;
use std::time::{Duration, Instant};

use driftline::yrs::Text;
use driftline::{Change, Invitation, Level};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use hdrhistogram::Histogram;
use libp2p::swarm::SwarmEvent;
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};

use super::ingest::Bench;
use super::typing::ROOT;

const ECHO: StreamProtocol = StreamProtocol::new("/driftline-bench/echo");

/// About the size of an edit of one character on the wire.
const FRAME_BYTES: usize = 104;

/// Times, in nanoseconds.
pub(super) type Times = Histogram<u64>;

/// From the edit on one device until the other's `changes` shows it; each edit after a quiet spell.
pub(super) async fn edits(count: usize) -> Times {
    let (alice, bob) = (Bench::device().await, Bench::device().await);
    let hers = alice.device.create_space("bench").await.expect("created");
    let ticket = hers.invite(Invitation::default()).await.expect("an admin invites");
    let his = bob.device.join(&ticket).await.expect("joined");
    let hers = hers.document("live").await.expect("opened");
    let his = his.document("live").await.expect("opened");
    let body = hers.text(ROOT);
    let hello = hers.edit(|txn| body.push(txn, "hello")).expect("a writer");
    hello.reached(Level::Peers(1)).await.expect("bob is there");

    let mut changes = his.changes();
    let mut times = Times::new(3).expect("three digits");
    for _ in 0..count {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let start = Instant::now();
        hers.edit(|txn| body.push(txn, ".")).expect("a writer");
        let Change::Entries(_) = changes.next().await else { continue };
        times.record(start.elapsed().as_nanos() as u64).expect("it grows with what it holds");
    }
    alice.device.close().await.expect("closed");
    bob.device.close().await.expect("closed");
    times
}

/// There and back over a bare libp2p stream: TCP, Noise, yamux.
pub(super) async fn round_trips(count: usize) -> Result<Times, Box<dyn Error>> {
    let (mut listener, mut dialer) = (swarm()?, swarm()?);
    let mut incoming = listener.behaviour().new_control().accept(ECHO)?;
    let mut control = dialer.behaviour().new_control();
    listener.listen_on("/ip4/127.0.0.1/tcp/0".parse()?)?;
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = listener.select_next_some().await {
            break address;
        }
    };
    let peer = *listener.local_peer_id();
    dialer.dial(address)?;
    let serving = tokio::spawn(async move {
        loop {
            listener.select_next_some().await;
        }
    });
    tokio::spawn(async move {
        let Some((_, mut stream)) = incoming.next().await else { return };
        let mut frame = [0; FRAME_BYTES];
        while stream.read_exact(&mut frame).await.is_ok() {
            if stream.write_all(&frame).await.is_err() || stream.flush().await.is_err() {
                return;
            }
        }
    });
    let dialing = tokio::spawn(async move {
        loop {
            dialer.select_next_some().await;
        }
    });
    let mut stream = loop {
        match control.open_stream(peer, ECHO).await {
            Ok(stream) => break stream,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    let mut times = Times::new(3)?;
    let mut frame = [7; FRAME_BYTES];
    for _ in 0..count {
        let start = Instant::now();
        stream.write_all(&frame).await?;
        stream.flush().await?;
        stream.read_exact(&mut frame).await?;
        times.record(start.elapsed().as_nanos() as u64).expect("it grows with what it holds");
    }
    serving.abort();
    dialing.abort();
    Ok(times)
}

fn swarm() -> Result<Swarm<libp2p_stream::Behaviour>, Box<dyn Error>> {
    let tcp = tcp::Config::default().nodelay(true);
    let builder = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp, noise::Config::new, yamux::Config::default)?
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?;
    let idle = Duration::from_secs(600);
    Ok(builder.with_swarm_config(|config| config.with_idle_connection_timeout(idle)).build())
}
