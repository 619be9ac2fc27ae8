//! Tables spread over the nodes of a Citus cluster: every table with a column `part`
//! is distributed by it, all of them alike, so that the rows of a part lie on one
//! node. Which tables those are is read from the catalog, so that one which a later
//! migration adds cannot be forgotten.

use sqlx::postgres::PgConnection;
use sqlx::{Connection as _, FromRow as _, Row as _};

use super::super::StoreError;
use super::{pair, told};

/// The column by which tables are distributed.
const BY: &str = "part";

/// Whether the extension is there, and which version of it.
const EXTENSION: &str = "SELECT extversion FROM pg_extension WHERE extname = 'citus'";
/// Asked only where the extension is: elsewhere there are no such functions.
const PLACE: &str = "SELECT citus_is_coordinator(), (SELECT COUNT(*) FROM pg_dist_node \
    WHERE shouldhaveshards AND isactive AND noderole = 'primary')";
/// Every table with the column, by what it is distributed if it is, which tables it
/// lies beside, and whether rows are left that were copied to the nodes.
const TABLES: &str = "SELECT c.oid::regclass::text AS name, \
    column_to_column_name(p.logicalrelid, p.partkey) AS by, p.colocationid AS beside, \
    p.logicalrelid IS NOT NULL AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0 AS has_copied, \
    (SELECT COUNT(*) FROM pg_dist_shard s WHERE s.logicalrelid = c.oid) AS shards \
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'part' \
        AND NOT a.attisdropped \
    LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid AND p.partmethod = 'h' \
    WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') \
    AND NOT c.relispartition ORDER BY 1";
/// Held to the end of a transaction by whoever distributes a table; any number does.
const ALONE: &str = "SELECT pg_advisory_xact_lock(7020113552614914)";
const DISTRIBUTE: &str =
    "SELECT create_distributed_table($1::regclass, $2, colocate_with => $3)::text";
const FORGET_COPIED: &str =
    "SELECT truncate_local_data_after_distributing_table($1::regclass)::text";

/// How the tables lie on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Distribution {
    /// The version of the extension.
    pub version: String,
    /// Tables distributed by part.
    pub tables: usize,
    /// Tables that should be and are not yet.
    pub pending: usize,
    /// Into how many pieces each of them is cut.
    pub shards: i64,
    /// Nodes that hold pieces.
    pub nodes: i64,
}

impl Distribution {
    /// Whether the service runs over distributed tables.
    pub fn is_begun(&self) -> bool {
        self.tables > 0
    }
}

#[derive(sqlx::FromRow)]
struct Table {
    name: String,
    by: Option<String>,
    beside: Option<i32>,
    has_copied: bool,
    shards: i64,
}

fn wrong<T>(why: impl Into<String>) -> Result<T, StoreError> {
    Err(StoreError::Cluster(why.into()))
}

/// A setting of one transaction that also holds where its rows are. Nodes hear nothing
/// of a session's settings. Of one that is made in a transaction they are sent the text
/// it stands in with all that is beside it; therefore it stands in a block of its own.
pub(super) fn on_nodes((name, value): &(&str, String)) -> String {
    format!(
        "DO $$BEGIN SET LOCAL citus.propagate_set_commands = 'local'; SET LOCAL {name} = \
         '{value}'; SET LOCAL citus.propagate_set_commands = 'none'; END$$; "
    )
}

/// How the tables lie on the cluster; nothing where the extension is missing.
///
/// # Errors
/// `Cluster` where a table is distributed in another way than all are.
pub(super) async fn look(
    connection: &mut PgConnection,
) -> Result<Option<Distribution>, StoreError> {
    let Some(version) = version(connection).await? else { return Ok(None) };
    let (_, nodes) = place(connection).await?;
    let tables = tables(connection).await?;
    let distributed = tables.iter().filter(|table| table.by.is_some()).count();
    let shards = tables.iter().map(|table| table.shards).max().unwrap_or_default();
    let pending = tables.len() - distributed;
    Ok(Some(Distribution { version, tables: distributed, pending, shards, nodes }))
}

/// Distributes what a migration has added to tables that are distributed, and says
/// whether they are.
///
/// # Errors
/// `Cluster` where that cannot be done, as by a role that does not own the tables.
pub(super) async fn complete(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let Some(found) = look(connection).await? else { return Ok(false) };
    if found.is_begun() && found.pending > 0 {
        distribute(connection).await.map_err(|error| match error {
            StoreError::Database(why) => StoreError::Cluster(format!(
                "{} tables are not distributed as the others are: run `arrears migrate up \
                 --citus` as the owner of the tables: {why}",
                found.pending
            )),
            other => other,
        })?;
    }
    Ok(found.is_begun())
}

/// Refuses a server on which nothing can be distributed.
pub(super) async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let Some(_) = version(connection).await? else {
        return wrong(
            "the database has no extension citus: install Citus on every node, name it in \
             shared_preload_libraries, run CREATE EXTENSION citus in this database on every \
             node, and add the nodes with citus_add_node",
        );
    };
    let (coordinator, _) = place(connection).await?;
    match coordinator {
        true => Ok(()),
        false => wrong("this server is a worker of the cluster: name the coordinator"),
    }
}

/// Distributes every table by part that is not yet, one transaction each: what broke
/// off goes on where it was. Of several that do so at once, each table has one.
///
/// # Errors
/// `Cluster` where a table is distributed in another way than all are.
pub(super) async fn distribute(connection: &mut PgConnection) -> Result<(), StoreError> {
    loop {
        let mut tx = connection.begin().await?;
        sqlx::query(ALONE).execute(&mut *tx).await?;
        let tables = tables(&mut tx).await?;
        if let Some(copied) = tables.iter().find(|table| table.has_copied) {
            sqlx::query(FORGET_COPIED).bind(&copied.name).execute(&mut *tx).await?;
            tx.commit().await?;
            continue;
        }
        let Some(next) = tables.iter().find(|table| table.by.is_none()) else { return Ok(()) };
        let beside = tables.iter().find(|table| table.by.is_some());
        let beside = beside.map_or("none", |table| table.name.as_str());
        tracing::info!(table = next.name, beside, "a table is distributed over the nodes");
        let done = sqlx::query(DISTRIBUTE).bind(&next.name).bind(BY).bind(beside);
        done.execute(&mut *tx).await?;
        tx.commit().await?;
    }
}

async fn version(connection: &mut PgConnection) -> Result<Option<String>, StoreError> {
    let rows = told(connection, EXTENSION).await?;
    Ok(rows.first().map(|row| row.try_get(0)).transpose()?)
}

/// Whether the server is the coordinator, and how many nodes hold pieces.
async fn place(connection: &mut PgConnection) -> Result<(bool, i64), StoreError> {
    let rows = told(connection, PLACE).await?;
    Ok(pair(rows.first().ok_or(StoreError::Closed)?)?)
}

async fn tables(connection: &mut PgConnection) -> Result<Vec<Table>, StoreError> {
    let rows = told(connection, TABLES).await?;
    let tables = rows.iter().map(Table::from_row).collect::<Result<Vec<_>, _>>()?;
    alike(&tables)?;
    Ok(tables)
}

/// Refuses tables that somebody has distributed in another way.
fn alike(tables: &[Table]) -> Result<(), StoreError> {
    let distributed = || tables.iter().filter(|table| table.by.is_some());
    let Some(first) = distributed().next() else { return Ok(()) };
    for Table { name, by, beside, .. } in distributed() {
        if by.as_deref() != Some(BY) {
            let by = by.as_deref().unwrap_or_default();
            return wrong(format!(
                "table {name} is distributed by {by} and not by {BY}: run \
                 undistribute_table('{name}')"
            ));
        }
        if *beside != first.beside {
            return wrong(format!(
                "table {name} does not lie beside {}: run undistribute_table('{name}')",
                first.name
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &str, by: Option<&str>, beside: i32) -> Table {
        let by = by.map(str::to_owned);
        let beside = by.is_some().then_some(beside);
        Table { name: name.to_owned(), by, beside, has_copied: false, shards: 4 }
    }

    #[test]
    fn tables_that_lie_otherwise_are_refused_by_name() {
        let told = |tables: &[Table]| alike(tables).map_err(|error| error.to_string());
        assert_eq!(told(&[]), Ok(()));
        let pending = || table("b", None, 0);
        assert_eq!(
            told(&[table("a", Some("part"), 7), pending(), table("c", Some("part"), 7)]),
            Ok(())
        );
        let by = told(&[pending(), table("c", Some("case_no"), 7)]).unwrap_err();
        assert!(by.contains("table c is distributed by case_no"), "{by}");
        let beside = told(&[table("a", Some("part"), 7), table("c", Some("part"), 8)]).unwrap_err();
        assert!(beside.contains("table c does not lie beside a"), "{beside}");
    }
}
