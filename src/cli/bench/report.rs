//! Figures as a table, or as JSON.

use std::fmt::Display;

use serde::Serialize;

/// One figure, beside what it is measured against.
#[derive(Serialize)]
pub(super) struct Figure {
    /// What was done.
    pub(super) work: &'static str,
    /// What it came to, in words with a unit.
    pub(super) measured: String,
    /// What it is held against, in the same run.
    pub(super) baseline: Option<String>,
    /// The one over the other.
    pub(super) ratio: Option<f64>,
    /// What it should be.
    pub(super) wanted: &'static str,
    pub(super) met: bool,
}

/// Shows figures as they come in.
pub(super) struct Report {
    pub(super) json: bool,
}

impl Report {
    /// Says what is being done, to whoever waits for the figures.
    pub(super) fn progress(&self, doing: impl Display) {
        eprintln!("… {doing}");
    }

    /// Prints a figure, as a JSON object or in words.
    pub(super) fn add(&self, figure: &Figure) {
        if self.json {
            if let Ok(line) = serde_json::to_string(figure) {
                println!("{line}");
            }
            return;
        }
        let baseline = figure.baseline.as_ref().map(|text| format!(", beside {text}"));
        let ratio = figure.ratio.map(|ratio| format!(": {ratio:.2} ×"));
        let (baseline, ratio) = (baseline.unwrap_or_default(), ratio.unwrap_or_default());
        let verdict = if figure.met { "met" } else { "missed" };
        println!("{}", figure.work);
        println!("    {}{baseline}{ratio} (wanted: {}; {verdict})", figure.measured, figure.wanted);
    }
}

/// So many in so long, as a rate with a unit.
pub(super) fn rate(count: usize, seconds: f64, unit: &str) -> String {
    let rate = count as f64 / seconds;
    match rate {
        1e6.. => format!("{:.2}M {unit}/s", rate / 1e6),
        1e4.. => format!("{:.0}k {unit}/s", rate / 1e3),
        _ => format!("{rate:.0} {unit}/s"),
    }
}
