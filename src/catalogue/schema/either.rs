//! The fields that take one of two forms, read by hand: serde's untagged enums say "no variant matched" and lose the place.

use super::{ClassMark, EachClass, OneOrMany, RuleClass, Scalar, Shape};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use std::collections::BTreeMap;
use std::fmt;

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        let text = String::deserialize(deserializer)?;
        // `007` stays a text: a number would lose its zeros
        Ok(match text.parse::<i64>() {
            Ok(n) if n.to_string() == text => Scalar::Int(n),
            _ => Scalar::Text(text),
        })
    }
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<OneOrMany, D::Error> {
        deserializer.deserialize_any(OneOrManyVisitor)
    }
}

struct OneOrManyVisitor;

impl<'de> Visitor<'de> for OneOrManyVisitor {
    type Value = OneOrMany;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a list of texts")
    }

    fn visit_unit<E: Error>(self) -> Result<OneOrMany, E> {
        Ok(OneOrMany::None)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(text.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(value.to_string()))
    }

    fn visit_u64<E: Error>(self, n: u64) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(n.to_string()))
    }

    fn visit_i64<E: Error>(self, n: i64) -> Result<OneOrMany, E> {
        Ok(OneOrMany::One(n.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<OneOrMany, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(OneOrMany::Many)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        deserializer.deserialize_any(ShapeVisitor)
    }
}

struct ShapeVisitor;

impl<'de> Visitor<'de> for ShapeVisitor {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of field names, or a mapping of field names to regexes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Shape, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(list)).map(Shape::Names)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Shape, A::Error> {
        BTreeMap::deserialize(MapAccessDeserializer::new(map)).map(Shape::Values)
    }
}

impl<'de> Deserialize<'de> for RuleClass {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RuleClass, D::Error> {
        deserializer.deserialize_any(RuleClassVisitor)
    }
}

struct RuleClassVisitor;

impl<'de> Visitor<'de> for RuleClassVisitor {
    type Value = RuleClass;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`unique`, `phrase` or `word`, or a mapping with `code` and `message`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<RuleClass, E> {
        ClassMark::deserialize(text.into_deserializer()).map(RuleClass::Both)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleClass, A::Error> {
        EachClass::deserialize(MapAccessDeserializer::new(map)).map(RuleClass::Each)
    }
}
