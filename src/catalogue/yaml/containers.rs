//! The parts of a reader that serde walks: the items of a list, the entries of a mapping, a variant and what is behind it.

use super::Problem;
use super::failure::{Failure, StructKey};
use super::read::Reader;
use super::session::unknown_field;
use super::tree::NodeId;
use crate::catalogue::diagnostic::{nearest, quoted};
use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

/// The items of a list but for those that were left out.
pub(super) struct Items<'s> {
    pub(super) reader: Reader<'s>,
    pub(super) items: std::slice::Iter<'s, NodeId>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let session = self.reader.session;
        match self.items.find(|item| !session.is_dropped(**item)) {
            Some(item) => {
                let reader = Reader { node: *item, ..self.reader };
                reader.settle(seed.deserialize(reader), false).map(Some)
            }
            None => Ok(None),
        }
    }
}

/// The entries of a mapping, then stand-ins for what its struct requires and it lacks.
pub(super) struct Entries<'s> {
    pub(super) reader: Reader<'s>,
    pub(super) entries: &'s [(NodeId, NodeId)],
    pub(super) at: usize,
    pub(super) key: Option<StructKey>,
    /// Of the key that was given last.
    pub(super) value: Option<Reader<'s>>,
    /// Names that serde got.
    pub(super) given: Vec<&'s str>,
    /// What is still to be stood in for, once the entries are through.
    pub(super) lacking: Option<std::vec::IntoIter<&'static str>>,
    /// The mapping is none, and that was said.
    pub(super) silent: bool,
}

impl<'s> Entries<'s> {
    /// The next entry that serde may have.
    fn next_entry(&mut self) -> Option<(NodeId, NodeId, &'s str)> {
        let session = self.reader.session;
        while let Some(&(key, value)) = self.entries.get(self.at) {
            self.at += 1;
            let name = session.tree.text(key).unwrap_or("");
            if session.is_dropped(key) {
                continue;
            }
            match self.key {
                Some((_, fields)) if !fields.contains(&name) => {
                    session.note(unknown_field(session.tree, key, name, fields));
                }
                _ if session.is_dropped(value) => {}
                _ => return Some((key, value, name)),
            }
        }
        None
    }

    fn find_lacking(&mut self) -> std::vec::IntoIter<&'static str> {
        let Reader { session, node, .. } = self.reader;
        let mut lacking = Vec::new();
        for field in session.required(node, self.key) {
            if self.given.contains(&field) {
                continue;
            }
            lacking.push(field);
            if !self.silent
                && !self.reader.stand_in
                && session.tree.node(node).closed
                && !self.is_hinted(field)
            {
                let message = format!("missing field {}", quoted(field));
                session.note(Problem::new(session.tree.node(node).mark, message));
            }
        }
        lacking.into_iter()
    }

    /// Whether the field is there but unreadable, or under a name that was reported as a misspelling of it.
    fn is_hinted(&self, field: &str) -> bool {
        let known = self.key.map_or(&[][..], |(_, fields)| fields);
        self.entries.iter().any(|(key, _)| {
            let name = self.reader.session.tree.text(*key).unwrap_or("");
            name == field || (!known.contains(&name) && nearest(name, known.iter().copied()) == Some(field))
        })
    }
}

impl<'de> de::MapAccess<'de> for Entries<'_> {
    type Error = Failure;

    fn next_key_seed<K: de::DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Failure> {
        let reader = self.reader;
        if let Some((key, value, name)) = self.next_entry() {
            self.given.push(name);
            self.value =
                Some(Reader { session: reader.session, node: value, stand_in: false, field: Some(name) });
            let key = Reader { session: reader.session, node: key, stand_in: false, field: None };
            return seed.deserialize(Name(key)).map(Some);
        }
        if self.lacking.is_none() {
            self.lacking = Some(self.find_lacking());
        }
        let Some(field) = self.lacking.as_mut().and_then(Iterator::next) else { return Ok(None) };
        self.value = Some(Reader { stand_in: true, field: Some(field), ..reader });
        let name: StrDeserializer<'_, Failure> = field.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: de::DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Failure> {
        let reader = self.value.take().expect("serde asks for a value after its key");
        reader.settle(seed.deserialize(reader), false)
    }
}

/// A key: always its text, whatever it looks like.
struct Name<'s>(Reader<'s>);

impl<'de> Deserializer<'de> for Name<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.0.session.visit()?;
        self.0.deserialize_identifier(visitor)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A variant by its name, with what stands behind it: `name` or `{name: value}`.
pub(super) struct Tagged<'s> {
    pub(super) reader: Reader<'s>,
    pub(super) name: &'s str,
    pub(super) value: Option<Reader<'s>>,
    /// Whether it stands in the file, or is a stand-in.
    pub(super) known: bool,
}

impl<'s, 'de> de::EnumAccess<'de> for Tagged<'s> {
    type Error = Failure;
    type Variant = Tagged<'s>;

    fn variant_seed<V: de::DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Tagged<'s>), Failure> {
        let name: StrDeserializer<'_, Failure> = self.name.into_deserializer();
        seed.deserialize(name).map(|value| (value, self))
    }
}

impl<'de> de::VariantAccess<'de> for Tagged<'_> {
    type Error = Failure;

    fn unit_variant(self) -> Result<(), Failure> {
        if let Some(value) = self.value {
            value.mismatch("nothing", Some("this value takes no fields"));
        }
        Ok(())
    }

    fn newtype_variant_seed<T: de::DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Failure> {
        let content = self.content();
        content.settle(seed.deserialize(content), false)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.content().deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.content().deserialize_struct("", fields, visitor)
    }
}

impl<'s> Tagged<'s> {
    fn content(self) -> Reader<'s> {
        self.value.unwrap_or_else(|| {
            if self.known {
                let hint = format!("write `{{{}: …}}`", self.name);
                self.reader.mismatch("a value behind the name", Some(&hint));
            }
            Reader { stand_in: true, ..self.reader }
        })
    }
}
