//! What makes a case hard, who hears of it, and what is odd about it.

use std::collections::BTreeSet;

use arrears::model::Micros;
use arrears::proto;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, MapKey, ReflectMessage, Value};

use crate::support::{
    NOW, TestServer, always, date, document, euro, event, instant, payment, pull, work_list,
};

async fn explain(server: &TestServer, case_id: &str) -> proto::Explanation {
    let request = proto::ExplainCaseRequest {
        portfolio_id: "cards".to_owned(),
        case_id: case_id.to_owned(),
        ..Default::default()
    };
    server.cases().explain_case(request).await.unwrap().into_inner().explanation.unwrap()
}

/// Unpaid from the first of November on.
fn instalments() -> Vec<proto::Instalment> {
    let instalment = |month: i32| proto::Instalment {
        due_date: date(2025, month, 1),
        due_amount: euro(100),
        paid_amount: (month < 11).then(|| euro(100)).flatten(),
        paid_date: (month < 11).then(|| date(2025, month, 1)).flatten(),
    };
    (6..=12).map(instalment).collect()
}

/// The books, which know of nothing overdue before the new year.
fn profile() -> Vec<proto::ArrearsMonth> {
    let month = |(year, month): (i32, i32)| proto::ArrearsMonth {
        month: date(year, month, 1),
        months_past_due: Some((year - 2025) * month),
        ..Default::default()
    };
    let months = [(2025, 9), (2025, 10), (2025, 11), (2025, 12), (2026, 1), (2026, 2)];
    months.into_iter().map(month).collect()
}

#[tokio::test]
async fn histories_that_disagree_are_a_finding_that_names_the_one_that_counts() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let both = proto::CaseDocument {
        oldest_due_date: date(2025, 11, 1),
        instalments: instalments(),
        arrears_profile: profile(),
        ..document("both")
    };
    let alone =
        |case_id| proto::CaseDocument { oldest_due_date: date(2025, 11, 1), ..document(case_id) };
    let first = proto::CaseDocument { instalments: instalments(), ..alone("first") };
    let second = proto::CaseDocument { arrears_profile: profile(), ..alone("second") };
    let results = server.push("cards", vec![both.clone(), first, second]).await;
    assert_eq!((&results[1].findings[..], &results[2].findings[..]), (&[][..], &[][..]));
    let findings = &results[0].findings;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].code, "HISTORY_DISAGREES");
    assert_eq!(
        findings[0].text,
        "instalments say 4 and arrears profile say 2 months past due at the end of the month \
         from 2026-02-01; counted by the instalments"
    );
    let score = |result: &proto::PushResult| result.rank.clone().unwrap().recovery_score;
    assert_eq!(score(&results[0]), score(&results[1]));
    assert_ne!(score(&results[0]), score(&results[2]));
    let explained = explain(&server, "both").await;
    assert_eq!(explained.findings.len(), 1);
    assert!(explained.findings[0].contains("counted by the instalments"));

    // The books and the payments: the books count.
    let paid = proto::Event {
        event_time: instant(NOW.plus(-300 * Micros::DAY)),
        ..event("e", &["second"], payment(euro(50)))
    };
    server.record("cards", vec![paid]).await;
    let as_of_time = instant(NOW.plus(Micros::SECOND));
    let later = proto::CaseDocument {
        as_of_time,
        overdue_amount: euro(1_300),
        arrears_profile: profile(),
        ..alone("second")
    };
    let findings = server.push("cards", vec![later]).await.remove(0).findings;
    assert_eq!(findings[0].code, "HISTORY_DISAGREES");
    assert!(findings[0].text.ends_with("; counted by the arrears profile"), "{findings:?}");
    assert!(findings[0].text.contains("payment events say"), "{findings:?}");
}

/// Every reason of the contract moves the score by a bin of its own choice.
#[tokio::test]
async fn every_reason_for_being_overdue_has_its_points() {
    let server = TestServer::start().await;
    server.create(always("cards")).await;
    let mut numbers = (0..100).filter(|number| proto::OverdueReason::try_from(*number).is_ok());
    assert!(numbers.clone().count() >= 16);
    assert!(numbers.all(|number| number < 16), "a new reason needs a line here");
    let mut points = Vec::new();
    for number in 0..16 {
        let case_id = format!("c{number}");
        let behaviour = proto::BehaviourFacts { overdue_reason: number, ..Default::default() };
        let case = proto::CaseDocument { behaviour: Some(behaviour), ..document(&case_id) };
        server.push("cards", vec![case]).await;
        let explained = explain(&server, &case_id).await;
        let lines = explained.lines.iter();
        let line = lines.clone().find(|line| line.characteristic == "overdue_reason").unwrap();
        let name = proto::OverdueReason::try_from(number).unwrap().as_str_name();
        let word = name.strip_prefix("OVERDUE_REASON_").unwrap();
        assert_eq!(line.value, if number == 0 { "" } else { word });
        assert_eq!(line.missing, number == 0);
        let document = server.get("cards", &case_id).await.document.unwrap();
        assert_eq!(document.behaviour.unwrap_or_default().overdue_reason, number);
        points.push((line.points, word));
    }
    points.sort_unstable();
    let words: Vec<_> = points.iter().map(|(_, word)| *word).collect();
    let place = |word: &str| words.iter().position(|one| *one == word).unwrap();
    // As practice has it: what one call cures before what one call cannot.
    for (harder, easier) in [
        ("FRAUD", "FALSE_OR_CHANGED_ADDRESS"),
        ("FALSE_OR_CHANGED_ADDRESS", "HABITUAL"),
        ("HABITUAL", "POOR_MANAGEMENT"),
        ("POOR_MANAGEMENT", "AMOUNT_TOO_SMALL"),
        ("AMOUNT_TOO_SMALL", "FORGOT"),
    ] {
        assert!(place(harder) < place(easier), "{points:?}");
    }
}

/// Changes one input of a document for the worse.
type Worse = (&'static str, fn(&mut proto::CaseDocument));

/// Inputs of the household, protected ones, standing and suspicion: nothing an agent
/// may hear of.
const NOT_FOR_AGENTS: &[Worse] = &[
    ("marital_status", |one| {
        one.household_mut().marital_status = proto::MaritalStatus::Single.into();
    }),
    ("dependent_children", |one| one.household_mut().dependent_children = Some(0)),
    ("owns_home", |one| one.household_mut().owns_home = proto::Answer::No.into()),
    ("asset_level", |one| one.household_mut().asset_level = proto::Level::None.into()),
    ("residency_local", |one| one.household_mut().residency_local = proto::Answer::No.into()),
    ("social_standing", |one| one.household_mut().social_standing = proto::Level::None.into()),
    ("family_standing", |one| one.household_mut().family_standing = proto::Level::None.into()),
    ("employment_type", |one| {
        one.household_mut().employment_type = proto::EmploymentType::Unemployed.into();
    }),
    ("false_information", |one| {
        one.behaviour_mut().false_information = proto::Answer::Yes.into();
    }),
    ("asset_flight_risk", |one| {
        one.behaviour_mut().asset_flight_risk = proto::Answer::Yes.into();
    }),
    ("gambling", |one| {
        one.behaviour_mut().overdue_reason = proto::OverdueReason::GamblingOrLuxury.into();
    }),
    ("fraud", |one| one.behaviour_mut().overdue_reason = proto::OverdueReason::Fraud.into()),
    ("address", |one| {
        one.behaviour_mut().overdue_reason = proto::OverdueReason::FalseOrChangedAddress.into();
    }),
    ("overdue_reason_state", |one| {
        one.behaviour_mut().overdue_reason_state = proto::ReasonState::Refuted.into();
    }),
    ("trade_reputation", |one| {
        let credit_record = one.credit_record.get_or_insert_default();
        credit_record.trade_reputation = proto::Level::None.into();
        one.debtor_kind = proto::DebtorKind::Business.into();
    }),
];

trait Parts {
    fn household_mut(&mut self) -> &mut proto::HouseholdFacts;
    fn behaviour_mut(&mut self) -> &mut proto::BehaviourFacts;
}

impl Parts for proto::CaseDocument {
    fn household_mut(&mut self) -> &mut proto::HouseholdFacts {
        self.household.get_or_insert_default()
    }

    fn behaviour_mut(&mut self) -> &mut proto::BehaviourFacts {
        self.behaviour.get_or_insert_default()
    }
}

/// Fields of a work item by their paths, with their values, and all texts in them.
fn walk(message: &DynamicMessage, path: &str, found: &mut Vec<(String, String)>) {
    for field in message.descriptor().fields() {
        let path = format!("{path}.{}", field.name());
        note(&message.get_field(&field), &path, found);
    }
}

fn note(value: &Value, path: &str, found: &mut Vec<(String, String)>) {
    match value {
        Value::Message(inner) => walk(inner, path, found),
        Value::List(values) => values.iter().for_each(|value| note(value, path, found)),
        Value::Map(values) => {
            for (key, value) in values {
                if let MapKey::String(key) = key {
                    found.push((path.to_owned(), key.clone()));
                }
                note(value, path, found);
            }
        }
        Value::String(text) => found.push((path.to_owned(), text.clone())),
        Value::Bytes(bytes) => {
            found.push((path.to_owned(), String::from_utf8_lossy(bytes).into_owned()));
        }
        Value::EnumNumber(number) => found.push((path.to_owned(), number.to_string())),
        other => found.push((path.to_owned(), format!("{other:?}"))),
    }
}

/// All that stands in a work item, by the path of its field.
fn fields(item: &proto::WorkItem) -> Vec<(String, String)> {
    let pool = DescriptorPool::decode(arrears::proto::DESCRIPTORS).unwrap();
    let kind = pool.get_message_by_name("arrears.v1.WorkItem").unwrap();
    let item = DynamicMessage::decode(kind, &*item.encode_to_vec()).unwrap();
    let mut found = Vec::new();
    walk(&item, "", &mut found);
    found
}

/// All that only analysts may hear of a case: codes, sentences and characteristics of
/// its reasons.
async fn secrets(server: &TestServer, case_id: &str) -> BTreeSet<String> {
    let explained = explain(server, case_id).await;
    let reasons = explained.reasons.into_iter();
    let hidden = reasons.filter(|reason| reason.audience() != proto::Audience::Agent);
    hidden.flat_map(|reason| [reason.reason_code, reason.text, reason.characteristic]).collect()
}

#[tokio::test]
async fn no_work_item_tells_of_household_standing_or_suspicion() {
    let server = TestServer::start().await;
    let protected = [
        "marital_status",
        "dependent_children",
        "residency_local",
        "social_standing",
        "family_standing",
    ];
    let ranking = proto::RankingSettings {
        protected_inputs_on: protected.map(str::to_owned).to_vec(),
        ..Default::default()
    };
    server.create(proto::Portfolio { ranking: Some(ranking), ..always("cards") }).await;
    server.create_list(work_list("all")).await;
    let mut documents = Vec::new();
    for place in 0..=NOT_FOR_AGENTS.len() {
        let debtor_id = format!("d{place}");
        // The lead case and a sibling; the last debtor has everything at once.
        for case_id in [format!("c{place}"), format!("s{place}")] {
            let mut case =
                proto::CaseDocument { debtor_id: debtor_id.clone(), ..document(&case_id) };
            let all = place == NOT_FOR_AGENTS.len();
            for (other, (_, worsen)) in NOT_FOR_AGENTS.iter().enumerate() {
                if all || other == place {
                    worsen(&mut case);
                }
            }
            documents.push(case);
        }
    }
    server.push("cards", documents).await;

    let mut told = BTreeSet::new();
    for (place, (name, _)) in NOT_FOR_AGENTS.iter().enumerate() {
        let secrets = secrets(&server, &format!("c{place}")).await;
        if !secrets.is_empty() {
            told.insert(*name);
        }
    }
    // The others move the priority or cost too few points to be among the reasons.
    assert!(told.len() >= 10, "only {told:?} are reasons at all");
    for needed in ["residency_local", "social_standing", "owns_home", "fraud", "address"] {
        assert!(told.contains(needed), "{needed} is not in {told:?}");
    }

    let request = proto::PreviewWorkRequest {
        work_list_id: "all".to_owned(),
        max_items: 500,
        ..Default::default()
    };
    let previewed = server.work_lists().preview_work(request).await.unwrap().into_inner();
    let items = server.lease(pull("all", 500)).await.work_items;
    assert_eq!(items.len(), NOT_FOR_AGENTS.len() + 1);
    assert_eq!(previewed.work_items.len(), items.len());
    for item in items.into_iter().chain(previewed.work_items) {
        assert_eq!(item.sibling_cases.len(), 1);
        let mut hidden = BTreeSet::new();
        for case in item.lead_case.iter().chain(&item.sibling_cases) {
            hidden.extend(secrets(&server, &case.case_id).await);
        }
        for (path, value) in fields(&item) {
            let told = hidden.iter().find(|secret| value.contains(secret.as_str()));
            assert_eq!(told, None, "{} of {path} is not for agents", item.debtor_id);
            if path.ends_with(".audience") {
                assert_eq!(value, (proto::Audience::Agent as i32).to_string(), "{path}");
            }
        }
    }
}

/// Whoever adds a field to a work item has to look at who may read it.
#[tokio::test]
async fn a_work_item_has_the_fields_an_agent_needs_and_no_others() {
    let reason = ["reason_code", "text", "characteristic", "points_lost", "audience"];
    let money = ["currency_code", "units", "nanos"];
    let case = [
        &["portfolio_id", "case_id", "provisional", "days_past_due", "stage"][..],
        &["overdue_amount", "as_of_time", "oldest_due_date", "rank", "reasons", "sealed"],
    ];
    let item = [
        &["lease_token", "lease_expire_time", "debtor_id", "lead_case", "sibling_cases"][..],
        &["case_count", "total_overdue_amounts", "language", "contact_points"],
        &["earlier_attempt_count", "from_reserved_share", "lease_seq"],
    ];
    let pool = DescriptorPool::decode(arrears::proto::DESCRIPTORS).unwrap();
    let names = |message: &str| -> BTreeSet<String> {
        let message = pool.get_message_by_name(&format!("arrears.v1.{message}")).unwrap();
        message.fields().map(|field| field.name().to_owned()).collect()
    };
    let set = |names: &[&str]| -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    };
    assert_eq!(names("WorkItem"), set(&item.concat()));
    assert_eq!(names("WorkCase"), set(&case.concat()));
    assert_eq!(names("Reason"), set(&reason));
    assert_eq!(names("Money"), set(&money));
}
