//! The language of what is said to people.

use super::card::ReasonText;

/// The most languages of a reason beside English.
pub(super) const LANGUAGES_MAX: usize = 16;
/// The longest tag of a language, in bytes.
const TAG_BYTES_MAX: usize = 35;

impl ReasonText {
    /// The text in a language, a BCP 47 tag in its usual spelling: that of the tag, else
    /// that of the tag without its last parts (RFC 4647, 3.4), else the English one.
    pub fn text_in(&self, language: &str) -> &str {
        let mut tag = language;
        loop {
            match (self.texts.get(tag), tag.rsplit_once('-')) {
                (Some(text), _) => return text,
                (None, None) => return &self.text,
                (None, Some((shorter, _))) => tag = shorter,
            }
        }
    }
}

/// Whether a text of a scorecard can be found by this tag: a language other than English,
/// spelled as requests are read, such as `es` or `zh-Hant`.
pub(super) fn is_language(tag: &str) -> bool {
    let parts = |part: (usize, &str)| match part {
        (0, part) => {
            (2..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_lowercase())
        }
        (_, part) => match part.len() {
            2 => part.bytes().all(|byte| byte.is_ascii_uppercase()),
            4 => {
                part.as_bytes()[0].is_ascii_uppercase()
                    && part.bytes().skip(1).all(|byte| byte.is_ascii_lowercase())
            }
            3 | 5..=8 => {
                part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            }
            _ => false,
        },
    };
    tag != "en" && tag.len() <= TAG_BYTES_MAX && tag.split('-').enumerate().all(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoring::Audience;

    #[test]
    fn a_text_is_found_by_the_longest_part_of_the_tag_that_has_one() {
        let texts = [("es", "mucho"), ("zh", "久"), ("zh-Hant", "很久")];
        let texts = texts.map(|(tag, text)| (tag.to_owned(), text.to_owned()));
        let reason = ReasonText {
            code: "AGE".to_owned(),
            text: "long".to_owned(),
            audience: Audience::Agent,
            texts: texts.into(),
        };
        for (asked, text) in [
            ("es", "mucho"),
            ("es-MX", "mucho"),
            ("zh-Hant-TW", "很久"),
            ("zh-Hans-CN", "久"),
            ("en", "long"),
            ("en-GB", "long"),
            ("und", "long"),
            ("fr", "long"),
            ("", "long"),
        ] {
            assert_eq!(reason.text_in(asked), text, "{asked}");
        }
    }

    #[test]
    fn tags_of_texts_are_spelled_as_requests_are_read() {
        for good in ["es", "zh-Hant", "pt-BR", "en-GB", "es-419", "zh-Hant-TW"] {
            assert!(is_language(good), "{good}");
        }
        for bad in ["", "en", "ES", "pt-br", "pt_BR", "zh-hant", "z", "es-", "中"] {
            assert!(!is_language(bad), "{bad}");
        }
    }
}
