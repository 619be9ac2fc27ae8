//! Page tokens: a cursor, bound to the request it continues.

use crate::model::h64;

use super::Error;

/// The cursor of a listing. Opaque to callers; a token that was altered is
/// malformed, one of another request does not match.
pub(super) struct PageToken;

impl PageToken {
    /// A number for a request: what is listed and all its filters.
    pub(super) fn request(what: &str, filters: &[&str]) -> i64 {
        let mut inputs: Vec<&[u8]> = vec![what.as_bytes()];
        inputs.extend(filters.iter().map(|filter| filter.as_bytes()));
        h64(&inputs)
    }

    /// The token that continues after `cursor`.
    pub(super) fn write(cursor: &str, request: i64) -> String {
        let check = h64(&[&request.to_be_bytes(), cursor.as_bytes()]);
        let cursor: String = cursor.bytes().map(|byte| format!("{byte:02x}")).collect();
        format!("{request:016x}{check:016x}{cursor}")
    }

    /// Cuts rows, of which one more than a page was read, to the page; returns the
    /// token of the next one, empty at the end.
    pub(super) fn cut<T>(
        rows: &mut Vec<T>,
        page_size: usize,
        request: i64,
        cursor: impl FnOnce(&T) -> String,
    ) -> String {
        let more = rows.len() > page_size;
        rows.truncate(page_size);
        match rows.last() {
            Some(last) if more => Self::write(&cursor(last), request),
            _ => String::new(),
        }
    }

    /// The cursor of a token; empty for an empty token.
    pub(super) fn read(token: &str, request: i64) -> Result<String, Error> {
        if token.is_empty() {
            return Ok(String::new());
        }
        let (of, check, cursor) = Self::parse(token).ok_or(Error::PageTokenMalformed)?;
        if h64(&[&of.to_be_bytes(), cursor.as_bytes()]) != check {
            return Err(Error::PageTokenMalformed);
        }
        if of != request {
            return Err(Error::PageTokenMismatch);
        }
        Ok(cursor)
    }

    /// The cursor of a token of a listing by number; 0 for an empty token.
    pub(super) fn read_number(token: &str, request: i64) -> Result<i64, Error> {
        match Self::read(token, request)?.as_str() {
            "" => Ok(0),
            cursor => cursor.parse().map_err(|_| Error::PageTokenMalformed),
        }
    }

    /// The number before which a listing goes on that begins with the newest: beyond all
    /// for an empty token.
    pub(super) fn read_before(token: &str, request: i64) -> Result<i64, Error> {
        match Self::read_number(token, request)? {
            0 => Ok(i64::MAX),
            before => Ok(before),
        }
    }

    fn parse(token: &str) -> Option<(i64, i64, String)> {
        let number = |text: &str| u64::from_str_radix(text, 16).ok().map(|n| n as i64);
        let request = number(token.get(..16)?)?;
        let check = number(token.get(16..32)?)?;
        let rest = token.get(32..)?.as_bytes();
        let bytes = rest
            .chunks(2)
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
            .collect::<Option<Vec<u8>>>()?;
        Some((request, check, String::from_utf8(bytes).ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_gives_back_its_cursor_to_its_own_request_only() {
        let request = PageToken::request("cases", &["p", "open"]);
        let token = PageToken::write("case-17", request);
        assert_eq!(PageToken::read(&token, request).unwrap(), "case-17");
        let other = PageToken::request("cases", &["p", "closed"]);
        assert!(matches!(PageToken::read(&token, other), Err(Error::PageTokenMismatch)));
        assert_eq!(PageToken::read("", request).unwrap(), "");
    }

    #[test]
    fn an_altered_token_is_malformed() {
        let request = PageToken::request("cases", &[]);
        let token = PageToken::write("1", request);
        for altered in
            [&token[..20], &format!("{token}0"), &format!("{token}30"), "zz", "é€€€€€€€€€€€€€"]
        {
            assert!(matches!(PageToken::read(altered, request), Err(Error::PageTokenMalformed)));
        }
    }
}
