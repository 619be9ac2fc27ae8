//! Rules of the source.

use crate::{File, check};

/// The longest file, in lines.
const LINES_MAX: usize = 600;

/// Names of modules that say nothing.
const EMPTY_NAMES: [&str; 5] = ["util", "common", "helpers", "types", "prelude"];

/// What each layer may import of the crate. A layer that is not here does not
/// exist: a new one is a decision.
const LAYERS: [(&str, &[&str]); 13] = [
    ("model", &[]),
    ("scoring", &["model", "yaml"]),
    ("policy", &["model"]),
    ("store", &["model"]),
    ("engine", &["model", "scoring", "policy", "store"]),
    ("grpc", &["model", "scoring", "policy", "store", "engine", "config", "proto"]),
    ("console", &["model", "scoring", "policy", "engine", "config"]),
    (
        "cli",
        &[
            "model",
            "scoring",
            "policy",
            "store",
            "engine",
            "grpc",
            "config",
            "proto",
            "telemetry",
            "yaml",
        ],
    ),
    ("config", &[]),
    ("telemetry", &["config"]),
    ("proto", &[]),
    ("yaml", &[]),
    ("main", &["cli"]),
];

/// Text that belongs in one place: what it is, and where it may stand. Paths
/// that end in `/` are folders.
const PLACES: [(&str, &[&str]); 9] = [
    ("sqlx::", &["src/store.rs", "src/store/", "tests/it/", "tests/chaos/", "benches/"]),
    ("rusqlite::", &["src/store.rs", "src/store/", "tests/it/", "benches/"]),
    ("jiff::", &["src/policy.rs", "src/policy/"]),
    (
        "tonic::",
        // The generated code is included by a macro of tonic's.
        &[
            "src/grpc.rs",
            "src/grpc/",
            "src/cli.rs",
            "src/cli/",
            "src/proto.rs",
            "src/store/encode.rs",
            "tests/it/",
            "tests/chaos/",
            "benches/",
        ],
    ),
    ("Utc::now", &["src/model/time.rs"]),
    ("Local::now", &[]),
    ("SystemTime::now", &[]),
    ("serde_yaml::", &[]),
    ("anyhow::", &["src/main.rs", "src/cli.rs", "src/cli/", "tests/", "benches/"]),
];

fn under(path: &str, place: &str) -> bool {
    if place.ends_with('/') { path.starts_with(place) } else { path == place }
}

/// The lines of a file without those that are comments alone.
fn code(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let lines = file.text.lines().enumerate().map(|(at, line)| (at + 1, line));
    lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn rust(files: &[File]) -> impl Iterator<Item = &File> {
    // This file speaks of everything that is forbidden.
    files.iter().filter(|file| file.is_rust() && !file.path.starts_with("tests/tidy"))
}

/// The layer of a file under `src`; nothing for the crate's root and for files
/// elsewhere.
fn layer(path: &str) -> Option<&str> {
    let name = path.strip_prefix("src/")?.split('/').next()?;
    let name = name.strip_suffix(".rs").unwrap_or(name);
    (name != "lib").then_some(name)
}

/// The names that follow `start` in a line, also those in braces right behind it.
fn names_after<'a>(line: &'a str, start: &'a str) -> impl Iterator<Item = &'a str> {
    line.match_indices(start).flat_map(move |(at, _)| {
        let rest = &line[at + start.len()..];
        let group = rest.strip_prefix('{').map(|rest| rest.split('}').next().unwrap_or(rest));
        let parts: Vec<_> = match group {
            Some(group) => group.split(',').collect(),
            None => vec![rest],
        };
        parts
            .into_iter()
            .filter_map(|part| part.trim().split(|c: char| !c.is_alphanumeric() && c != '_').next())
    })
}

fn layers_import_leftwards(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in rust(files) {
        let Some(layer) = layer(&file.path) else { continue };
        let Some((_, allowed)) = LAYERS.iter().find(|row| row.0 == layer) else {
            complaints.push(format!("{}: there is no layer {layer}", file.path));
            continue;
        };
        let start = if layer == "main" { "arrears::" } else { "crate::" };
        for (at, line) in code(file) {
            for name in names_after(line, start) {
                let known = LAYERS.iter().any(|row| row.0 == name);
                if known && name != layer && !allowed.contains(&name) {
                    complaints.push(format!("{}:{at}: {layer} imports {name}", file.path));
                }
            }
        }
    }
    complaints
}

#[test]
fn layers_import_only_leftwards() {
    let bad = [
        File::sample("src/model/case.rs", "use crate::store::StoreError;"),
        File::sample("src/scoring.rs", "    crate::policy::open(now)"),
        File::sample("src/store/db.rs", "use crate::{model, engine};"),
        File::sample("src/engine.rs", "pub use crate::grpc::serve;"),
        File::sample("src/main.rs", "use arrears::engine::Engine;"),
        File::sample("src/lately/new.rs", ""),
    ];
    check(layers_import_leftwards, &bad);
}

fn texts_stand_in_their_place(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in rust(files).filter(|file| file.path != "build.rs") {
        for (text, places) in &PLACES {
            if places.iter().any(|place| under(&file.path, place)) {
                continue;
            }
            let hits = code(file).filter(|(_, line)| line.contains(text));
            complaints.extend(hits.map(|(at, _)| format!("{}:{at}: {text}", file.path)));
        }
    }
    complaints
}

#[test]
fn what_belongs_in_one_place_stands_there() {
    let bad = [
        File::sample("src/engine/push.rs", "let row = sqlx::query(text);"),
        File::sample("src/engine/read.rs", "rusqlite::Connection::open(path)"),
        File::sample("src/engine.rs", "use jiff::tz::TimeZone;"),
        File::sample("src/engine.rs", "fn f() -> tonic::Status"),
        File::sample("src/store.rs", "let now = Utc::now();"),
        File::sample("src/engine/error.rs", "anyhow::bail!(\"no\")"),
    ];
    check(texts_stand_in_their_place, &bad);
}

fn files_have_size_and_name(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| file.is_rust()) {
        let count = file.text.lines().count();
        if count > LINES_MAX {
            complaints.push(format!("{}: {count} lines; at most {LINES_MAX}", file.path));
        }
        let name = file.path.rsplit('/').next().unwrap_or_default().trim_end_matches(".rs");
        let folder = file.path.rsplit('/').nth(1).unwrap_or_default();
        if name == "mod" || EMPTY_NAMES.contains(&name) || EMPTY_NAMES.contains(&folder) {
            complaints.push(format!("{}: a name that says nothing", file.path));
        }
        for (at, line) in code(file) {
            let inline = line.trim_start().trim_start_matches("pub").trim_start();
            let inline =
                inline.strip_prefix("mod ").map(|rest| rest.trim_end_matches([' ', '{', ';']));
            if inline.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
                complaints.push(format!("{}:{at}: a name that says nothing", file.path));
            }
        }
    }
    complaints
}

#[test]
fn files_are_short_and_named_for_what_they_hold() {
    let bad = [
        File::sample("src/engine/push.rs", &"\n".repeat(LINES_MAX + 1)),
        File::sample("src/engine/mod.rs", ""),
        File::sample("src/util.rs", ""),
        File::sample("src/helpers/date.rs", ""),
        File::sample("src/engine.rs", "    pub mod common;"),
        File::sample("src/engine.rs", "mod types {"),
    ];
    check(files_have_size_and_name, &bad);
}

fn scoring_is_of_integers(files: &[File]) -> Vec<String> {
    let kernel = |path: &str| {
        let name = path.strip_prefix("src/scoring");
        name.is_some_and(|name| !name.starts_with("/tests"))
    };
    let mut complaints = Vec::new();
    for file in rust(files).filter(|file| kernel(&file.path) && !file.is_test()) {
        for (at, line) in code(file) {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            if words.into_iter().any(|word| word.ends_with("f32") || word.ends_with("f64")) {
                complaints.push(format!("{}:{at}: a floating number in a rank", file.path));
            }
        }
    }
    complaints
}

#[test]
fn ranks_are_computed_in_integers() {
    let bad = [
        File::sample("src/scoring/compile.rs", "let share = count as f64;"),
        File::sample("src/scoring/compile/table.rs", "const HALF: i32 = 0.5_f32 as i32;"),
        File::sample("src/scoring.rs", "fn half() -> f32 { 0.5 }"),
    ];
    check(scoring_is_of_integers, &bad);
}

fn nothing_is_left_undone(files: &[File]) -> Vec<String> {
    let everywhere = ["FIXME", "/root/", "/work/", "/home/", "C:\\"];
    let in_rust = ["TODO", "todo!(", "unimplemented!(", "#[ignore", "std::thread::sleep(", "dbg!("];
    let in_tests = ["time::sleep(", "thread::sleep("];
    let mut complaints = Vec::new();
    for file in files.iter().filter(|file| !file.path.starts_with("tests/tidy")) {
        let mut forbidden = everywhere.to_vec();
        if file.is_rust() {
            forbidden.extend(in_rust);
        }
        if file.is_test() {
            forbidden.extend(in_tests);
        }
        for (at, line) in file.text.lines().enumerate() {
            let hits = forbidden.iter().filter(|text| line.contains(**text));
            complaints.extend(hits.map(|text| format!("{}:{}: {text}", file.path, at + 1)));
        }
    }
    complaints
}

#[test]
fn nothing_is_left_undone_and_no_path_of_a_machine_is_named() {
    let bad = [
        File::sample("docs/API.md", "FIXME: say more"),
        File::sample("src/engine.rs", "    todo!()"),
        File::sample("src/engine.rs", "// TODO later"),
        File::sample("tests/it/lease.rs", "#[ignore = \"slow\"]"),
        File::sample("tests/it/lease.rs", "tokio::time::sleep(second).await;"),
        File::sample("src/engine/tests.rs", "thread::sleep(second);"),
        File::sample("README.md", "run /home/me/arrears"),
    ];
    check(nothing_is_left_undone, &bad);
}

/// Names of the contract that may be imported: those that say their side.
fn says_its_side(name: &str) -> bool {
    let clear = ["self", "", "ErrorReason", "DESCRIPTORS"];
    clear.contains(&name) || name.contains("_client::") || name.contains("_server::")
}

fn proto_types_are_never_bare(files: &[File]) -> Vec<String> {
    let mut complaints = Vec::new();
    for file in rust(files) {
        for start in ["use crate::proto::", "use arrears::proto::"] {
            for (at, _) in file.text.match_indices(start) {
                let rest = &file.text[at + start.len()..];
                let names = rest.split(';').next().unwrap_or(rest);
                let names = names.trim_matches(['{', '}', '\n', ' ']).split(',').map(str::trim);
                let bare = names.filter(|name| !says_its_side(name));
                complaints.extend(bare.map(|name| format!("{}: write proto::{name}", file.path)));
            }
        }
    }
    complaints
}

#[test]
fn types_of_the_contract_are_named_with_their_side() {
    let bad = [
        File::sample("src/grpc/convert/case.rs", "use crate::proto::CaseDocument;"),
        File::sample("tests/it/grpc.rs", "use arrears::proto::{Case, Rank};"),
    ];
    check(proto_types_are_never_bare, &bad);
}
