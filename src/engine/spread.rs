//! Calls whose items lie in several parts of a tenant: each part is worked on by
//! itself, and the results are put back into the order of the request.

use std::collections::BTreeMap;

use futures::StreamExt;
use futures::stream;

use crate::model::Part;

use super::Error;

/// How many parts a call works on at one time: each takes a connection.
const PARTS_AT_ONCE: usize = 4;

/// Items of a call that lie in one part, each with its place in the request.
pub(super) type Items<T> = Vec<(usize, T)>;

/// Items by the part they lie in.
pub(super) fn by_part<T>(
    items: impl IntoIterator<Item = T>,
    part_of: impl Fn(&T) -> Part,
) -> BTreeMap<Part, Items<T>> {
    let mut parts: BTreeMap<Part, Items<T>> = BTreeMap::new();
    for (at, item) in items.into_iter().enumerate() {
        parts.entry(part_of(&item)).or_default().push((at, item));
    }
    parts
}

/// Works on parts, and returns what came of the items of all in the order of the
/// request.
///
/// # Errors
/// That of the first part that failed, once all have been tried: what was done in
/// others stays done, and asking again does not do it twice.
pub(super) async fn over_parts<W, R, F>(
    parts: impl IntoIterator<Item = (Part, W)>,
    work: impl Fn(Part, W) -> F,
) -> Result<Items<R>, Error>
where
    F: Future<Output = Result<Items<R>, Error>>,
{
    let mut worked =
        stream::iter(parts).map(|(part, items)| work(part, items)).buffer_unordered(PARTS_AT_ONCE);
    let mut results = Vec::new();
    let mut failed = None;
    while let Some(of_part) = worked.next().await {
        match of_part {
            Ok(of_part) => results.extend(of_part),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    match failed {
        None => Ok(in_order(results)),
        Some(error) => Err(error),
    }
}

/// Results in the order of the request.
pub(super) fn in_order<R>(mut results: Items<R>) -> Items<R> {
    results.sort_by_key(|(at, _)| *at);
    results
}

/// Results without their places.
pub(super) fn values<R>(results: Items<R>) -> Vec<R> {
    results.into_iter().map(|(_, result)| result).collect()
}
