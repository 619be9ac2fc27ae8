//! What a type reads one by one: items, fields, and a value with its place.

use serde::de::value::MapDeserializer;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::{Reader, Stop};
use crate::yaml::Place;
use crate::yaml::tree::Node;

/// The field that marks what `Spanned` reads.
const SPANNED_MARK: &str = "__serde_saphyr_private_spanned";

/// The items of a list.
pub(super) struct Items<'r, 'a> {
    pub of: &'r Reader<'a>,
    pub items: std::iter::Enumerate<std::slice::Iter<'a, Node>>,
}

impl<'de> SeqAccess<'de> for Items<'_, '_> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some((at, node)) = self.items.next() else { return Ok(None) };
        let path = format!("{}[{at}]", self.of.path);
        let item = Reader { node: Some(node), place: node.place, path, notes: self.of.notes };
        seed.deserialize(item).map(Some)
    }
}

/// The fields of a struct or a map, those that stand in for others among them.
pub(super) struct Fields<'a> {
    pub fields: std::vec::IntoIter<(String, Reader<'a>)>,
    pub value: Option<Reader<'a>>,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let Some((name, value)) = self.fields.next() else { return Ok(None) };
        self.value = Some(value);
        seed.deserialize(name.into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        seed.deserialize(self.value.take().expect("a value follows each name"))
    }
}

/// A node with its place, as `Spanned` reads it.
pub(super) struct Placed<'a>(pub Reader<'a>);

impl<'de> Deserializer<'de> for Placed<'_> {
    type Error = Stop;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_map(PlacedFields { place: self.0.place, value: Some(self.0), next: 0 })
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum
        identifier ignored_any
    }
}

struct PlacedFields<'a> {
    place: Place,
    value: Option<Reader<'a>>,
    next: usize,
}

impl<'de> MapAccess<'de> for PlacedFields<'_> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let names = [SPANNED_MARK, "value", "referenced", "defined"];
        let Some(name) = names.get(self.next) else { return Ok(None) };
        self.next += 1;
        seed.deserialize((*name).into_deserializer()).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        if self.next == 1 {
            return seed.deserialize(true.into_deserializer());
        }
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => {
                let Place { line, column } = self.place;
                let place = [("line", line), ("column", column)];
                seed.deserialize(MapDeserializer::new(place.into_iter()))
            }
        }
    }
}
