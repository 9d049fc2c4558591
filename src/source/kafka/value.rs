//! A text of the configuration that may stand elsewhere: in it `${NAME}` is an environment variable, and all of it may be
//! the content of a file. It is looked up when a client is built and not before; what comes out is a [`Secret`].
//!
//! Neither shows its text in `Debug` or `Display`. An error names the setting and the variable or file, never the text.

use std::convert::Infallible;
use std::ffi::OsString;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::properties::Trouble;

/// What stands in print where a secret is.
pub const REDACTED: &str = "***";

/// A certificate chain is smaller; a larger file is a mistake.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// A text that is never shown.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Secret(String);

impl Secret {
    /// The text, for whoever hands it on to the client library.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl<T: Into<String>> From<T> for Secret {
    fn from(text: T) -> Secret {
        Secret(text.into())
    }
}

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Secret, Infallible> {
        Ok(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// A text as it was written.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    /// Parts in a row; two literal ones never stand side by side.
    Text(Vec<Part>),
    /// The content of a file without its last line end.
    File(PathBuf),
}

#[derive(Clone, PartialEq, Eq)]
pub enum Part {
    Literal(String),
    /// The name of a variable.
    Env(String),
}

impl Value {
    /// Exactly this text.
    pub fn literal(text: &str) -> Value {
        Value::Text(if text.is_empty() { Vec::new() } else { vec![Part::Literal(text.to_owned())] })
    }

    /// A text with `${NAME}` in it; `$${` is a plain `${`. The error says what is wrong and does not show the text.
    pub fn parse(text: &str) -> Result<Value, &'static str> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if rest[..at].ends_with('$') {
                literal.push_str(&rest[..at - 1]);
                literal.push_str("${");
                rest = &rest[at + 2..];
                continue;
            }
            literal.push_str(&rest[..at]);
            let (name, behind) = rest[at + 2..].split_once('}').ok_or("`${` is not closed with `}`")?;
            if !is_variable(name) {
                return Err("between `${` and `}` stands no name of an environment variable");
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal)));
            }
            parts.push(Part::Env(name.to_owned()));
            rest = behind;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Value::Text(parts))
    }

    /// The text where it stands here as a whole.
    pub fn as_literal(&self) -> Option<&str> {
        match self {
            Value::Text(parts) => match &parts[..] {
                [] => Some(""),
                [Part::Literal(text)] => Some(text),
                _ => None,
            },
            Value::File(_) => None,
        }
    }

    /// Whether all of it stands elsewhere, so that how it is written tells nothing.
    pub fn stands_elsewhere(&self) -> bool {
        match self {
            Value::Text(parts) => parts.iter().all(|part| matches!(part, Part::Env(_))),
            Value::File(_) => true,
        }
    }

    /// As [`Value::parse`] reads it; nothing for a file.
    pub fn written(&self) -> Option<String> {
        let Value::Text(parts) = self else { return None };
        let part = |part: &Part| match part {
            Part::Literal(text) => text.replace("${", "$${"),
            Part::Env(name) => format!("${{{name}}}"),
        };
        Some(parts.iter().map(part).collect())
    }

    /// A file that is not absolute begins at `dir`.
    pub fn seen_from(self, dir: &Path) -> Value {
        match self {
            Value::File(path) => Value::File(dir.join(path)),
            text => text,
        }
    }

    /// Looks it up; `key` is the setting that an error names.
    pub fn resolve(&self, key: &str) -> Result<Secret, Trouble> {
        self.resolve_with(key, &|name| std::env::var_os(name))
    }

    /// The same with another environment.
    pub fn resolve_with(
        &self,
        key: &str,
        environment: &dyn Fn(&str) -> Option<OsString>,
    ) -> Result<Secret, Trouble> {
        let text = match self {
            Value::File(path) => read(path).map_err(|why| Trouble::file(key, path, why))?,
            Value::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Env(name) => {
                            let found = environment(name)
                                .ok_or_else(|| Trouble::variable(key, name, "it is not set"))?;
                            let found = found.into_string();
                            let found = found.map_err(|_| Trouble::variable(key, name, "it is not UTF-8"))?;
                            text.push_str(&found);
                        }
                    }
                }
                text
            }
        };
        match self {
            _ if text.contains('\0') => Err(Trouble::value(key, "it holds a NUL")),
            Value::File(path) if text.is_empty() => Err(Trouble::file(key, path, "it is empty".into())),
            Value::Text(parts) if text.is_empty() && !parts.is_empty() => {
                Err(Trouble::value(key, "the environment variables that it is made of are empty"))
            }
            _ => Ok(Secret(text)),
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::File(path) => write!(f, "{{file: {path:?}}}"),
            Value::Text(parts) => f.debug_list().entries(parts).finish(),
        }
    }
}

impl fmt::Debug for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Literal(_) => f.write_str(REDACTED),
            Part::Env(name) => write!(f, "${{{name}}}"),
        }
    }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

fn read(path: &Path) -> Result<String, String> {
    let why = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "reading it is not permitted".to_owned(),
        _ => format!("it cannot be read: {error}"),
    };
    // Opening a pipe would wait.
    if !std::fs::metadata(path).map_err(why)?.is_file() {
        return Err("it is no regular file".to_owned());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(why)?;
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(why)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it has more than {FILE_BYTES_MAX} bytes"));
    }
    let mut text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_owned())?;
    if text.ends_with('\n') {
        text.pop();
        if text.ends_with('\r') {
            text.pop();
        }
    }
    Ok(text)
}
