//! How long 104 bytes take to a peer and back, through a session and through a bare libp2p stream.
//!
//! `cargo run --release -p driftline-net --example round_trip`

use std::error::Error;
use std::time::{Duration, Instant};

use bytes::Bytes;
use driftline_core::identity::DeviceKey;
use driftline_net::{Network, NetworkConfig, NetworkEvent};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, noise, tcp, yamux};
use tokio::sync::mpsc;

const FRAME_BYTES: usize = 104;
const WARM_UP: usize = 2_000;
const ROUNDS: usize = 20_000;
const ECHO: StreamProtocol = StreamProtocol::new("/echo");

type Result<T> = std::result::Result<T, Box<dyn Error>>;

#[tokio::main]
async fn main() -> Result<()> {
    for listen in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        println!("{listen}");
        report("  a session", through_a_session(listen).await?);
        report("  a bare libp2p stream", through_a_bare_stream(listen).await?);
    }
    Ok(())
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_nanos() as f64 / 1_000.0;
    println!("{what}: p50 {:.1} µs, p99 {:.1} µs", at(0.50), at(0.99));
}

async fn through_a_session(listen: &str) -> Result<Vec<Duration>> {
    let (to_echo, mut inbox) = mpsc::unbounded_channel();
    let echo_key = DeviceKey::from_seed(&[1; 32]);
    let echo_id = echo_key.id();
    let echo = Network::start(NetworkConfig::new(echo_key), move |event| {
        drop(to_echo.send(event));
    })?;
    let sender = echo.clone();
    tokio::spawn(async move {
        while let Some(event) = inbox.recv().await {
            if let NetworkEvent::Frame { peer, frame } = event {
                let _ = sender.send(peer, frame.bytes);
            }
        }
    });

    let (to_me, mut events) = mpsc::unbounded_channel();
    let caller =
        Network::start(NetworkConfig::new(DeviceKey::from_seed(&[2; 32])), move |event| {
            drop(to_me.send(event));
        })?;
    caller.remember(Some(echo_id), vec![echo.listen(listen.parse()?).await?]);
    while !matches!(events.recv().await, Some(NetworkEvent::PeerUp { .. })) {}

    let frame = Bytes::from(vec![7; FRAME_BYTES]);
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..WARM_UP + ROUNDS {
        let start = Instant::now();
        caller.send(echo_id, frame.clone())?;
        while !matches!(events.recv().await, Some(NetworkEvent::Frame { .. })) {}
        if round >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    caller.shutdown().await;
    echo.shutdown().await;
    Ok(times)
}

async fn through_a_bare_stream(listen: &str) -> Result<Vec<Duration>> {
    let mut echo = bare_swarm()?;
    echo.listen_on(listen.parse()?)?;
    let address = loop {
        if let libp2p::swarm::SwarmEvent::NewListenAddr { address, .. } =
            echo.select_next_some().await
        {
            break address;
        }
    };
    let echo_id = *echo.local_peer_id();
    let mut incoming = echo.behaviour().new_control().accept(ECHO)?;
    let echo = tokio::spawn(async move {
        loop {
            echo.select_next_some().await;
        }
    });
    tokio::spawn(async move {
        let (_, mut stream) = incoming.next().await?;
        let mut bytes = [0; FRAME_BYTES];
        while stream.read_exact(&mut bytes).await.is_ok() {
            stream.write_all(&bytes).await.ok()?;
            stream.flush().await.ok()?;
        }
        Some(())
    });

    let mut caller = bare_swarm()?;
    let mut control = caller.behaviour().new_control();
    caller.dial(address)?;
    while !caller.is_connected(&echo_id) {
        caller.select_next_some().await;
    }
    let caller = tokio::spawn(async move {
        loop {
            caller.select_next_some().await;
        }
    });
    let mut stream = control.open_stream(echo_id, ECHO).await?;
    let mut bytes = [7; FRAME_BYTES];
    let mut times = Vec::with_capacity(ROUNDS);
    for round in 0..WARM_UP + ROUNDS {
        let start = Instant::now();
        stream.write_all(&bytes).await?;
        stream.flush().await?;
        stream.read_exact(&mut bytes).await?;
        if round >= WARM_UP {
            times.push(start.elapsed());
        }
    }
    echo.abort();
    caller.abort();
    Ok(times)
}

fn bare_swarm() -> Result<Swarm<libp2p_stream::Behaviour>> {
    let swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)?
        .with_quic()
        .with_behaviour(|_| libp2p_stream::Behaviour::new())?
        .build();
    Ok(swarm)
}
