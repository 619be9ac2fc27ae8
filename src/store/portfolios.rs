//! Portfolios and work lists.

use crate::model::{
    Micros, Part, PortfolioNo, PortfolioSettings, RuleSetId, WorkListNo, WorkListSettings,
};

use super::StoreError;
use super::db::{Lock, Tx, int_list, params, statements, text_list};
use super::encode::{Place, settings_from, settings_to, work_list_from, work_list_to};

/// A named, versioned resource as stored.
#[derive(Clone, Debug)]
pub struct Versioned<N, S> {
    /// The service's number.
    pub number: N,
    /// The caller's id.
    pub id: String,
    /// What it holds.
    pub settings: S,
    /// 1 at creation, raised by every change.
    pub version: i64,
    /// When it was created.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
}

/// A portfolio as stored.
pub type StoredPortfolio = Versioned<PortfolioNo, PortfolioSettings>;
/// A work list as stored.
pub type StoredWorkList = Versioned<WorkListNo, WorkListSettings>;

/// Portfolios of a list with their newest activation.
macro_rules! active_portfolios {
    ($list:literal, $column:literal) => {
        concat!(
            "SELECT p.portfolio_no, p.portfolio_id, p.settings, p.settings_version, \
             p.create_time, p.update_time, a.activation_id, a.rule_set_id FROM ",
            $list,
            " AS l CROSS JOIN portfolio p LEFT JOIN activation a ON a.part = $1 \
             AND a.portfolio_no = p.portfolio_no AND a.activation_id = \
             (SELECT MAX(n.activation_id) FROM activation n \
             WHERE n.part = $1 AND n.portfolio_no = p.portfolio_no) \
             WHERE p.part = $1 AND p.",
            $column,
            " = l.value"
        )
    };
}

statements! {
    PORTFOLIO_BY_ID = "SELECT portfolio_no, portfolio_id, settings, settings_version, \
        create_time, update_time FROM portfolio WHERE part = $1 AND portfolio_id = $2";
    PORTFOLIO_BY_NO = "SELECT portfolio_no, portfolio_id, settings, settings_version, \
        create_time, update_time FROM portfolio WHERE part = $1 AND portfolio_no = $2";
    LOCK = "SELECT portfolio_no FROM portfolio \
        WHERE part = $1 AND portfolio_id = $2 {lock:portfolio}";
    ACTIVE_BY_ID = active_portfolios!("{texts:$2}", "portfolio_id");
    ACTIVE_BY_NO = active_portfolios!("{ints:$2}", "portfolio_no");
    LIST_PORTFOLIOS = "SELECT portfolio_no, portfolio_id, settings, settings_version, \
        create_time, update_time FROM portfolio \
        WHERE part = $1 AND portfolio_id > $2 ORDER BY portfolio_id LIMIT $3";
    INSERT_PORTFOLIO = "INSERT INTO portfolio (part, portfolio_no, portfolio_id, settings, \
        settings_version, create_time, update_time) VALUES ($1, $2, $3, $4, 1, $5, $5)";
    UPDATE_PORTFOLIO = "UPDATE portfolio SET settings = $3, \
        settings_version = settings_version + 1, update_time = $4 \
        WHERE part = $1 AND portfolio_no = $2 AND settings_version = $5";
    SOURCE_NUMBERED = "SELECT numbered FROM source \
        WHERE part = $1 AND portfolio_no = $2 AND source_no = 1";
    INSERT_SOURCE = "INSERT INTO source (part, portfolio_no, source_no, source_id, numbered) \
        VALUES ($1, $2, 1, 'default', $3) ON CONFLICT (part, portfolio_no, source_no) DO NOTHING";
    WORK_LIST_BY_ID = "SELECT work_list_no, work_list_id, settings, version, \
        create_time, update_time FROM work_list WHERE part = $1 AND work_list_id = $2";
    LIST_WORK_LISTS = "SELECT work_list_no, work_list_id, settings, version, \
        create_time, update_time FROM work_list \
        WHERE part = $1 AND work_list_id > $2 ORDER BY work_list_id LIMIT $3";
    INSERT_WORK_LIST = "INSERT INTO work_list (part, work_list_no, work_list_id, settings, \
        version, create_time, update_time) VALUES ($1, $2, $3, $4, 1, $5, $5)";
    UPDATE_WORK_LIST = "UPDATE work_list SET settings = $3, version = version + 1, \
        update_time = $4 WHERE part = $1 AND work_list_no = $2 AND version = $5";
}

type Row = (i64, String, Vec<u8>, i64, i64, i64);
type ActiveRow = (i64, String, Vec<u8>, i64, i64, i64, Option<i64>, Option<i64>);

fn portfolio(row: Row, part: Part) -> Result<StoredPortfolio, StoreError> {
    let place = Place { table: "portfolio", part: part.0, key: row.0 };
    let settings = settings_from(&row.2, place)?;
    Ok(versioned(PortfolioNo(row.0), row, settings))
}

fn work_list(row: Row, part: Part) -> Result<StoredWorkList, StoreError> {
    let place = Place { table: "work_list", part: part.0, key: row.0 };
    let settings = work_list_from(&row.2, place)?;
    Ok(versioned(WorkListNo(row.0), row, settings))
}

fn versioned<N, S>(number: N, row: Row, settings: S) -> Versioned<N, S> {
    Versioned {
        number,
        id: row.1,
        settings,
        version: row.3,
        create_time: Micros(row.4),
        update_time: Micros(row.5),
    }
}

/// Finds a portfolio by the caller's id.
pub(crate) async fn portfolio_by_id(
    tx: &mut Tx,
    part: Part,
    portfolio_id: &str,
) -> Result<Option<StoredPortfolio>, StoreError> {
    let row: Option<Row> =
        tx.fetch_optional(PORTFOLIO_BY_ID, params![part.0, portfolio_id]).await?;
    row.map(|row| portfolio(row, part)).transpose()
}

/// Takes a portfolio in hand for a change of its settings or of what ranks it: two such
/// changes come one after the other. Nothing where it does not exist.
pub(crate) async fn lock(tx: &mut Tx, part: Part, portfolio_id: &str) -> Result<(), StoreError> {
    let _: Vec<(i64,)> = tx.fetch_locked(LOCK, params![part.0, portfolio_id], Lock::Wait).await?;
    Ok(())
}

/// Finds a portfolio by number.
pub(crate) async fn portfolio_by_no(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<Option<StoredPortfolio>, StoreError> {
    let row: Option<Row> =
        tx.fetch_optional(PORTFOLIO_BY_NO, params![part.0, portfolio_no.0]).await?;
    row.map(|row| portfolio(row, part)).transpose()
}

/// A portfolio with the number of its newest activation and the rule set that is
/// active by it; nothing only while the portfolio is being created.
pub(crate) type ActivePortfolio = (StoredPortfolio, Option<(i64, RuleSetId)>);

/// Finds portfolios by the callers' ids; those that are not stored are left out.
pub(crate) async fn active_by_id<'a>(
    tx: &mut Tx,
    part: Part,
    portfolio_ids: impl IntoIterator<Item = &'a str>,
) -> Result<Vec<ActivePortfolio>, StoreError> {
    let params = params![part.0, text_list(portfolio_ids)];
    active(tx.fetch_all(ACTIVE_BY_ID, params).await?, part)
}

/// Finds portfolios by number; those that are not stored are left out.
pub(crate) async fn active_by_no(
    tx: &mut Tx,
    part: Part,
    numbers: impl IntoIterator<Item = PortfolioNo>,
) -> Result<Vec<ActivePortfolio>, StoreError> {
    let params = params![part.0, int_list(numbers.into_iter().map(|number| number.0))];
    active(tx.fetch_all(ACTIVE_BY_NO, params).await?, part)
}

fn active(rows: Vec<ActiveRow>, part: Part) -> Result<Vec<ActivePortfolio>, StoreError> {
    rows.into_iter()
        .map(|(number, id, settings, version, create, update, activation_id, rule_set_id)| {
            let stored = portfolio((number, id, settings, version, create, update), part)?;
            Ok((stored, activation_id.zip(rule_set_id.map(RuleSetId))))
        })
        .collect()
}

/// Lists portfolios by id.
pub(crate) async fn list_portfolios(
    tx: &mut Tx,
    part: Part,
    after: &str,
    limit: usize,
) -> Result<Vec<StoredPortfolio>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = tx.fetch_all(LIST_PORTFOLIOS, params![part.0, after, limit]).await?;
    rows.into_iter().map(|row| portfolio(row, part)).collect()
}

/// Writes a new portfolio.
pub(crate) async fn insert_portfolio(
    tx: &mut Tx,
    part: Part,
    new: (PortfolioNo, &str, &PortfolioSettings),
    now: Micros,
) -> Result<(), StoreError> {
    let (number, id, settings) = new;
    let params = params![part.0, number.0, id, settings_to(settings), now.0];
    tx.execute(INSERT_PORTFOLIO, params).await?;
    Ok(())
}

/// Replaces the settings of a portfolio if it still has the version; says
/// whether it had.
pub(crate) async fn update_portfolio(
    tx: &mut Tx,
    part: Part,
    old: &StoredPortfolio,
    settings: &PortfolioSettings,
    now: Micros,
) -> Result<bool, StoreError> {
    let params = params![part.0, old.number.0, settings_to(settings), now.0, old.version];
    Ok(tx.execute(UPDATE_PORTFOLIO, params).await? == 1)
}

/// Whether the ledger of a portfolio numbers its documents; nothing before its
/// first one.
pub(crate) async fn source_numbered(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
) -> Result<Option<bool>, StoreError> {
    let row: Option<(i64,)> =
        tx.fetch_optional(SOURCE_NUMBERED, params![part.0, portfolio_no.0]).await?;
    Ok(row.map(|(numbered,)| numbered != 0))
}

/// Notes whether the ledger of a portfolio numbers its documents.
pub(crate) async fn insert_source(
    tx: &mut Tx,
    part: Part,
    portfolio_no: PortfolioNo,
    numbered: bool,
) -> Result<(), StoreError> {
    tx.execute(INSERT_SOURCE, params![part.0, portfolio_no.0, numbered]).await?;
    Ok(())
}

/// Finds a work list by the caller's id.
pub(crate) async fn work_list_by_id(
    tx: &mut Tx,
    part: Part,
    work_list_id: &str,
) -> Result<Option<StoredWorkList>, StoreError> {
    let row: Option<Row> =
        tx.fetch_optional(WORK_LIST_BY_ID, params![part.0, work_list_id]).await?;
    row.map(|row| work_list(row, part)).transpose()
}

/// Lists work lists by id.
pub(crate) async fn list_work_lists(
    tx: &mut Tx,
    part: Part,
    after: &str,
    limit: usize,
) -> Result<Vec<StoredWorkList>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows: Vec<Row> = tx.fetch_all(LIST_WORK_LISTS, params![part.0, after, limit]).await?;
    rows.into_iter().map(|row| work_list(row, part)).collect()
}

/// Writes a new work list.
pub(crate) async fn insert_work_list(
    tx: &mut Tx,
    part: Part,
    new: (WorkListNo, &str, &WorkListSettings),
    now: Micros,
) -> Result<(), StoreError> {
    let (number, id, settings) = new;
    let params = params![part.0, number.0, id, work_list_to(settings), now.0];
    tx.execute(INSERT_WORK_LIST, params).await?;
    Ok(())
}

/// Replaces the settings of a work list if it still has the version; says
/// whether it had.
pub(crate) async fn update_work_list(
    tx: &mut Tx,
    part: Part,
    old: &StoredWorkList,
    settings: &WorkListSettings,
    now: Micros,
) -> Result<bool, StoreError> {
    let params = params![part.0, old.number.0, work_list_to(settings), now.0, old.version];
    Ok(tx.execute(UPDATE_WORK_LIST, params).await? == 1)
}
