//! `backup`: all that a device has, in a folder of its own.

use std::path::PathBuf;

use driftline::Device;

use crate::cli::error::Error;
use crate::cli::output::Speaker;
use crate::cli::report::Report;

pub(super) async fn backup(
    device: &Device,
    folder: PathBuf,
    speaker: &Speaker,
) -> Result<(), Error> {
    speaker.progress("writing the backup", None).await;
    let made = device.backup(&folder).await?;
    let report =
        Report::BackedUp { device: made.device, folder, rows: made.rows, bytes: made.bytes };
    speaker.report(report).await;
    Ok(())
}
