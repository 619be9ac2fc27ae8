use arrears::engine::{Caller, Engine, explain, portfolio, push, read, record};
use arrears::model::*;
use std::sync::Arc;
use std::time::Instant;

fn settings() -> PortfolioSettings {
    PortfolioSettings {
        display_name: "x".into(),
        time_zone: "Europe/Berlin".into(),
        base_currency: Currency::from_code("EUR").unwrap(),
        ranking: RankingSettings {
            stage_bounds: StageBounds::default(),
            tolerance_amount_minor: 0,
            protected_inputs_on: vec![],
            default_debtor_kind: DebtorKind::Person,
            default_language: "und".into(),
        },
        contact_policy: ContactPolicy::Always,
        max_ledger_age_hours: 36,
        old_ledger_rule: OldLedgerRule::Deny,
    }
}
fn docs(from: usize, n: usize, as_of: Micros, bump: i64) -> push::PushCommand {
    let documents = (from..from + n)
        .map(|i| {
            let mut facts = Facts {
                overdue_amount_minor: 10_000 + i as i64 + bump,
                oldest_due_date: Some(Day(20_600 - (i % 140) as i32)),
                ..Facts::default()
            };
            facts.inputs.set(Input::OwnsHome, 3);
            facts.inputs.set(Input::MonthlyIncomeAmount, 300_000);
            facts.inputs.set(Input::PromisesBroken, (i % 3) as i64);
            Ok(push::Document {
                case_id: CaseId::new(format!("case-{i}")).unwrap(),
                debtor_id: DebtorId::new(format!("debtor-{i}")).unwrap(),
                source_sequence: None,
                as_of,
                facts,
            })
        })
        .collect();
    push::PushCommand {
        portfolio_id: PortfolioId::new("p").unwrap(),
        documents,
        atomic: false,
        validate_only: false,
    }
}

#[tokio::test]
async fn smoke() {
    let dir = tempfile::tempdir().unwrap();
    let t0 = Micros(20_600 * Micros::DAY);
    let clock = Arc::new(TestClock::new(t0));
    let engine = Engine::open(dir.path(), clock.clone()).await.unwrap();
    let caller = Caller::local();
    portfolio::create_portfolio(&engine, &caller, PortfolioId::new("p").unwrap(), settings())
        .await
        .unwrap();
    let total = 50_000;
    for (what, bump, day) in
        [("fresh", 0, 0), ("same", 0, 0), ("next night", 0, 1), ("changed", 5, 2)]
    {
        clock.set(t0.plus(day * Micros::DAY));
        let start = Instant::now();
        for from in (0..total).step_by(1000) {
            let r = push::push_cases(
                &engine,
                &caller,
                docs(from, 1000, t0.plus(day * Micros::DAY), bump),
            )
            .await
            .unwrap();
            if from == 0 {
                println!("{what} {:?}", r[7]);
            }
        }
        println!("{what}: {:.0}/s", total as f64 / start.elapsed().as_secs_f64());
    }
    let (view, ex) = explain::explain_case(
        &engine,
        &caller,
        PortfolioId::new("p").unwrap(),
        CaseId::new("case-7").unwrap(),
        None,
    )
    .await
    .unwrap();
    println!("{view:?}\n{ex:?}");
    let ev = record::RecordCommand {
        portfolio_id: PortfolioId::new("p").unwrap(),
        events: vec![Ok(record::Event {
            event_id: EventId::new("e1").unwrap(),
            event_time: t0.plus(3 * Micros::DAY),
            kind: record::EventKind::Payment {
                shares: vec![(CaseId::new("case-7").unwrap(), 10_012)],
            },
        })],
    };
    println!("{:?}", record::record_events(&engine, &caller, ev).await.unwrap());
    println!(
        "{:?}",
        read::get_case(
            &engine,
            &caller,
            PortfolioId::new("p").unwrap(),
            CaseId::new("case-7").unwrap()
        )
        .await
        .unwrap()
    );
}
