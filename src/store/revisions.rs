//! Scorecards by revision. They lie in the first part of a tenant; what ranks cases is a
//! rule set, which has the scorecards' text.

use crate::model::{Micros, Part};

use super::StoreError;
use super::db::{Tx, Value, params, statements};
use super::encode::Place;
use super::row::row;

/// The columns of a revision without its scorecard.
macro_rules! head_columns {
    () => {
        "scorecard_id, revision_no, title, base_revision_no, content_hash, author, version, \
         create_time, update_time, activate_time"
    };
}

statements! {
    FIND = concat!("SELECT ", head_columns!(), ", scorecard FROM scorecard_revision \
        WHERE part = $1 AND scorecard_id = $2 AND revision_no = $3");
    NEWEST = "SELECT COALESCE(MAX(revision_no), 0) FROM scorecard_revision \
        WHERE part = $1 AND scorecard_id = $2";
    LIST = concat!("SELECT ", head_columns!(), " FROM scorecard_revision \
        WHERE part = $1 AND (scorecard_id, revision_no) > ($2, $3) \
        AND (CAST($4 AS BIGINT) = 0 OR scorecard_id = $5) \
        ORDER BY scorecard_id, revision_no LIMIT $6");
    SHIPPED = "SELECT revision_no FROM scorecard_revision \
        WHERE part = $1 AND scorecard_id = $2 AND shipped_hash = $3";
    OF_CONTENT = "SELECT revision_no FROM scorecard_revision \
        WHERE part = $1 AND scorecard_id = $2 AND content_hash = $3 ORDER BY revision_no";
    INSERT = "INSERT INTO scorecard_revision (part, scorecard_id, revision_no, state, title, \
        base_revision_no, scorecard, content_hash, shipped_hash, author, version, create_time, \
        update_time, activate_time) VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, 1, $10, $10, \
        NULL)";
    UPDATE = "UPDATE scorecard_revision SET title = $4, scorecard = $5, content_hash = $6, \
        update_time = $7, version = version + 1 \
        WHERE part = $1 AND scorecard_id = $2 AND revision_no = $3 AND version = $8 AND state = 1";
    FREEZE = "UPDATE scorecard_revision SET state = 2, activate_time = $4, \
        version = version + 1 \
        WHERE part = $1 AND scorecard_id = $2 AND revision_no = $3 AND version = $5 AND state = 1";
}

/// A revision without its scorecard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RevisionHead {
    /// The scorecard.
    pub scorecard_id: String,
    /// The number, from 1.
    pub revision_no: i64,
    /// A title for people.
    pub title: String,
    /// The revision it was made from; 0 for none.
    pub base_revision_no: i64,
    /// The hash of the scorecard's one form.
    pub content_hash: Vec<u8>,
    /// Who made it.
    pub author: String,
    /// 1 at first, raised by every change.
    pub version: i64,
    /// When it was made.
    pub create_time: Micros,
    /// When it was last changed.
    pub update_time: Micros,
    /// When it was first activated; nothing for a draft.
    pub activate_time: Option<Micros>,
}

/// A draft to be written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NewRevision<'a> {
    pub(crate) scorecard_id: &'a str,
    /// The number it takes.
    pub(crate) revision_no: i64,
    pub(crate) title: &'a str,
    pub(crate) base_revision_no: i64,
    /// The scorecard in its one form.
    pub(crate) scorecard: &'a str,
    /// Whether it is as the program ships it.
    pub(crate) shipped: bool,
    pub(crate) author: &'a str,
}

row! {
    struct HeadRow {
        scorecard_id: String,
        revision_no: i64,
        title: String,
        base_revision_no: i64,
        content_hash: Vec<u8>,
        author: String,
        version: i64,
        create_time: i64,
        update_time: i64,
        activate_time: Option<i64>,
    }
}

row! {
    struct Row {
        head: HeadRow,
        scorecard: String,
    }
}

impl From<HeadRow> for RevisionHead {
    fn from(row: HeadRow) -> RevisionHead {
        RevisionHead {
            scorecard_id: row.scorecard_id,
            revision_no: row.revision_no,
            title: row.title,
            base_revision_no: row.base_revision_no,
            content_hash: row.content_hash,
            author: row.author,
            version: row.version,
            create_time: Micros(row.create_time),
            update_time: Micros(row.update_time),
            activate_time: row.activate_time.map(Micros),
        }
    }
}

fn hash(scorecard: &str) -> [u8; 32] {
    *blake3::hash(scorecard.as_bytes()).as_bytes()
}

/// Finds a revision with its scorecard, and checks its hash.
pub(crate) async fn find(
    tx: &mut Tx,
    part: Part,
    scorecard_id: &str,
    revision_no: i64,
) -> Result<Option<(RevisionHead, String)>, StoreError> {
    let params = params![part.0, scorecard_id, revision_no];
    let row: Option<Row> = tx.fetch_optional(FIND, params).await?;
    let Some(Row { head, scorecard }) = row else { return Ok(None) };
    if hash(&scorecard)[..] != head.content_hash {
        let place = Place { table: "scorecard_revision", part: part.0, key: revision_no };
        return Err(place.corrupt("its scorecard does not fit its hash"));
    }
    Ok(Some((head.into(), scorecard)))
}

/// The highest number of a scorecard's revisions; 0 where it has none.
pub(crate) async fn newest(tx: &mut Tx, part: Part, scorecard_id: &str) -> Result<i64, StoreError> {
    let row: Option<(i64,)> = tx.fetch_optional(NEWEST, params![part.0, scorecard_id]).await?;
    Ok(row.map_or(0, |(number,)| number))
}

/// Lists revisions behind one, by scorecard and number; of all scorecards where none is
/// named.
pub(crate) async fn list(
    tx: &mut Tx,
    part: Part,
    scorecard_id: Option<&str>,
    after: (&str, i64),
    limit: usize,
) -> Result<Vec<RevisionHead>, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let (named, id) = (scorecard_id.is_some(), scorecard_id.unwrap_or_default());
    let params = params![part.0, after.0, after.1, named, id, limit];
    let rows: Vec<HeadRow> = tx.fetch_all(LIST, params).await?;
    Ok(rows.into_iter().map(RevisionHead::from).collect())
}

/// The revision that was made of a scorecard as it was shipped, whatever became of it.
pub(crate) async fn shipped(
    tx: &mut Tx,
    part: Part,
    (scorecard_id, scorecard): (&str, &str),
) -> Result<Option<i64>, StoreError> {
    let params = params![part.0, scorecard_id, &hash(scorecard)[..]];
    let row: Option<(i64,)> = tx.fetch_optional(SHIPPED, params).await?;
    Ok(row.map(|(number,)| number))
}

/// The first revision that says what a scorecard says.
pub(crate) async fn of_content(
    tx: &mut Tx,
    part: Part,
    (scorecard_id, scorecard): (&str, &str),
) -> Result<Option<i64>, StoreError> {
    let params = params![part.0, scorecard_id, &hash(scorecard)[..]];
    let rows: Vec<(i64,)> = tx.fetch_all(OF_CONTENT, params).await?;
    Ok(rows.first().map(|(number,)| *number))
}

/// Writes a draft. Somebody else may take the number first: then the transaction has to
/// begin anew.
pub(crate) async fn insert(
    tx: &mut Tx,
    part: Part,
    new: NewRevision<'_>,
    now: Micros,
) -> Result<(), StoreError> {
    let hash = hash(new.scorecard);
    let params = params![
        part.0,
        new.scorecard_id,
        new.revision_no,
        new.title,
        new.base_revision_no,
        new.scorecard,
        &hash[..],
        Value::Blob(new.shipped.then(|| hash.to_vec())),
        new.author,
        now.0,
    ];
    tx.execute(INSERT, params).await?;
    Ok(())
}

/// Replaces title and scorecard of a draft that still has the version; says whether it
/// had.
pub(crate) async fn update(
    tx: &mut Tx,
    part: Part,
    old: &RevisionHead,
    (title, scorecard): (&str, &str),
    now: Micros,
) -> Result<bool, StoreError> {
    let params = params![
        part.0,
        old.scorecard_id.as_str(),
        old.revision_no,
        title,
        scorecard,
        &hash(scorecard)[..],
        now.0,
        old.version,
    ];
    Ok(tx.execute(UPDATE, params).await? == 1)
}

/// From now on a draft never changes again; says whether it still had the version.
pub(crate) async fn freeze(
    tx: &mut Tx,
    part: Part,
    old: &RevisionHead,
    now: Micros,
) -> Result<bool, StoreError> {
    let params = params![part.0, old.scorecard_id.as_str(), old.revision_no, now.0, old.version];
    Ok(tx.execute(FREEZE, params).await? == 1)
}
