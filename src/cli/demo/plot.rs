//! What is typed in the story.

use std::sync::Arc;
use std::time::Duration;

use driftline::trace::Trace;

use super::Result;

/// What is typed.
pub(super) struct Plot {
    /// By Alice, alone.
    pub(super) paper: Arc<Trace>,
    /// By two people at once.
    pub(super) friends: Arc<Trace>,
    /// By Alice behind the paper, key by key, to see how long each takes.
    pub(super) postscript: String,
    /// By Alice before the paper, while Bob is offline.
    pub(super) foreword: String,
    /// By Bob behind the paper, while he is offline.
    pub(super) appendix: String,
    /// Between two words.
    pub(super) pause: Duration,
}

impl Plot {
    pub(super) fn new(short: bool) -> Result<Self> {
        let svelte =
            Trace::parse(include_bytes!("../../../benches/traces/sveltecomponent.json.gz"))?;
        let friends =
            Trace::parse(include_bytes!("../../../benches/traces/friendsforever.json.gz"))?;
        let most = if short { 1_000 } else { usize::MAX };
        let part = |text: &str, most| text.chars().take(most).collect();
        let (foreword, appendix) = (part(&svelte.end, most), part(&friends.end, most));
        let postscript = part(&friends.end, if short { 50 } else { 500 });
        let paper = if short {
            svelte
        } else {
            Trace::parse(include_bytes!("../../../benches/traces/automerge-paper.json.gz"))?
        };
        let pause = Duration::from_micros(500);
        let (paper, friends) = (Arc::new(paper), Arc::new(friends));
        Ok(Self { paper, friends, postscript, foreword, appendix, pause })
    }

    /// What the documents say in the end.
    pub(super) fn end(&self) -> [(&'static str, String); 2] {
        let Self { paper, friends, postscript, foreword, appendix, .. } = self;
        let paper = [foreword, &paper.end, postscript, appendix].map(String::as_str).concat();
        [("friends", friends.end.clone()), ("paper", paper)]
    }
}
