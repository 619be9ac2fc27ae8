//! Loading a book, and having it follow the changes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::model::{CaseNo, CaseState, Day, DebtorNo, Part};
use crate::scoring::{Book, BookRow, CaseInput, RuleSet};
use crate::store::cases::{self, CaseContent, CaseHead, HeadFilter};
use crate::store::{Lock, Readable, Tx, changes, debtors};

use super::super::context::PortfolioContext;
use super::super::{Engine, Error};
use super::{Piece, Turn, Volume};

/// The most cases of one page.
const PAGE: usize = 1_000;
/// A part is loaded from so many places at once, so that what is loaded of it first is a
/// sample of the whole.
const STRANDS: i64 = 64;
/// A strand has at least so many numbers.
const STRAND_MIN: i64 = 4 * PAGE as i64;

/// A smaller sample says nothing.
const ONE_IN_MAX: i64 = 1 << 20;

/// A case read from the database.
type Read = (CaseNo, Reading);

/// What was read of a case.
enum Reading {
    /// What it is ranked from, and who owes.
    Open(Box<(CaseHead, CaseContent, String)>),
    /// That it is closed.
    Closed,
    /// That it is none of the part.
    Gone,
    /// Nothing that makes sense.
    Unreadable,
}

/// Whether a book knows what has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) enum CaughtUp {
    /// It does.
    Whole,
    /// Of a part of it, and goes on from there.
    Partly,
    /// More has changed than is remembered: it has to be loaded anew.
    TooFar,
}

impl Engine {
    /// An empty book of a portfolio, to be loaded.
    pub(in super::super) async fn new_volume(
        &self,
        parts: &[Part],
        context: &PortfolioContext,
        (rules, today): (&[&RuleSet], Day),
    ) -> Result<Volume, Error> {
        let mut pieces = Vec::with_capacity(parts.len());
        let mut tx = self.store.read().await?;
        for part in parts {
            // What changes while it is loaded is read again afterwards.
            let change_no = changes::last(&mut tx, *part).await?;
            let last = cases::last_case(&mut tx, *part, context.portfolio.number).await?.0;
            let count = (last / STRAND_MIN).clamp(1, STRANDS);
            let bound = |at: i64| last * at / count;
            pieces.push(Piece {
                part: *part,
                book: Book::new(rules.iter().copied(), today),
                change_no,
                strands: (0..count).map(|at| (bound(at), bound(at + 1))).collect(),
                turn: 0,
                numbers: last,
                unreadable: BTreeSet::new(),
            });
        }
        let ranking = context.rule_set.ranking().clone();
        Ok(Volume { pieces, ranking, one_in: 1 })
    }

    /// Loads the next page of a book; says whether there was one.
    ///
    /// # Errors
    /// `BookTooLarge` where a sample is no answer, or nothing at all fits.
    pub(in super::super) async fn load_page(
        &self,
        turn: &mut Turn,
        context: &Arc<PortfolioContext>,
        (volume, today, whole): (&mut Volume, Day, bool),
    ) -> Result<bool, Error> {
        let one_in = volume.one_in;
        // The one of which most is left: no part is ahead of the others.
        let left = volume.pieces.iter_mut().filter(|piece| !piece.strands.is_empty());
        let Some(piece) = left.max_by_key(|piece| piece.strands.len()) else { return Ok(false) };
        let at = piece.turn % piece.strands.len();
        let (after, end) = piece.strands[at];
        let filter = HeadFilter { after, limit: PAGE, ..HeadFilter::default() };
        let mut tx = self.store.read().await?;
        let number = context.portfolio.number;
        let heads = cases::list_heads(&mut tx, piece.part, number, filter).await?;
        let last = heads.last().map(|(case_no, _)| case_no.0).filter(|_| heads.len() == PAGE);
        let wanted = |case_no: &CaseNo| case_no.0 <= end && Volume::keeps(one_in, *case_no);
        let heads = heads.into_iter().filter(|(case_no, _)| wanted(case_no)).collect();
        let by_arms = piece.book.has_arms();
        let read = read(&mut tx, (piece.part, by_arms), heads).await?;
        drop(tx);
        match last.filter(|last| *last < end) {
            Some(last) => {
                piece.strands[at].0 = last;
                piece.turn = at + 1;
            }
            None => {
                piece.strands.remove(at);
            }
        }
        self.put_all(context, piece, (read, today)).await?;
        self.fit(turn, context, (volume, whole)).await?;
        Ok(true)
    }

    /// Makes a book fit the budget: others make room for it, and if that is not enough every
    /// second case is left out.
    pub(in super::super) async fn fit(
        &self,
        turn: &mut Turn,
        context: &PortfolioContext,
        (volume, whole): (&mut Volume, bool),
    ) -> Result<(), Error> {
        let number = context.portfolio.number;
        while !self.books.make_room(turn, (number, volume.bytes())) {
            if whole || volume.one_in >= ONE_IN_MAX {
                let bytes_max = self.books.bytes_max as u64;
                return Err(Error::BookTooLarge { bytes_max });
            }
            volume.one_in *= 2;
            let one_in = volume.one_in;
            for piece in &mut volume.pieces {
                let less = move |book: &mut Book| {
                    book.retain(|case_no| Volume::keeps(one_in, case_no));
                    book.shrink();
                };
                self.books.on(&mut piece.book, less).await?;
            }
        }
        Ok(())
    }

    /// The last changes until now, by part.
    pub(in super::super) async fn last_changes(
        self: &Arc<Self>,
        volume: &Volume,
    ) -> Result<Vec<i64>, Error> {
        let mut last = Vec::with_capacity(volume.pieces.len());
        for Piece { part, .. } in &volume.pieces {
            if self.store.is_shared() {
                self.number_changes_of(*part, Lock::Wait).await?;
            }
            let mut tx = self.store.read().await?;
            last.push(changes::last(&mut tx, *part).await?);
        }
        Ok(last)
    }

    /// Reads what has changed up to `newest`, or some of it where that takes longer than
    /// `most`.
    pub(in super::super) async fn catch_up(
        self: &Arc<Self>,
        context: &Arc<PortfolioContext>,
        (volume, today): (&mut Volume, Day),
        (newest, most): (&[i64], Duration),
    ) -> Result<CaughtUp, Error> {
        let began = Instant::now();
        let one_in = volume.one_in;
        for (piece, newest) in volume.pieces.iter_mut().zip(newest) {
            while piece.change_no < *newest {
                if began.elapsed() >= most {
                    return Ok(CaughtUp::Partly);
                }
                let mut tx = self.store.read().await?;
                let rows = changes::after(&mut tx, piece.part, piece.change_no).await?;
                drop(tx);
                // Older changes are no longer kept.
                let next = rows.first().filter(|(first, _)| *first == piece.change_no + 1);
                let Some((last, _)) = next.and(rows.last()) else { return Ok(CaughtUp::TooFar) };
                let last = *last;
                let changed = rows.iter().flat_map(|(_, cases)| cases.keys().copied());
                let changed: BTreeSet<CaseNo> =
                    changed.filter(|case_no| Volume::keeps(one_in, *case_no)).collect();
                let changed: Vec<CaseNo> = changed.into_iter().collect();
                for page in changed.chunks(PAGE) {
                    let mut tx = self.store.read().await?;
                    let numbers = page.iter().copied();
                    let number = context.portfolio.number;
                    let heads = cases::heads_of(&mut tx, piece.part, number, numbers).await?;
                    let place = (piece.part, piece.book.has_arms());
                    let there: BTreeSet<CaseNo> = heads.iter().map(|(no, _)| *no).collect();
                    let mut read = read(&mut tx, place, heads).await?;
                    // Those of other portfolios, and those that have gone to another part.
                    let gone = page.iter().filter(|case_no| !there.contains(*case_no));
                    read.extend(gone.map(|case_no| (*case_no, Reading::Gone)));
                    // No transaction stays open while something is computed.
                    drop(tx);
                    self.put_all(context, piece, (read, today)).await?;
                }
                piece.change_no = last;
            }
        }
        Ok(CaughtUp::Whole)
    }

    /// Puts cases into a piece of a book.
    async fn put_all(
        &self,
        context: &Arc<PortfolioContext>,
        piece: &mut Piece,
        (read, today): (Vec<Read>, Day),
    ) -> Result<(), Error> {
        if read.is_empty() {
            return Ok(());
        }
        for (case_no, read) in &read {
            match read {
                Reading::Unreadable => piece.unreadable.insert(*case_no),
                Reading::Open(_) | Reading::Closed | Reading::Gone => {
                    piece.unreadable.remove(case_no)
                }
            };
        }
        let context = Arc::clone(context);
        let put = move |book: &mut Book| {
            let kept = &*book;
            let row = |(case_no, read): &Read| (*case_no, row(kept, &context, (read, today)));
            let rows: Vec<(CaseNo, Option<BookRow>)> = read.par_iter().map(row).collect();
            for (case_no, row) in rows {
                book.put(case_no, row);
            }
        };
        self.books.on(&mut piece.book, put).await
    }
}

/// A case as the book keeps it.
fn row(book: &Book, context: &PortfolioContext, (read, today): (&Reading, Day)) -> Option<BookRow> {
    let Reading::Open(read) = read else { return None };
    let (head, content, debtor_id) = &**read;
    let case = CaseInput {
        facts: &content.facts,
        history: &content.history,
        debtor_id,
        as_of: head.as_of,
        case_seq: head.case_seq,
        today,
        days: &context.zone,
    };
    book.row(context.rule_set.ranking(), &case)
}

/// Reads what the cases of some heads are ranked from. `by_arms`: who owes is read too; an
/// arm is drawn from it.
async fn read(
    tx: &mut Tx,
    (part, by_arms): (Part, bool),
    heads: Vec<(CaseNo, Readable<CaseHead>)>,
) -> Result<Vec<Read>, Error> {
    let open = |head: &CaseHead| head.state != CaseState::Closed;
    let wanted = heads.iter().filter_map(|(case_no, head)| Some((case_no, head.as_ref().ok()?)));
    let wanted: Vec<(CaseNo, DebtorNo)> = wanted
        .filter(|(_, head)| open(head))
        .map(|(case_no, head)| (*case_no, head.debtor_no))
        .collect();
    let (mut contents, mut debtor_ids) = Default::default();
    if !wanted.is_empty() {
        contents =
            cases::load_content(tx, part, wanted.iter().map(|(case_no, _)| *case_no)).await?;
        if by_arms {
            let numbers: BTreeSet<DebtorNo> = wanted.iter().map(|(_, debtor)| *debtor).collect();
            debtor_ids = debtors::ids_of(tx, part, numbers).await?;
        }
    }
    let read = heads.into_iter().map(|(case_no, head)| {
        let debtor_id = match &head {
            Ok(head) if by_arms => debtor_ids.get(&head.debtor_no).cloned(),
            _ => Some(String::new()),
        };
        let reading = match (head, contents.remove(&case_no).zip(debtor_id)) {
            (Ok(head), Some((Ok((_, content)), debtor_id))) => {
                Reading::Open(Box::new((head, content, debtor_id)))
            }
            (Ok(head), _) if !open(&head) => Reading::Closed,
            _ => Reading::Unreadable,
        };
        (case_no, reading)
    });
    Ok(read.collect())
}
