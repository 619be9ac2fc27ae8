//! Reads a tree into a type to find everything that has another form. What is wrong is
//! noted, and something of the right form is read in its place, so that the rest is seen.

mod parts;

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::fmt::{self, Display};

use serde::de::{DeserializeOwned, Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use super::tree::{Content, Node, Tree};
use super::{FLAWS_MAX, Flaw, Place};
use parts::{Fields, Items, Placed};

/// The longest value that is shown, in bytes.
const SHOWN_BYTES_MAX: usize = 60;
/// How many letters a name may be off to be meant, of a long one.
const LETTERS_OFF_MAX: usize = 3;
/// The name by which `Spanned` asks for a value with its place.
const SPANNED: &str = "__yaml_spanned";

/// The name of a struct and of a field that it must have.
type Required = (&'static str, &'static str);

/// Everything in a tree that has another form than the type.
pub(super) fn flaws<T: DeserializeOwned>(tree: &Tree) -> Vec<Flaw> {
    // Which fields must be given, a type says only by failing: each costs another look.
    let mut required = BTreeSet::new();
    loop {
        let notes = Notes { required, flaws: RefCell::default() };
        let root = tree.root();
        let reader =
            Reader { node: Some(root), place: root.place, path: String::new(), notes: &notes };
        let stopped = T::deserialize(reader).err();
        let Notes { required: known, flaws } = notes;
        required = known;
        match stopped {
            Some(Stop::Missing { of: Some(name), field }) if required.insert((name, field)) => {}
            _ => return flaws.into_inner(),
        }
    }
}

struct Notes {
    required: BTreeSet<Required>,
    flaws: RefCell<Vec<Flaw>>,
}

/// Why a type cannot be read on.
#[derive(Debug)]
enum Stop {
    Missing { of: Option<&'static str>, field: &'static str },
    Other(String),
}

impl Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Missing { field, .. } => write!(f, "{field} must be given"),
            Stop::Other(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for Stop {}

impl serde::de::Error for Stop {
    fn custom<T: Display>(why: T) -> Stop {
        Stop::Other(why.to_string())
    }

    fn missing_field(field: &'static str) -> Stop {
        Stop::Missing { of: None, field }
    }
}

/// A node that is read; none where something stands in for what is missing or wrong.
struct Reader<'a> {
    node: Option<&'a Node>,
    place: Place,
    path: String,
    notes: &'a Notes,
}

impl<'a> Reader<'a> {
    fn note(&self, place: Place, path: String, message: String) {
        let mut flaws = self.notes.flaws.borrow_mut();
        if flaws.len() < FLAWS_MAX {
            flaws.push(Flaw { path, place: Some(place), message });
        }
    }

    /// Notes that something else stands here than what is allowed.
    fn is_not(&self, allowed: &str) {
        let Some(node) = self.node else { return };
        let what = match &node.content {
            Content::Nothing => "empty".to_owned(),
            Content::Scalar(_) => shown(&node.written),
            Content::List(_) => "a list".to_owned(),
            Content::Map(_) => "a group of fields".to_owned(),
        };
        let whole = if self.path.is_empty() { "the text " } else { "" };
        self.note(self.place, self.path.clone(), format!("{whole}is {what}; {allowed}"));
    }

    fn content(&self) -> Option<&'a Content> {
        self.node.map(|node| &node.content)
    }

    fn path_of(&self, field: &str) -> String {
        match self.path.is_empty() {
            true => field.to_owned(),
            false => format!("{}.{field}", self.path),
        }
    }

    /// What stands in where nothing of the right form is.
    fn stand_in(&self, field: &str) -> Reader<'a> {
        Reader { node: None, place: self.place, path: self.path_of(field), notes: self.notes }
    }

    /// A number as the library reads it.
    fn whole_number<T>(&self, least: T, most: T) -> T
    where
        T: DeserializeOwned + Default + Display,
    {
        let written = match self.node {
            Some(Node { content: Content::Scalar(_), written, .. }) => written,
            _ => {
                self.is_not("a whole number is allowed");
                return T::default();
            }
        };
        serde_saphyr::from_str(written).unwrap_or_else(|_| {
            let digits = written.strip_prefix(['-', '+']).unwrap_or(written);
            match digits.bytes().all(|byte| byte.is_ascii_digit()) {
                true => self.is_not(&format!("a whole number from {least} to {most} is allowed")),
                false => self.is_not("a whole number is allowed"),
            }
            T::default()
        })
    }

    fn text(&self) -> &'a str {
        match self.content() {
            Some(Content::Scalar(text)) => text,
            _ => {
                self.is_not("a text is allowed");
                ""
            }
        }
    }

    /// The fields of a struct, or of a map where none are known; each name once.
    fn fields(&self, known: Option<(&'static str, &'static [&'static str])>) -> Fields<'a> {
        let mut fields: Vec<(String, Reader<'a>)> = Vec::new();
        match (self.content(), known) {
            (Some(Content::Map(entries)), _) => {
                let names = known.map(|known| known.1);
                let mut first = HashMap::new();
                for (name, value) in entries {
                    fields.extend(self.field((name, value), names, &mut first));
                }
            }
            (_, Some((_, names))) => {
                self.is_not(&format!("the fields {} are allowed", names.join(", ")));
                fields = names.iter().map(|name| self.part(name)).collect();
            }
            (_, None) => self.is_not("a group of fields is allowed"),
        }
        let (of, names) = known.unwrap_or_default();
        for name in names.iter().filter(|name| self.notes.required.contains(&(of, **name))) {
            if fields.iter().all(|one| one.0 != *name) {
                self.note(self.place, self.path_of(name), "must be given".to_owned());
                fields.push(self.part(name));
            }
        }
        Fields { fields: fields.into_iter(), value: None }
    }

    fn part(&self, name: &str) -> (String, Reader<'a>) {
        (name.to_owned(), self.stand_in(name))
    }

    fn field(
        &self,
        (name, value): (&'a Node, &'a Node),
        known: Option<&[&str]>,
        first: &mut HashMap<&'a str, Place>,
    ) -> Option<(String, Reader<'a>)> {
        let Content::Scalar(text) = &name.content else {
            let message = "a field has a name of one word".to_owned();
            self.note(name.place, self.path.clone(), message);
            return None;
        };
        let path = self.path_of(text);
        if let Some(known) = known.filter(|known| !known.contains(&text.as_str())) {
            let meant = meant(text, known).map(|name| format!("did you mean {name}? "));
            let meant = meant.unwrap_or_default();
            let message = format!("is not known here; {meant}known are {}", known.join(", "));
            self.note(name.place, path, message);
            return None;
        }
        if let Some(first) = first.get(text.as_str()) {
            let line = first.line;
            self.note(name.place, path, format!("stands twice; it is given in line {line}"));
            return None;
        }
        first.insert(text, name.place);
        let reader = Reader { node: Some(value), place: name.place, path, notes: self.notes };
        Some((text.clone(), reader))
    }
}

/// The name that is most like the one given.
fn meant<'k>(given: &str, known: &[&'k str]) -> Option<&'k str> {
    let given = given.to_ascii_lowercase();
    let off = |name: &str| strsim::damerau_levenshtein(&given, &name.to_ascii_lowercase());
    let near = known.iter().map(|name| (off(name), *name)).min_by_key(|(off, _)| *off)?;
    let most = (near.1.len() / 3).clamp(1, LETTERS_OFF_MAX);
    (near.0 <= most).then_some(near.1)
}

/// A scalar on one line, and no longer than people read.
fn shown(written: &str) -> String {
    let line = written.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.len() <= SHOWN_BYTES_MAX {
        true => line,
        false => format!("{}…", &line[..line.floor_char_boundary(SHOWN_BYTES_MAX)]),
    }
}

macro_rules! whole_numbers {
    ($($method:ident $visit:ident $kind:ty;)+) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            visitor.$visit(self.whole_number(<$kind>::MIN, <$kind>::MAX))
        }
    )+};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            None | Some(Content::Nothing) => visitor.visit_unit(),
            Some(Content::Scalar(text)) => visitor.visit_str(text),
            Some(Content::List(_)) => self.deserialize_seq(visitor),
            Some(Content::Map(_)) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let written = match self.node {
            Some(Node { content: Content::Scalar(_), written, .. }) => written.as_str(),
            _ => "",
        };
        let read = serde_saphyr::from_str(written).unwrap_or_else(|_| {
            self.is_not("true or false is allowed");
            false
        });
        visitor.visit_bool(read)
    }

    whole_numbers! {
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(self.text())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(self.text())
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            None | Some(Content::Nothing) => visitor.visit_none(),
            Some(_) => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match name == SPANNED {
            true => visitor.visit_newtype_struct(Placed(self)),
            false => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        let items = match self.content() {
            Some(Content::List(items)) => items.as_slice(),
            _ => {
                self.is_not("a list is allowed");
                &[]
            }
        };
        visitor.visit_seq(Items { of: &self, items: items.iter().enumerate() })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(self.fields(None))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_map(self.fields(Some((name, fields)))).map_err(|stop| match stop {
            Stop::Missing { of: None, field } => Stop::Missing { of: Some(name), field },
            stop => stop,
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        let given = match self.content() {
            Some(Content::Scalar(text)) => variants.iter().find(|variant| *variant == text),
            _ => None,
        };
        let variant = *given.unwrap_or_else(|| {
            self.is_not(&format!("one of {} is allowed", variants.join(", ")));
            &variants[0]
        });
        visitor.visit_enum(variant.into_deserializer())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_str(self.text())
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char bytes byte_buf unit unit_struct tuple tuple_struct
    }
}
