//! `arrears worklist take`: one given debtor instead of the head of a list.

use clap::Args;
use serde::Serialize;

use super::gates::FailingGateView;
use crate::cli::client::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Format};
use crate::cli::word;
use crate::cli::work_item::WorkItemView;
use crate::proto;

#[derive(Args, Debug)]
pub(in crate::cli) struct TakeArgs {
    /// The list that must select a case of the debtor
    work_list_id: String,
    /// The debtor
    debtor_id: String,
    /// Why this one: inbound (the debtor rang), manual, supervisor or field (a visit);
    /// it decides which gates refuse the lease
    #[arg(short, long, value_parser = reason)]
    reason: i32,
    /// Who works: a person or a line. The user's name if not given
    #[arg(short, long, env = "ARREARS_WORKER")]
    worker: Option<String>,
    /// How long the lease lasts, in seconds, 10 to 3600
    #[arg(long, default_value_t = 300)]
    lease_seconds: u32,
    /// Names this take: the same name within 15 minutes returns the same work
    #[arg(long, default_value = "")]
    request_id: String,
    /// The language of the reasons, such as es; that of the portfolio if not given
    #[arg(long, default_value = "")]
    language: String,
}

fn reason(text: &str) -> Result<i32, String> {
    let words = word::TAKE_REASON;
    words.number(text).ok_or_else(|| format!("must be one of {}", words.all().to_lowercase()))
}

/// What a take was answered.
#[derive(Debug, Serialize)]
struct TakenView {
    work_items: Vec<WorkItemView>,
    failing_gates: Vec<FailingGateView>,
}

/// Leases one debtor, or says which gates refuse that.
pub(super) async fn take(context: &Context, args: TakeArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let take = proto::DebtorTake { debtor_id: args.debtor_id.clone(), reason: args.reason };
    let request = proto::LeaseWorkRequest {
        work_list_id: args.work_list_id,
        worker_id: super::worker_id(context, args.worker),
        max_items: 1,
        lease_duration: Some(super::duration(args.lease_seconds)),
        wait: None,
        request_id: args.request_id,
        take: Some(take),
        language_code: args.language,
    };
    let answer = client.work_lists().lease_work(request).await?.into_inner();
    super::warn(&answer.warnings);
    let gates: Vec<_> = answer.failing_gates.iter().map(FailingGateView::new).collect();
    match context.format {
        Format::Json | Format::Jsonl => {
            let work_items = answer.work_items.iter().map(WorkItemView::new).collect();
            output::json(context.format, &TakenView { work_items, failing_gates: gates })
        }
        format if answer.work_items.is_empty() => {
            let debtor = &args.debtor_id;
            output::note(&format!(
                "{debtor} was not leased; `arrears debtor get {debtor}` says more"
            ));
            output::records(format, &gates)
        }
        format => super::write_leased(format, &answer.work_items),
    }
}
