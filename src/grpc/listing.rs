//! Listings whose pages may turn out too large for one answer.

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
