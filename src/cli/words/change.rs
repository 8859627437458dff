//! A change, on one line.

use driftline::DeviceId;
use owo_colors::{OwoColorize, Stream};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::count;
use crate::cli::report::{Change, Difference, Stretch};

/// So much of an inserted text is shown.
const SHOWN: usize = 60;

pub(super) fn line(change: &Change) -> String {
    let author = author(&change.author, change.you);
    let what: Vec<_> = change.what.iter().map(difference).collect();
    format!("{}  {author}  {}", time(change.time), what.join(", "))
}

/// Somebody writing with no pause, on one line.
pub(super) fn stretch(stretch: &Stretch) -> String {
    let author = author(&stretch.author, stretch.you);
    let (first, last) = (time(stretch.first), time(stretch.last));
    format!("{first} to {last}  {author}  {}", count(stretch.entries, "entry"))
}

/// Who wrote, as wide as an id is cut short.
fn author(author: &DeviceId, you: bool) -> String {
    let author = if you { "you".to_owned() } else { author.short() };
    format!("{author:<8}").if_supports_color(Stream::Stdout, |text| text.cyan()).to_string()
}

fn difference(difference: &Difference) -> String {
    match difference {
        Difference::Inserted { at, text } => {
            let length = text.encode_utf16().count();
            let shown: String = text.chars().take(SHOWN).collect();
            let rest = if shown.len() < text.len() { "…" } else { "" };
            format!("+{length} at {at} {shown:?}{rest}")
        }
        Difference::Embedded { at } => format!("+1 at {at} (not text)"),
        Difference::Deleted { at, length } => format!("-{length} at {at}"),
        Difference::Formatted { at, length } => format!("~{length} at {at} (format)"),
        Difference::Root(name) => format!("in {name:?}"),
    }
}

/// Milliseconds since 1970 as date and time, UTC, to the second.
pub(super) fn time(milliseconds: u64) -> String {
    let seconds = i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX);
    let time = OffsetDateTime::from_unix_timestamp(seconds).ok();
    let text = time.and_then(|time| time.format(&Rfc3339).ok());
    text.unwrap_or_else(|| format!("{seconds} s after 1970"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_is_short() {
        let inserted = Difference::Inserted { at: 12, text: "hello".to_owned() };
        assert_eq!(difference(&inserted), "+5 at 12 \"hello\"");
        let long = Difference::Inserted { at: 0, text: "x".repeat(1000) };
        assert!(difference(&long).len() < 100);
        assert_eq!(difference(&Difference::Deleted { at: 4, length: 3 }), "-3 at 4");
    }

    #[test]
    fn times_are_told_whatever_an_author_claims() {
        assert_eq!(time(1_795_359_792_999), "2026-11-22T15:03:12Z");
        assert_eq!(time(u64::MAX), "18446744073709551 s after 1970");
    }
}
