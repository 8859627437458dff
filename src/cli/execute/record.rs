//! `record`: the rows that commands leave.

use driftline::record::{Cell, Key, Row, RowId, Table};
use driftline::{Device, Space, View};

use super::find;
use crate::cli::error::{Error, NameError};
use crate::cli::output::Speaker;
use crate::cli::report::{self, Collection, Record, Report, Story, json};
use crate::cli::request::{DocumentPath, RecordRequest};

pub(super) async fn record(
    device: &Device,
    request: RecordRequest,
    speaker: &Speaker,
) -> Result<(), Error> {
    match request {
        RecordRequest::Ls { space, collection } => {
            let space = find::space(device, &space).await?;
            match collection {
                Some(collection) => list(&space.view(), &collection, speaker).await,
                None => collections(&space, speaker).await,
            }
        }
        RecordRequest::Get { space, collection, key } => {
            let space = find::space(device, &space).await?;
            get(&space.view(), &collection, &key, speaker).await
        }
        RecordRequest::Watch { space, collection } => {
            watch(&find::space(device, &space).await?, &collection, speaker).await
        }
    }
}

async fn collections(space: &Space, speaker: &Speaker) -> Result<(), Error> {
    let view = space.view();
    let names = view.preview().collections().into_iter();
    let collections = names.map(|name| Collection {
        collection: name.to_owned(),
        records: view.preview().collection(name).count(),
    });
    let collections = collections.collect();
    speaker.report(Report::Collections { space: space.id(), collections }).await;
    Ok(())
}

async fn list(view: &View, collection: &str, speaker: &Speaker) -> Result<(), Error> {
    let rows: Vec<_> = view.preview().collection(collection).collect();
    if rows.is_empty() {
        let known = view.preview().collections().into_iter().map(|name| format!("“{name}”"));
        let (collection, known) = (collection.to_owned(), known.collect());
        return Err(NameError::NoSuchCollection { collection, known }.into());
    }
    for (key, row) in rows {
        speaker.report(Report::Record(report(view, collection, key, Some(row)))).await;
    }
    Ok(())
}

async fn get(view: &View, collection: &str, key: &str, speaker: &Speaker) -> Result<(), Error> {
    let Some((key, row)) = row(view, collection, key) else {
        let (collection, key) = (collection.to_owned(), key.to_owned());
        return Err(NameError::NoSuchRecord { collection, key }.into());
    };
    speaker.report(Report::Record(report(view, collection, &key, Some(row)))).await;
    Ok(())
}

async fn watch(space: &Space, collection: &str, speaker: &Speaker) -> Result<(), Error> {
    let mut views = space.views();
    let mut before = Table::default();
    speaker.progress("watching", None).await;
    loop {
        let view = views.next().await?;
        let (changed, removed) = view.preview().difference(&before, collection);
        for (key, row) in changed {
            speaker.report(Report::Record(report(&view, collection, key, Some(row)))).await;
        }
        for key in removed {
            speaker.report(Report::Record(report(&view, collection, &key, None))).await;
        }
        before = view.preview().clone();
    }
}

/// Tells the stories of a record's fields, or of one of them; nothing if that names no record.
pub(super) async fn why(
    device: &Device,
    path: &DocumentPath,
    speaker: &Speaker,
) -> Result<Option<()>, Error> {
    let Some((collection, rest)) = path.name.split_once('/') else { return Ok(None) };
    let space = find::space(device, &path.space).await?;
    let view = space.view();
    let (key, field) =
        rest.rsplit_once('.').map_or((rest, None), |(key, field)| (key, Some(field)));
    // A key may have a dot in it.
    let whole = row(&view, collection, rest).map(|found| (found, None));
    let Some(((key, row), field)) = whole.or_else(|| Some((row(&view, collection, key)?, field)))
    else {
        return Ok(None);
    };
    let id = RowId { collection: collection.to_owned(), key };
    let names =
        row.fields().map(|(name, _)| name).filter(|name| field.is_none_or(|it| it == *name));
    for name in names.map(str::to_owned).collect::<Vec<_>>() {
        let place = id.field(&name);
        let chapters = space.story(&place).await?.into_iter().map(chapter).collect();
        let story =
            Story { collection: collection.to_owned(), key: json(&id.key), field: name, chapters };
        speaker.report(Report::Story(story)).await;
    }
    Ok(Some(()))
}

fn chapter(chapter: driftline::command::Chapter) -> report::Chapter {
    let value = |cell: Option<&Cell>| cell.map(|cell| json(cell.value()));
    report::Chapter {
        command: chapter.command,
        name: chapter.name,
        author: chapter.author,
        rank: chapter.rank,
        seen: chapter.seen.decided,
        outcome: chapter.verdict.as_ref().map(json),
        before: value(chapter.before.as_ref()),
        after: value(chapter.after.as_ref()),
        order: chapter.order,
        at: chapter.at.0,
        decider: chapter.decider,
    }
}

/// The record of that key, whether that is a number or a text.
fn row<'a>(view: &'a View, collection: &str, key: &str) -> Option<(Key, &'a Row)> {
    let number = key.parse().ok().map(Key::Int);
    let keys = number.into_iter().chain([Key::Text(key.to_owned())]);
    let mut rows = keys.map(|key| RowId::new(collection, key));
    rows.find_map(|id| view.preview().row(&id).map(|row| (id.key, row)))
}

fn report(view: &View, collection: &str, key: &Key, row: Option<&Row>) -> Record {
    let id = RowId { collection: collection.to_owned(), key: key.clone() };
    Record {
        collection: collection.to_owned(),
        key: json(key),
        fields: row.map(|row| json(&row.to_value())),
        tentative: view.confirmed().row(&id) != row,
    }
}
