//! Frames on a stream: the length as four bytes, little end first, and then as many bytes.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::event::InboundFrame;

/// The bytes that say how long a frame is.
pub(crate) const PREFIX_BYTES: usize = 4;

/// What a waiting frame costs beyond its bytes. It is counted too, or a peer could fill the memory
/// with empty frames.
pub(crate) const OVERHEAD_BYTES: usize = 64;

/// As much as is taken on trust: memory for a frame grows by at most this ahead of the bytes that
/// have come.
const CHUNK_BYTES: usize = 64 << 10;

/// Frames from this length on are written from where they are; shorter ones are copied together.
const COPY_BELOW: usize = 32 << 10;

/// Why no further frame can be read.
#[derive(Debug, Error)]
pub(crate) enum ReadError {
    #[error("a frame of {bytes} bytes was announced: {limit} are allowed")]
    TooLong { bytes: u32, limit: u32 },
    #[error("the stream broke")]
    Stream(#[from] io::Error),
}

/// What one peer may have in this device's memory: a number of bytes, lent to frames.
#[derive(Clone)]
pub(crate) struct InboundBudget {
    bytes: Arc<Semaphore>,
    limit: u32,
}

impl InboundBudget {
    pub(crate) fn new(limit: u32) -> Self {
        // A budget of nothing would lend nothing to each of any number of frames.
        let limit = limit.max(1);
        Self { bytes: Arc::new(Semaphore::new(limit as usize)), limit }
    }

    /// Waits until there is room for a frame. A frame larger than the whole budget gets all of it.
    async fn lend(&self, frame_bytes: u32) -> io::Result<OwnedSemaphorePermit> {
        let cost = frame_bytes.saturating_add(OVERHEAD_BYTES as u32).min(self.limit);
        self.bytes.clone().acquire_many_owned(cost).await.map_err(io::Error::other)
    }

    pub(crate) fn is_untouched(&self) -> bool {
        self.bytes.available_permits() == self.limit as usize
    }
}

/// Reads the next frame, or `None` where the peer ended the stream between two frames.
pub(crate) async fn read_frame(
    stream: &mut (impl AsyncRead + Unpin),
    max_frame_bytes: u32,
    budget: &InboundBudget,
) -> Result<Option<InboundFrame>, ReadError> {
    let Some(length) = read_length(stream).await? else { return Ok(None) };
    if length > max_frame_bytes {
        return Err(ReadError::TooLong { bytes: length, limit: max_frame_bytes });
    }
    let permit = budget.lend(length).await?;
    let bytes = read_body(stream, length as usize).await?;
    Ok(Some(InboundFrame { bytes, _permit: permit }))
}

async fn read_length(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<u32>> {
    let mut prefix = [0; PREFIX_BYTES];
    let started = stream.read(&mut prefix).await?;
    if started == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut prefix[started..]).await?;
    Ok(Some(u32::from_le_bytes(prefix)))
}

async fn read_body(stream: &mut (impl AsyncRead + Unpin), length: usize) -> io::Result<Bytes> {
    let mut body = Vec::with_capacity(length.min(CHUNK_BYTES));
    while body.len() < length {
        let start = body.len();
        if start == body.capacity() {
            // Doubling keeps the copying linear; the exact end makes the last buffer fit the frame.
            body.reserve_exact(start.min(length - start));
        }
        body.resize(body.capacity().min(start + CHUNK_BYTES), 0);
        stream.read_exact(&mut body[start..]).await?;
    }
    Ok(body.into())
}

/// Writes frames, in few large pieces. Nothing is sure to leave before [`flush`](Self::flush).
pub(crate) struct FrameWriter<S> {
    stream: S,
    gathered: Vec<u8>,
}

impl<S: AsyncWrite + Unpin> FrameWriter<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, gathered: Vec::new() }
    }

    pub(crate) async fn write(&mut self, frame: &Bytes) -> io::Result<()> {
        // Frames are checked against a 32-bit limit where they come in.
        let length = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.gathered.extend_from_slice(&length.to_le_bytes());
        if frame.len() < COPY_BELOW {
            self.gathered.extend_from_slice(frame);
            return Ok(());
        }
        self.write_gathered().await?;
        self.stream.write_all(frame).await
    }

    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        self.write_gathered().await?;
        self.stream.flush().await
    }

    /// Gives back the memory that a burst has needed.
    pub(crate) fn rest(&mut self) {
        self.gathered.shrink_to(COPY_BELOW);
    }

    pub(crate) async fn close(&mut self) -> io::Result<()> {
        self.stream.close().await
    }

    async fn write_gathered(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.gathered).await?;
        self.gathered.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;

    const LIMIT: u32 = 1 << 20;

    async fn written(frames: &[Bytes]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = FrameWriter::new(Cursor::new(&mut bytes));
        for frame in frames {
            writer.write(frame).await.unwrap();
        }
        writer.flush().await.unwrap();
        drop(writer);
        bytes
    }

    async fn read(bytes: &[u8]) -> Result<Vec<Bytes>, ReadError> {
        let mut stream = Cursor::new(bytes);
        let budget = InboundBudget::new(LIMIT);
        let mut frames = Vec::new();
        while let Some(frame) = read_frame(&mut stream, LIMIT, &budget).await? {
            frames.push(frame.bytes);
        }
        Ok(frames)
    }

    #[tokio::test]
    async fn frames_of_every_size_come_back_as_they_were() {
        let sizes = [
            0,
            1,
            104,
            COPY_BELOW - 1,
            COPY_BELOW,
            CHUNK_BYTES,
            3 * CHUNK_BYTES + 5,
            LIMIT as usize,
        ];
        let frames: Vec<Bytes> =
            sizes.iter().enumerate().map(|(n, &size)| vec![n as u8; size].into()).collect();
        assert_eq!(read(&written(&frames).await).await.unwrap(), frames);
    }

    #[tokio::test]
    async fn a_frame_that_breaks_off_is_an_error_and_one_that_is_too_long_is_not_begun() {
        let bytes = written(&[Bytes::from_static(b"hello")]).await;
        for end in 1..bytes.len() {
            assert!(matches!(read(&bytes[..end]).await, Err(ReadError::Stream(_))), "{end}");
        }
        let announced = (LIMIT + 1).to_le_bytes();
        assert!(matches!(read(&announced).await, Err(ReadError::TooLong { .. })));
    }

    #[tokio::test]
    async fn a_large_frame_ends_in_memory_of_its_own_size() {
        let mut stream = Cursor::new(vec![1; 1_000_000]);
        let body = read_body(&mut stream, 1_000_000).await.unwrap();
        let body = Vec::from(body);
        assert_eq!((body.len(), body.capacity()), (1_000_000, 1_000_000));
    }
}
