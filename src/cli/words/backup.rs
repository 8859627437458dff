//! Backups in words.

use super::verify::size;
use super::{Report, count};

pub(super) fn words(report: &Report) -> String {
    match report {
        Report::BackedUp { device, folder, rows, bytes } => format!(
            "{} of {}, {}, are in {}: keep it like the device itself",
            count(*rows, "row"),
            device.short(),
            size(*bytes),
            folder.display()
        ),
        Report::Revived { device, folder, .. } => format!(
            "{} has the device {device} now: make sure that the one it was is never run again",
            folder.display()
        ),
        _ => String::new(),
    }
}
