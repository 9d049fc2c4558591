//! What the parser's errors are called, and what usually is behind each.

use super::looks::missing_blank;
use granit_parser::ErrorKind as K;

pub(super) const CLOSE: &str = "close the bracket; quote a text that holds `,`, `[`, `]`, `{` or `}`";

/// What somebody may have meant with a line that has no `name: value`.
pub(super) fn no_entry_hint(line: &str) -> &'static str {
    match () {
        () if ["//", "/*", ";", "-- ", "<!--"].iter().any(|mark| line.starts_with(mark)) => {
            "a comment begins with `#`"
        }
        () if line.starts_with('-') && !line.starts_with("--") => "put a blank behind the `-` of a list item",
        () if missing_blank(line) => "put a blank behind the `:`",
        () if line.contains('=') => "write `name: value` with a `:` and a blank",
        () => "write `name: value`, or indent the line if it belongs to the text above",
    }
}

pub(super) fn words(kind: &K, next: Option<char>) -> String {
    let next = next.unwrap_or(' ');
    match kind {
        K::MappingValueNotAllowed | K::InvalidColonPlacement => "a `: ` inside a text".to_string(),
        K::ExpectedFlowMappingSeparator => "expected `,` or `}`".to_string(),
        K::ExpectedFlowSequenceSeparator => "expected `,` or `]`".to_string(),
        K::MismatchedFlowCollectionEnd { open, close } => {
            format!("the bracket `{open}` is closed by `{close}`")
        }
        K::UnclosedFlowCollection { open } => format!("the bracket `{open}` is not closed"),
        K::MisplacedFlowCollectionEnd => format!("a `{next}` that closes no bracket"),
        K::UnexpectedCharacter { character } => {
            format!("a text cannot begin with `{}`", character.escape_debug())
        }
        K::PlainScalarStartsWithDashFlowIndicator | K::BlockEntryInFlowCollection => {
            "a `-` inside brackets".to_string()
        }
        K::MappingKeyNotAllowed => "a `? ` in the middle of a line".to_string(),
        K::MissingAnchorOrAliasName => format!("a `{next}` without the name of an anchor or alias"),
        K::CommentNotSeparated => "a comment without a blank before its `#`".to_string(),
        K::CommentInterceptedScalar => "a comment between the lines of one text".to_string(),
        K::InvalidDocumentEnd => "text behind the `...` that ends a document".to_string(),
        K::DirectiveDisallowed => "a line that begins with `%` is a directive".to_string(),
        K::InvalidBlockScalarIndent => "the indentation of this line does not fit its text".to_string(),
        K::UndeclaredTagHandle => "a tag whose handle is not declared".to_string(),
        K::UnclosedVerbatimTag => "a tag `!<` without its `>`".to_string(),
        K::MissingTagUri | K::InvalidTagEscape | K::InvalidTagTerminator | K::InvalidGlobalTagCharacter => {
            "a tag that is not well written".to_string()
        }
        _ => kind.to_string(),
    }
}

/// What usually is behind it.
pub(super) fn usual_hint(kind: &K) -> Option<&'static str> {
    Some(match kind {
        K::MappingValueNotAllowed => "quote a text that holds `: `, and check the indentation of this line",
        K::InvalidColonPlacement | K::ExpectedFlowMappingSeparator | K::ExpectedFlowSequenceSeparator => {
            "put a `,` between entries; close the bracket; quote a text that holds `: `, `,`, `[`, `]`, `{` or `}`"
        }
        K::UnclosedFlowCollection { .. } | K::MismatchedFlowCollectionEnd { .. } => CLOSE,
        K::MisplacedFlowCollectionEnd => "take it out, or quote a text that begins with or holds it",
        K::UnexpectedCharacter { .. } | K::MappingKeyNotAllowed => {
            "quote a text that begins with such a character"
        }
        K::PlainScalarStartsWithDashFlowIndicator | K::BlockEntryInFlowCollection => {
            "take it out or close the bracket; quote a text that begins with it"
        }
        K::MissingAnchorOrAliasName => "quote a text that begins with `*` or `&`",
        K::CommentNotSeparated => "put a blank before the `#`, or quote a text that holds it",
        K::CommentInterceptedScalar => "move the comment before or behind the whole text",
        K::DirectiveDisallowed => "leave out lines that begin with `%`, or quote a text that does",
        K::InvalidBlockScalarIndent => {
            "indent all lines of the text as its first one; blank lines above it have no more blanks"
        }
        K::UndeclaredTagHandle
        | K::UnclosedVerbatimTag
        | K::MissingTagUri
        | K::InvalidTagEscape
        | K::InvalidTagTerminator
        | K::InvalidGlobalTagCharacter => "quote a text that begins with `!`",
        _ => return None,
    })
}
