//! `arrears case replay`: what is stored and was served, computed anew from the events.

use clap::Args;
use serde::Serialize;

use crate::cli::client::Context;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{self, Format, Record};
use crate::cli::view;
use crate::cli::word;
use crate::proto;

/// The most leases of one answer.
const PAGE_SIZE: i32 = 1_000;

#[derive(Args, Debug)]
pub(in crate::cli) struct ReplayArgs {
    /// The case
    case_id: String,
    /// The portfolio
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
}

/// The rank of now, or that of a lease.
#[derive(Debug, Serialize)]
struct ReplayedView {
    /// `now`, or the number of the lease.
    rank: String,
    grant_time: String,
    worker_id: String,
    rank_date: String,
    case_seq: i64,
    rule_set_id: String,
    served: Option<NumbersView>,
    recomputed: Option<NumbersView>,
    /// EQUAL, DIFFERENT, NOT_STORED or FAILED.
    result: &'static str,
    /// Why it cannot be computed; of the rank of now, what else is not as stored.
    note: String,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
struct NumbersView {
    recovery_group: String,
    recovery_score: i32,
    priority: i32,
    /// Empty where no experiment ran.
    #[serde(skip_serializing_if = "str::is_empty")]
    arm: &'static str,
    /// Empty where it had none.
    #[serde(skip_serializing_if = "String::is_empty")]
    route: String,
}

fn error_text(error: Option<&proto::ItemError>) -> Option<String> {
    error.map(|error| format!("{}: {}", error.reason, error.message))
}

impl NumbersView {
    fn new(rank: Option<&proto::Rank>) -> Option<NumbersView> {
        let rank = rank.filter(|rank| rank.recovery_group != 0)?;
        Some(NumbersView {
            recovery_group: view::group(Some(rank)),
            recovery_score: rank.recovery_score,
            priority: rank.priority,
            arm: view::arm(Some(rank)),
            route: view::route(Some(rank)),
        })
    }

    fn text(&self) -> String {
        let NumbersView { recovery_group, recovery_score, priority, arm, route } = self;
        let words = [arm, route.as_str()].into_iter().filter(|word| !word.is_empty());
        let numbers = format!("{recovery_group} {recovery_score} {priority}");
        words.fold(numbers, |text, word| format!("{text} {word}"))
    }
}

impl ReplayedView {
    fn now(answer: &proto::ReplayCaseResponse) -> ReplayedView {
        let stored = answer.stored_rank.as_ref();
        let result = match (&answer.error, answer.differing_fields.as_slice()) {
            (Some(_), _) => proto::ReplayResult::Failed,
            (None, []) => proto::ReplayResult::Equal,
            (None, _) => proto::ReplayResult::Different,
        };
        let recomputed = NumbersView::new(answer.recomputed_rank.as_ref());
        ReplayedView {
            rank: "now".to_owned(),
            recomputed,
            result: word::REPLAY_RESULT.word(result.into()),
            note: error_text(answer.error.as_ref())
                .unwrap_or_else(|| answer.differing_fields.join(", ")),
            ..ReplayedView::of(stored)
        }
    }

    fn lease(one: &proto::ReplayedLease) -> ReplayedView {
        let lease = one.lease.clone().unwrap_or_default();
        ReplayedView {
            rank: format!("lease {}", lease.lease_seq),
            grant_time: view::time(lease.grant_time.as_ref()),
            worker_id: lease.worker_id,
            recomputed: NumbersView::new(one.recomputed_rank.as_ref()),
            result: word::REPLAY_RESULT.word(one.result),
            note: error_text(one.error.as_ref()).unwrap_or_default(),
            ..ReplayedView::of(lease.served_rank.as_ref())
        }
    }

    /// What a rank rests on, with nothing computed.
    fn of(served: Option<&proto::Rank>) -> ReplayedView {
        let rank = served.cloned().unwrap_or_default();
        ReplayedView {
            rank: String::new(),
            grant_time: String::new(),
            worker_id: String::new(),
            rank_date: view::day(rank.rank_date.as_ref()),
            case_seq: rank.case_seq,
            served: NumbersView::new(Some(&rank)),
            rule_set_id: rank.rule_set_id,
            recomputed: None,
            result: "",
            note: String::new(),
        }
    }

    /// Whether nothing speaks against it: that nothing was stored is no difference.
    fn holds(&self) -> bool {
        let result = word::REPLAY_RESULT.number(self.result);
        let good = [proto::ReplayResult::Equal, proto::ReplayResult::NotStored];
        good.iter().any(|good| result == Some((*good).into()))
    }
}

impl Record for ReplayedView {
    const HEADER: &'static [&'static str] = &[
        "rank",
        "granted",
        "as_of",
        "event",
        "rule_set",
        "served",
        "recomputed",
        "result",
        "note",
    ];

    fn cells(&self) -> Vec<String> {
        let text = |numbers: &Option<NumbersView>| {
            numbers.as_ref().map(NumbersView::text).unwrap_or_default()
        };
        vec![
            self.rank.clone(),
            self.grant_time.clone(),
            self.rank_date.clone(),
            self.case_seq.to_string(),
            self.rule_set_id.clone(),
            text(&self.served),
            text(&self.recomputed),
            self.result.to_owned(),
            self.note.clone(),
        ]
    }
}

pub(super) async fn replay(context: &Context, args: ReplayArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let mut request = proto::ReplayCaseRequest {
        portfolio_id: context.portfolio(&client, args.portfolio.as_deref()).await?,
        case_id: args.case_id,
        page_size: PAGE_SIZE,
        page_token: String::new(),
    };
    let mut replayed = Vec::new();
    loop {
        let answer = client.cases().replay_case(request.clone()).await?.into_inner();
        if replayed.is_empty() {
            replayed.push(ReplayedView::now(&answer));
        }
        replayed.extend(answer.leases.iter().map(ReplayedView::lease));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }
    output::records(context.format, &replayed)?;
    let failed = replayed.iter().filter(|one| !one.holds()).count();
    if failed > 0 {
        let text = format!("{failed} of {} ranks are not what the events give", replayed.len());
        return Err(Failure::new(Exit::Failure, text));
    }
    if context.format == Format::Table {
        output::note(&format!("all {} ranks are what the events give", replayed.len()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_stored_holds_and_what_differs_does_not() {
        let lease = |result: proto::ReplayResult| {
            let one = proto::ReplayedLease { result: result.into(), ..Default::default() };
            ReplayedView::lease(&one)
        };
        assert!(lease(proto::ReplayResult::Equal).holds());
        assert!(lease(proto::ReplayResult::NotStored).holds());
        assert!(!lease(proto::ReplayResult::Different).holds());
        assert!(!lease(proto::ReplayResult::Failed).holds());
        assert_eq!(lease(proto::ReplayResult::Equal).cells().len(), ReplayedView::HEADER.len());
    }
}
