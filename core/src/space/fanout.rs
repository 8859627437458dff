//! What is new goes to every live session as soon as it is written.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::effect::Effect;
use super::journal::Accepted;
use super::message::{Message, Segments, Stretch};
use super::session::Mode;
use super::{Context, Space};
use crate::id::{DeviceId, DocumentId};

/// How much of the latest is remembered, so that a session can become live without the store, in bytes.
const RECENT_BYTES: usize = 4 << 20;

/// About how large a frame grows, in bytes.
const FRAME_BYTES: usize = 256 << 10;

/// When more than this waits to be sent to a peer, it gets no more until it has caught up, in bytes.
const HIGH_WATER: usize = 4 << 20;

/// The latest segments that were written.
#[derive(Debug, Default)]
pub(super) struct Recent {
    segments: VecDeque<Arc<Accepted>>,
    bytes: usize,
}

impl Recent {
    pub(super) fn keep(&mut self, fresh: &[Arc<Accepted>]) {
        self.bytes += fresh.iter().map(|accepted| accepted.segment.body.len()).sum::<usize>();
        self.segments.extend(fresh.iter().cloned());
        while self.bytes > RECENT_BYTES
            && let Some(oldest) = self.segments.pop_front()
        {
            self.bytes -= oldest.segment.body.len();
        }
    }

    /// Forgets what is of these documents.
    pub(super) fn forget(&mut self, documents: &[DocumentId]) {
        self.segments.retain(|accepted| !documents.contains(&accepted.document));
        self.bytes = self.segments.iter().map(|accepted| accepted.segment.body.len()).sum();
    }

    /// Everything behind that place in the feed; nothing if some of it is forgotten already.
    fn since(&self, from: u64, written: u64) -> Option<Vec<Arc<Accepted>>> {
        let first = self.segments.front().map_or(written + 1, |first| first.feed);
        let known = from >= written || from + 1 >= first;
        let behind = self.segments.partition_point(|accepted| accepted.feed <= from);
        known.then(|| self.segments.range(behind..).cloned().collect())
    }
}

impl Space {
    /// Sends what was just written to every live session, except back to where it came from.
    pub(super) fn fan_out(&mut self, fresh: &[Arc<Accepted>], context: &mut Context<'_>) {
        let live: Vec<_> = self.sessions.iter().filter(|(_, session)| session.is_live()).collect();
        let live: Vec<_> = live.into_iter().map(|(peer, _)| *peer).collect();
        for group in frames_of(fresh) {
            self.send_group(group, &live, context);
        }
    }

    /// Makes a session live, if everything that it lacks is remembered; says whether it is.
    pub(super) fn go_live(&mut self, peer: DeviceId, context: &mut Context<'_>) -> bool {
        let written = self.journal.feed().written;
        let Some(session) = self.sessions.get_mut(&peer) else { return false };
        let Some(lacking) = self.recent.since(session.outbound.told, written) else { return false };
        session.outbound.mode = Mode::Live;
        session.outbound.progress = context.now.steady;
        for group in frames_of(&lacking) {
            self.send_group(group, &[peer], context);
        }
        true
    }

    fn send_group(
        &mut self,
        group: &[Arc<Accepted>],
        peers: &[DeviceId],
        context: &mut Context<'_>,
    ) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { return };
        if !self.index.contains_key(&first.document) {
            // It was forgotten meanwhile.
            return;
        }
        let receivers = |peer: &&DeviceId| {
            let Some(session) = self.sessions.get(*peer) else { return false };
            let brought = group.iter().all(|accepted| session.brought(accepted, **peer));
            session.is_live() && !brought && self.may_read(&first.document, peer)
        };
        let to: Vec<_> = peers.iter().filter(receivers).copied().collect();
        if to.is_empty() {
            return;
        }
        // One frame serves all, so it claims what is in it and no more: who was passed over before, as
        // the origin, hears so first.
        let stretch = Stretch { from: first.feed - 1, upto: last.feed };
        for peer in &to {
            self.tell_position(*peer, stretch.from, context);
        }
        // Whoever mends gets more than others, where there is something to be mended.
        let cuts = self.roster.has_cuts();
        let (menders, others): (Vec<_>, Vec<_>) =
            to.into_iter().partition(|peer| cuts && self.is_mender(peer));
        for to in [menders, others].into_iter().filter(|to| !to.is_empty()) {
            let frame = self.group_message(group, stretch, &to[0]).frame(self.tag);
            self.send_frame(frame, last.feed, to, context);
        }
    }

    fn send_frame(
        &mut self,
        frame: Bytes,
        upto: u64,
        to: Vec<DeviceId>,
        context: &mut Context<'_>,
    ) {
        for peer in &to {
            let Some(session) = self.sessions.get_mut(peer) else { continue };
            session.outbound.advance(upto, context.now.steady);
            session.queued += frame.len();
            if session.queued > HIGH_WATER {
                tracing::info!(peer = %peer.short(), "a slow reader: it catches up later");
                session.outbound.mode = Mode::Behind;
            }
        }
        context.effects.push(Effect::Send { to, frame });
    }

    /// Tells a live peer that it lacks nothing up to a place in the feed: what it was not sent came from it.
    pub(super) fn tell_position(&mut self, peer: DeviceId, upto: u64, context: &mut Context<'_>) {
        let Some(session) = self.sessions.get_mut(&peer) else { return };
        let from = session.outbound.told;
        if session.is_live() && from < upto {
            session.outbound.advance(upto, context.now.steady);
            self.send(peer, &Message::Position(Stretch { from, upto }), context);
        }
    }

    fn group_message(
        &self,
        group: &[Arc<Accepted>],
        stretch: Stretch,
        reader: &DeviceId,
    ) -> Message {
        let document = group[0].document;
        let segments = group.iter().map(|accepted| (*accepted.segment).clone());
        let segments: Vec<_> =
            segments.filter_map(|segment| self.travelling(document, segment, reader)).collect();
        let begins = segments.iter().any(|segment| segment.head().is_some());
        let label = begins.then(|| self.index.get(&document).map(|log| log.label.clone()));
        let label = label.flatten();
        Message::Segments(Segments { document, label, segments, stretch: Some(stretch) })
    }
}

/// Cuts a row of segments into groups that go into one frame each: of one document, from one origin.
fn frames_of(row: &[Arc<Accepted>]) -> impl Iterator<Item = &[Arc<Accepted>]> {
    let mut bytes = 0;
    row.chunk_by(move |a, b| {
        bytes += a.segment.body.len();
        let together = a.document == b.document && a.origin == b.origin && bytes < FRAME_BYTES;
        if !together {
            bytes = 0;
        }
        together
    })
}
