//! What an app declares: its types of record, and its commands with what they do.

use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use serde::Serialize;

use super::footprint::Footprint;
use super::transaction::Halt;
use super::{Call, Command, Failure, Handler, Publish, Transaction, Verdict};
use crate::record::{Bucket, Policies, Policy, Record, RowId, Value, ValueError};

/// The types of record and command that a program knows.
///
/// The same program, with the same registry, is to run on the devices and on the anchor.
#[derive(Clone, Default)]
pub struct Registry {
    collections: BTreeMap<&'static str, Collection>,
    commands: BTreeMap<&'static str, CommandType>,
}

#[derive(Clone)]
struct Collection {
    policies: Policies,
    /// Nothing where all its records are in the common bucket.
    bucket: Option<BucketOf>,
}

/// Reads from a record's fields, or a command's, which bucket it belongs into.
type BucketOf = fn(&Value) -> Result<Bucket, ValueError>;

#[derive(Clone)]
struct CommandType {
    version: u32,
    upcast: fn(u32, Value) -> Option<Value>,
    bucket: BucketOf,
    run: Run,
    check: Run,
}

type Run = Arc<dyn Fn(&Value, &mut Transaction<'_>) -> Result<Value, Ended> + Send + Sync>;

/// How a handler ended that did not do what it was to do.
#[derive(Debug)]
pub(super) enum Ended {
    /// By the app's own rules.
    Refused(Value),
    Failed(Failure),
}

impl Registry {
    /// Knows nothing yet of the app's.
    pub fn new() -> Self {
        Self::default().command::<Publish>()
    }

    /// Adds a type of record.
    #[must_use]
    pub fn record<R: Record>(mut self) -> Self {
        let bucket: BucketOf = |record| record.to::<R>().map(|record| record.bucket());
        let bucket = R::BUCKET.map(|_| bucket);
        self.collections.insert(R::COLLECTION, Collection { policies: R::policies(), bucket });
        self
    }

    /// Adds a type of command.
    #[must_use]
    pub fn command<C: Handler>(mut self) -> Self {
        let (run, check) = (untyped::<C, _>(C::run), untyped::<C, _>(C::check));
        let bucket = |fields: &Value| fields.to::<C>().map(|command| command.bucket());
        let kind = CommandType { version: C::VERSION, upcast: C::upcast, bucket, run, check };
        self.commands.insert(C::NAME, kind);
        self
    }

    /// Whether it knows no record and no command.
    pub fn is_empty(&self) -> bool {
        self.collections.is_empty() && self.commands.keys().all(|name| *name == Publish::NAME)
    }

    /// The policy of a field.
    pub fn policy(&self, collection: &str, field: &str) -> &Policy {
        const DEFAULT: &Policy = &Policy::ServerWins;
        self.collections.get(collection).map_or(DEFAULT, |of| of.policies.of(field))
    }

    /// The bucket that a command travels in, if this program knows it and can read it.
    pub(super) fn bucket_of_call(
        &self,
        name: &str,
        version: u32,
        fields: &Value,
    ) -> Option<Bucket> {
        let fields = self.current(name, version, fields.clone())?;
        (self.commands.get(name)?.bucket)(&fields).ok()
    }

    /// Whether records of a collection say which bucket they are in.
    pub(super) fn has_buckets(&self, collection: &str) -> bool {
        self.collections.get(collection).is_some_and(|collection| collection.bucket.is_some())
    }

    /// The bucket that a record is in.
    pub(super) fn bucket_of(&self, row: &RowId, record: &Value) -> Result<Bucket, Failure> {
        let of = self.collections.get(row.collection.as_str()).and_then(|it| it.bucket);
        let bucket = of.map_or_else(|| Ok(Bucket::default()), |of| of(record));
        let bad = |what: String| Failure::BadRecord { place: row.to_string(), what };
        let bucket = bucket.map_err(|error| bad(error.to_string()))?;
        match bucket.is_sound() {
            true => Ok(bucket),
            false => Err(bad(format!("“{bucket}” can't be a bucket"))),
        }
    }

    /// A command's fields as of today's version; nothing if it can't be run.
    pub(super) fn upcast(&self, call: &Call) -> Option<Value> {
        self.current(&call.name, call.version, call.fields.clone())
    }

    fn current(&self, name: &str, version: u32, fields: Value) -> Option<Value> {
        let kind = self.commands.get(name)?;
        let mut steps = version..kind.version;
        let current = steps.try_fold(fields, |fields, from| (kind.upcast)(from, fields));
        current.filter(|_| version <= kind.version)
    }

    /// Runs a command of today's version.
    pub(super) fn run(
        &self,
        name: &str,
        fields: &Value,
        mut tx: Transaction<'_>,
    ) -> (Result<Value, Ended>, Footprint) {
        let ended = self.kind(name).and_then(|kind| caught(|| (kind.run)(fields, &mut tx)));
        (ended, tx.into_footprint())
    }

    /// Runs what only the anchor checks of a command of today's version.
    pub(super) fn check(
        &self,
        name: &str,
        fields: &Value,
        mut tx: Transaction<'_>,
    ) -> Result<(), Ended> {
        let kind = self.kind(name)?;
        caught(|| (kind.check)(fields, &mut tx)).map(drop)
    }

    fn kind(&self, name: &str) -> Result<&CommandType, Ended> {
        let what = || format!("no command is called “{name}”");
        let unknown = || Ended::Failed(Failure::BadFields { what: what() });
        self.commands.get(name).ok_or_else(unknown)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let commands: Vec<_> = self.commands.keys().collect();
        let collections = self.collections.iter().map(|(name, of)| (name, &of.policies));
        let collections: BTreeMap<_, _> = collections.collect();
        f.debug_struct("Registry")
            .field("commands", &commands)
            .field("collections", &collections)
            .finish()
    }
}

impl Ended {
    pub(super) fn verdict(self) -> Verdict {
        match self {
            Self::Refused(refusal) => Verdict::Refused { refusal },
            Self::Failed(failure) => Verdict::Failed { failure },
        }
    }
}

/// A part of a handler, for fields that are not read yet.
fn untyped<C: Handler, T: Serialize + 'static>(
    part: fn(&C, &mut Transaction<'_>) -> Result<T, C::Refusal>,
) -> Run {
    Arc::new(move |fields, tx| {
        let command: C = fields.to().map_err(bad_fields)?;
        match part(&command, tx) {
            Ok(output) => Value::of(&output).map_err(bad_fields),
            Err(refusal) => Err(Ended::Refused(Value::of(&refusal).map_err(bad_fields)?)),
        }
    })
}

/// Runs what an app wrote: it may panic, or be ended early.
fn caught(run: impl FnOnce() -> Result<Value, Ended>) -> Result<Value, Ended> {
    let ran = catch_unwind(AssertUnwindSafe(run));
    ran.unwrap_or_else(|payload| match payload.downcast::<Halt>() {
        Ok(halt) => Err(Ended::Failed(halt.0)),
        Err(_) => Err(Ended::Failed(Failure::Panicked)),
    })
}

fn bad_fields(error: ValueError) -> Ended {
    Ended::Failed(Failure::BadFields { what: error.to_string() })
}
