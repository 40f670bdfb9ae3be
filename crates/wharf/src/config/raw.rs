//! What was written, before anybody asks what it means: a value and the line it stands on.

use std::ffi::OsString;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// A value as written.
#[derive(Debug, Clone)]
pub(crate) struct Raw {
    pub(crate) value: RawValue,
    /// The line in the settings file, from 1; `None` elsewhere.
    pub(crate) line: Option<u32>,
}

#[derive(Debug, Clone)]
pub(crate) enum RawValue {
    /// From the environment or an argument: text that may not be UTF-8.
    Os(OsString),
    Text(String),
    Number {
        value: i128,
        radix: u32,
    },
    Flag(bool),
    List(Vec<Raw>),
    Table(Vec<(String, Raw)>),
    /// A kind of TOML value that no setting takes, by its name.
    Other(&'static str),
}

impl RawValue {
    /// The kind of value, with its article, for "…, not a list".
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Os(_) | Self::Text(_) => "text",
            Self::Number { .. } => "a number",
            Self::Flag(_) => "`true` or `false`",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(name) => name,
        }
    }
}

/// A section or a setting of the file, in the order of their lines.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// The line of the name.
    pub(crate) line: u32,
    pub(crate) raw: Raw,
}

/// A place where the text is not TOML.
#[derive(Debug)]
pub(crate) struct SyntaxError {
    pub(crate) line: u32,
    pub(crate) message: String,
}

/// Reads the top level of a settings file. The parser goes on after an error, so that one
/// missing quote does not hide the mistakes after it.
pub(crate) fn parse(text: &str) -> (Vec<Entry>, Vec<SyntaxError>) {
    let lines = Lines::of(text);
    let (table, errors) = DeTable::parse_recoverable(text);
    let errors = errors
        .into_iter()
        .map(|error| SyntaxError {
            line: lines.line(error.span().map_or(0, |span| span.start)),
            message: error.message().to_owned(),
        })
        .collect();
    (lines.entries(table.get_ref()), errors)
}

struct Lines {
    /// The offset of each line's first byte.
    starts: Vec<usize>,
}

impl Lines {
    fn of(text: &str) -> Self {
        let after_newlines = text
            .bytes()
            .enumerate()
            .filter(|(_, b)| *b == b'\n')
            .map(|(i, _)| i + 1);
        Self {
            starts: std::iter::once(0).chain(after_newlines).collect(),
        }
    }

    fn line(&self, offset: usize) -> u32 {
        let line = self.starts.partition_point(|start| *start <= offset);
        u32::try_from(line).unwrap_or(u32::MAX)
    }

    fn entries(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut entries: Vec<_> = table
            .iter()
            .map(|(name, value)| Entry {
                name: name.get_ref().to_string(),
                line: self.line(name.span().start),
                raw: self.raw(value),
            })
            .collect();
        entries.sort_by_key(|entry| entry.line);
        entries
    }

    fn raw(&self, value: &Spanned<DeValue<'_>>) -> Raw {
        let line = Some(self.line(value.span().start));
        let value = match value.get_ref() {
            DeValue::String(text) => RawValue::Text(text.to_string()),
            DeValue::Integer(number) => {
                match i128::from_str_radix(number.as_str(), number.radix()) {
                    Ok(value) => RawValue::Number {
                        value,
                        radix: number.radix(),
                    },
                    Err(_) => RawValue::Other("a number that long"),
                }
            }
            DeValue::Boolean(flag) => RawValue::Flag(*flag),
            DeValue::Array(items) => {
                RawValue::List(items.iter().map(|item| self.raw(item)).collect())
            }
            DeValue::Table(table) => RawValue::Table(
                self.entries(table)
                    .into_iter()
                    .map(|e| {
                        (
                            e.name,
                            Raw {
                                line: Some(e.line),
                                ..e.raw
                            },
                        )
                    })
                    .collect(),
            ),
            DeValue::Float(_) => RawValue::Other("a number with a fraction"),
            DeValue::Datetime(_) => RawValue::Other("a date"),
        };
        Raw { value, line }
    }
}
