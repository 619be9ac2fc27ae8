//! In which part of a tenant that is spread over several a case lives. Which case id is
//! whose is settled here, by whoever writes the row first, in the transaction that makes
//! the case: two pushes that name two debtors must not make two cases of one id.

use std::collections::{BTreeSet, HashMap};

use crate::model::{Part, PortfolioNo};

use super::StoreError;
use super::db::{Batch, Column, Tx, params, statements, text_list};

statements! {
    FIND = "SELECT case_id, lives_in FROM case_part \
        WHERE part = $1 AND portfolio_no = $2 AND case_id IN {texts:$3}";
    MOVE = "UPDATE case_part SET lives_in = $5 \
        WHERE part = $1 AND portfolio_no = $2 AND case_id IN {texts:$3} AND lives_in = $4";
}

pub(crate) const INSERT: Batch = Batch {
    text: "INSERT INTO case_part (part, portfolio_no, case_id, lives_in) VALUES {rows} \
        ON CONFLICT (part, portfolio_no, case_id) DO NOTHING",
    fixed: 0,
    columns: &[Column::Int, Column::Int, Column::Text, Column::Int],
};

/// All batches of this file.
#[cfg(test)]
pub(crate) const BATCHES: &[Batch] = &[INSERT];

/// Where cases live whose ids are noted in `directory`; those not known are left out.
pub(crate) async fn find<'a>(
    tx: &mut Tx,
    directory: Part,
    portfolio_no: PortfolioNo,
    case_ids: impl IntoIterator<Item = &'a str>,
) -> Result<HashMap<String, Part>, StoreError> {
    let params = params![directory.0, portfolio_no.0, text_list(case_ids)];
    let rows: Vec<(String, i64)> = tx.fetch_all(FIND, params).await?;
    Ok(rows.into_iter().map(|(case_id, part)| (case_id, Part(part))).collect())
}

/// A new case: the bucket of its id, the id, and the part it lives in.
pub(crate) type NewPlace<'a> = (Part, &'a str, Part);

/// Notes where new cases live, each in the bucket of its id; those that are noted
/// already stay where they are. Returns how many are new.
pub(crate) async fn insert<'a>(
    tx: &mut Tx,
    portfolio_no: PortfolioNo,
    cases: impl IntoIterator<Item = NewPlace<'a>>,
) -> Result<u64, StoreError> {
    // In one order, so that no two pushes wait for each other.
    let cases: BTreeSet<NewPlace<'_>> = cases.into_iter().collect();
    let mut rows = Vec::with_capacity(cases.len() * INSERT.columns.len());
    for (directory, case_id, lives_in) in cases {
        rows.extend(params![directory.0, portfolio_no.0, case_id, lives_in.0]);
    }
    tx.execute_batch(INSERT, vec![], rows).await
}

/// Notes that cases whose ids are noted in `directory` have gone from one part to another.
/// Returns of how many that was so: of those that did live in the first.
pub(crate) async fn move_all<'a>(
    tx: &mut Tx,
    (directory, portfolio_no): (Part, PortfolioNo),
    case_ids: impl IntoIterator<Item = &'a str>,
    (from, to): (Part, Part),
) -> Result<u64, StoreError> {
    let case_ids = text_list(case_ids);
    tx.execute(MOVE, params![directory.0, portfolio_no.0, case_ids, from.0, to.0]).await
}
