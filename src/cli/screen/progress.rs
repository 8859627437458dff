//! How far a command got: a bar on a terminal, a line at every tenth elsewhere, nothing between lines of JSON.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::output::Progress;

const STEPS: u64 = 10;

pub(super) struct Bar {
    silent: bool,
    drawn: Option<ProgressBar>,
    /// What was said last: of what, which tenth.
    said: Option<(String, u64)>,
}

impl Bar {
    pub(super) fn new(json: bool) -> Self {
        let drawn = (!json && std::io::stderr().is_terminal()).then(ProgressBar::no_length);
        Self { silent: json, drawn, said: None }
    }

    pub(super) fn show(&mut self, progress: &Progress) {
        match &self.drawn {
            _ if self.silent => {}
            Some(bar) => draw(bar, progress),
            None => self.say(progress),
        }
    }

    /// Lets something be printed where the bar is.
    pub(super) fn hidden<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.drawn {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }

    fn say(&mut self, progress: &Progress) {
        let step = progress.counts.map_or(0, |(done, all)| done * STEPS / all.max(1));
        let now = (progress.doing.clone(), step);
        if self.said.as_ref() == Some(&now) {
            return;
        }
        match progress.counts {
            Some((done, all)) => eprintln!("{}: {done} of {all}", progress.doing),
            None => eprintln!("{}", progress.doing),
        }
        self.said = Some(now);
    }
}

fn draw(bar: &ProgressBar, progress: &Progress) {
    bar.set_message(progress.doing.clone());
    match progress.counts {
        Some((done, all)) => {
            bar.set_style(style("{msg} {wide_bar} {human_pos}/{human_len} {per_sec}"));
            bar.set_length(all);
            bar.set_position(done);
        }
        None => {
            bar.set_style(style("{spinner} {msg}"));
            bar.tick();
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
