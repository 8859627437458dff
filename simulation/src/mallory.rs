//! A device that runs none of the core: it hears everything, asks for everything, and otherwise says what it is told to.

use bytes::Bytes;
use driftline_core::codec;
use driftline_core::document::Label;
use driftline_core::id::{DeviceId, SpaceId};
use driftline_core::log::Frontier;
use driftline_core::space::{Effect, Event, TAG_BYTES, VERSION};

use crate::forgery;

/// Somebody who keeps no rule.
#[derive(Debug)]
pub struct Mallory {
    space: SpaceId,
    me: DeviceId,
    /// The version of the protocol that it says it speaks when it is connected, if it says anything.
    pub greets: Option<u16>,
    /// Every frame that it was ever sent.
    pub heard: Vec<Bytes>,
}

/// What an offer holds: a stretch of the feed, and documents with their frontiers.
type Offer = (u32, (u64, u64), Vec<(Label, Frontier)>);

impl Mallory {
    /// Somebody who wants what is in a space.
    pub fn new(space: SpaceId, me: DeviceId) -> Self {
        Self { space, me, greets: Some(VERSION), heard: Vec::new() }
    }

    /// The space that it wants.
    pub fn space(&self) -> SpaceId {
        self.space
    }

    /// Whether it was ever sent these words.
    pub fn has_heard(&self, words: &str) -> bool {
        let words = words.as_bytes();
        self.heard.iter().any(|frame| frame.windows(words.len()).any(|window| window == words))
    }

    pub(crate) fn handle(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::PeerUp { peer } => {
                if let Some(version) = self.greets {
                    let frame = forgery::open(&self.space, &self.me, version);
                    effects.push(Effect::Send { to: vec![peer], frame });
                }
            }
            Event::Frame { peer, frame } => {
                // Whatever is offered is wanted, from the start.
                let body = frame.get(TAG_BYTES..).unwrap_or_default();
                if let Ok((forgery::CHANGED, _, documents)) = codec::decode::<Offer>(body) {
                    let documents = documents.iter().map(|(label, _)| label.document(&self.space));
                    let documents: Vec<_> = documents.collect();
                    let frame = forgery::want(&self.space, &self.me, &documents);
                    effects.push(Effect::Send { to: vec![peer], frame });
                }
                self.heard.push(frame);
            }
            _ => {}
        }
    }
}
