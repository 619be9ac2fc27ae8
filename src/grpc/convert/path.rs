//! The path of a field from the request. It becomes text only when a rule is
//! broken, so that good requests do not pay for it.

use std::fmt;

/// A path, such as `cases[17].instalments[3].due_date`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Path<'a> {
    /// The request itself.
    Root,
    /// A field of a message.
    Field(&'a Path<'a>, &'static str),
    /// An entry of a repeated field of a message.
    Item(&'a Path<'a>, &'static str, usize),
}

/// The request itself, to begin paths at.
pub(super) static ROOT: Path<'static> = Path::Root;

impl<'a> Path<'a> {
    pub(super) fn field(&'a self, name: &'static str) -> Path<'a> {
        Path::Field(self, name)
    }

    pub(super) fn item(&'a self, name: &'static str, place: usize) -> Path<'a> {
        Path::Item(self, name, place)
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (parent, name) = match self {
            Path::Root => return Ok(()),
            Path::Field(parent, name) | Path::Item(parent, name, _) => (parent, name),
        };
        if !matches!(parent, Path::Root) {
            write!(f, "{parent}.")?;
        }
        match self {
            Path::Item(_, _, place) => write!(f, "{name}[{place}]"),
            _ => f.write_str(name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_written_from_the_request_down() {
        let case = ROOT.item("cases", 17);
        let instalment = case.item("instalments", 3);
        assert_eq!(instalment.field("due_date").to_string(), "cases[17].instalments[3].due_date");
        assert_eq!(ROOT.field("portfolio_id").to_string(), "portfolio_id");
    }
}
