//! Pushing a chunk of cases, with another try where the server is busy.

use std::time::Duration;

use super::client::Client;
use super::failure::{Exit, Failure};
use crate::proto;

/// The most documents of one push, by the contract.
pub(super) const CHUNK_CASES_MAX: usize = 1_000;

/// How often a push is tried while the server is busy or restarts, and how long
/// the first pause is; each further one is twice as long.
const TRIES_MAX: u32 = 6;
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// Pushes documents and answers with one result for each. A push may be
/// repeated, because the same documents again change nothing.
pub(super) async fn push(
    client: &Client,
    request: proto::PushCasesRequest,
) -> Result<Vec<proto::PushResult>, Failure> {
    let count = request.cases.len();
    let mut pause = FIRST_PAUSE;
    let mut tried = 0;
    loop {
        tried += 1;
        match client.cases().push_cases(request.clone()).await.map_err(Failure::from) {
            Ok(answer) => {
                let results = answer.into_inner().results;
                if results.len() == count {
                    return Ok(results);
                }
                let found = results.len();
                let message = format!("{count} cases were pushed and {found} answered");
                return Err(Failure::new(Exit::Failure, message));
            }
            Err(failure) if failure.passing() && tried < TRIES_MAX => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Err(failure) => return Err(failure),
        }
    }
}
