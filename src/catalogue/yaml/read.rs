//! Gives the nodes of a tree to serde. Where a node does not fit, the problem is noted and serde gets a stand-in (an
//! empty text, 0, the first variant, an empty list), so that one pass finds all such errors.

use super::Problem;
use super::failure::{Failure, StructKey, What};
use super::session::{Session, unknown_field, unknown_value};
use super::tree::{Kind, NodeId};
use crate::catalogue::diagnostic::{nearest, quoted};
use serde::de::value::StrDeserializer;
use serde::de::{self, Deserializer, IntoDeserializer, Visitor};

/// One value on its way to serde.
#[derive(Clone, Copy)]
pub(super) struct Reader<'s> {
    session: &'s Session<'s>,
    /// The node, or for a stand-in the mapping that lacks it.
    node: NodeId,
    stand_in: bool,
    /// The field it is the value of, or is in a list of.
    field: Option<&'s str>,
}

/// What a scalar without quotes says.
enum Plain {
    Nothing,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

fn plain(text: &str) -> Plain {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Plain::Nothing,
        "true" | "True" | "TRUE" => return Plain::Bool(true),
        "false" | "False" | "FALSE" => return Plain::Bool(false),
        _ => {}
    }
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return Plain::Text;
    }
    if let Ok(n) = text.parse::<i128>() {
        // `007` and `+7` are texts that a code may be, and not the number 7
        return if n.to_string() == text { Plain::Int(n) } else { Plain::Text };
    }
    match text.parse::<f64>() {
        Ok(n) if n.is_finite() => Plain::Float(n),
        _ => Plain::Text,
    }
}

impl<'s> Reader<'s> {
    pub(super) fn new(session: &'s Session<'s>, node: NodeId) -> Reader<'s> {
        Reader { session, node, stand_in: false, field: None }
    }

    fn kind(&self) -> Option<&'s Kind<'s>> {
        (!self.stand_in).then(|| &self.session.tree.node(self.node).kind)
    }

    /// The text of a scalar and, without quotes, what it says.
    fn scalar(&self) -> Option<(&'s str, Plain)> {
        match self.kind()? {
            Kind::Scalar { text, plain: true } => Some((text, plain(text))),
            Kind::Scalar { text, plain: false } => Some((text, Plain::Text)),
            _ => None,
        }
    }

    fn is_quoted(&self) -> bool {
        matches!(self.kind(), Some(Kind::Scalar { plain: false, .. }))
    }

    /// Notes that something else stands here than `expected`.
    fn mismatch(&self, expected: &str, hint: Option<&str>) {
        let found = match (self.kind(), self.scalar()) {
            (None, _) => return,
            (Some(Kind::List(_)), _) => "a list".to_string(),
            (Some(Kind::Map(_)), _) => "a mapping".to_string(),
            (_, Some((_, Plain::Nothing))) => "nothing".to_string(),
            (_, Some((text, Plain::Text))) => format!("the text {}", quoted(text)),
            (_, Some((text, Plain::Bool(_)))) => quoted(text),
            (_, Some((text, _))) => format!("the number {}", quoted(text).trim_matches('`')),
            (Some(Kind::Scalar { .. }), None) => unreachable!("a scalar has its text"),
        };
        let place = self.field.map_or(String::new(), |name| format!(" for {}", quoted(name)));
        let message = format!("expected {expected}{place}, found {found}");
        let problem = Problem::new(self.session.tree.node(self.node).mark, message);
        self.session.note(match hint {
            Some(hint) => problem.hint(hint.to_string()),
            None => problem,
        });
    }

    /// Says where serde refused, unless somebody below already did.
    fn settle<T>(&self, result: Result<T, Failure>, reported: bool) -> Result<T, Failure> {
        result.map_err(|mut failure| {
            if failure.at.is_none() {
                failure.at = Some(self.node);
                failure.stand_in |= self.stand_in;
                let final_say = matches!(failure.what, What::MissingField(_) | What::Exhausted);
                if reported && !final_say {
                    failure.what = What::Reported;
                }
                self.name_field(&mut failure);
            }
            failure
        })
    }

    /// The field's name belongs to the message, and is known only here.
    fn name_field(&self, failure: &mut Failure) {
        match (&mut failure.what, self.field) {
            (What::Message(message), Some(field)) => *message = format!("{}: {message}", quoted(field)),
            (What::UnknownVariant(name, known), field) if !failure.stand_in => {
                self.session.note(unknown_value(self.session.tree, self.node, field, name, known));
                failure.what = What::Reported;
            }
            _ => {}
        }
    }

    fn int<'de, V: Visitor<'de>>(self, visitor: V, min: i128, max: i128) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let value = match self.scalar() {
            _ if self.stand_in => None,
            Some((_, Plain::Int(n))) if (min..=max).contains(&n) => Some(n),
            Some((_, Plain::Int(_))) => {
                self.mismatch(&format!("a number from {min} to {max}"), None);
                None
            }
            found => {
                let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
                let hint = match found {
                    Some((text, _)) if self.is_quoted() && digits(text) => Some("leave out the quotes"),
                    Some((text, _)) if digits(text) => Some("leave out the leading zeros"),
                    _ => None,
                };
                self.mismatch("a whole number", hint);
                None
            }
        };
        let number = value.unwrap_or(0.clamp(min, max));
        let result = match u64::try_from(number) {
            Ok(n) => visitor.visit_u64(n),
            Err(_) => visitor.visit_i64(i64::try_from(number).unwrap_or(0)),
        };
        self.settle(result, value.is_none())
    }

    fn mapping<'de, V: Visitor<'de>>(self, visitor: V, key: Option<StructKey>) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let (entries, reported): (&[(NodeId, NodeId)], bool) = match self.kind() {
            Some(Kind::Map(entries)) => (entries, false),
            _ => {
                let hint = match key {
                    Some((_, fields)) if !fields.is_empty() => {
                        let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
                        Some(format!("its fields: {}", fields.join(", ")))
                    }
                    _ => Some("write `name: value`, or `{name: value}` in one line".to_string()),
                };
                self.mismatch("a mapping", hint.as_deref());
                (&[], true)
            }
        };
        let access = Entries {
            reader: self,
            entries,
            at: 0,
            key,
            value: None,
            given: Vec::new(),
            lacking: None,
            silent: reported,
        };
        self.settle(visitor.visit_map(access), reported).map_err(|mut failure| {
            if failure.at == Some(self.node) && failure.lacking.is_none() {
                failure.lacking = key;
            }
            // a mapping of stand-ins is told what its struct requires as any other is
            if matches!(failure.what, What::MissingField(_)) && failure.at == Some(self.node) && key.is_some()
            {
                failure.stand_in = false;
            }
            failure
        })
    }
}

macro_rules! ints {
    ($($method:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
            self.int(visitor, <$type>::MIN as i128, <$type>::MAX as i128)
        }
    )*};
}

impl<'de> Deserializer<'de> for Reader<'_> {
    type Error = Failure;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let result = match (self.kind(), self.scalar()) {
            (None, _) => visitor.visit_str(""),
            (Some(Kind::Map(_)), _) => return self.mapping(visitor, None),
            (Some(Kind::List(_)), _) => return self.deserialize_seq(visitor),
            (_, Some((_, Plain::Nothing))) => visitor.visit_unit(),
            (_, Some((_, Plain::Bool(value)))) => visitor.visit_bool(value),
            (_, Some((text, Plain::Int(n)))) => match (u64::try_from(n), i64::try_from(n)) {
                (Ok(n), _) => visitor.visit_u64(n),
                (_, Ok(n)) => visitor.visit_i64(n),
                _ => visitor.visit_str(text),
            },
            (_, Some((_, Plain::Float(n)))) => visitor.visit_f64(n),
            (_, Some((text, Plain::Text))) => visitor.visit_str(text),
            (Some(Kind::Scalar { .. }), None) => unreachable!("a scalar has its text"),
        };
        self.settle(result, false)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let value = match self.scalar() {
            Some((_, Plain::Bool(value))) => Some(value),
            found => {
                let hint = match found.map(|(text, _)| text.to_ascii_lowercase()).as_deref() {
                    Some("true" | "false") => Some("leave out the quotes"),
                    Some("yes" | "on" | "y" | "1") => Some("write `true`"),
                    Some("no" | "off" | "n" | "0") => Some("write `false`"),
                    _ => None,
                };
                self.mismatch("`true` or `false`", hint);
                None
            }
        };
        self.settle(visitor.visit_bool(value.unwrap_or(false)), value.is_none())
    }

    ints! {
        deserialize_i8 i8; deserialize_i16 i16; deserialize_i32 i32; deserialize_i64 i64;
        deserialize_u8 u8; deserialize_u16 u16; deserialize_u32 u32; deserialize_u64 u64;
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let value = match self.scalar() {
            Some((_, Plain::Float(n))) => Some(n),
            Some((_, Plain::Int(n))) => Some(n as f64),
            _ => {
                self.mismatch("a number", None);
                None
            }
        };
        self.settle(visitor.visit_f64(value.unwrap_or(0.0)), value.is_none())
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let text = match self.scalar() {
            Some((_, Plain::Nothing)) => {
                self.mismatch("a text", Some("write \"\" for an empty text, or leave the field out"));
                None
            }
            Some((text, _)) => Some(text),
            None => {
                self.mismatch("a text", None);
                None
            }
        };
        self.settle(visitor.visit_str(text.unwrap_or("")), text.is_none())
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        match self.scalar() {
            Some((_, Plain::Nothing)) => self.settle(visitor.visit_none(), false),
            _ if self.stand_in => self.settle(visitor.visit_none(), false),
            _ => self.settle(visitor.visit_some(self), false),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let nothing = matches!(self.scalar(), Some((_, Plain::Nothing)));
        if !nothing {
            self.mismatch("nothing", None);
        }
        self.settle(visitor.visit_unit(), !nothing)
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.settle(visitor.visit_newtype_struct(self), false)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let (items, reported): (&[NodeId], bool) = match self.kind() {
            Some(Kind::List(items)) => (items, false),
            _ => {
                self.mismatch("a list", Some("write `[a, b]`, or one `- a` a line"));
                (&[], true)
            }
        };
        self.settle(visitor.visit_seq(Items { reader: self, items: items.iter() }), reported)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.mapping(visitor, None)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.mapping(visitor, Some((name, fields)))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let tag = match self.kind() {
            Some(Kind::Map(entries)) if entries.len() == 1 => {
                let (key, value) = entries[0];
                let reader = Reader { node: value, ..self };
                self.session.tree.text(key).map(|name| (key, name, Some(reader)))
            }
            Some(Kind::Scalar { text, .. }) => Some((self.node, text.as_ref(), None)),
            _ => None,
        };
        match tag {
            Some((_, name, value)) if variants.contains(&name) => {
                self.settle(visitor.visit_enum(Tagged { reader: self, name, value, known: true }), false)
            }
            found => {
                match found {
                    Some((at, name, _)) if !name.is_empty() => {
                        self.session.note(unknown_value(self.session.tree, at, self.field, name, variants));
                    }
                    _ => self.mismatch(&one_of(variants), None),
                }
                let name = variants.first().copied().unwrap_or_default();
                self.settle(
                    visitor.visit_enum(Tagged { reader: self, name, value: None, known: false }),
                    true,
                )
            }
        }
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        let text = self.session.tree.text(self.node).unwrap_or("");
        self.settle(visitor.visit_str(text), false)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.settle(visitor.visit_unit(), false)
    }
}

fn one_of(variants: &[&str]) -> String {
    let list: Vec<String> = variants.iter().map(|one| quoted(one)).collect();
    format!("one of {}", list.join(", "))
}

struct Items<'s> {
    reader: Reader<'s>,
    items: std::slice::Iter<'s, NodeId>,
}

impl<'de> de::SeqAccess<'de> for Items<'_> {
    type Error = Failure;

    fn next_element_seed<T: de::DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Failure> {
        let session = self.reader.session;
        match self.items.find(|item| !session.is_dropped(**item)) {
            Some(item) => seed.deserialize(Reader { node: *item, ..self.reader }).map(Some),
            None => Ok(None),
        }
    }
}

/// The entries of a mapping, then stand-ins for what its struct requires and it lacks.
struct Entries<'s> {
    reader: Reader<'s>,
    entries: &'s [(NodeId, NodeId)],
    at: usize,
    key: Option<StructKey>,
    /// Of the key that was given last.
    value: Option<Reader<'s>>,
    /// Names that serde got.
    given: Vec<&'s str>,
    /// What is still to be stood in for, once the entries are through.
    lacking: Option<std::vec::IntoIter<&'static str>>,
    /// The mapping is none, and that was said.
    silent: bool,
}

impl<'s> Entries<'s> {
    /// The next entry that serde may have.
    fn next_entry(&mut self) -> Option<(NodeId, NodeId, &'s str)> {
        let session = self.reader.session;
        while let Some(&(key, value)) = self.entries.get(self.at) {
            self.at += 1;
            let name = session.tree.text(key).unwrap_or("");
            if session.is_dropped(key) || session.is_dropped(value) {
                continue;
            }
            match self.key {
                Some((_, fields)) if !fields.contains(&name) => {
                    session.note(unknown_field(session.tree, key, name, fields));
                }
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
        seed.deserialize(reader)
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
struct Tagged<'s> {
    reader: Reader<'s>,
    name: &'s str,
    value: Option<Reader<'s>>,
    /// Whether it stands in the file, or is a stand-in.
    known: bool,
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
        seed.deserialize(self.content())
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
