//! `arrears worklist preview`: what a pull would be given, without a lease.

use clap::Args;

use crate::cli::client::Context;
use crate::cli::failure::Failure;
use crate::cli::output::{self, Format, Record};
use crate::cli::view;
use crate::cli::work_item::WorkItemView;
use crate::proto;

#[derive(Args, Debug)]
pub(in crate::cli) struct PreviewArgs {
    /// The list
    work_list_id: String,
    /// The most items to show, 1 to 500
    #[arg(short = 'n', long, default_value_t = 20)]
    max: i32,
    /// The language of the reasons, such as es; that of the portfolio if not given
    #[arg(long, default_value = "")]
    language: String,
}

/// Shows the next work of a list.
pub(super) async fn preview(context: &Context, args: PreviewArgs) -> Result<(), Failure> {
    let client = context.connect().await?;
    let request = proto::PreviewWorkRequest {
        work_list_id: args.work_list_id.clone(),
        max_items: args.max,
        language_code: args.language,
    };
    let answer = client.work_lists().preview_work(request).await?.into_inner();
    super::warn(&answer.warnings);
    let items: Vec<WorkItemView> = answer.work_items.iter().map(WorkItemView::new).collect();
    if items.is_empty() && context.format == Format::Table {
        let next = match answer.next_window_time.as_ref() {
            Some(time) => format!("hours of contact begin at {}", view::time(Some(time))),
            None => format!("`arrears worklist why {}` says why", args.work_list_id),
        };
        output::note(&format!("no work is ready; {next}"));
        return Ok(());
    }
    match context.format {
        Format::Table => {
            // Without the lease, which there is none of.
            let shown = WorkItemView::HEADER.len() - LEASE_COLUMNS;
            let rows = items.iter().map(|item| {
                let mut cells = item.cells();
                cells.truncate(shown);
                cells
            });
            output::write_out(&format!("{}\n", output::table(&WorkItemView::HEADER[..shown], rows)))
        }
        format => output::records(format, &items),
    }
}

/// The last columns of an item, which tell its lease.
const LEASE_COLUMNS: usize = 2;
