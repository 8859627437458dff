//! Records, commands and answers, a line each.

use driftline::CommandId;
use owo_colors::{OwoColorize, Stream};
use serde_json::Value;

use super::change::time;
use super::count;
use crate::cli::report::{Answer, Record, Story, Waiting, Why};

pub(super) fn record(record: &Record) -> String {
    let key = bare(&record.key);
    let Some(fields) = &record.fields else { return format!("{key}  (not there any more)") };
    let line = format!("{key}  {fields}");
    match record.tentative {
        true => format!(
            "{line}  {}",
            "not decided yet".if_supports_color(Stream::Stdout, |text| text.yellow())
        ),
        false => line,
    }
}

pub(super) fn story(story: &Story) -> String {
    let mut words = format!("{}/{}.{}\n", story.collection, bare(&story.key), story.field);
    for chapter in &story.chapters {
        let shown =
            |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
        let rank = chapter.rank.as_ref().map(|rank| format!(" of rank {rank}")).unwrap_or_default();
        words += &format!("  {} instead of {}\n", shown(&chapter.after), shown(&chapter.before));
        words += &format!(
            "    {} by {}{rank}, who had seen {}: {}\n",
            chapter.name,
            chapter.author.short(),
            count(chapter.seen, "decision"),
            chapter.outcome.as_ref().map_or_else(|| "decided".to_owned(), outcome),
        );
        words += &format!(
            "    decision {} at {}, signed by {}\n",
            chapter.order,
            time(chapter.at),
            chapter.decider.short(),
        );
    }
    words
}

pub(super) fn submitted(command: &CommandId, predicted: Option<&Value>) -> String {
    match predicted {
        Some(predicted) => {
            format!("{}, as far as this device can tell: {command}", outcome(predicted))
        }
        None => format!("given; what comes of it is for the anchor to say: {command}"),
    }
}

pub(super) fn waiting(waiting: &Waiting) -> String {
    let why = match waiting.why {
        Why::NotGranted => {
            "its bucket was taken from this device, and it goes once that is granted again"
        }
        Why::NoAnchor => "the space has no anchor that could decide",
        Why::Away => "no anchor is connected",
        Why::OnItsWay => "an anchor is connected, and has not answered yet",
    };
    let Waiting { command, name, fields, since, .. } = waiting;
    format!("{}  {name} {fields}  {why}  {command}", time(*since))
}

pub(super) fn answer(answer: &Answer) -> String {
    let Answer { command, author, name, at, outcome: what, .. } = answer;
    let at = at.map_or_else(|| "undecided".to_owned(), time);
    let by = author.map_or_else(String::new, |author| format!(", by {}", author.short()));
    format!("{at}  {name}{by}  {}  {command}", outcome(what))
}

/// A verdict or a revision: the word for it, coloured by whether the command stands, and what belongs to it.
fn outcome(outcome: &Value) -> String {
    let word = ["verdict", "revision"].iter().find_map(|kind| outcome[kind].as_str());
    let word = word.unwrap_or("unknown");
    let shown = match word {
        "accepted" | "settled" => {
            word.if_supports_color(Stream::Stdout, |text| text.green()).to_string()
        }
        "yielded" | "contested" => {
            word.if_supports_color(Stream::Stdout, |text| text.yellow()).to_string()
        }
        _ => word.if_supports_color(Stream::Stdout, |text| text.red()).to_string(),
    };
    let details: Vec<_> = outcome.as_object().into_iter().flatten().filter_map(detail).collect();
    match details.is_empty() {
        true => shown,
        false => format!("{shown} ({})", details.join(", ")),
    }
}

fn detail((name, value): (&String, &Value)) -> Option<String> {
    match (name.as_str(), value) {
        ("verdict" | "revision", _) | (_, Value::Null) => None,
        ("fields", Value::Array(losses)) => {
            let losses = losses.iter().map(|loss| claim(&loss["place"], &loss["to"]));
            Some(losses.collect::<Vec<_>>().join(", "))
        }
        ("place", _) => None,
        ("now", now) => Some(format!("now {}", outcome(now))),
        ("by" | "with", claim) if claim.is_object() => {
            Some(format!("{} by {}", claim["value"], author(claim)))
        }
        (name, value) => Some(format!("{name} {value}")),
    }
}

/// A field, and what somebody wrote to it.
fn claim(place: &Value, claim: &Value) -> String {
    let text = |part: &str| bare(&place[part]);
    let field = format!("{}/{}.{}", text("collection"), text("key"), text("field"));
    format!("{field} is {} by {}", claim["value"], author(claim))
}

/// A text without its quotes, anything else as JSON.
fn bare(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn author(claim: &Value) -> String {
    claim["by"]["author"].as_str().map_or_else(|| "nobody".to_owned(), |id| id[..8].to_owned())
}
