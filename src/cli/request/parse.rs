//! Arguments that are more than a word.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::{ArgMatches, Args, Command, FromArgMatches};
use driftline::{ParseRoleError, Role};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// `SPACE/NAME`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct DocumentPath {
    pub(in crate::cli) space: String,
    pub(in crate::cli) name: String,
}

#[derive(Debug, Error)]
#[error("expected SPACE/NAME, for example kitchen/notes/today")]
pub(in crate::cli) struct BadDocumentPath;

impl FromStr for DocumentPath {
    type Err = BadDocumentPath;

    fn from_str(text: &str) -> Result<Self, BadDocumentPath> {
        match text.split_once('/') {
            Some((space, name)) if !space.is_empty() && !name.is_empty() => {
                Ok(Self { space: space.to_owned(), name: name.to_owned() })
            }
            _ => Err(BadDocumentPath),
        }
    }
}

/// A change to a text. Positions and lengths count UTF-16 code units.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Splice {
    Insert { position: u32, text: String },
    Delete { position: u32, length: u32 },
}

/// How it is written: two values behind one flag, which the derived parser does not know.
impl Args for Splice {
    fn augment_args(command: Command) -> Command {
        let flag = |name: &'static str, values: [&'static str; 2]| {
            clap::Arg::new(name).long(name).num_args(2).value_names(values)
        };
        let insert = flag("insert", ["POS", "TEXT"]).allow_hyphen_values(true);
        let either = clap::ArgGroup::new("splice").args(["insert", "delete"]).required(true);
        command
            .arg(insert.help("Insert a text at a position, counted in UTF-16 code units"))
            .arg(flag("delete", ["POS", "LEN"]).help("Delete so many units from a position on"))
            .group(either)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Splice {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let pair = |name| {
            let mut values = matches.get_many::<String>(name)?;
            Some((values.next()?.clone(), values.next()?.clone()))
        };
        if let Some((position, text)) = pair("insert") {
            return Ok(Self::Insert { position: units(&position)?, text });
        }
        let missing = || clap::Error::new(clap::error::ErrorKind::MissingRequiredArgument);
        let (position, length) = pair("delete").ok_or_else(missing)?;
        Ok(Self::Delete { position: units(&position)?, length: units(&length)? })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn units(text: &str) -> Result<u32, clap::Error> {
    text.parse().map_err(|error| {
        let message = format!("“{text}” is not a position or length: {error}\n");
        clap::Error::raw(clap::error::ErrorKind::ValueValidation, message)
    })
}

pub(super) fn role(word: &str) -> Result<Role, ParseRoleError> {
    word.parse()
}

#[derive(Debug, Error)]
#[error("expected a number and a unit: 90s, 30m, 12h, 7d or 2w")]
pub(in crate::cli) struct BadSpan;

/// A span of time, such as `7d`.
pub(in crate::cli) fn span(text: &str) -> Result<Duration, BadSpan> {
    let (number, unit) = text.split_at_checked(text.len().wrapping_sub(1)).ok_or(BadSpan)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 24 * 3600,
        "w" => 7 * 24 * 3600,
        _ => return Err(BadSpan),
    };
    let number: u32 = number.parse().map_err(|_| BadSpan)?;
    Ok(Duration::from_secs(u64::from(number) * unit))
}

/// A command's fields, or what is to be shown.
pub(super) fn json(text: &str) -> Result<serde_json::Value, serde_json::Error> {
    serde_json::from_str(text)
}

/// The process that has the folder may have another working directory.
pub(super) fn absolute(path: &str) -> std::io::Result<PathBuf> {
    std::path::absolute(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_named_behind_the_first_slash() {
        let path: DocumentPath = "kitchen/notes/today".parse().unwrap();
        assert_eq!((path.space.as_str(), path.name.as_str()), ("kitchen", "notes/today"));
        for bad in ["kitchen", "/today", "kitchen/"] {
            assert!(bad.parse::<DocumentPath>().is_err(), "{bad}");
        }
    }

    #[test]
    fn spans_have_a_unit() {
        assert_eq!(span("90s").unwrap(), Duration::from_secs(90));
        assert_eq!(span("7d").unwrap(), Duration::from_secs(604_800));
        for bad in ["", "7", "d", "7 d", "-1s", "7€", "99999999999w"] {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
