//! The database on PostgreSQL: what no call to the service tells.

use super::Finding;
use super::folder::{MADE_BY_OTHERS, over_rows, schema};
use crate::cli::database;
use crate::cli::migrate::spread;
use crate::cli::view::duration_text;
use crate::config::Store;
use crate::engine::inspect::{Health, Holder, Inspector, Schema};
use crate::model::{Micros, SystemClock};
use crate::store::{Distribution, StoreError, migrate};

/// How far the clocks may differ, in microseconds: leases end by the database's clock,
/// days of ranks by ours.
const CLOCK_WARN: i64 = 500_000;
const CLOCK_FAIL: i64 = 2 * Micros::SECOND;
/// How long a transaction may run, in seconds: meanwhile no old row of the queue can be
/// cleaned away, and every claim steps over them.
const TRANSACTION_WARN: i64 = 5 * 60;
const TRANSACTION_FAIL: i64 = 60 * 60;
/// How many transactions ago the oldest row may be that somebody still holds.
const XMIN_WARN: i64 = 1_000_000;
const XMIN_FAIL: i64 = 100_000_000;

/// Checks the database that the settings name.
pub(super) async fn check(settings: &Store, reached: bool) -> Vec<Finding> {
    let place = database::place(settings);
    let opened = async {
        let database =
            database::database(settings).map_err(|failure| failure.told().0.to_owned())?;
        let told = |error: StoreError| error.to_string();
        let cluster = migrate::distribution(&database).await.map_err(told)?;
        let inspector = Inspector::open(database).await.map_err(|error| error.to_string())?;
        let health = inspector.health(&SystemClock).await.map_err(|error| error.to_string())?;
        let schema = inspector.schema().await.map_err(|error| error.to_string())?;
        Ok::<_, String>((inspector, health, schema, cluster))
    };
    let (inspector, health, found, cluster) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            let mend = "see that the server runs, and that role, password and database are right";
            return vec![Finding::fail("database", format!("{place}: {error}"), mend)];
        }
    };
    let version = health.as_ref().map_or("", |health| &health.version);
    let mut findings = vec![Finding::ok("database", format!("{place} is PostgreSQL {version}"))];
    findings.push(tables(&found));
    findings.extend(cluster.as_ref().map(nodes));
    findings.extend(health.iter().flat_map(of_server));
    if matches!(found, Schema::Current(_) | Schema::Newer { .. }) {
        over_rows(&inspector, reached, &mut findings).await;
    }
    findings
}

fn tables(found: &Schema) -> Finding {
    match found {
        Schema::Newer { found, known } => Finding::warn(
            "tables",
            format!("version {found}; this program knows {known} and serves them all the same"),
            "replace this program as well, soon",
        ),
        Schema::Older { found, known } => Finding::fail(
            "tables",
            format!("version {found}; this program needs {known}"),
            "run `arrears migrate up` as the owner of the tables",
        ),
        Schema::Changed(_) => Finding { mend: MADE_BY_OTHERS.to_owned(), ..schema(found) },
        other => schema(other),
    }
}

fn nodes(found: &Distribution) -> Finding {
    match found.is_begun() && found.pending == 0 {
        true => Finding::ok("cluster", spread(found)),
        false => Finding::warn(
            "cluster",
            spread(found),
            "stop the servers and run `arrears migrate up --citus`, or do without a cluster",
        ),
    }
}

fn of_server(health: &Health) -> Vec<Finding> {
    vec![
        durable(health),
        standbys(health),
        clock(health.clock_ahead),
        longest(health),
        oldest(health),
    ]
}

fn durable(health: &Health) -> Finding {
    let Health { synchronous_commit, fsync, .. } = health;
    let text = format!("synchronous_commit is {synchronous_commit}, fsync is {fsync}");
    match synchronous_commit != "off" && fsync != "off" {
        true => Finding::ok("durability", text),
        false => {
            let mend = "set both to on: acknowledged work may be lost in a crash";
            Finding::fail("durability", text, mend)
        }
    }
}

fn standbys(health: &Health) -> Finding {
    let check = "standbys";
    let names = &health.synchronous_standby_names;
    match (health.standbys, names.is_empty()) {
        (0, true) => Finding::ok(check, "there is none"),
        (0, false) => {
            let text = format!("none is connected, and commits wait for {names}");
            Finding::warn(check, text, "see why no standby is connected")
        }
        (count, false) => Finding::ok(check, format!("{count}; commits wait for {names}")),
        (count, true) => Finding::warn(
            check,
            format!("{count}, and synchronous_standby_names is empty"),
            "set it: a switch to a standby may lose acknowledged writes, and stops leasing",
        ),
    }
}

fn clock(ahead: i64) -> Finding {
    let check = "clock of the database";
    let side = if ahead < 0 { "behind" } else { "ahead of" };
    let text = format!("{} ms {side} this machine", ahead.abs() / 1_000);
    let mend = "synchronise both clocks: leases end by the database's, days by this machine's";
    match ahead.abs() {
        ..CLOCK_WARN => Finding::ok(check, text),
        CLOCK_WARN..CLOCK_FAIL => Finding::warn(check, text, mend),
        _ => Finding::fail(check, text, mend),
    }
}

fn longest(health: &Health) -> Finding {
    let check = "long transactions";
    let Some(Holder { name, age }) = &health.longest else {
        return Finding::ok(check, "no other transaction runs");
    };
    let text = format!("that of {name} runs for {}", duration_text(*age));
    let mend = "end it, or see why it does not end: old rows of the queue stay meanwhile";
    match *age {
        ..TRANSACTION_WARN => Finding::ok(check, text),
        TRANSACTION_WARN..TRANSACTION_FAIL => Finding::warn(check, text, mend),
        _ => Finding::fail(check, text, mend),
    }
}

fn oldest(health: &Health) -> Finding {
    let check = "oldest xmin";
    let Some(Holder { name, age }) = &health.oldest_xmin else {
        return Finding::ok(check, "nothing keeps old rows");
    };
    let text = format!("{name} keeps rows of {age} transactions ago");
    let mend = "end it, or drop the slot if nobody reads it: vacuum removes nothing newer";
    match *age {
        ..XMIN_WARN => Finding::ok(check, text),
        XMIN_WARN..XMIN_FAIL => Finding::warn(check, text, mend),
        _ => Finding::fail(check, text, mend),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn health() -> Health {
        Health {
            version: "15.1".to_owned(),
            synchronous_commit: "on".to_owned(),
            fsync: "on".to_owned(),
            synchronous_standby_names: String::new(),
            standbys: 0,
            clock_ahead: 0,
            longest: None,
            oldest_xmin: None,
        }
    }

    fn standbys_of(names: &str, count: i64) -> Finding {
        let synchronous_standby_names = names.to_owned();
        standbys(&Health { synchronous_standby_names, standbys: count, ..health() })
    }

    #[test]
    fn what_a_server_tells_is_judged_by_how_bad_it_is() {
        assert!(of_server(&health()).iter().all(|finding| finding.state == State::Ok));
        let one = |names: &str, standbys| standbys_of(names, standbys).state;
        assert_eq!([one("", 0), one("a", 1)], [State::Ok, State::Ok]);
        assert_eq!([one("", 1), one("a", 0)], [State::Warn, State::Warn]);
        let holder = |age| Some(Holder { name: "psql (process 7)".to_owned(), age });
        let states =
            |ages: [i64; 3], judge: &dyn Fn(i64) -> Finding| ages.map(|age| judge(age).state);
        let rising = [State::Ok, State::Warn, State::Fail];
        assert_eq!(states([-20_000, -600_000, 2_000_000], &clock), rising);
        let long = |age| longest(&Health { longest: holder(age), ..health() });
        assert_eq!(states([10, 301, 3_600], &long), rising);
        let xmin = |age| oldest(&Health { oldest_xmin: holder(age), ..health() });
        assert_eq!(states([10, 2_000_000, 200_000_000], &xmin), rising);
        let lazy = Health { synchronous_commit: "off".to_owned(), ..health() };
        assert_eq!(durable(&lazy).state, State::Fail);
        let careless = Health { fsync: "off".to_owned(), ..health() };
        assert_eq!(durable(&careless).state, State::Fail);
    }

    #[test]
    fn tables_that_are_not_on_all_nodes_are_warned_of() {
        let cluster = |tables, pending| Distribution {
            version: "13.2".to_owned(),
            tables,
            pending,
            shards: 32,
            nodes: 2,
        };
        assert_eq!(nodes(&cluster(21, 0)).state, State::Ok);
        assert_eq!(nodes(&cluster(21, 2)).state, State::Warn);
        assert_eq!(nodes(&cluster(0, 21)).state, State::Warn);
    }

    #[test]
    fn tables_of_a_newer_program_are_served_and_older_ones_are_not() {
        assert_eq!(tables(&Schema::Current(2)).state, State::Ok);
        assert_eq!(tables(&Schema::Newer { found: 3, known: 2 }).state, State::Warn);
        assert_eq!(tables(&Schema::Older { found: 1, known: 2 }).state, State::Fail);
        assert_eq!(tables(&Schema::Changed(2)).state, State::Fail);
    }
}
