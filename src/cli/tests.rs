use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

/// Every command without commands below it, with the words that lead to it.
fn leaves(command: &clap::Command, words: &[String]) -> Vec<(Vec<String>, clap::Command)> {
    let below: Vec<_> = command.get_subcommands().collect();
    if below.is_empty() {
        return vec![(words.to_vec(), command.clone())];
    }
    let deeper = |command: &clap::Command| {
        leaves(command, &[words, &[command.get_name().to_owned()]].concat())
    };
    below.into_iter().flat_map(deeper).collect()
}

/// The words of a line as a shell reads them, behind variables that it sets, and up to
/// where it sends the output elsewhere.
fn shell_words(line: &str) -> Vec<String> {
    let words = line.split_whitespace().skip_while(|word| word.starts_with("ARREARS_"));
    let words = words.take_while(|word| *word != ">");
    words.map(|word| word.trim_matches('\'').to_owned()).collect()
}

#[test]
fn every_command_has_examples_and_they_can_be_typed() {
    let found = leaves(&Cli::command(), &[]);
    assert!(found.len() > 10, "only {} commands found", found.len());
    for (words, mut command) in found {
        let help = command.render_help().to_string();
        let examples = help.split_once("\nExample").map_or("", |(_, rest)| rest);
        let lines: Vec<&str> = examples.lines().skip(1).map(str::trim).collect();
        assert!(!lines.is_empty(), "{words:?} has no example:\n{help}");
        for line in lines {
            let typed = shell_words(line);
            let matches = Cli::command().try_get_matches_from(&typed);
            let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
            let (mut at, mut path) = (&matches, Vec::new());
            while let Some((name, below)) = at.subcommand() {
                path.push(name.to_owned());
                at = below;
            }
            assert_eq!(path, words, "{line} is an example of another command");
        }
    }
}
