//! Gives the nodes of a tree to serde. Where a node does not fit, the problem is noted and serde gets a stand-in (an
//! empty text, 0, the first variant, an empty list), so that one pass finds all such errors.

use super::Problem;
use super::containers::{Entries, Items, Tagged};
use super::failure::{Failure, StructKey, What};
use super::looks;
use super::session::{Session, unknown_value};
use super::tree::{Kind, NodeId};
use crate::catalogue::diagnostic::quoted;
use serde::de::{Deserializer, Visitor};

/// One value on its way to serde.
#[derive(Clone, Copy)]
pub(super) struct Reader<'s> {
    pub(super) session: &'s Session<'s>,
    /// The node, or for a stand-in the mapping that lacks it.
    pub(super) node: NodeId,
    pub(super) stand_in: bool,
    /// The field it is the value of, or is in a list of.
    pub(super) field: Option<&'s str>,
}

/// What a scalar without quotes says.
enum Plain {
    Nothing,
    Bool(bool),
    Int(i128),
    Float(f64),
    Text,
}

/// Of a text without quotes.
pub(super) fn is_nothing(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

fn plain(text: &str) -> Plain {
    match text {
        _ if is_nothing(text) => return Plain::Nothing,
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
        (!self.stand_in).then(|| self.session.tree.kind(self.node))
    }

    /// The text of a scalar and, without quotes, what it says.
    fn scalar(&self) -> Option<(&'s str, Plain)> {
        match self.kind()? {
            Kind::Scalar { text, plain: true } => Some((text, plain(text))),
            Kind::Scalar { text, plain: false } => Some((text, Plain::Text)),
            _ => None,
        }
    }

    /// The text of a scalar without quotes.
    fn unquoted(&self) -> Option<&'s str> {
        self.scalar().filter(|_| !self.is_quoted()).map(|(text, _)| text)
    }

    /// A list of one text or a mapping without values in brackets: a placeholder or a regex that lacks its quotes.
    fn is_bracketed(&self) -> bool {
        let nothing = |id: NodeId| matches!(self.session.tree.kind(id), Kind::Scalar { text, plain: true } if text.is_empty());
        match self.kind() {
            Some(Kind::Map(entries)) => {
                entries.len() == 1 && entries.iter().all(|(_, value)| nothing(*value))
            }
            _ => false,
        }
    }

    fn is_quoted(&self) -> bool {
        matches!(self.kind(), Some(Kind::Scalar { plain: false, .. }))
    }

    /// Notes that something else stands here than `expected`.
    pub(super) fn mismatch(&self, expected: &str, hint: Option<&str>) {
        let found = match (self.kind(), self.scalar()) {
            (None, _) => return,
            (Some(Kind::List(_)), _) => "a list".to_string(),
            (Some(Kind::Map(_)), _) => "a mapping".to_string(),
            (_, Some((_, Plain::Nothing))) => "nothing".to_string(),
            (_, Some((text, Plain::Text))) => format!("the text {}", quoted(text)),
            (_, Some((text, Plain::Bool(_)))) => quoted(text),
            (_, Some((text, _))) => format!("the number {}", quoted(text).trim_matches('`')),
            (Some(Kind::Scalar { .. } | Kind::Alias(_)), None) => unreachable!("a scalar has its text"),
        };
        let place = self.field.map_or(String::new(), |name| format!(" for {}", quoted(name)));
        let message = format!("expected {expected}{place}, found {found}");
        let problem = Problem::new(self.session.tree.node(self.node).mark, message);
        self.session.note(match hint {
            Some(hint) => problem.hint(hint.to_string()),
            None => problem,
        });
    }

    /// Says where serde refused, unless somebody below already did. Also for what a type of ours refuses only after it
    /// got its text.
    pub(super) fn settle<T>(&self, result: Result<T, Failure>, reported: bool) -> Result<T, Failure> {
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
                let hint = found.and_then(|(text, _)| looks::no_number(text, self.is_quoted()));
                self.mismatch("a whole number", hint.as_deref());
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
                let look = self.unquoted().and_then(looks::no_mapping);
                let hint = match key {
                    _ if look.is_some() => look,
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
            (Some(Kind::Scalar { .. } | Kind::Alias(_)), None) => unreachable!("a scalar has its text"),
        };
        self.settle(result, false)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Failure> {
        self.session.visit()?;
        let value = match self.scalar() {
            Some((_, Plain::Bool(value))) => Some(value),
            found => {
                let hint = found.and_then(|(text, _)| looks::no_bool(text, self.is_quoted()));
                self.mismatch("`true` or `false`", hint.as_deref());
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
                let hint = "quote a text that begins with `{` or `[`";
                self.mismatch("a text", self.is_bracketed().then_some(hint));
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
                let first_key = || match self.kind()? {
                    Kind::Map(entries) => self.session.tree.text(entries.first()?.0),
                    _ => None,
                };
                let look = self.unquoted().or_else(first_key).and_then(looks::no_list);
                self.mismatch(
                    "a list",
                    Some(look.as_deref().unwrap_or("write `[a, b]`, or one `- a` a line")),
                );
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
