//! The error type that serde gets: what was wrong, kept in parts, so that a hint can be made of it.

use super::tree::NodeId;
use std::fmt;

/// A struct of serde's, by its name and fields.
pub(super) type StructKey = (&'static str, &'static [&'static str]);

#[derive(Debug)]
pub(super) struct Failure {
    pub(super) what: What,
    /// The node that serde was given when it refused; set by the innermost reader.
    pub(super) at: Option<NodeId>,
    /// Whether it refused a stand-in.
    pub(super) stand_in: bool,
    /// The struct that lacks a field.
    pub(super) lacking: Option<StructKey>,
}

#[derive(Debug)]
pub(super) enum What {
    UnknownField(String, &'static [&'static str]),
    UnknownVariant(String, &'static [&'static str]),
    MissingField(&'static str),
    Message(String),
    /// Already reported.
    Reported,
    /// The bound on the whole work was hit.
    Exhausted,
}

impl Failure {
    pub(super) fn new(what: What) -> Failure {
        Failure { what, at: None, stand_in: false, lacking: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Failure {}

impl serde::de::Error for Failure {
    fn custom<M: fmt::Display>(message: M) -> Failure {
        Failure::new(What::Message(message.to_string()))
    }

    fn invalid_type(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Failure {
        Failure::new(What::Message(format!("expected {expected}, found {}", found_words(&found))))
    }

    fn invalid_value(found: serde::de::Unexpected<'_>, expected: &dyn serde::de::Expected) -> Failure {
        Failure::new(What::Message(format!("expected {expected}, found {}", found_words(&found))))
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Failure {
        Failure::new(What::UnknownVariant(variant.to_string(), expected))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Failure {
        Failure::new(What::UnknownField(field.to_string(), expected))
    }

    fn missing_field(field: &'static str) -> Failure {
        Failure::new(What::MissingField(field))
    }
}

fn found_words(found: &serde::de::Unexpected<'_>) -> String {
    use serde::de::Unexpected as U;
    match found {
        U::Map | U::StructVariant => "a mapping".to_string(),
        U::Seq | U::TupleVariant => "a list".to_string(),
        U::Unit | U::Option => "nothing".to_string(),
        U::Str(text) => format!("the text {}", crate::catalogue::diagnostic::quoted(text)),
        U::Bool(value) => format!("`{value}`"),
        U::Unsigned(n) => format!("the number {n}"),
        U::Signed(n) => format!("the number {n}"),
        U::Float(n) => format!("the number {n}"),
        other => other.to_string(),
    }
}
