//! The scorecards that the program ships, as revisions. Those of a newer program become
//! drafts; a new portfolio is ranked by them at once.

use std::sync::{Arc, LazyLock};

use crate::model::{Micros, Part};
use crate::scoring::card::Card;
use crate::scoring::{BUSINESS_YAML, CONSUMER_YAML};
use crate::store::activations::RevisionName;
use crate::store::{Damage, Tx, revisions};

use super::super::audit::note;
use super::super::{Caller, Engine, Error};

/// Who makes the revisions of what is shipped.
const AUTHOR: &str = "arrears";

/// A shipped scorecard.
pub(in super::super) struct Shipped {
    pub(in super::super) card: Card,
    /// Its one form.
    pub(in super::super) text: String,
}

/// The scorecards for persons and for businesses.
pub(in super::super) static CARDS: LazyLock<[Shipped; 2]> = LazyLock::new(|| {
    [CONSUMER_YAML, BUSINESS_YAML].map(|yaml| {
        let card = Card::read(yaml).expect("a shipped scorecard is one");
        Shipped { text: card.canonical(), card }
    })
});

fn title() -> String {
    format!("as shipped with arrears {}", env!("CARGO_PKG_VERSION"))
}

/// Makes drafts of the shipped scorecards that have never been revisions.
pub(super) async fn offer(tx: &mut Tx, part: Part, now: Micros) -> Result<(), Error> {
    for shipped in CARDS.iter() {
        let named = (shipped.card.scorecard_id.as_str(), shipped.text.as_str());
        if revisions::shipped(tx, part, named).await?.is_none() {
            insert(tx, part, shipped, now).await?;
        }
    }
    Ok(())
}

async fn insert(
    tx: &mut Tx,
    part: Part,
    shipped: &Shipped,
    now: Micros,
) -> Result<RevisionName, Error> {
    let by = (AUTHOR, now);
    let made = super::insert(tx, part, by, (&shipped.card, &title()), (0, true)).await?;
    note(tx, part, by, ("revision.created", &made)).await?;
    Ok(made)
}

/// The same where that was not done yet, for those who only look: the part in which all
/// revisions are then.
pub(super) async fn offered(engine: &Arc<Engine>, caller: &Caller) -> Result<Part, Error> {
    let part = engine.parts(caller).await?.first();
    let mut tx = engine.store.read().await?;
    let mut missing = false;
    for shipped in CARDS.iter() {
        let named = (shipped.card.scorecard_id.as_str(), shipped.text.as_str());
        missing |= revisions::shipped(&mut tx, part, named).await?.is_none();
    }
    drop(tx);
    if !missing {
        return Ok(part);
    }
    let (owner, caller) = (Arc::clone(engine), caller.clone());
    engine
        .write(move |tx, now| {
            Box::pin(async move {
                // A tenant that has stored nothing yet is given its parts by this.
                let part = owner.tenants.claim(tx, &caller, now).await?.first();
                offer(tx, part, now).await?;
                Ok(part)
            })
        })
        .await
}

/// The revisions that say what the shipped scorecards say, activated from now on.
pub(in super::super) async fn activated(
    tx: &mut Tx,
    part: Part,
    now: Micros,
) -> Result<[RevisionName; 2], Error> {
    let [person, business] = &*CARDS;
    Ok([one_activated(tx, part, person, now).await?, one_activated(tx, part, business, now).await?])
}

async fn one_activated(
    tx: &mut Tx,
    part: Part,
    shipped: &Shipped,
    now: Micros,
) -> Result<RevisionName, Error> {
    let scorecard_id = shipped.card.scorecard_id.as_str();
    let known = revisions::of_content(tx, part, (scorecard_id, &shipped.text)).await?;
    let name = match known {
        Some(revision_no) => RevisionName { scorecard_id: scorecard_id.to_owned(), revision_no },
        None => insert(tx, part, shipped, now).await?,
    };
    let found = revisions::find(tx, part, scorecard_id, name.revision_no).await?;
    let (head, _) =
        found.ok_or_else(|| Damage::missing("scorecard_revision", part, name.revision_no))?;
    super::freeze(tx, part, &[head], now).await?;
    Ok(name)
}
