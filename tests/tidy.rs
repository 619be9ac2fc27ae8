//! The rules of the house that no compiler knows: layers, sizes, names, calls
//! that belong in one place, and documents that must keep up with the contract.
//! Each rule is a function from files to complaints, and each is seen to
//! complain about a bad file.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "tidy/contract.rs"]
mod contract;
#[path = "tidy/source.rs"]
mod source;

use std::fs;
use std::path::Path;

/// A file of the repository.
struct File {
    /// From the root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn sample(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.ends_with("/tests.rs")
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Folders of what is built, of git, and of data that a server started here left.
const NOT_OURS: [&str; 4] = [".git", "target", "arrears-data", "arrears-demo"];

/// All files but those of folders that are not ours.
fn files() -> Vec<File> {
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.len() > 50, "only {} files found", found.len());
    found
}

fn walk(folder: &Path, found: &mut Vec<File>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_dir() {
            if !NOT_OURS.contains(&&*name) {
                walk(&path, found);
            }
        } else if name != ".git" {
            let text = fs::read_to_string(&path);
            let path = path.strip_prefix(root()).unwrap().to_string_lossy().replace('\\', "/");
            // Everything here was written for this project, as text.
            found.push(File { text: text.unwrap_or_else(|error| panic!("{path}: {error}")), path });
        }
    }
}

/// Asserts that a rule finds nothing in the repository and something in each of
/// the bad files.
fn check(rule: fn(&[File]) -> Vec<String>, bad: &[File]) {
    for file in bad {
        let complaints = rule(std::slice::from_ref(file));
        assert!(!complaints.is_empty(), "the rule does not see {}:\n{}", file.path, file.text);
    }
    let complaints = rule(&files());
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
