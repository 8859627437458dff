//! What went wrong, told to a person or to a program.

use std::error::Error;
use std::fmt;

use owo_colors::{OwoColorize, Stream};
use serde::{Deserialize, Serialize};

/// An error and its causes, in words that travel.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Failure {
    error: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    because: Vec<String>,
}

impl Failure {
    /// Follows an error to its causes. A cause that says what was said above is left out.
    pub(super) fn of(error: &dyn Error) -> Self {
        let mut failure = Self { error: error.to_string(), because: Vec::new() };
        let mut cause = error.source();
        while let Some(error) = cause {
            let words = error.to_string();
            if !failure.said().ends_with(&words) {
                failure.because.push(words);
            }
            cause = error.source();
        }
        failure
    }

    /// The error, and its causes.
    pub(super) fn into_words(self) -> (String, Vec<String>) {
        (self.error, self.because)
    }

    fn said(&self) -> &str {
        self.because.last().unwrap_or(&self.error)
    }

    /// Tells it on standard error.
    pub(super) fn tell(&self, json: bool) {
        if json {
            eprintln!("{}", serde_json::json!(self));
        } else {
            let error = "error:".if_supports_color(Stream::Stderr, |text| text.red()).to_string();
            eprintln!("{error} {self}");
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)?;
        for (depth, cause) in self.because.iter().enumerate() {
            write!(f, "\n{:indent$}because: {cause}", "", indent = 2 * (depth + 1))?;
        }
        Ok(())
    }
}

impl Error for Failure {}
