//! `arrears debtor`: who owes, over all portfolios.

use std::fmt::Write;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::client::Context;
use super::failure::Failure;
use super::output::{self, Format, Record};
use super::view::{self, CaseView};
use super::word;
use crate::proto;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Shows a debtor: cases, holds, attempts, and whether a lease runs
    #[command(after_help = "Example:\n  arrears debtor get D-1007")]
    Get(GetArgs),
}

#[derive(Args, Debug)]
pub(super) struct GetArgs {
    /// The debtor
    debtor_id: String,
}

/// A debtor with all cases.
#[derive(Debug, Serialize)]
struct DebtorView {
    debtor_id: String,
    case_count: i32,
    open_case_count: i32,
    total_overdue_amounts: Vec<String>,
    holds: Vec<String>,
    cooling_until_time: String,
    leased_case: String,
    lease_expire_time: String,
    attempt_count: i64,
    attempt_times: Vec<String>,
    cases: Vec<CaseView>,
}

/// Runs a command.
pub(super) async fn run(context: &Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Get(args) => get(context, args).await,
    }
}

async fn get(context: &Context, args: GetArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let mut request = proto::GetDebtorRequest {
        debtor_id: args.debtor_id,
        page_size: 1_000,
        page_token: String::new(),
    };
    let mut cases = Vec::new();
    loop {
        let answer = client.cases().get_debtor(request.clone()).await?.into_inner();
        cases.extend(answer.cases.iter().map(CaseView::new));
        request.page_token = answer.next_page_token;
        if request.page_token.is_empty() {
            let debtor = answer.debtor.unwrap_or_default();
            return DebtorView::new(&debtor, cases).print(context.format);
        }
    }
}

impl DebtorView {
    fn new(debtor: &proto::Debtor, cases: Vec<CaseView>) -> DebtorView {
        let total = |money: &proto::Money| {
            let (amount, currency) = view::amount(Some(money));
            format!("{amount} {currency}")
        };
        let hold = |hold: &proto::ActiveHold| match hold.until_time.as_ref() {
            Some(until) => {
                format!("{} until {}", word::HOLD_KIND.word(hold.kind), view::time(Some(until)))
            }
            None => word::HOLD_KIND.word(hold.kind).to_owned(),
        };
        let lease = debtor.lease.as_ref();
        let times = debtor.attempt_times.iter();
        DebtorView {
            debtor_id: debtor.debtor_id.clone(),
            case_count: debtor.case_count,
            open_case_count: debtor.open_case_count,
            total_overdue_amounts: debtor.total_overdue_amounts.iter().map(total).collect(),
            holds: debtor.holds.iter().map(hold).collect(),
            cooling_until_time: view::time(debtor.cooling_until_time.as_ref()),
            leased_case: lease
                .map(|lease| format!("{} {}", lease.portfolio_id, lease.case_id))
                .unwrap_or_default(),
            lease_expire_time: view::time(lease.and_then(|lease| lease.expire_time.as_ref())),
            attempt_count: debtor.attempt_count,
            attempt_times: times.map(|time| view::time(Some(time))).collect(),
            cases,
        }
    }

    /// Writes the debtor; as CSV the cases only.
    fn print(&self, format: Format) -> Result<(), Failure> {
        match format {
            Format::Table => output::write_out(&self.text()),
            Format::Json | Format::Jsonl => output::json(format, self),
            Format::Csv => output::records(format, &self.cases),
        }
    }

    fn text(&self) -> String {
        let mut text = format!(
            "{}: {} of {} cases overdue, {}\n",
            self.debtor_id,
            self.open_case_count,
            self.case_count,
            self.total_overdue_amounts.join(" + ")
        );
        let mut line = |name: &str, said: &str| {
            if !said.is_empty() {
                let _ = writeln!(text, "{name}: {said}");
            }
        };
        line("on hold", &self.holds.join(", "));
        line("left alone until", &self.cooling_until_time);
        if !self.leased_case.is_empty() {
            line("leased", &format!("{} until {}", self.leased_case, self.lease_expire_time));
        }
        let last = self.attempt_times.first().map(|last| format!(", the last at {last}"));
        line("attempts", &format!("{}{}", self.attempt_count, last.unwrap_or_default()));
        text.push_str(&output::table(CaseView::HEADER, self.cases.iter().map(Record::cells)));
        text.push('\n');
        text
    }
}
