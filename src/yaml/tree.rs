//! A text as a tree, in which everything knows where it stands.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::options::DuplicateKeyPolicy;
use serde_saphyr::{Location, Spanned};

use super::Flaw;

/// A line and a column of a text, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: u64,
    /// The column.
    pub column: u64,
}

/// A text as a tree.
#[derive(Debug)]
pub struct Tree(Node);

#[derive(Debug)]
pub(super) struct Node {
    pub place: Place,
    /// A scalar as it is written, its quotes included.
    pub written: String,
    pub content: Content,
}

#[derive(Debug)]
pub(super) enum Content {
    /// Nothing behind the colon, `~` or `null`.
    Nothing,
    /// A text, number or truth value, without its quotes.
    Scalar(String),
    List(Vec<Node>),
    /// Names with what they name, also those that stand twice.
    Map(Vec<(Node, Node)>),
}

impl Tree {
    /// Reads a text.
    ///
    /// # Errors
    /// The first place where it is no YAML.
    pub fn parse(text: &str) -> Result<Tree, Flaw> {
        let options = serde_saphyr::options! { duplicate_keys: DuplicateKeyPolicy::PassThrough };
        let read = serde_saphyr::from_str_with_options::<Spanned<Loose>>(text, options);
        let empty = || {
            let (path, place) = (String::new(), Some(Place { line: 1, column: 1 }));
            Flaw { path, place, message: "the text is empty".to_owned() }
        };
        match read {
            Ok(Spanned { value: Loose::Nothing, .. }) => Err(empty()),
            Ok(root) => Ok(Tree(Node::of(root, text))),
            Err(_) if text.trim().is_empty() => Err(empty()),
            Err(error) => Err(Flaw::of(&error)),
        }
    }

    /// Where the thing of a path such as `bins[2].to` begins: with its name, where it has
    /// one. Of what is not there, the place of the nearest thing around it.
    pub fn place_of(&self, path: &str) -> Place {
        let (mut node, mut place) = (&self.0, self.0.place);
        for part in path.split(['.', '[']).filter(|part| !part.is_empty()) {
            let index = part.strip_suffix(']').and_then(|at| at.parse::<usize>().ok());
            (node, place) = match (&node.content, index) {
                (Content::List(items), Some(at)) => match items.get(at) {
                    Some(item) => (item, item.place),
                    None => break,
                },
                (Content::Map(fields), _) => match fields.iter().find(|one| one.0.is(part)) {
                    Some((name, value)) => (value, name.place),
                    None => break,
                },
                _ => break,
            };
        }
        place
    }

    pub(super) fn root(&self) -> &Node {
        &self.0
    }
}

impl Node {
    fn of(read: Spanned<Loose>, text: &str) -> Node {
        let Spanned { value, referenced, defined } = read;
        let place = Place { line: referenced.line(), column: referenced.column() };
        let written = written(text, defined);
        let content = match value {
            Loose::Nothing => Content::Nothing,
            Loose::Scalar(scalar) => Content::Scalar(scalar.unwrap_or_else(|| written.to_owned())),
            Loose::List(items) => {
                Content::List(items.into_iter().map(|item| Node::of(item, text)).collect())
            }
            Loose::Map(fields) => {
                let fields = fields.into_iter();
                let of = |(name, value)| (Node::of(name, text), Node::of(value, text));
                Content::Map(fields.map(of).collect())
            }
        };
        let written = match content {
            Content::Scalar(_) => written.to_owned(),
            _ => String::new(),
        };
        Node { place, written, content }
    }

    /// Whether it is this text.
    fn is(&self, text: &str) -> bool {
        matches!(&self.content, Content::Scalar(scalar) if scalar == text)
    }
}

/// What stands at a place of the text.
fn written(text: &str, at: Location) -> &str {
    let span = at.span().byte_offset().zip(at.span().byte_len());
    let bounds = span.and_then(|(start, length)| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(usize::try_from(length).ok()?)?)
    });
    bounds.and_then(|bounds| text.get(bounds)).unwrap_or_default().trim_end()
}

/// A text in any form, before it is known how its scalars are written.
enum Loose {
    Nothing,
    /// Without its quotes; of what is a number or a truth value, nothing.
    Scalar(Option<String>),
    List(Vec<Spanned<Loose>>),
    Map(Vec<(Spanned<Loose>, Spanned<Loose>)>),
}

impl<'de> Deserialize<'de> for Loose {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Loose, D::Error> {
        deserializer.deserialize_any(LooseVisitor)
    }
}

struct LooseVisitor;

impl<'de> Visitor<'de> for LooseVisitor {
    type Value = Loose;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E>(self) -> Result<Loose, E> {
        Ok(Loose::Nothing)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Loose, E> {
        Ok(Loose::Scalar(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Loose, E> {
        Ok(Loose::Scalar(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Loose, E> {
        Ok(Loose::Scalar(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Loose, E> {
        Ok(Loose::Scalar(None))
    }

    fn visit_str<E>(self, text: &str) -> Result<Loose, E> {
        Ok(Loose::Scalar(Some(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Loose, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element()? {
            read.push(item);
        }
        Ok(Loose::List(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Loose, A::Error> {
        let mut read = Vec::new();
        while let Some(field) = fields.next_entry()? {
            read.push(field);
        }
        Ok(Loose::Map(read))
    }
}
