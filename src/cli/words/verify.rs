//! What was checked, and what is wrong with it.

use indicatif::HumanCount;
use owo_colors::{OwoColorize, Stream, Style};

use super::count;
use crate::cli::report::{Finding, Verified};

pub(super) fn finding(finding: &Finding) -> String {
    let place = place(finding);
    let place = place.if_supports_color(Stream::Stdout, |text| text.red());
    let because: String = finding.because.iter().map(|cause| format!(": {cause}")).collect();
    format!("{place}: {}{because}", finding.what)
}

pub(super) fn verified(verified: &Verified) -> String {
    let Verified { spaces, documents, entries, bytes, findings } = *verified;
    let numbered = |number, what| {
        let words = count(number, what);
        let (_, what) = words.split_once(' ').unwrap_or_default();
        format!("{} {what}", HumanCount(number))
    };
    let found = match findings {
        0 => paint("all sound", Style::new().green()),
        1 => paint("1 thing is wrong", Style::new().red()),
        _ => paint(&format!("{} things are wrong", HumanCount(findings)), Style::new().red()),
    };
    format!(
        "{}, {}, {}, {}: {found}.",
        numbered(spaces, "space"),
        numbered(documents, "document"),
        numbered(entries, "entry"),
        size(bytes)
    )
}

/// Where it is: `kitchen/list, entry 7 of chain q3xixma7`.
fn place(finding: &Finding) -> String {
    let space = finding.space.map(|space| {
        finding.space_name.clone().unwrap_or_else(|| format!("space {}", space.short()))
    });
    let document = finding.document.map(|document| match finding.document_name.as_deref() {
        Some("") => "the roster".to_owned(),
        Some(name) => name.to_owned(),
        None => format!("document {}", document.short()),
    });
    let chain = finding.chain.map(|chain| {
        let entry = finding.entry.map(|entry| format!("entry {entry} of ")).unwrap_or_default();
        format!("{entry}chain {}", chain.short())
    });
    let where_to: Vec<_> = space.into_iter().chain(document).collect();
    let whole: Vec<_> = [where_to.join("/")].into_iter().chain(chain).collect();
    match whole.join(", ") {
        nowhere if nowhere.is_empty() => "the device".to_owned(),
        place => place,
    }
}

/// A number of bytes, as coarse as one thinks of it.
pub(super) fn size(bytes: u64) -> String {
    let units = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64;
    let mut unit = "bytes";
    for larger in units {
        if size < 1024.0 {
            break;
        }
        (size, unit) = (size / 1024.0, larger);
    }
    match unit {
        "bytes" => count(bytes, "byte"),
        _ if size < 10.0 => format!("{size:.1} {unit}"),
        _ => format!("{size:.0} {unit}"),
    }
}

fn paint(text: &str, style: Style) -> String {
    text.if_supports_color(Stream::Stdout, |text| text.style(style)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_checked_is_one_plain_line() {
        let whole =
            Verified { spaces: 3, documents: 41, entries: 120_311, bytes: 25 << 20, findings: 0 };
        assert_eq!(verified(&whole), "3 spaces, 41 documents, 120,311 entries, 25 MiB: all sound.");
        let bad = Verified { spaces: 1, documents: 1, entries: 1, bytes: 1_300, findings: 2 };
        assert_eq!(verified(&bad), "1 space, 1 document, 1 entry, 1.3 KiB: 2 things are wrong.");
    }
}
