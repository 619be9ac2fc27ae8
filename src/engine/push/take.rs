//! Taking documents into the working set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{
    CaseNo, CaseState, DebtorNo, DebtorRecord, Facts, History, LocalDays, Micros, Part, Rank,
    Reason, RecoveryGroup, Stage, Violations,
};
use crate::policy::ZoneSet;
use crate::store::cases::source::{self, StoredDocument};
use crate::store::cases::{CaseContent, CaseHead};
use crate::store::debtors::Debtor;
use crate::store::numbers::{self, NumberKind};
use crate::store::{Damage, Tx, debtors};

use super::super::context::PortfolioContext;
use super::super::spread::Items;
use super::super::working_set::{PendingBody, PendingDocument, WorkingSet};
use super::super::{Error, ItemError};
use super::documents::{Prepared, Push, Results, all_or_nothing, check_numbering};
use super::sort::{Sorted, Taken, result, sort};
use super::spread::note_new;
use super::{Disposition, Document, Finding, PushResult};

/// The most open cases of one debtor: every event of one of them takes all in hand.
const CASES_PER_DEBTOR_MAX: usize = 1_000;
/// Numbers of a dry run: they are never written and meet no stored one.
const DRY_RUN_NUMBERS: i64 = 1 << 62;

/// Takes the documents of a call into the working set. Only reads when the call
/// is a dry run.
pub(super) async fn push_into(
    set: &mut WorkingSet,
    tx: &mut Tx,
    push: Push,
) -> Result<Items<PushResult>, Error> {
    let Push { portfolio_id, documents, mut results, atomic, dry, spread } = push;
    let context = set.engine.context_by_id(tx, set.part, &portfolio_id).await?;
    set.add_portfolio(context.clone());
    let portfolio_no = context.portfolio.number;
    // A source is one, over how many parts its documents may go.
    let source_part = spread.as_ref().map_or(set.part, |parts| parts.first());
    let source = (source_part, portfolio_no);
    let documents = check_numbering(tx, source, documents, (&mut results, dry)).await?;
    let ids = documents.iter().map(|one| one.document.case_id.as_str());
    let known = source::find_documents(tx, set.part, portfolio_no, ids).await?;
    let sorted = sort(documents, known, &mut results);
    let debtor_nos = debtors_of(set, tx, &sorted, dry).await?;
    let sorted = readable(set, tx, sorted, (&debtor_nos, &mut results)).await?;
    let renewed = sorted.renewed;
    absorb(set, sorted.absorbed, &mut results)?;
    let taken = within_bound(set, sorted.taken, &debtor_nos, &mut results);
    let taken = match spread.filter(|_| !dry) {
        Some(parts) => note_new(set, tx, (&parts, portfolio_no), (taken, &mut results)).await?,
        None => taken,
    };
    take(set, tx, (taken, debtor_nos, &context, dry), &mut results).await?;
    let results = results.finish();
    if atomic {
        all_or_nothing(&results)?;
    }
    if !dry {
        // Last: rows that are only renewed are locked without their debtors, and whoever
        // has them waits for nothing more.
        source::renew(tx, set.part, &renewed).await?;
    }
    Ok(results)
}

/// Takes in hand the debtors of all documents that change something, creating
/// those not known. Returns their numbers by the callers' ids.
async fn debtors_of(
    set: &mut WorkingSet,
    tx: &mut Tx,
    sorted: &Sorted,
    dry: bool,
) -> Result<HashMap<String, DebtorNo>, Error> {
    let absorbed = sorted.absorbed.iter().map(|(_, known)| known.debtor_no);
    let changed = sorted.taken.iter().filter_map(|taken| Some(taken.known.as_ref()?.debtor_no));
    let before: BTreeSet<DebtorNo> = absorbed.chain(changed).collect();
    let named: BTreeSet<&str> =
        sorted.taken.iter().map(|taken| taken.new.document.debtor_id.as_str()).collect();
    let mut numbers = debtors::numbers_of(tx, set.part, named.iter().copied()).await?;
    set.load_debtors(tx, before.into_iter().chain(numbers.values().copied())).await?;
    check_current(set, tx, sorted)?;
    let missing: Vec<&str> =
        named.into_iter().filter(|debtor_id| !numbers.contains_key(*debtor_id)).collect();
    let mut next = first_number(tx, set.part, NumberKind::Debtor, missing.len(), dry).await?;
    for debtor_id in missing {
        let debtor_no = DebtorNo(next);
        next += 1;
        numbers.insert(debtor_id.to_owned(), debtor_no);
        set.add_debtor(Debtor {
            debtor_no,
            debtor_id: debtor_id.to_owned(),
            zone_set_id: 0,
            hold_until: None,
            cool_until: None,
            lease: None,
            salt: rand::random::<[u8; 16]>().to_vec(),
            record: DebtorRecord::default(),
        });
    }
    Ok(numbers)
}

/// Makes sure that the cases still stand as they did when the documents were sorted:
/// since then their debtors were taken in hand, and another push may have been first.
fn check_current(set: &WorkingSet, tx: &mut Tx, sorted: &Sorted) -> Result<(), Error> {
    let absorbed = sorted.absorbed.iter().map(|(_, known)| known);
    let changed = sorted.taken.iter().filter_map(|taken| taken.known.as_ref());
    for known in absorbed.chain(changed) {
        set.check_members(tx, [(known.case_no, known.debtor_no)])?;
        let head = set.case(known.case_no).map(|entry| &entry.head);
        let moved = |head: &CaseHead| {
            (head.case_seq, head.as_of, head.ledger_sequence)
                != (known.rank.case_seq, known.as_of, known.source_sequence)
        };
        if tx.is_shared() && head.is_some_and(moved) {
            return Err(tx.conflict("a case was changed by another push").into());
        }
    }
    Ok(())
}

/// Rejects documents that touch a debtor or a case that cannot be read, before any
/// is taken; the content of the cases of all others is loaded.
async fn readable(
    set: &mut WorkingSet,
    tx: &mut Tx,
    mut sorted: Sorted,
    (debtor_nos, results): (&HashMap<String, DebtorNo>, &mut Results),
) -> Result<Sorted, Error> {
    let absorbed = sorted.absorbed.iter().map(|(_, known)| known.case_no);
    let changed = sorted.taken.iter().filter_map(|taken| Some(taken.known.as_ref()?.case_no));
    let case_nos: Vec<CaseNo> = absorbed.chain(changed).collect();
    set.load_content(tx, case_nos).await?;
    let mut keep = |new: &Prepared, read: Result<(), Damage>| match read {
        Ok(()) => true,
        Err(damage) => {
            results.reject(new.index, new.document.case_id.as_str(), damage.into());
            false
        }
    };
    sorted.absorbed.retain(|(new, known)| keep(new, set.check_readable(known.case_no)));
    sorted.taken.retain(|taken| {
        let debtor = set.check_debtor(debtor_nos[taken.new.document.debtor_id.as_str()]);
        let known = taken.known.as_ref();
        keep(
            &taken.new,
            debtor.and(known.map_or(Ok(()), |known| set.check_readable(known.case_no))),
        )
    });
    Ok(sorted)
}

async fn first_number(
    tx: &mut Tx,
    part: Part,
    kind: NumberKind,
    count: usize,
    dry: bool,
) -> Result<i64, Error> {
    match (count, dry) {
        (0, _) | (_, true) => Ok(DRY_RUN_NUMBERS),
        _ => Ok(numbers::take(tx, part, kind, count).await?),
    }
}

/// Records that the ledger has caught up, and ranks anew.
fn absorb(
    set: &mut WorkingSet,
    absorbed: Vec<(Prepared, StoredDocument)>,
    results: &mut Results,
) -> Result<(), Damage> {
    for (Prepared { index, document, .. }, known) in absorbed {
        let case_no = known.case_no;
        if let Some(entry) = set.case_mut(case_no) {
            entry.head.as_of = document.as_of;
            entry.head.ledger_sequence = document.source_sequence;
        }
        set.append(case_no, PendingBody::AsOf(document.as_of), document.as_of)?;
        set.rank(case_no)?;
        let head = &set.in_hand(case_no)?.head;
        let stands = (head.state, head.rank);
        results.set(index, result(&document, Disposition::Unchanged, stands, Vec::new()));
    }
    Ok(())
}

/// Rejects the documents that would give a debtor more open cases than allowed: a
/// file that names one debtor in every row, say.
fn within_bound(
    set: &WorkingSet,
    taken: Vec<Taken>,
    debtor_nos: &HashMap<String, DebtorNo>,
    results: &mut Results,
) -> Vec<Taken> {
    let mut room: HashMap<DebtorNo, usize> = HashMap::new();
    let mut within = Vec::with_capacity(taken.len());
    for one in taken {
        let document = &one.new.document;
        let debtor_no = debtor_nos[document.debtor_id.as_str()];
        let room = room.entry(debtor_no).or_insert_with(|| {
            let cases = set.cases_of(debtor_no);
            let open = cases.filter(|entry| entry.head.state != CaseState::Closed).count();
            CASES_PER_DEBTOR_MAX.saturating_sub(open)
        });
        let moved = |known: &StoredDocument| {
            known.debtor_no != debtor_no || known.state == CaseState::Closed
        };
        if one.known.as_ref().is_none_or(moved) {
            if *room == 0 {
                let mut violations = Violations::new();
                let field = format!("cases[{}].debtor_id", one.new.index);
                let bound = format!("a debtor has at most {CASES_PER_DEBTOR_MAX} open cases");
                violations.add(field, Reason::FieldOutOfRange, &document.debtor_id, bound);
                let error = ItemError::Invalid(violations);
                results.reject(one.new.index, document.case_id.as_str(), error);
                continue;
            }
            *room -= 1;
        }
        within.push(one);
    }
    within
}

async fn take(
    set: &mut WorkingSet,
    tx: &mut Tx,
    work: (Vec<Taken>, HashMap<String, DebtorNo>, &PortfolioContext, bool),
    results: &mut Results,
) -> Result<(), Error> {
    let (taken, debtor_nos, context, dry) = work;
    let new = taken.iter().filter(|taken| taken.known.is_none()).count();
    let mut next = first_number(tx, set.part, NumberKind::Case, new, dry).await?;
    let mut placed = Vec::with_capacity(taken.len());
    let mut rezone = BTreeSet::new();
    for mut taken in taken {
        let debtor_no = debtor_nos[taken.new.document.debtor_id.as_str()];
        let (case_no, before) = match &taken.known {
            Some(known) => (known.case_no, Some(known.debtor_no)),
            None => {
                next += 1;
                (CaseNo(next - 1), None)
            }
        };
        let old = put(set, context, (case_no, debtor_no), &mut taken);
        if let Some(before) = before.filter(|before| *before != debtor_no) {
            rezone.extend([before, debtor_no]);
        }
        // The zones of a closed case do not count; a document may reopen it.
        let entry = set.case(case_no);
        let closed = entry.is_some_and(|entry| entry.head.state == CaseState::Closed);
        if closed || zones_change(set, (case_no, debtor_no), old.as_ref()) {
            rezone.insert(debtor_no);
        }
        placed.push((case_no, taken, old));
    }
    let said: BTreeSet<CaseNo> = placed.iter().map(|(case_no, ..)| *case_no).collect();
    rezone_debtors(set, tx, rezone, &said).await?;
    for (case_no, taken, old) in placed {
        finish_case(set, context, case_no, (taken, old), results)?;
    }
    Ok(())
}

/// Puts a document's facts into the working set, which has them from now on;
/// returns what was said before.
fn put(
    set: &mut WorkingSet,
    context: &PortfolioContext,
    numbers: (CaseNo, DebtorNo),
    taken: &mut Taken,
) -> Option<Facts> {
    let (case_no, debtor_no) = numbers;
    let document = &mut taken.new.document;
    let facts = std::mem::take(&mut document.facts);
    if taken.known.is_none() {
        let head = new_head(context, numbers, document, set.now);
        let content = CaseContent { facts, history: History::default() };
        set.add_case(document.case_id.as_str(), head, content);
        return None;
    }
    set.move_to_debtor(case_no, debtor_no);
    let entry = set.case_mut(case_no)?;
    entry.head.as_of = document.as_of;
    entry.head.ledger_sequence = document.source_sequence;
    let content = entry.content.as_mut()?;
    Some(std::mem::replace(&mut content.facts, facts))
}

/// A head before its first ranking.
fn new_head(
    context: &PortfolioContext,
    numbers: (CaseNo, DebtorNo),
    document: &Document,
    now: Micros,
) -> CaseHead {
    let (case_no, debtor_no) = numbers;
    CaseHead {
        case_no,
        portfolio_no: context.portfolio.number,
        debtor_no,
        case_seq: 0,
        record_time: now,
        as_of: document.as_of,
        ledger_sequence: document.source_sequence,
        absorb_at: None,
        episode: 1,
        state: CaseState::PreDue,
        close_reason: None,
        overdue_amount_minor: 0,
        oldest_due_date: None,
        stage: Stage::M1,
        rank: Rank {
            group: RecoveryGroup::B,
            score: 0,
            priority: 0,
            rule_set_id: context.rule_set_id,
            rank_date: context.zone.day_of(now),
            case_seq: 0,
            arm: None,
        },
        lane_id: 0,
        review_at: None,
        hold_until: None,
        park_until: None,
    }
}

fn finish_case(
    set: &mut WorkingSet,
    context: &PortfolioContext,
    case_no: CaseNo,
    (taken, old): (Taken, Option<Facts>),
    results: &mut Results,
) -> Result<(), Damage> {
    let Taken { new: Prepared { index, document, encoded }, disposition, .. } = taken;
    let (as_of, source_sequence) = (document.as_of, document.source_sequence);
    set.set_document(case_no, PendingDocument { facts: encoded, as_of, source_sequence })?;
    let tolerance_minor = context.rule_set.ranking().tolerance_amount_minor;
    let by = (tolerance_minor, context.zone.day_of(as_of));
    let earlier_versions = set.take_document(case_no, old.as_ref(), by)?;
    let debtor_id = document.debtor_id.to_string();
    let body = PendingBody::Facts { old: old.map(Box::new), earlier_versions, debtor_id };
    set.append(case_no, body, as_of)?;
    let findings = set.rank(case_no)?.findings;
    let findings = findings
        .into_iter()
        .map(|finding| Finding { code: finding.code, text: finding.text })
        .collect();
    let head = &set.in_hand(case_no)?.head;
    let stands = (head.state, head.rank);
    results.set(index, result(&document, disposition, stands, findings));
    Ok(())
}

/// Whether what a document says of a case may move its debtor to other zones.
fn zones_change(set: &WorkingSet, numbers: (CaseNo, DebtorNo), old: Option<&Facts>) -> bool {
    let (case_no, debtor_no) = numbers;
    let Some(content) = set.case(case_no).and_then(|entry| entry.content.as_ref()) else {
        return false;
    };
    let new = &content.facts;
    match old {
        Some(old) => {
            old.contact_points != new.contact_points
                && zone_names(old).collect::<BTreeSet<_>>() != zone_names(new).collect()
        }
        None => ZoneSet::stored(zone_names(new)).id() != set.debtor(debtor_no).zone_set_id,
    }
}

/// The zones of the usable contact points of facts; empty where one does not say.
fn zone_names(facts: &Facts) -> impl Iterator<Item = &str> {
    let usable = facts.contact_points.iter().filter(|point| point.usable());
    usable.map(|point| point.time_zone.as_str())
}

/// Sets the zones of debtors to the union over all their cases that are not
/// closed, and those of which documents have just said something.
async fn rezone_debtors(
    set: &mut WorkingSet,
    tx: &mut Tx,
    debtor_nos: BTreeSet<DebtorNo>,
    said: &BTreeSet<CaseNo>,
) -> Result<(), Error> {
    let mut by_debtor: BTreeMap<DebtorNo, Vec<CaseNo>> = BTreeMap::new();
    for debtor_no in debtor_nos {
        let open = set.cases_of(debtor_no).filter(|entry| {
            entry.head.state != CaseState::Closed || said.contains(&entry.head.case_no)
        });
        by_debtor.insert(debtor_no, open.map(|entry| entry.head.case_no).collect());
    }
    set.load_content(tx, by_debtor.values().flatten().copied().collect::<Vec<_>>()).await?;
    for (debtor_no, case_nos) in by_debtor {
        let contents = case_nos.iter().filter_map(|no| set.case(*no)?.content.as_ref());
        let names = contents.flat_map(|content| zone_names(&content.facts));
        // As long as a case cannot be read, the zones that were known count too.
        let before = match case_nos.iter().all(|no| set.check_readable(*no).is_ok()) {
            true => Arc::default(),
            false => set.zone_set(set.debtor(debtor_no).zone_set_id)?,
        };
        let zones = ZoneSet::stored(names.chain(before.names()));
        set.set_zones(debtor_no, zones);
    }
    Ok(())
}
