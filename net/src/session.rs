//! One session: a stream, the frames that come in over it, and those that go out.
//!
//! A session is a single task. So it is plain that frames come only between `PeerUp` and
//! `PeerDown`, and a frame that is answered from within the event leaves without another task
//! having to wake.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use driftline_core::id::DeviceId;
use futures::io::BufReader;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite};
use libp2p::{Multiaddr, Stream};
use thiserror::Error;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::config::Limits;
use crate::event::{NetworkEvent, Transport};
use crate::frame::{FrameWriter, InboundBudget, PREFIX_BYTES, ReadError, read_frame};
use crate::outbox::{OutboxReader, Outboxes};
use crate::traffic::TrafficCounter;

/// Enough that a burst of small frames costs one read.
const READ_BUFFER_BYTES: usize = 16 << 10;

/// After as many bytes the writer flushes and reports, even if more waits.
const BATCH_BYTES: usize = 256 << 10;

/// How long a peer that is dismissed has to read why.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) type OnEvent = Arc<dyn Fn(NetworkEvent) + Send + Sync>;

/// What sessions have in common.
pub(crate) struct SessionContext {
    pub(crate) on_event: OnEvent,
    pub(crate) outboxes: Arc<Outboxes>,
    pub(crate) total: Arc<TrafficCounter>,
    pub(crate) limits: Limits,
}

/// A session that is about to begin.
pub(crate) struct Session {
    pub(crate) context: Arc<SessionContext>,
    pub(crate) peer: DeviceId,
    pub(crate) address: Multiaddr,
    pub(crate) budget: InboundBudget,
    /// Cancelled to end the session at once.
    pub(crate) stop: CancellationToken,
    /// Cancelled to hear no more of the peer, and end once it has read what was sent, or takes too long for that.
    pub(crate) dismiss: CancellationToken,
    /// Cancelled by the session when it is over.
    pub(crate) over: CancellationToken,
    /// The end of the session that this one replaces.
    pub(crate) previous: Option<CancellationToken>,
}

/// Why a session ended.
#[derive(Debug, Error)]
pub(crate) enum SessionEnd {
    #[error("it was replaced, disconnected, congested or shut down on this side")]
    Stopped,
    #[error("the peer ended it")]
    Closed,
    #[error("the stream broke")]
    Lost(#[source] io::Error),
    #[error("the peer broke the rules")]
    Misbehaved(#[source] ReadError),
}

impl Session {
    /// Runs the session to its end; returns how and when it did.
    #[tracing::instrument(name = "session", skip_all, fields(peer = %self.peer.short()))]
    pub(crate) async fn run(self, stream: Stream) -> (SessionEnd, Instant) {
        // Whatever becomes of this task, the next session of the peer may begin.
        let _over = self.over.clone().drop_guard();
        if let Some(previous) = &self.previous {
            previous.cancelled().await;
        }
        let traffic = Arc::new(TrafficCounter::default());
        let outbox = self.context.outboxes.open(self.peer, self.stop.clone(), traffic.clone());
        let transport = Transport::of(&self.address);
        tracing::info!(address = %self.address, "session up");
        self.emit(NetworkEvent::PeerUp {
            peer: self.peer,
            address: self.address.clone(),
            transport,
        });
        let end = tokio::select! {
            biased;
            () = self.stop.cancelled() => SessionEnd::Stopped,
            () = self.farewell() => SessionEnd::Stopped,
            end = self.exchange(stream, outbox, &traffic) => end,
        };
        self.context.outboxes.close(&self.peer);
        tracing::info!(reason = &end as &dyn std::error::Error, "session down");
        self.emit(NetworkEvent::PeerDown { peer: self.peer });
        (end, Instant::now())
    }

    async fn exchange(
        &self,
        stream: Stream,
        outbox: OutboxReader,
        traffic: &TrafficCounter,
    ) -> SessionEnd {
        let (reading, writing) = stream.split();
        let receiving = self.receive(reading, traffic);
        let transmitting = self.transmit(writing, outbox, traffic);
        tokio::pin!(receiving);
        tokio::select! {
            end = &mut receiving => end,
            result = transmitting => match result {
                Err(error) => SessionEnd::Lost(error),
                // All is written and this side closed. The peer closes its own when it has read
                // everything.
                Ok(()) => receiving.await,
            },
        }
    }

    async fn receive(
        &self,
        stream: impl AsyncRead + Unpin,
        traffic: &TrafficCounter,
    ) -> SessionEnd {
        let mut stream = BufReader::with_capacity(READ_BUFFER_BYTES, stream);
        loop {
            match read_frame(&mut stream, self.context.limits.max_frame_bytes, &self.budget).await {
                Ok(Some(frame)) => {
                    if self.dismiss.is_cancelled() {
                        // Read, so that what the peer is to read is not lost with what it sends, and not heard.
                        continue;
                    }
                    let bytes = (frame.bytes.len() + PREFIX_BYTES) as u64;
                    traffic.add_received(bytes);
                    self.context.total.add_received(bytes);
                    self.emit(NetworkEvent::Frame { peer: self.peer, frame });
                }
                Ok(None) => return SessionEnd::Closed,
                Err(ReadError::Stream(error)) => return SessionEnd::Lost(error),
                Err(error @ ReadError::TooLong { .. }) => return SessionEnd::Misbehaved(error),
            }
        }
    }

    /// Writes until the outbox is closed and empty.
    async fn transmit(
        &self,
        stream: impl AsyncWrite + Unpin,
        mut outbox: OutboxReader,
        traffic: &TrafficCounter,
    ) -> io::Result<()> {
        let mut writer = FrameWriter::new(stream);
        while let Some(first) = outbox.next().await {
            let (mut frames, mut bytes) = (0, 0);
            let mut next = Some(first);
            while let Some(frame) = next {
                writer.write(&frame).await?;
                frames += 1;
                bytes += frame.len();
                next = if bytes < BATCH_BYTES { outbox.next_waiting() } else { None };
            }
            writer.flush().await?;
            if bytes < BATCH_BYTES {
                writer.rest();
            }
            outbox.written(frames, bytes);
            let on_wire = (bytes + frames * PREFIX_BYTES) as u64;
            traffic.add_sent(on_wire);
            self.context.total.add_sent(on_wire);
            self.emit(NetworkEvent::Sent { peer: self.peer, bytes });
        }
        writer.close().await
    }

    /// The end of a dismissed session, if the peer does not end it before.
    async fn farewell(&self) {
        self.dismiss.cancelled().await;
        sleep(FAREWELL).await;
    }

    fn emit(&self, event: NetworkEvent) {
        (self.context.on_event)(event);
    }
}
