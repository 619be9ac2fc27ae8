//! What the service does by itself: sweeps, roll-over, placing anew, activations whose time
//! has come, forgetting.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::sweep::SWEEP_EVERY;
use super::{Engine, Error};

/// How often cases due for review are looked for.
const REVIEW_EVERY: Duration = Duration::from_secs(1);
/// How often portfolios are looked for whose settings have changed.
const PLACE_EVERY: Duration = Duration::from_secs(1);
/// How often proposals are looked for whose time has come.
const START_EVERY: Duration = Duration::from_millis(500);
/// How often changes are numbered, where no transaction does so by itself.
const NUMBER_EVERY: Duration = Duration::from_millis(250);
/// How often old pulls and reports are forgotten.
const PRUNE_EVERY: Duration = Duration::from_secs(60);

/// The work the service does by itself. Dropping it ends that work after what the
/// writer has in hand; [`Background::stop`] waits for the end.
pub struct Background {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Ends the work and waits until it has ended.
    pub async fn stop(mut self) {
        self.stop.cancel();
        for task in self.tasks.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(%error, "background work ended badly");
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Engine {
    /// Starts the work that the service does by itself.
    pub fn start_background(self: &Arc<Self>) -> Background {
        let stop = CancellationToken::new();
        let every = Duration::from_micros(SWEEP_EVERY.unsigned_abs());
        let mut tasks = vec![
            self.repeat(
                &stop,
                "sweep",
                every,
                |engine| async move { engine.sweep().await.map(|_| ()) },
            ),
            self.repeat(&stop, "review", REVIEW_EVERY, |engine| async move {
                engine.review().await.map(|_| ())
            }),
            self.repeat(&stop, "placing", PLACE_EVERY, |engine| async move {
                engine.place_anew().await.map(|_| ())
            }),
            self.repeat(&stop, "proposals", START_EVERY, |engine| async move {
                engine.start_due().await.map(|_| ())
            }),
            self.repeat(&stop, "prune", PRUNE_EVERY, |engine| async move { engine.prune().await }),
        ];
        if self.store.is_shared() {
            tasks.push(self.repeat(&stop, "numbering", NUMBER_EVERY, |engine| async move {
                engine.number_changes().await
            }));
        }
        Background { stop, tasks }
    }

    /// Runs work over and over with a pause between; a failure is told and tried
    /// again after the pause.
    fn repeat<W, F>(
        self: &Arc<Self>,
        stop: &CancellationToken,
        name: &'static str,
        pause: Duration,
        work: W,
    ) -> JoinHandle<()>
    where
        W: Fn(Arc<Engine>) -> F + Send + Sync + 'static,
        F: Future<Output = Result<(), Error>> + Send,
    {
        let (engine, stop) = (Arc::clone(self), stop.clone());
        tokio::spawn(async move {
            let endless = async move {
                loop {
                    if let Err(error) = work(Arc::clone(&engine)).await {
                        tracing::error!(%error, name, "background work failed");
                    }
                    tokio::time::sleep(pause).await;
                }
            };
            // What was handed to the writer is done whole all the same.
            tokio::select! {
                () = stop.cancelled() => {}
                () = endless => {}
            }
        })
    }
}
