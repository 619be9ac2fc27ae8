//! Answers that may turn out too large: pages of listings, and items as many as fit.

use prost::Message;
use tonic::{Response, Status};

use crate::engine::Error;

use super::status::{self, Named};
use super::{ANSWER_BYTES_MAX, convert};

/// The answer of a listing that reads so many entries from a token on. The token is
/// of the engine's making, so a page that is too large is asked for again, half as
/// long.
pub(super) async fn answer<T, F>(
    mut page: convert::Page,
    list: impl Fn(usize, String) -> F,
) -> Result<Response<T>, Status>
where
    T: Message,
    F: Future<Output = Result<T, Error>>,
{
    loop {
        let listed = list(page.size, page.token.clone()).await;
        let named = [("page_token", &*page.token)];
        let answer = listed.map_err(|error| status::from_error(error, Named(&named)))?;
        if answer.encoded_len() <= ANSWER_BYTES_MAX || page.size == 1 {
            return Ok(Response::new(answer));
        }
        page.size /= 2;
    }
}

/// The first items that so many bytes hold, and at least one.
pub(super) fn as_many_as_fit<T>(
    items: impl Iterator<Item = T>,
    mut room: usize,
    size: impl Fn(&T) -> usize,
) -> Vec<T> {
    let mut fitting = Vec::new();
    for item in items {
        let size = size(&item);
        if size > room && !fitting.is_empty() {
            break;
        }
        room = room.saturating_sub(size);
        fitting.push(item);
    }
    fitting
}

/// The last of the first `count` entries, where others follow: an answer goes on
/// behind it.
pub(super) fn last_of_some<T>(entries: &[T], count: usize) -> Option<&T> {
    if count < entries.len() { entries.get(count.checked_sub(1)?) } else { None }
}
