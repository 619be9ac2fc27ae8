//! `arrears worklist why`: what withholds the cases of a list.

use clap::Args;
use serde::Serialize;

use super::warn;
use crate::cli::client::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Format, Record};
use crate::cli::{view, word};
use crate::proto;

#[derive(Args, Debug)]
pub(in crate::cli) struct WhyArgs {
    /// The list
    work_list_id: String,
    /// A case: every gate that it does not pass is named
    case_id: Option<String>,
    /// The portfolio of the case
    #[arg(short, long, env = "ARREARS_PORTFOLIO")]
    portfolio: Option<String>,
}

/// How a work list stands.
#[derive(Debug, Serialize)]
struct DescriptionView {
    gate_counts: Vec<GateCountView>,
    case_count: i64,
    as_of_time: String,
    leases_last_hour: i64,
    longest_wait_seconds: Option<i64>,
    wait_bound_seconds: Option<i64>,
    next_window_time: String,
    failing_gates: Vec<FailingGateView>,
}

#[derive(Debug, Serialize)]
struct GateCountView {
    gate: &'static str,
    case_count: i64,
}

impl Record for GateCountView {
    const HEADER: &'static [&'static str] = &["gate", "cases"];

    fn cells(&self) -> Vec<String> {
        vec![self.gate.to_owned(), self.case_count.to_string()]
    }
}

/// One gate that a case does not pass.
#[derive(Debug, Serialize)]
pub(super) struct FailingGateView {
    gate: &'static str,
    until_time: String,
    text: String,
}

impl FailingGateView {
    pub(super) fn new(gate: &proto::FailingGate) -> FailingGateView {
        FailingGateView {
            gate: word::GATE.word(gate.gate),
            until_time: view::time(gate.until_time.as_ref()),
            text: gate.text.clone(),
        }
    }
}

impl Record for FailingGateView {
    const HEADER: &'static [&'static str] = &["gate", "until", "text"];

    fn cells(&self) -> Vec<String> {
        vec![self.gate.to_owned(), self.until_time.clone(), self.text.clone()]
    }
}

/// Says how many cases each gate withholds, and why one case is not served.
pub(super) async fn why(context: &Context, args: WhyArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let case = match args.case_id {
        None => None,
        Some(case_id) => {
            let portfolio_id = context.portfolio(&client, args.portfolio.as_deref()).await?;
            Some(proto::CaseKey { portfolio_id, case_id })
        }
    };
    let of_case = case.is_some();
    let request = proto::DescribeWorkListRequest { work_list_id: args.work_list_id, case };
    let answer = client.work_lists().describe_work_list(request).await?.into_inner();
    warn(&answer.warnings);
    let view = DescriptionView::new(&answer);
    match context.format {
        Format::Json | Format::Jsonl => output::json(context.format, &view),
        format if of_case => output::records(format, &view.failing_gates),
        Format::Csv => output::records(Format::Csv, &view.gate_counts),
        Format::Table => output::write_out(&view.text()),
    }
}

impl DescriptionView {
    fn new(answer: &proto::DescribeWorkListResponse) -> DescriptionView {
        let count = |count: &proto::GateCount| GateCountView {
            gate: word::GATE.word(count.gate),
            case_count: count.case_count,
        };
        DescriptionView {
            gate_counts: answer.gate_counts.iter().map(count).collect(),
            case_count: answer.case_count,
            as_of_time: view::time(answer.as_of_time.as_ref()),
            leases_last_hour: answer.leases_last_hour,
            longest_wait_seconds: view::seconds(answer.longest_wait.as_ref()),
            wait_bound_seconds: view::seconds(answer.wait_bound.as_ref()),
            next_window_time: view::time(answer.next_window_time.as_ref()),
            failing_gates: answer.failing_gates.iter().map(FailingGateView::new).collect(),
        }
    }

    fn text(&self) -> String {
        let mut rows: Vec<Vec<String>> = self.gate_counts.iter().map(Record::cells).collect();
        rows.push(vec!["= cases of the list".to_owned(), self.case_count.to_string()]);
        let mut text = output::table(GateCountView::HEADER, rows.into_iter());
        text.push_str(&format!("\n\ncounted at {}\n", self.as_of_time));
        text.push_str(&format!("leases in the last hour: {}\n", self.leases_last_hour));
        for (name, seconds) in [
            ("the ready case that waits longest has waited", self.longest_wait_seconds),
            ("a ready case waits at the last hour's pace at most", self.wait_bound_seconds),
        ] {
            if let Some(seconds) = seconds {
                text.push_str(&format!("{name}: {}\n", view::duration_text(seconds)));
            }
        }
        if !self.next_window_time.is_empty() {
            text.push_str(&format!("hours of contact begin at {}\n", self.next_window_time));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_printed_counts_end_with_their_sum() {
        let count =
            |gate: proto::Gate, case_count| proto::GateCount { gate: gate as i32, case_count };
        let answer = proto::DescribeWorkListResponse {
            gate_counts: vec![count(proto::Gate::Held, 3), count(proto::Gate::Ready, 39)],
            case_count: 42,
            longest_wait: Some(prost_types::Duration { seconds: 7_200, nanos: 0 }),
            ..Default::default()
        };
        let text = DescriptionView::new(&answer).text();
        assert!(text.contains("HELD") && text.contains("= cases of the list"), "{text}");
        assert!(text.contains("42") && text.contains("2 h"), "{text}");
    }
}
