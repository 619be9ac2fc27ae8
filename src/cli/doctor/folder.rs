//! The folder of the database, read-only: what no call tells.

use std::path::{Path, PathBuf};

use super::Finding;
use crate::cli::view::duration_text;
use crate::engine::inspect::{ActiveRules, Inspector, OverdueReview, Schema};
use crate::model::{Clock, Micros, SystemClock};

/// How long a case may wait to be ranked anew: the roll-over of a day takes its
/// time, and gives way to leases and pushes.
const REVIEW_WARN: i64 = 15 * Micros::MINUTE;
const REVIEW_FAIL: i64 = Micros::DAY;

/// Free space of the disk in bytes below which writes will soon fail.
const DISK_FAIL: u64 = 256 << 20;
/// The least free space in bytes that is enough, however small the database.
const DISK_WARN: u64 = 1 << 30;
/// The size in bytes from which a write-ahead log is worth a look.
const LOG_WARN: u64 = 512 << 20;

/// Checks the folder that was named, thoroughly, or that of the settings.
/// `reached` says whether a server runs.
pub(super) async fn check(settings: &Path, named: Option<PathBuf>, reached: bool) -> Vec<Finding> {
    let thorough = named.is_some();
    let folder = named.as_deref().unwrap_or(settings);
    if !thorough && !folder.join("arrears.db").exists() {
        let text = format!("{} is not here; --data-dir names another", folder.display());
        return vec![Finding::ok("database", text)];
    }
    let mut findings = Vec::new();
    database(folder, thorough, reached, &mut findings).await;
    findings.push(disk(folder));
    findings
}

async fn database(folder: &Path, thorough: bool, reached: bool, findings: &mut Vec<Finding>) {
    let opened = async {
        let inspector = Inspector::open(folder).await?;
        let schema = inspector.schema().await?;
        Ok::<_, crate::engine::Error>((inspector, schema))
    };
    let (inspector, found) = match opened.await {
        Ok(opened) => opened,
        Err(error) => {
            let mend = "name the folder that `arrears serve` tells when it starts; if this is it, \
                        restore a backup";
            findings.push(Finding::fail("database", error.to_string(), mend));
            return;
        }
    };
    findings.push(Finding::ok("database", format!("{} opens", folder.display())));
    let current = matches!(found, Schema::Current(_));
    findings.push(schema(&found));
    if thorough {
        findings.push(integrity(inspector.damage().await.map_err(|error| error.to_string())));
    }
    // Tables of another version are not read.
    if !current {
        return;
    }
    over_rows(&inspector, reached, findings).await;
}

/// What the rows tell, on any database.
pub(super) async fn over_rows(inspector: &Inspector, reached: bool, findings: &mut Vec<Finding>) {
    match inspector.active_rules().await {
        Ok(all) => findings.extend(all.iter().map(rule_set)),
        Err(error) => findings.push(unreadable("rule sets", &error)),
    }
    let now = SystemClock.now();
    match inspector.oldest_review(now).await {
        Ok(oldest) => findings.push(review(oldest.as_ref(), now, reached)),
        Err(error) => findings.push(unreadable("ranking anew", &error)),
    }
}

/// The mend of damage.
const RESTORE: &str = "stop the server, keep the database as it is, restore a backup into \
                       another one, and push the ledger again (docs/OPERATIONS.md)";

fn unreadable(check: &str, error: &crate::engine::Error) -> Finding {
    Finding::fail(check, error.to_string(), RESTORE)
}

/// The mend of tables that another build of the program has made.
pub(super) const MADE_BY_OTHERS: &str =
    "use the program that wrote them: this one was built from other migrations";

pub(super) fn schema(schema: &Schema) -> Finding {
    match schema {
        Schema::Current(version) => {
            Finding::ok("tables", format!("version {version}, that of this program"))
        }
        Schema::Older { found, known } => Finding::warn(
            "tables",
            format!("version {found}; this program has {known}"),
            "take a copy, then start the server: it migrates them",
        ),
        Schema::Newer { found, known } => Finding::fail(
            "tables",
            format!("version {found}; this program knows only {known}"),
            "use the program that wrote them, or a newer one",
        ),
        Schema::Changed(version) => Finding::fail(
            "tables",
            format!("version {version} is not the one of this program"),
            MADE_BY_OTHERS,
        ),
        Schema::Unfinished(version) => Finding::fail(
            "tables",
            format!("the migration to version {version} did not end"),
            "restore the copy that was taken before the upgrade",
        ),
    }
}

fn integrity(damage: Result<Vec<String>, String>) -> Finding {
    match damage {
        Ok(damage) => match damage.as_slice() {
            [] => Finding::ok("integrity", "the file is whole"),
            [first, rest @ ..] => {
                let text = match rest.len() {
                    0 => first.clone(),
                    more => format!("{first}, and {more} more"),
                };
                Finding::fail("integrity", text, RESTORE)
            }
        },
        Err(error) => Finding::fail("integrity", error, RESTORE),
    }
}

fn rule_set(rules: &ActiveRules) -> Finding {
    let check = format!("rule set of {}", rules.portfolio_id);
    match &rules.rule_set {
        Ok(id) => Finding::ok(check, format!("{id} is whole and compiles")),
        Err(error) => {
            let mend = "use the program that activated it, or restore a backup";
            Finding::fail(check, error.to_string(), mend)
        }
    }
}

fn review(oldest: Option<&OverdueReview>, now: Micros, reached: bool) -> Finding {
    let check = "ranking anew";
    let Some(OverdueReview { portfolio_id, case_id, since }) = oldest else {
        return Finding::ok(check, "no case waits to be ranked anew");
    };
    let waited = now.0 - since.0;
    let text = format!(
        "case {case_id} of {portfolio_id} has waited for {}",
        duration_text(waited / Micros::SECOND)
    );
    match reached {
        _ if waited < REVIEW_WARN => Finding::ok(check, text),
        false => Finding::warn(check, text, "start the server: it catches up at once"),
        true if waited < REVIEW_FAIL => {
            Finding::warn(check, text, "if it lasts, look for `roll-over` in the server's log")
        }
        true => {
            let mend = "look for `roll-over` in the server's log; does it run over this database?";
            Finding::fail(check, text, mend)
        }
    }
}

fn disk(folder: &Path) -> Finding {
    let size = |name: &str| folder.join(name).metadata().map_or(0, |metadata| metadata.len());
    let (database, log) = (size("arrears.db"), size("arrears.db-wal"));
    match fs4::available_space(folder) {
        Ok(free) => space(free, database, log),
        Err(error) => {
            let mend = "see that this user may look at the folder";
            Finding::warn("disk", format!("{}: {error}", folder.display()), mend)
        }
    }
}

fn space(free: u64, database: u64, log: u64) -> Finding {
    let text = format!("{} free; {} database, {} log", size(free), size(database), size(log));
    let room = "make room, never by deleting files of the folder";
    match free {
        ..DISK_FAIL => Finding::fail("disk", text, room),
        free if free < DISK_WARN.max(2 * database) => {
            Finding::warn("disk", text, "make room: a copy takes as much as the database again")
        }
        _ if log > LOG_WARN => {
            let mend = "end what reads for long, such as a copy or a shell: the log is not cut \
                        before";
            Finding::warn("disk", text, mend)
        }
        _ => Finding::ok("disk", text),
    }
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    match bytes {
        0..0x10_0000 => format!("{} KiB", bytes >> 10),
        0x10_0000..0x4000_0000 => format!("{} MiB", bytes >> 20),
        _ => format!("{} GiB", bytes >> 30),
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn tables_of_another_version_are_judged_by_what_a_start_would_do() {
        let state = |found: Schema| schema(&found).state;
        assert_eq!(state(Schema::Current(3)), State::Ok);
        assert_eq!(state(Schema::Older { found: 2, known: 3 }), State::Warn);
        assert_eq!(state(Schema::Newer { found: 4, known: 3 }), State::Fail);
        assert_eq!(state(Schema::Changed(3)), State::Fail);
        assert_eq!(state(Schema::Unfinished(3)), State::Fail);
    }

    #[test]
    fn a_case_that_waits_is_judged_by_how_long_and_whether_somebody_serves() {
        let now = Micros(100 * Micros::DAY);
        let state = |waited: i64, reached: bool| {
            let since = Micros(now.0 - waited);
            let (portfolio_id, case_id) = ("north".to_owned(), "L-1".to_owned());
            review(Some(&OverdueReview { portfolio_id, case_id, since }), now, reached).state
        };
        assert_eq!(review(None, now, true).state, State::Ok);
        assert_eq!(state(Micros::MINUTE, true), State::Ok);
        assert_eq!(state(Micros::HOUR, true), State::Warn);
        assert_eq!(state(2 * Micros::DAY, true), State::Fail);
        assert_eq!(state(2 * Micros::DAY, false), State::Warn, "it stands still");
    }

    #[test]
    fn space_is_judged_by_the_size_of_the_database() {
        let state = |free: u64, database: u64, log: u64| space(free, database, log).state;
        assert_eq!(state(50 << 30, 1 << 30, 0), State::Ok);
        assert_eq!(state(50 << 30, 30 << 30, 0), State::Warn);
        assert_eq!(state(600 << 20, 1 << 20, 0), State::Warn);
        assert_eq!(state(100 << 20, 1 << 20, 0), State::Fail);
        assert_eq!(state(50 << 30, 1 << 30, 900 << 20), State::Warn);
        assert_eq!([512, 3 << 20, 5 << 30].map(size), ["0 KiB", "3 MiB", "5 GiB"]);
    }

    #[test]
    fn damage_fails_with_how_much_there_is() {
        assert_eq!(integrity(Ok(Vec::new())).state, State::Ok);
        let damage = integrity(Ok(vec!["page 7".to_owned(), "page 8".to_owned()]));
        assert_eq!((damage.state, damage.text.as_str()), (State::Fail, "page 7, and 1 more"));
        assert_eq!(integrity(Err("not a database".to_owned())).state, State::Fail);
    }
}
