//! What is seen while the story goes on: bars on a terminal, plain lines elsewhere, all of it on stderr.

use std::error::Error;
use std::time::Instant;

use indicatif::{HumanCount, MultiProgress, ProgressBar, ProgressStyle};
use owo_colors::{OwoColorize, Stream};

use super::causes;

pub(super) struct Screen {
    // It draws nothing where stderr is no terminal.
    bars: MultiProgress,
}

/// How far somebody got with something.
#[derive(Clone)]
pub(super) struct Bar {
    bars: MultiProgress,
    bar: ProgressBar,
    started: Instant,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self { bars: MultiProgress::new() }
    }

    /// Begins another chapter.
    pub(super) fn chapter(&self, title: &str) {
        let title = title.if_supports_color(Stream::Stderr, |title| title.bold());
        self.bars.suspend(|| eprintln!("{title}"));
    }

    pub(super) fn say(&self, line: &str) {
        self.bars.suspend(|| eprintln!("  {line}"));
    }

    pub(super) fn fail(&self, error: &(dyn Error + 'static)) {
        let said = format!("the story went wrong: {}", causes(error));
        let said = said.if_supports_color(Stream::Stderr, |said| said.red());
        self.bars.suspend(|| eprintln!("{said}"));
    }

    /// A bar for something that somebody does `total` times.
    pub(super) fn bar(&self, what: &str, total: usize) -> Bar {
        let style = "  {prefix:<14} {bar:36} {human_pos:>7} of {human_len}  {elapsed}";
        let style = ProgressStyle::with_template(style)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("━╸─");
        let bar = ProgressBar::new(total as u64).with_style(style).with_prefix(what.to_owned());
        let (bars, started) = (self.bars.clone(), Instant::now());
        Bar { bar: bars.add(bar), bars, started }
    }
}

impl Bar {
    pub(super) fn at(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// How far it is.
    pub(super) fn position(&self) -> u64 {
        self.bar.position()
    }

    /// Leaves a line in the bar's place; gives the seconds that it took.
    pub(super) fn done(&self) -> f64 {
        let seconds = self.started.elapsed().as_secs_f64();
        let (what, edits) = (self.bar.prefix(), HumanCount(self.bar.length().unwrap_or_default()));
        self.bar.finish_and_clear();
        self.bars.remove(&self.bar);
        self.bars.suspend(|| eprintln!("  {what}: {edits} edits in {seconds:.1} s"));
        seconds
    }
}
