//! The README's commands, run as they stand.

use std::path::Path;

use super::program::Program;

/// The blocks of a language, in their order.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    let starts = readme.match_indices(&fence).map(|(at, _)| &readme[at + fence.len()..]);
    starts.map(|rest| &rest[..rest.find("\n```").expect("every block is closed") + 1]).collect()
}

#[test]
fn the_commands_of_the_readme_do_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).unwrap();
    let program = Program::start();
    let file = blocks(&readme, "csv");
    assert_eq!(file.len(), 1, "the README shows one file of cases");
    program.write("cases.csv", file[0]);

    let mut printed = String::new();
    let mut run = 0;
    for line in blocks(&readme, "sh").into_iter().flat_map(str::lines) {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| *word != ">").collect();
        // The server is the one started here; cargo, make and other clients have
        // tests of their own.
        let Some((&"arrears", words)) = words.split_first() else { continue };
        if words[0] == "serve" {
            continue;
        }
        let output = program.run_well(words);
        printed.push_str(&output.data);
        printed.push_str(&output.notes);
        run += 1;
    }
    assert!(run >= 4, "only {run} commands of the README were run");
    for shown in ["created        4", "lead     main 4713", "group C", "= score"] {
        assert!(readme.contains(shown), "the README does not show {shown:?}");
        assert!(printed.contains(shown), "{shown:?} was not printed:\n{printed}");
    }
}
