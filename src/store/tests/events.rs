//! Events come back as they were written, and bytes that make no sense are named.

use prost::Message;

use super::*;
use crate::model::{
    Arm, Attempt, CaseNo, CloseReason, Day, DebtorId, ExperimentId, Facts, Hold, HoldKind, Micros,
    Part, Payment, Promise, PromiseState, ServedArm,
};
use crate::store::cases::source::EncodedFacts;
use crate::store::encode::{facts_to, stored};
use crate::store::events::replay::{PastBody, PastEvent, Reader};
use crate::store::events::{self, CaseEventBody, NewCaseEvent};

const PART: Part = Part(7);
const CASE: CaseNo = CaseNo(11);

fn facts(overdue_amount_minor: i64) -> Facts {
    Facts { overdue_amount_minor, oldest_due_date: Some(Day(20_500)), ..Facts::default() }
}

fn document<'a>(new: &'a Facts, old: Option<&'a Facts>, version: i64) -> CaseEventBody<'a> {
    let debtor_id = DebtorId::new("d").expect("the id is valid");
    CaseEventBody::Facts {
        new,
        // A test ends soon.
        encoded: Box::leak(Box::new(EncodedFacts::new(&debtor_id, new))),
        old,
        earlier_versions: version,
        as_of: Micros(1_000 + version),
        source_sequence: Some(version),
        debtor_id: "d",
    }
}

async fn append(tx: &mut Tx, bodies: Vec<CaseEventBody<'_>>) {
    let rows: Vec<NewCaseEvent<'_>> = (1..)
        .zip(bodies)
        .map(|(case_seq, body)| NewCaseEvent {
            case_no: CASE,
            case_seq,
            event_time: Micros(case_seq),
            record_time: Micros(10 + case_seq),
            ledger_as_of: Micros(5_000 + case_seq),
            event_id: None,
            tolerance_amount_minor: Some(case_seq),
            body,
        })
        .collect();
    events::append(tx, PART, &rows).await.unwrap();
}

async fn read(tx: &mut Tx) -> Result<Vec<PastEvent>, StoreError> {
    let mut reader = Reader::new(PART, CASE);
    let mut all = Vec::new();
    loop {
        let page = reader.next_page(tx).await?;
        if page.is_empty() {
            return Ok(all);
        }
        all.extend(page);
    }
}

/// Runs a test's work on the writer's connection.
macro_rules! writing {
    (|$tx:ident| $work:block) => {{
        let (_folder, store) = store().await;
        store
            .write(
                Class::Interactive,
                move |$tx| {
                    Box::pin(async move {
                        $work
                        Ok::<_, StoreError>(())
                    })
                },
                |_| (),
            )
            .await
            .unwrap();
    }};
}

#[tokio::test]
async fn every_kind_of_event_comes_back() {
    writing!(|tx| {
        let payment = Payment {
            event_id: "p".to_owned(),
            event_time: Micros(2),
            amount_minor: 300,
            reversed_time: None,
        };
        let hold = Hold {
            event_id: "h".to_owned(),
            kind: HoldKind::Dispute,
            until: None,
            evidence_reference: "letter 17".to_owned(),
        };
        let attempt = Attempt {
            event_time: Micros(7),
            outcome_code: "contacted".to_owned(),
            right_party: true,
            gated: true,
        };
        let served =
            ServedArm { experiment_id: ExperimentId::new("autumn").unwrap(), arm: Arm::Challenger };
        let promise = Promise {
            lease_seq: 4,
            event_time: Micros(8),
            promised_amount_minor: 0,
            promised_date: Day(20_600),
            state: PromiseState::Open,
        };
        let (first, second) = (facts(5), facts(6));
        let bodies = vec![
            document(&first, None, 0),
            CaseEventBody::Payment(&payment),
            CaseEventBody::Reversal { event_id: "p", reversed: Micros(3) },
            CaseEventBody::Hold(&hold),
            CaseEventBody::Lift("h"),
            CaseEventBody::AsOf(Micros(900)),
            CaseEventBody::Attempt(&attempt, Some(&served)),
            CaseEventBody::Promise(&promise),
            document(&second, Some(&first), 1),
        ];
        append(tx, bodies).await;
        let facts = |facts: &Facts, number| PastBody::Facts {
            facts: Box::new(facts.clone()),
            source_sequence: Some(number),
            debtor_id: "d".to_owned(),
        };
        let expected = [
            (facts(&first, 0), 1_000),
            (PastBody::Payment(payment), 5_002),
            (PastBody::Reversal { payment_event_id: "p".to_owned(), reversed: Micros(3) }, 5_003),
            (PastBody::Hold(hold), 5_004),
            (PastBody::Lift("h".to_owned()), 5_005),
            (PastBody::AsOf, 900),
            (PastBody::Attempt(attempt), 5_007),
            (PastBody::Promise(promise), 5_008),
            (facts(&second, 1), 1_001),
        ];
        let events = read(tx).await.unwrap();
        assert_eq!(events.len(), expected.len());
        for ((case_seq, event), (body, as_of)) in (1..).zip(events).zip(expected) {
            assert_eq!(event.body, body);
            assert_eq!(event.ledger_as_of, Micros(as_of), "{:?}", event.body);
            assert_eq!((event.case_seq, event.event_time), (case_seq, Micros(case_seq)));
            assert_eq!(event.record_time, Micros(10 + case_seq));
        }
        let marks = events::between(tx, PART, CASE, (1, 9)).await.unwrap();
        let told: Vec<_> = marks.into_iter().map(|mark| (mark.case_seq, mark.served)).collect();
        let expected = (2..=9).map(|case_seq| (case_seq, (case_seq == 7).then(|| served.clone())));
        assert_eq!(told, expected.collect::<Vec<_>>());
    });
}

/// Some versions whole, most as what changed, over more than one page.
#[tokio::test]
async fn documents_come_back_whole() {
    writing!(|tx| {
        let versions: Vec<Facts> = (0..600)
            .map(|version| Facts {
                close_reason: (version % 7 == 3).then_some(CloseReason::Sold),
                language: if version % 5 == 0 { "es".to_owned() } else { String::new() },
                ..facts(version / 3)
            })
            .collect();
        let bodies = (0..)
            .zip(&versions)
            .map(|(version, new)| {
                let old = usize::try_from(version - 1).ok().map(|before| &versions[before]);
                document(new, old, version)
            })
            .collect();
        append(tx, bodies).await;
        let events = read(tx).await.unwrap();
        assert_eq!(events.len(), 600);
        for (event, expected) in events.iter().zip(&versions) {
            let PastBody::Facts { facts, .. } = &event.body else { panic!("{event:?}") };
            assert_eq!(**facts, *expected);
        }
    });
}

async fn insert(tx: &mut Tx, case_seq: i64, kind: i64, body: stored::EventBody) {
    let text = "INSERT INTO case_event VALUES ($1, $2, $3, $4, 0, 0, NULL, $5)";
    let row = params![PART.0, CASE.0, case_seq, kind, body.encode_to_vec()];
    tx.execute(text, row).await.unwrap();
}

fn body(kind: stored::event_body::Kind) -> stored::EventBody {
    stored::EventBody {
        kind: Some(kind),
        ledger_as_of_micros: Some(1),
        tolerance_amount_minor: None,
        served: None,
    }
}

fn delta(delta: stored::FactsDelta) -> stored::EventBody {
    body(stored::event_body::Kind::Facts(delta))
}

#[tokio::test]
async fn what_makes_no_sense_is_named() {
    use stored::event_body::Kind;
    let whole = || stored::FactsDelta { full: Some(facts_to(&facts(5))), ..Default::default() };
    let changed = |numbers: &[i32]| stored::FactsDelta {
        changed: Some(facts_to(&facts(6))),
        changed_fields: numbers.to_vec(),
        ..Default::default()
    };
    let hold = stored::Hold { kind: 99, ..Default::default() };
    let lift = || Kind::LiftedEventId("h".to_owned());
    let untold = stored::EventBody { kind: Some(lift()), ..Default::default() };
    let none = stored::EventBody::default();
    let cases = [
        (vec![(2, 1, delta(whole()))], "event 1 is missing"),
        (vec![(1, 1, delta(whole())), (3, 5, body(lift()))], "event 2 is missing"),
        (vec![(1, 5, body(lift()))], "event 1: no document comes before it"),
        (vec![(1, 1, delta(changed(&[1])))], "event 1: it says what changed"),
        (vec![(1, 1, delta(Default::default()))], "event 1: it says all or what changed"),
        (
            vec![(1, 1, delta(whole())), (2, 1, delta(changed(&[1, 77])))],
            "event 2: changed field 77 is not known",
        ),
        (vec![(1, 2, delta(whole()))], "event 1: its kind is 2 and its body is of 1"),
        (
            vec![(1, 1, delta(whole())), (2, 4, body(Kind::Hold(hold)))],
            "event 2: hold kind 99 is not known",
        ),
        (vec![(1, 1, delta(whole())), (2, 5, untold)], "event 2: it does not say the ledger's"),
        (vec![(1, 1, none)], "event 1: it has no body"),
    ];
    for (rows, expected) in cases {
        writing!(|tx| {
            for (case_seq, kind, body) in rows {
                insert(tx, case_seq, kind, body).await;
            }
            let error = read(tx).await.unwrap_err().to_string();
            assert!(error.contains("case_event (7, 11)"), "{error}");
            assert!(error.contains(expected), "{error} instead of {expected}");
        });
    }
}
