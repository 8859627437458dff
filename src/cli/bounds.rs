//! How much of the machine others may use: flags of `run` and `anchor`.

use clap::Args;
use driftline::{Limits, SpaceLimits};
use thiserror::Error;

/// What is not given stays as it is.
#[derive(Args)]
#[command(next_help_heading = "Limits")]
pub(super) struct Bounds {
    /// Documents in each space; once it is full, members with less than an equal share go on
    #[arg(long, value_name = "N", env = "DRIFTLINE_MAX_DOCUMENTS")]
    max_documents: Option<u64>,
    /// How much is kept of each space, such as 500M or 16G; once it is full, the same
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_MAX_SPACE")]
    max_space: Option<u64>,
    /// Documents of one member in which nobody else has written
    #[arg(long, value_name = "N", env = "DRIFTLINE_MAX_MEMBER_DOCUMENTS")]
    max_member_documents: Option<u64>,
    /// How much is kept of one member in each space, such as 500M or 4G
    #[arg(long, value_name = "SIZE", value_parser = size, env = "DRIFTLINE_MAX_MEMBER")]
    max_member: Option<u64>,
    /// Connections at a time
    #[arg(long, value_name = "N", env = "DRIFTLINE_MAX_CONNECTIONS")]
    max_connections: Option<u32>,
    /// Connections at a time that come from one IP address
    #[arg(long, value_name = "N", env = "DRIFTLINE_MAX_CONNECTIONS_PER_ADDRESS")]
    max_connections_per_address: Option<u32>,
}

impl Bounds {
    /// The limits of the network, where these are told no other.
    pub(super) fn network(&self, limits: Limits) -> Limits {
        let per_address = self.max_connections_per_address;
        Limits {
            max_connections: self.max_connections.unwrap_or(limits.max_connections),
            max_connections_per_address: per_address.unwrap_or(limits.max_connections_per_address),
            ..limits
        }
    }

    /// The limits of each space, where these are told no other.
    pub(super) fn spaces(&self, limits: SpaceLimits) -> SpaceLimits {
        SpaceLimits {
            documents: self.max_documents.unwrap_or(limits.documents),
            bytes: self.max_space.unwrap_or(limits.bytes),
            author_documents: self.max_member_documents.unwrap_or(limits.author_documents),
            author_bytes: self.max_member.unwrap_or(limits.author_bytes),
            ..limits
        }
    }
}

#[derive(Debug, Error, PartialEq, Eq)]
#[error("expected a number of bytes, or one of K, M, G or T behind it: 500M, 16G")]
pub(super) struct BadSize;

/// A size, such as `16G`: the units are powers of 1,024.
pub(super) fn size(text: &str) -> Result<u64, BadSize> {
    let (number, shift) = match text.split_at_checked(text.len().wrapping_sub(1)) {
        Some((number, "K")) => (number, 10),
        Some((number, "M")) => (number, 20),
        Some((number, "G")) => (number, 30),
        Some((number, "T")) => (number, 40),
        _ => (text, 0),
    };
    let number: u64 = number.parse().map_err(|_| BadSize)?;
    number.checked_mul(1 << shift).ok_or(BadSize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_may_have_a_unit() {
        assert_eq!(size("500"), Ok(500));
        assert_eq!(size("2K"), Ok(2_048));
        assert_eq!(size("16G"), Ok(16 << 30));
        for bad in ["", "G", "-1G", "1.5G", "16 G", "99999999999T", "16€"] {
            assert_eq!(size(bad), Err(BadSize), "{bad}");
        }
    }
}
