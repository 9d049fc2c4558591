//! Rule packs → [`Catalogue`]: what the matcher looks for and what attribution knows of each provider.
//!
//! `schema` is the text of a rule file, `load` turns texts into checked packs and reports every error at once,
//! `digest` says in one number which they are, `builtin` holds the packs of the binary, `pattern` is a literal with
//! placeholders, `compile` makes the engine's tables of them, `lookup` answers what people ask, `review` says what is
//! allowed and yet likely a mistake. Pure: files are read by `config`.

pub mod schema;
pub mod diagnostic;
mod yaml;
pub mod load;
mod lint;
pub mod builtin;
pub mod pattern;
mod digest;
pub mod compile;
pub mod lookup;
pub mod review;

pub use compile::{Catalogue, compile};
