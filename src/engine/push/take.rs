//! Taking documents into the working set.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{
    CaseNo, CaseState, DebtorNo, Facts, History, LocalDays, Micros, Rank, Reason, RecoveryGroup,
    Route, Stage, Violations,
};
use crate::policy::ZoneSet;
use crate::store::cases::source::StoredDocument;
use crate::store::cases::{CaseContent, CaseHead};
use crate::store::numbers::NumberKind;
use crate::store::{Damage, Tx};

use super::super::context::PortfolioContext;
use super::super::working_set::{PendingBody, PendingDocument, WorkingSet};
use super::super::{Error, ItemError};
use super::documents::{Prepared, Results};
use super::sort::{Taken, result};
use super::stops::Stop;
use super::{Disposition, Document, Finding};

/// The most open cases of one debtor: every event of one of them takes all in hand.
const CASES_PER_DEBTOR_MAX: usize = 1_000;

/// Records that the ledger has caught up, and ranks anew.
pub(super) fn absorb(
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
pub(super) fn keep_within_bound(set: &WorkingSet, stop: &mut Stop) {
    let Stop { sorted, debtor_nos, results, .. } = stop;
    let mut room: HashMap<DebtorNo, usize> = HashMap::new();
    sorted.taken.retain(|Taken { new, known, .. }| {
        let document = &new.document;
        let debtor_no = debtor_nos[document.debtor_id.as_str()];
        let room = room.entry(debtor_no).or_insert_with(|| {
            let cases = set.cases_of(debtor_no);
            let open = cases.filter(|entry| entry.head.state != CaseState::Closed).count();
            CASES_PER_DEBTOR_MAX.saturating_sub(open)
        });
        let counted = |known: &StoredDocument| {
            let here = new.lives_in.is_none() && known.debtor_no == debtor_no;
            here && known.state != CaseState::Closed
        };
        if known.as_ref().is_some_and(counted) {
            return true;
        }
        if *room == 0 {
            let mut violations = Violations::new();
            let field = format!("cases[{}].debtor_id", new.index);
            let bound = format!("a debtor has at most {CASES_PER_DEBTOR_MAX} open cases");
            violations.add(field, Reason::FieldOutOfRange, &document.debtor_id, bound);
            let error = ItemError::Invalid(violations);
            results.reject(new.index, document.case_id.as_str(), error);
            return false;
        }
        *room -= 1;
        true
    });
}

/// Takes the documents that change their cases, or begin them.
pub(super) async fn take(set: &mut WorkingSet, tx: &mut Tx, stop: &mut Stop) -> Result<(), Error> {
    let taken = std::mem::take(&mut stop.sorted.taken);
    let new = taken.iter().filter(|taken| taken.known.is_none()).count();
    let mut next = stop.first_number(tx, NumberKind::Case, new).await?;
    let Stop { debtor_nos, results, .. } = stop;
    let context = &stop.context;
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
        let arrived = taken.new.lives_in.is_some();
        if arrived || closed || zones_change(set, (case_no, debtor_no), old.as_ref()) {
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
            route: Route::NONE,
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
    let Taken { new: Prepared { index, document, encoded, .. }, disposition, .. } = taken;
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
pub(super) async fn rezone_debtors(
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
