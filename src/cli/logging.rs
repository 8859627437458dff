//! What happens, on standard error.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;

/// Logs at `level`, or as `DRIFTLINE_LOG` says, for example `driftline=debug,driftline_net=trace`.
pub(super) fn start(level: &str) {
    let filter = EnvFilter::try_from_env("DRIFTLINE_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .init();
}
