//! Cases as read.

use crate::engine::ItemError;
use crate::engine::read::{CaseView, ListCasesQuery, ListedCase};
use crate::grpc::status::{ItemBudget, Named, item_error};
use crate::model::{
    Arm, CaseId, CaseState, DebtorId, Facts, Hold, Payment, PortfolioId, Rank, RecoveryGroup,
    Stage, Violations,
};
use crate::proto;
use crate::store::Damage;

use super::contact::{contact_points_to, custom_features_to};
use super::field::{choice, count, id, optional_id, required_choice};
use super::history::{arrears_profile_to, instalments_to};
use super::inputs;
use super::money::money;
use super::page::Page;
use super::path::{Path, ROOT};
use super::route::routes;
use super::time::{date, timestamp};

/// Reads which case a request asks for.
pub(in crate::grpc) fn case_key(
    portfolio_id: &str,
    case_id: &str,
) -> Result<(PortfolioId, CaseId), Violations> {
    let mut broken = Violations::new();
    case_key_at(portfolio_id, case_id, &ROOT, &mut broken).ok_or(broken)
}

/// Reads the two ids that name a case, side by side under `at`.
pub(super) fn case_key_at(
    portfolio_id: &str,
    case_id: &str,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<(PortfolioId, CaseId)> {
    let portfolio_id = id(portfolio_id, PortfolioId::new, &at.field("portfolio_id"), broken);
    let case_id = id(case_id, CaseId::new, &at.field("case_id"), broken);
    portfolio_id.zip(case_id)
}

/// Reads which cases to list.
pub(in crate::grpc) fn list_cases_query(
    request: proto::ListCasesRequest,
) -> Result<ListCasesQuery, Violations> {
    let mut broken = Violations::new();
    let at = ROOT.field("portfolio_id");
    let portfolio_id = id(&request.portfolio_id, PortfolioId::new, &at, &mut broken);
    let page = Page::read(request.page_size, request.page_token, &mut broken);
    let states = entries(&request.states, (&ROOT, "states"), CaseState::from_number, &mut broken);
    let groups = entries(
        &request.recovery_groups,
        (&ROOT, "recovery_groups"),
        RecoveryGroup::from_number,
        &mut broken,
    );
    let stages = entries(&request.stages, (&ROOT, "stages"), Stage::from_number, &mut broken);
    let arms = entries(&request.arms, (&ROOT, "arms"), Arm::from_number, &mut broken);
    let routes = routes(&request.routes, &ROOT, &mut broken);
    let at = ROOT.field("debtor_id");
    let debtor_id = optional_id(&request.debtor_id, DebtorId::new, &at, &mut broken);
    let view = |number: i32| proto::View::try_from(number).ok();
    let view = choice(request.view, view, &ROOT.field("view"), &mut broken);
    match portfolio_id {
        Some(portfolio_id) if broken.is_empty() => Ok(ListCasesQuery {
            portfolio_id,
            page_size: page.size,
            page_token: page.token,
            states,
            groups,
            stages,
            arms,
            routes,
            debtor_id,
            full: view == Some(proto::View::Full),
        }),
        _ => Err(broken),
    }
}

/// Reads a list of entries of an enum, none of which may be 0. Naming one twice
/// says nothing new.
pub(super) fn entries<T: Copy + PartialEq>(
    numbers: &[i32],
    (at, name): (&Path<'_>, &'static str),
    from_number: fn(i64) -> Option<T>,
    broken: &mut Violations,
) -> Vec<T> {
    let mut read = Vec::new();
    // More than any enum has, so that a list of repetitions costs nothing.
    if !count(numbers.len(), (0, 64), &at.field(name), broken) {
        return read;
    }
    for (place, number) in numbers.iter().enumerate() {
        let find = |number: i32| from_number(i64::from(number));
        let entry = required_choice(*number, find, &at.item(name, place), broken);
        read.extend(entry.filter(|entry| !read.contains(entry)));
    }
    read
}

/// An entry of a listing as the contract writes it: the case, or that it cannot be
/// read.
pub(in crate::grpc) fn listed_to(
    listed: &ListedCase,
) -> Result<proto::Case, Box<proto::UnreadableCase>> {
    listed.read.as_ref().map(case_to).map_err(|damage| {
        let error = Some(unreadable(damage));
        Box::new(proto::UnreadableCase { case_id: listed.case_id.clone(), error })
    })
}

/// That an entry of a listing cannot be read.
pub(super) fn unreadable(damage: &Damage) -> proto::ItemError {
    let error = ItemError::Unreadable(damage.clone());
    item_error(&error, Named::NOTHING, &mut ItemBudget::new())
}

/// A case as the contract writes it.
pub(in crate::grpc) fn case_to(view: &CaseView) -> proto::Case {
    let case_holds = view.case_holds.iter().map(|hold| hold_to(hold, proto::HoldScope::Case));
    let debtor_holds = view.debtor_holds.iter().map(|hold| hold_to(hold, proto::HoldScope::Debtor));
    proto::Case {
        portfolio_id: view.portfolio_id.to_string(),
        case_id: view.case_id.to_string(),
        debtor_id: view.debtor_id.to_string(),
        state: i32::from(view.state as i16),
        close_reason: view.close_reason.map_or(0, |reason| i32::from(reason as i16)),
        episode: i32::try_from(view.episode).unwrap_or(i32::MAX),
        overdue_amount: Some(money(view.currency, view.overdue_amount_minor)),
        provisional: view.provisional,
        oldest_due_date: view.oldest_due_date.map(date),
        days_past_due: view.days_past_due.unwrap_or(0),
        stage: view.stage.map_or(0, |stage| i32::from(stage as i16)),
        rank: view.rank.as_ref().map(rank_to),
        as_of_time: Some(timestamp(view.as_of)),
        holds: case_holds.chain(debtor_holds).collect(),
        document: view
            .document
            .as_ref()
            .map(|(facts, sequence)| document_to(view, facts, *sequence)),
        payments: view.payments.iter().map(|payment| payment_to(payment, view)).collect(),
    }
}

/// A rank as the contract writes it.
pub(in crate::grpc) fn rank_to(rank: &Rank) -> proto::Rank {
    proto::Rank {
        recovery_group: i32::from(rank.group as i16),
        recovery_score: rank.score,
        priority: rank.priority,
        rule_set_id: rank.rule_set_id.to_string(),
        rank_date: Some(date(rank.rank_date)),
        case_seq: rank.case_seq,
        arm: arm_to(rank.arm),
        route: rank.route.label().to_owned(),
    }
}

/// An arm as the contract writes it; 0 where there is no experiment.
pub(in crate::grpc) fn arm_to(arm: Option<Arm>) -> i32 {
    arm.map_or(0, |arm| i32::from(arm as i16))
}

/// A hold as the contract writes it.
pub(super) fn hold_to(hold: &Hold, scope: proto::HoldScope) -> proto::ActiveHold {
    proto::ActiveHold {
        event_id: hold.event_id.clone(),
        kind: hold.kind as i32,
        scope: scope.into(),
        until_time: hold.until.map(timestamp),
        evidence_reference: hold.evidence_reference.clone(),
    }
}

fn payment_to(payment: &Payment, view: &CaseView) -> proto::RecordedPayment {
    proto::RecordedPayment {
        event_id: payment.event_id.clone(),
        event_time: Some(timestamp(payment.event_time)),
        amount: Some(money(view.currency, payment.amount_minor)),
        reversed: payment.reversed_time.is_some(),
    }
}

fn document_to(view: &CaseView, facts: &Facts, sequence: Option<i64>) -> proto::CaseDocument {
    let close = facts.close_reason.map(|reason| proto::CaseClose {
        reason: i32::from(reason as i16),
        date: facts.close_date.map(date),
    });
    let currency = view.currency;
    let mut document = proto::CaseDocument {
        case_id: view.case_id.to_string(),
        debtor_id: view.debtor_id.to_string(),
        source_sequence: sequence,
        as_of_time: Some(timestamp(view.as_of)),
        overdue_amount: Some(money(currency, facts.overdue_amount_minor)),
        oldest_due_date: facts.oldest_due_date.map(date),
        outstanding_amount: facts.outstanding_amount_minor.map(|minor| money(currency, minor)),
        close,
        debtor_kind: facts.debtor_kind.map_or(0, |kind| i32::from(kind as i16)),
        language: facts.language.clone(),
        instalments: instalments_to(&facts.instalments, currency),
        arrears_profile: arrears_profile_to(&facts.arrears_profile, currency),
        contact_points: contact_points_to(&facts.contact_points),
        custom_features: custom_features_to(&facts.custom_features),
        sealed: facts.sealed.0.clone(),
        ..proto::CaseDocument::default()
    };
    inputs::write(&facts.inputs, currency, &mut document);
    document
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::engine::push::Document;
    use crate::model::{CaseNo, Currency, Day, HoldKind, Micros, Reason, Route, RuleSetId};

    /// An open case whose newest document is the given one.
    pub(in crate::grpc::convert) fn view(document: Document) -> CaseView {
        CaseView {
            case_no: CaseNo(1),
            portfolio_id: PortfolioId::new("p").unwrap(),
            case_id: document.case_id,
            debtor_id: document.debtor_id,
            currency: Currency::from_code("EUR").unwrap(),
            state: CaseState::Open,
            close_reason: None,
            episode: 1,
            overdue_amount_minor: document.facts.overdue_amount_minor,
            provisional: false,
            oldest_due_date: document.facts.oldest_due_date,
            days_past_due: Some(40),
            stage: Some(Stage::M2),
            rank: None,
            as_of: document.as_of,
            case_holds: Vec::new(),
            debtor_holds: Vec::new(),
            document: Some((document.facts, document.source_sequence)),
            payments: Vec::new(),
        }
    }

    #[test]
    fn a_case_says_whom_its_holds_cover_and_what_was_paid() {
        let mut view = view(Document {
            case_id: CaseId::new("c").unwrap(),
            debtor_id: DebtorId::new("d").unwrap(),
            source_sequence: None,
            as_of: Micros(5_000_000),
            facts: Facts { overdue_amount_minor: 1_205, ..Facts::default() },
        });
        let hold = |event_id: &str, kind, until| Hold {
            event_id: event_id.to_owned(),
            kind,
            until,
            evidence_reference: String::new(),
        };
        view.case_holds = vec![hold("e1", HoldKind::Dispute, Some(Micros(9_000_000)))];
        view.debtor_holds = vec![hold("e2", HoldKind::Represented, None)];
        view.payments = vec![Payment {
            event_id: "e3".to_owned(),
            event_time: Micros(6_000_000),
            amount_minor: 5,
            reversed_time: Some(Micros(7_000_000)),
        }];
        view.rank = Some(Rank {
            group: RecoveryGroup::C,
            score: 120,
            priority: 870,
            rule_set_id: RuleSetId(-1),
            rank_date: Day(20_000),
            case_seq: 3,
            arm: Some(Arm::Control),
            route: Route::new("legal").unwrap(),
        });
        let case = case_to(&view);
        assert_eq!(case.overdue_amount.as_ref().unwrap().nanos, 50_000_000);
        assert_eq!(case.state(), proto::CaseState::Open);
        assert_eq!(case.stage(), proto::Stage::M2);
        let holds: Vec<_> = case.holds.iter().map(|hold| (hold.kind(), hold.scope())).collect();
        let expected = [
            (proto::HoldKind::Dispute, proto::HoldScope::Case),
            (proto::HoldKind::Represented, proto::HoldScope::Debtor),
        ];
        assert_eq!(holds, expected);
        assert_eq!(case.holds[0].until_time.unwrap().seconds, 9);
        assert!(case.payments[0].reversed);
        let rank = case.rank.unwrap();
        assert_eq!(rank.recovery_group(), proto::RecoveryGroup::C);
        assert_eq!(rank.rule_set_id, "ffffffffffffffff");
    }

    /// A change to a good request, the field it breaks, and how.
    type Broken = (fn(&mut proto::ListCasesRequest), &'static str, Reason);

    fn query(change: fn(&mut proto::ListCasesRequest)) -> Result<ListCasesQuery, Violations> {
        let mut request =
            proto::ListCasesRequest { portfolio_id: "p".to_owned(), ..Default::default() };
        change(&mut request);
        list_cases_query(request)
    }

    #[test]
    fn filters_are_read_each_entry_once() {
        let query = query(|r| {
            r.states = vec![2, 7, 2];
            r.recovery_groups = vec![3];
            r.stages = vec![5, 1];
            r.arms = vec![3, 1, 3];
            r.debtor_id = "d".to_owned();
            r.view = 2;
        })
        .unwrap();
        assert_eq!(query.states, [CaseState::Open, CaseState::Closed]);
        assert_eq!(query.groups, [RecoveryGroup::C]);
        assert_eq!(query.stages, [Stage::M5, Stage::M1]);
        assert_eq!(query.arms, [Arm::Control, Arm::Champion]);
        assert_eq!((query.full, query.page_size), (true, 100));
    }

    #[test]
    fn each_broken_filter_is_told_by_its_path() {
        let cases: &[Broken] = &[
            (|r| r.portfolio_id.clear(), "portfolio_id", Reason::FieldRequired),
            (|r| r.page_size = -1, "page_size", Reason::FieldOutOfRange),
            (|r| r.states = vec![2, 0], "states[1]", Reason::FieldRequired),
            (|r| r.states = vec![3], "states[0]", Reason::FieldOutOfRange),
            (|r| r.states = vec![2; 65], "states", Reason::FieldOutOfRange),
            (|r| r.recovery_groups = vec![4], "recovery_groups[0]", Reason::FieldOutOfRange),
            (|r| r.stages = vec![6], "stages[0]", Reason::FieldOutOfRange),
            (|r| r.arms = vec![1, 0], "arms[1]", Reason::FieldRequired),
            (|r| r.arms = vec![4], "arms[0]", Reason::FieldOutOfRange),
            (|r| r.debtor_id = " ".to_owned(), "debtor_id", Reason::FieldMalformed),
            (|r| r.view = 3, "view", Reason::FieldOutOfRange),
        ];
        for (change, field, reason) in cases {
            let broken = query(*change).unwrap_err().0;
            let found: Vec<_> = broken.iter().map(|v| (v.field.as_str(), v.reason)).collect();
            assert_eq!(found, [(*field, *reason)]);
        }
    }
}
