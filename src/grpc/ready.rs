//! Whether callers should be sent here: not while the server stops, and not while its
//! database does not answer.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use futures::future::BoxFuture;
use tokio::sync::Mutex;
use tokio::time::Instant;

/// How long an answer of the database is believed, so that those who watch cost it
/// nothing.
const BELIEVED: Duration = Duration::from_secs(1);
/// How long the database may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Asks whether the database answers.
pub(super) type Probe = Box<dyn Fn() -> BoxFuture<'static, bool> + Send + Sync>;

/// What `/readyz` tells.
pub(super) struct Readiness {
    stopping: AtomicBool,
    probe: Probe,
    /// What the database was last found to be, and when. Whoever asks meanwhile waits
    /// for the same answer.
    found: Mutex<Option<(Instant, bool)>>,
}

impl Readiness {
    /// Ready as long as the probe says so.
    pub(super) fn new(probe: Probe) -> Readiness {
        Readiness { stopping: AtomicBool::new(false), probe, found: Mutex::default() }
    }

    /// Says from now on that the server stops.
    pub(super) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
    }

    /// The status of the page, and its text.
    pub(super) async fn page(&self) -> (StatusCode, &'static str) {
        self.page_at(Instant::now()).await
    }

    async fn page_at(&self, now: Instant) -> (StatusCode, &'static str) {
        if self.stopping.load(Ordering::SeqCst) {
            (StatusCode::SERVICE_UNAVAILABLE, "stopping\n")
        } else if self.database_answers(now).await {
            (StatusCode::OK, "ready\n")
        } else {
            (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n")
        }
    }

    async fn database_answers(&self, now: Instant) -> bool {
        let mut found = self.found.lock().await;
        match *found {
            Some((at, answers)) if now.saturating_duration_since(at) < BELIEVED => answers,
            _ => {
                let asked = tokio::time::timeout(ANSWER_WITHIN, (self.probe)()).await;
                let answers = asked.unwrap_or(false);
                *found = Some((now, answers));
                answers
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[tokio::test]
    async fn the_database_is_asked_once_a_second() {
        let (asked, answers) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
        let (count, now) = (Arc::clone(&asked), Arc::clone(&answers));
        let readiness = Readiness::new(Box::new(move || {
            count.fetch_add(1, Ordering::SeqCst);
            let answers = now.load(Ordering::SeqCst);
            Box::pin(async move { answers })
        }));
        let start = Instant::now();
        for _ in 0..3 {
            assert_eq!(readiness.page_at(start).await, (StatusCode::OK, "ready\n"));
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        answers.store(false, Ordering::SeqCst);
        let soon = start + BELIEVED - Duration::from_millis(1);
        assert_eq!(readiness.page_at(soon).await.0, StatusCode::OK);
        let silent = (StatusCode::SERVICE_UNAVAILABLE, "the database does not answer\n");
        assert_eq!(readiness.page_at(start + BELIEVED).await, silent);
        answers.store(true, Ordering::SeqCst);
        assert_eq!(readiness.page_at(start + 2 * BELIEVED).await.0, StatusCode::OK);
        readiness.stop();
        assert_eq!(readiness.page_at(start + 2 * BELIEVED).await.1, "stopping\n");
    }
}
