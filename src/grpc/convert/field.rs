//! Fields that occur in many messages: ids, texts, enums, numbers.

use crate::model::{InvalidId, Reason, Violations};

use super::path::Path;

/// The longest text of any field, in bytes.
pub(super) const TEXT_BYTES_MAX: usize = 1024;

/// The longest BCP 47 tag, in bytes.
const LANGUAGE_BYTES_MAX: usize = 35;

/// The longest value repeated in a violation, in bytes.
const SHOWN_BYTES_MAX: usize = 128;

/// A value as a violation repeats it: cut where it is long.
pub(super) fn shown(value: &str) -> String {
    if value.len() <= SHOWN_BYTES_MAX {
        return value.to_owned();
    }
    format!("{}…", &value[..value.floor_char_boundary(SHOWN_BYTES_MAX)])
}

/// A required id, made by `new`.
pub(super) fn id<T>(
    text: &str,
    new: fn(String) -> Result<T, InvalidId>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<T> {
    let error = match new(text.to_owned()) {
        Ok(id) => return Some(id),
        Err(error) => error,
    };
    let reason = match error {
        InvalidId::Empty => {
            broken.required(at.to_string());
            return None;
        }
        InvalidId::TooLong(_) => Reason::FieldOutOfRange,
        InvalidId::Byte(_) => Reason::FieldMalformed,
    };
    broken.add(at.to_string(), reason, shown(text), error.to_string());
    None
}

/// An id that may be left out.
pub(super) fn optional_id<T>(
    text: &str,
    new: fn(String) -> Result<T, InvalidId>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<T> {
    if text.is_empty() { None } else { id(text, new, at, broken) }
}

/// A text of at most `bytes_max` bytes.
pub(super) fn text(
    text: String,
    bytes_max: usize,
    at: &Path<'_>,
    broken: &mut Violations,
) -> String {
    if text.len() > bytes_max {
        let bound = format!("has {} bytes; at most {bytes_max} are allowed", text.len());
        broken.add(at.to_string(), Reason::FieldOutOfRange, shown(&text), bound);
    }
    // Not every database can store it.
    if text.contains('\0') {
        let bound = "it must not contain U+0000";
        broken.add(at.to_string(), Reason::FieldMalformed, text.escape_default(), bound);
    }
    text
}

/// The entry of an enum by its number; 0 stands for not told.
pub(super) fn choice<T>(
    number: i32,
    from_number: impl Fn(i32) -> Option<T>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<T> {
    if number == 0 {
        return None;
    }
    let found = from_number(number);
    if found.is_none() {
        let bound = "this server knows no such value";
        broken.add(at.to_string(), Reason::FieldOutOfRange, number, bound);
    }
    found
}

/// The entry of an enum that must be told.
pub(super) fn required_choice<T>(
    number: i32,
    from_number: impl Fn(i32) -> Option<T>,
    at: &Path<'_>,
    broken: &mut Violations,
) -> Option<T> {
    if number == 0 {
        broken.required(at.to_string());
    }
    choice(number, from_number, at, broken)
}

/// A number within bounds.
pub(super) fn number(
    value: i32,
    (min, max): (i32, i32),
    at: &Path<'_>,
    broken: &mut Violations,
) -> i32 {
    if !(min..=max).contains(&value) {
        let bound = format!("{min} to {max} are allowed");
        broken.add(at.to_string(), Reason::FieldOutOfRange, value, bound);
    }
    value
}

/// Notes a list that is longer than it may be, and says whether it is not.
pub(super) fn count(
    length: usize,
    (min, max): (usize, usize),
    at: &Path<'_>,
    broken: &mut Violations,
) -> bool {
    let good = (min..=max).contains(&length);
    if length == 0 && min > 0 {
        broken.required(at.to_string());
    } else if !good {
        let bound = format!("{min} to {max} entries are allowed");
        broken.add(at.to_string(), Reason::FieldOutOfRange, length, bound);
    }
    good
}

/// A BCP 47 tag in its usual spelling (RFC 5646, 2.1.1), so that `EN-us` and
/// `en-US` are one language; empty stays empty.
pub(super) fn language(tag: &str, at: &Path<'_>, broken: &mut Violations) -> String {
    if tag.is_empty() {
        return String::new();
    }
    let mut parts = tag.split('-');
    let first = parts.next().is_some_and(|part| {
        (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
    });
    let rest = parts.all(|part| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    });
    if !first || !rest || tag.len() > LANGUAGE_BYTES_MAX {
        let bound = format!("a BCP 47 tag of at most {LANGUAGE_BYTES_MAX} bytes, such as `pt-BR`");
        broken.add(at.to_string(), Reason::FieldMalformed, shown(tag), bound);
        return String::new();
    }
    let mut spelled = Vec::new();
    let mut after_singleton = false;
    for (place, part) in tag.split('-').enumerate() {
        let lower = part.to_ascii_lowercase();
        spelled.push(match part.len() {
            2 if place > 0 && !after_singleton => part.to_ascii_uppercase(),
            4 if place > 0 && !after_singleton => lower[..1].to_ascii_uppercase() + &lower[1..],
            _ => lower,
        });
        after_singleton |= part.len() == 1;
    }
    spelled.join("-")
}

/// The language asked for; nothing where none is.
pub(super) fn language_asked(tag: &str, at: &Path<'_>, broken: &mut Violations) -> Option<String> {
    Some(language(tag, at, broken)).filter(|language| !language.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grpc::convert::path::ROOT;

    #[test]
    fn a_language_has_one_spelling() {
        for (given, spelled) in [
            ("", ""),
            ("und", "und"),
            ("EN-us", "en-US"),
            ("zh-hANT-tw", "zh-Hant-TW"),
            ("sl-rozaj-biske", "sl-rozaj-biske"),
            ("en-ca-x-ca-HELP", "en-CA-x-ca-help"),
        ] {
            let mut broken = Violations::new();
            assert_eq!(language(given, &ROOT.field("language"), &mut broken), spelled);
            assert!(broken.is_empty(), "{given}");
        }
        for bad in [
            "e",
            "-",
            "en-",
            "en_US",
            "1n",
            "en-US-",
            "toolonglang",
            "é",
            "en us",
            "en-abcdefgh-abcdefgh-abcdefgh-abcdefgh",
        ] {
            let mut broken = Violations::new();
            language(bad, &ROOT.field("language"), &mut broken);
            assert_eq!(broken.0.len(), 1, "{bad}");
            assert_eq!(broken.0[0].reason, Reason::FieldMalformed);
        }
    }

    #[test]
    fn a_long_value_is_cut_where_a_character_ends() {
        let value = "ж".repeat(100);
        let cut = shown(&value);
        assert!(cut.len() < 135 && cut.ends_with("ж…"));
        assert_eq!(shown("short"), "short");
    }
}
