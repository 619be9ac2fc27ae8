//! Streams of cases that changed.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::Stream;
use futures::stream;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use crate::engine::watch::{CaseWatch, Watched};
use crate::engine::{Engine, Error};
use crate::proto;

use super::status::{self, Named};
use super::{ANSWER_BYTES_MAX, convert};

/// The answers of one watch.
pub(super) type WatchCasesStream =
    Pin<Box<dyn Stream<Item = Result<proto::WatchCasesResponse, Status>> + Send>>;

/// The most watches of one server: each looks into the log four times a second.
const WATCHERS_MAX: usize = 256;
/// How often one that has seen everything looks again.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How long nothing is said while nothing changes.
const SILENT_FOR: Duration = Duration::from_secs(15);
/// The most cases of one answer.
const CASES_MAX: usize = 1_000;

/// Places for watches, and when they have to end.
pub(super) struct Watchers {
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
}

impl Watchers {
    pub(super) fn new(shutdown: CancellationToken) -> Watchers {
        Watchers { places: Arc::new(Semaphore::new(WATCHERS_MAX)), shutdown }
    }

    /// The answers of a watch, as fast as they are taken.
    pub(super) fn stream(
        &self,
        engine: Arc<Engine>,
        watch: CaseWatch,
    ) -> Result<WatchCasesStream, Status> {
        let place = Arc::clone(&self.places).try_acquire_owned();
        let place = place.map_err(|_| status::plain(Error::Overloaded { bound: WATCHERS_MAX }))?;
        let shutdown = self.shutdown.clone();
        let watcher = Watcher { engine, watch, shutdown, said: None, _place: place };
        Ok(Box::pin(stream::try_unfold(watcher, |mut watcher| async move {
            let answer = watcher.answer().await?;
            Ok(Some((answer, watcher)))
        })))
    }
}

struct Watcher {
    engine: Arc<Engine>,
    watch: CaseWatch,
    shutdown: CancellationToken,
    /// When something was last said.
    said: Option<Instant>,
    _place: OwnedSemaphorePermit,
}

impl Watcher {
    /// The next answer: cases that changed, or that nothing did.
    async fn answer(&mut self) -> Result<proto::WatchCasesResponse, Status> {
        loop {
            let answer = self.look().await.map_err(|error| {
                let token = self.watch.token();
                status::from_error(error, Named(&[("resume_token", &token)]))
            })?;
            let silent = self.said.is_some_and(|said| said.elapsed() < SILENT_FOR);
            match answer {
                Some(answer) => return Ok(self.say(answer)),
                None if !silent => return Ok(self.say(proto::WatchCasesResponse::default())),
                None => {}
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.shutdown.cancelled() => return Err(status::plain(Error::ShuttingDown)),
            }
        }
    }

    fn say(&mut self, mut answer: proto::WatchCasesResponse) -> proto::WatchCasesResponse {
        self.said = Some(Instant::now());
        answer.resume_token = self.watch.token();
        answer
    }

    /// Cases that changed, as many as fit into one answer; nothing when none did.
    async fn look(&mut self) -> Result<Option<proto::WatchCasesResponse>, Error> {
        let mut most = CASES_MAX;
        loop {
            let mut ahead = self.watch.clone();
            let Watched { cases, caught_up } = ahead.step(&self.engine, most).await?;
            let mut answer = proto::WatchCasesResponse::default();
            for case in &cases {
                match convert::listed_to(case) {
                    Ok(case) => answer.cases.push(case),
                    Err(unreadable) => answer.unreadable_cases.push(*unreadable),
                }
            }
            if answer.encoded_len() > ANSWER_BYTES_MAX && most > 1 {
                most /= 2;
                continue;
            }
            self.watch = ahead;
            if caught_up {
                return Ok(None);
            }
            // Changes of other portfolios are passed by.
            if !cases.is_empty() {
                return Ok(Some(answer));
            }
        }
    }
}
