//! Transactions of verbs that change no cases.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::model::Micros;
use crate::store::{Class, Tx};

use super::{Engine, Error};

/// What a verb does in a transaction, at the instant of that; done anew from its beginning
/// where another transaction has come between.
pub(super) trait Work<T>:
    for<'t> FnOnce(&'t mut Tx, Micros) -> BoxFuture<'t, Result<T, Error>> + Clone + Send + 'static
{
}

impl<T, F> Work<T> for F where
    F: for<'t> FnOnce(&'t mut Tx, Micros) -> BoxFuture<'t, Result<T, Error>>
        + Clone
        + Send
        + 'static
{
}

impl Engine {
    /// Does work in one urgent transaction.
    pub(super) async fn write<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Work<T>,
    ) -> Result<T, Error> {
        self.write_then(work, |_| ()).await
    }

    /// The same for work that changes a portfolio, or what ranks it: what this server knows
    /// of portfolios is forgotten once the change is durable.
    pub(super) async fn write_portfolio<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Work<T>,
    ) -> Result<T, Error> {
        self.write_then(work, |engine| engine.latest.forget()).await
    }

    async fn write_then<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl Work<T>,
        after: impl FnOnce(&Engine) + Send + 'static,
    ) -> Result<T, Error> {
        let (clock, changed) = (Arc::clone(self), Arc::clone(self));
        self.store
            .write(
                Class::Interactive,
                move |tx| {
                    let now = clock.now_of(tx);
                    work(tx, now)
                },
                move |_| after(&changed),
            )
            .await
    }
}
