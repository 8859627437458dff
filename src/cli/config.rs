//! Settings in a file: each flag of `run` and `anchor`, under its own name, in TOML.
//!
//! What the file says is put behind the arguments as flags that nobody gave, so that there is one place that knows what
//! a flag means. Flags and the environment count more.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};
use thiserror::Error;
use toml::{Table, Value};

use super::arguments::Arguments;

/// Why a file can't be gone by.
#[derive(Debug, Error)]
pub(super) enum ConfigError {
    #[error("can't read the settings in {}", file.display())]
    Unreadable { file: PathBuf, source: io::Error },
    #[error("{} is not TOML", file.display())]
    NotToml { file: PathBuf, source: toml::de::Error },
    #[error("{}: there is no setting “{name}”. There is {}", file.display(), known.join(", "))]
    Unknown { file: PathBuf, name: String, known: Vec<String> },
    #[error("{}: “{name}” is to be {expected}", file.display())]
    Kind { file: PathBuf, name: String, expected: &'static str },
    #[error("{}: {told}", file.display())]
    Value { file: PathBuf, told: String },
}

/// What was said on the command line, in the environment, and in the file that they name. Ends the process, as clap
/// does, if the arguments make no sense.
pub(super) fn arguments() -> Result<Arguments, (ConfigError, bool)> {
    let mut words: Vec<_> = std::env::args_os().collect();
    let given = Arguments::command().get_matches_from(&words);
    let settings = settings(&given).transpose();
    let settings = settings.map_err(|error| (error, given.get_flag("json")))?;
    let Some((file, settings)) = settings else {
        return Ok(Arguments::from_arg_matches(&given).unwrap_or_else(|error| error.exit()));
    };
    words.extend(settings);
    let all = Arguments::command().try_get_matches_from(words);
    all.and_then(|all| Arguments::from_arg_matches(&all)).map_err(|error| {
        // Without the file there was nothing wrong.
        let told = error.render().to_string();
        let told = told.lines().next().unwrap_or_default();
        let told = told.strip_prefix("error: ").unwrap_or(told).to_owned();
        (ConfigError::Value { file, told }, given.get_flag("json"))
    })
}

/// The file, and what it says that nobody said otherwise, as flags.
fn settings(given: &ArgMatches) -> Option<Result<(PathBuf, Vec<OsString>), ConfigError>> {
    let (command, given) = given.subcommand()?;
    let file = given.try_get_one::<PathBuf>("config").ok().flatten()?;
    let flags = read(file).and_then(|table| {
        let mut flags = Vec::new();
        for (name, value) in table {
            flags.extend(flag(file, command, given, &name, &value)?);
        }
        Ok((file.clone(), flags))
    });
    Some(flags)
}

fn read(file: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|source| ConfigError::Unreadable { file: file.to_owned(), source })?;
    text.parse().map_err(|source| ConfigError::NotToml { file: file.to_owned(), source })
}

/// A setting as the flags that stand for it.
fn flag(
    file: &Path,
    command: &str,
    given: &ArgMatches,
    name: &str,
    value: &Value,
) -> Result<Vec<OsString>, ConfigError> {
    let known = known(command);
    let Some(arg) = known.iter().find(|arg| arg.get_long() == Some(name)) else {
        let known = known.iter().filter_map(Arg::get_long).map(str::to_owned).collect();
        let (file, name) = (file.to_owned(), name.to_owned());
        return Err(ConfigError::Unknown { file, name, known });
    };
    let kind =
        |expected| ConfigError::Kind { file: file.to_owned(), name: name.to_owned(), expected };
    let said = given.value_source(arg.get_id().as_str());
    let said = matches!(said, Some(ValueSource::CommandLine | ValueSource::EnvVariable));
    let values = match (value, arg.get_action()) {
        (Value::Boolean(true), ArgAction::SetTrue) => vec![format!("--{name}")],
        (Value::Boolean(false), ArgAction::SetTrue) => Vec::new(),
        (_, ArgAction::SetTrue) => return Err(kind("true or false")),
        (Value::Array(several), ArgAction::Append) => {
            let texts = several.iter().map(text).collect::<Option<Vec<_>>>();
            let texts = texts.ok_or_else(|| kind("a list of texts"))?;
            texts.into_iter().map(|text| format!("--{name}={text}")).collect()
        }
        (value, _) => {
            let text = text(value).ok_or_else(|| kind("a text or a number"))?;
            vec![format!("--{name}={text}")]
        }
    };
    Ok(values.into_iter().filter(|_| !said).map(OsString::from).collect())
}

/// What can be set.
fn known(command: &str) -> Vec<Arg> {
    let mut arguments = Arguments::command();
    arguments.build();
    let command = arguments.find_subcommand(command);
    let flags = command.into_iter().flat_map(clap::Command::get_arguments);
    let known = flags.filter(|arg| !["help", "version", "config"].contains(&arg.get_id().as_str()));
    known.filter(|arg| arg.get_long().is_some()).cloned().collect()
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_can_be_set_in_a_file_can_be_set_in_the_environment() {
        for command in ["run", "anchor"] {
            for arg in known(command) {
                let name = arg.get_long().unwrap().replace('-', "_").to_uppercase();
                let variable = arg.get_env().and_then(|name| name.to_str());
                assert_eq!(variable, Some(format!("DRIFTLINE_{name}").as_str()));
            }
        }
    }
}
