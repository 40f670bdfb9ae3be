//! The names of certificates' subjects (RFC 4514), in the one form in which they are compared.

use crate::certificate::hex_pair;
use crate::name::is_unprintable;
use std::fmt;
use std::str::FromStr;

/// The subject of a certificate, as `CN=ann,OU=staff,O=Example`: the most specific part first
/// (RFC 4514 §2.1), which is `openssl x509 -subject -nameopt RFC2253`, not what it prints without.
///
/// Two are equal when they have the same parts in the same order. What does not count: the case of
/// attribute types and whether they are given by name or number, spaces around `,`, `+` and `=`,
/// the order within a part of several attributes, and how a character is escaped. Values are
/// compared byte for byte: `Ann` is another name than `ann`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DistinguishedName(Box<str>);

/// Why a text is not the name of a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DistinguishedNameError {
    /// Nothing there: it would be the name of every certificate without one.
    #[error("a subject has at least one part, as in `CN=ann`")]
    Empty,
    /// More than [`DistinguishedName::MAX`] bytes.
    #[error("a subject has at most {} bytes", DistinguishedName::MAX)]
    TooLong,
    /// The form with slashes that OpenSSL printed once.
    #[error(
        "the parts of a subject are separated by commas\n\nhint: `openssl x509 -noout -subject -nameopt RFC2253 -in FILE` prints it"
    )]
    Slashes,
    /// A part without `=`.
    #[error(
        "`{0}` has no `=`\n\nhint: a comma or plus sign that belongs to a value is written with a `\\` before it"
    )]
    NoValue(String),
    /// A type that has no name here.
    #[error(
        "`{0}` is not a known attribute type\n\nhint: give its number, as in `2.5.4.3` for `CN`"
    )]
    Type(String),
    /// A type with nothing after its `=`.
    #[error("`{0}` has no value")]
    EmptyValue(String),
    /// A character that RFC 4514 wants escaped.
    #[error("`{0}` in a value is written as `\\{0}`")]
    Unescaped(char),
    /// A `\` before something that cannot be escaped.
    #[error(
        "a `\\` stands before two hexadecimal digits or one of `\" # + , ; < = > \\` and the space"
    )]
    Escape,
    /// A value after `#` that is not hexadecimal.
    #[error("a value that begins with `#` goes on with pairs of hexadecimal digits")]
    Hexadecimal,
    /// Escaped bytes that are not UTF-8.
    #[error("a value is UTF-8")]
    NotUtf8,
}

impl DistinguishedName {
    /// The greatest length in bytes.
    pub const MAX: usize = 4096;

    /// The name in its one form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for DistinguishedName {
    type Err = DistinguishedNameError;

    fn from_str(text: &str) -> Result<Self, DistinguishedNameError> {
        if text.len() > Self::MAX {
            return Err(DistinguishedNameError::TooLong);
        }
        if text.trim_matches(' ').is_empty() {
            return Err(DistinguishedNameError::Empty);
        }
        if text.trim_start_matches(' ').starts_with('/') {
            return Err(DistinguishedNameError::Slashes);
        }
        let (mut name, mut rest) = (String::new(), Some(text));
        while let Some(part) = rest {
            if !name.is_empty() {
                name.push(',');
            }
            rest = read_part(part, &mut name)?;
        }
        if name.len() > Self::MAX {
            return Err(DistinguishedNameError::TooLong);
        }
        Ok(Self(name.into()))
    }
}

impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

/// What was read, then the separator after it and the rest, or the end.
type Read<'a, T> = Result<(T, Option<(char, &'a str)>), DistinguishedNameError>;

/// Reads one part (a relative distinguished name) and gives what stands after its comma.
fn read_part<'a>(
    text: &'a str,
    name: &mut String,
) -> Result<Option<&'a str>, DistinguishedNameError> {
    let (mut attributes, mut rest) = (Vec::new(), text);
    let after = loop {
        let (attribute, after) = read_attribute(rest)?;
        attributes.push(attribute);
        match after {
            Some(('+', after)) => rest = after,
            Some((_, after)) => break Some(after),
            None => break None,
        }
    };
    // A part is a set (X.501 §9.3).
    attributes.sort_unstable();
    name.push_str(&attributes.join("+"));
    Ok(after)
}

/// Reads `type = value` and gives it in its one form, and what stands after the separator.
fn read_attribute(text: &str) -> Read<'_, String> {
    let end = text.find(['=', ',', '+']).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    let word = word.trim_matches(' ');
    let Some(rest) = rest.strip_prefix('=') else {
        return Err(DistinguishedNameError::NoValue(printable(word)));
    };
    let mut attribute =
        attribute_type(word).ok_or_else(|| DistinguishedNameError::Type(printable(word)))?;
    attribute.push('=');
    let rest = rest.trim_start_matches(' ');
    let (value, after) = match rest.strip_prefix('#') {
        Some(digits) => read_hexadecimal(digits)?,
        None => read_text(rest)?,
    };
    match value {
        Value::Text(text) if text.is_empty() => {
            return Err(DistinguishedNameError::EmptyValue(printable(word)));
        }
        Value::Text(text) => write_text(&text, &mut attribute),
        Value::Der(bytes) => {
            attribute.push('#');
            write_hexadecimal(&bytes, "", &mut attribute);
        }
    }
    Ok((attribute, after))
}

enum Value {
    Text(String),
    /// The DER of a value that is no text here.
    Der(Vec<u8>),
}

/// RFC 4514 §2.4, and spaces before the separator.
fn read_text(text: &str) -> Read<'_, Value> {
    // What an escape wrote is no space around a separator.
    let (mut value, mut escaped) = (Vec::new(), 0);
    let mut rest = text;
    let after = loop {
        let mut chars = rest.chars();
        let Some(c) = chars.next() else {
            break None;
        };
        rest = chars.as_str();
        match c {
            ',' | '+' => break Some((c, rest)),
            '"' | ';' | '<' | '>' | '\0' => {
                return Err(DistinguishedNameError::Unescaped(c));
            }
            '\\' => {
                let (byte, after) = unescape(rest)?;
                value.push(byte);
                escaped = value.len();
                rest = after;
            }
            c => value.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    };
    while value.len() > escaped && value.last() == Some(&b' ') {
        value.pop();
    }
    let value = String::from_utf8(value).map_err(|_| DistinguishedNameError::NotUtf8)?;
    Ok((Value::Text(value), after))
}

fn unescape(text: &str) -> Result<(u8, &str), DistinguishedNameError> {
    if let Some((pair, rest)) = text.split_at_checked(2)
        && let Some(byte) = hex_pair(pair)
    {
        return Ok((byte, rest));
    }
    match text.as_bytes().first() {
        Some(byte) if ESCAPABLE.contains(byte) => Ok((*byte, &text[1..])),
        _ => Err(DistinguishedNameError::Escape),
    }
}

/// `#` and the DER of a value, which RFC 4514 §2.4 asks for where the type is a number. A string
/// in it is the same value as the string itself.
fn read_hexadecimal(text: &str) -> Read<'_, Value> {
    let end = text.find([',', '+']).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    let digits = digits.trim_end_matches(' ');
    let bytes: Option<Vec<u8>> = (0..digits.len())
        .step_by(2)
        .map(|at| digits.get(at..at + 2).and_then(hex_pair))
        .collect();
    let bytes = bytes
        .filter(|bytes| !bytes.is_empty())
        .ok_or(DistinguishedNameError::Hexadecimal)?;
    let value = match der_text(&bytes) {
        Some(text) => Value::Text(text.to_owned()),
        None => Value::Der(bytes),
    };
    let mut after = rest.chars();
    Ok((value, after.next().map(|c| (c, after.as_str()))))
}

/// The text of a DER UTF8String, NumericString, PrintableString or IA5String; not of the others,
/// whose bytes mean different characters to different programs.
fn der_text(der: &[u8]) -> Option<&str> {
    let (&tag, rest) = der.split_first()?;
    let (length, content) = match rest {
        [length @ ..=0x7f, content @ ..] => (usize::from(*length), content),
        [0x81, length @ 0x80..=0xff, content @ ..] => (usize::from(*length), content),
        [0x82, high @ 1..=0xff, low, content @ ..] => {
            (usize::from(u16::from_be_bytes([*high, *low])), content)
        }
        _ => return None,
    };
    let readable = match tag {
        0x0c => true,
        0x12 | 0x13 | 0x16 => content.is_ascii(),
        _ => false,
    };
    if !readable || content.len() != length {
        return None;
    }
    std::str::from_utf8(content).ok()
}

/// The one form of a type: its short name where it has one here, else its number.
fn attribute_type(word: &str) -> Option<String> {
    let known = TYPES.iter().find(|(number, names)| {
        *number == word || names.iter().any(|name| name.eq_ignore_ascii_case(word))
    });
    if let Some((_, [name, ..])) = known {
        return Some((*name).to_owned());
    }
    is_number(word).then(|| word.to_owned())
}

/// Whether this is an object identifier as RFC 4512 §1.4 writes it: at least two numbers, none of
/// them with a zero before it.
fn is_number(word: &str) -> bool {
    let plain = |number: &str| {
        !number.is_empty()
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && (number == "0" || !number.starts_with('0'))
    };
    word.contains('.') && word.split('.').all(plain)
}

fn write_text(text: &str, to: &mut String) {
    let last = text.len() - 1;
    for (at, c) in text.char_indices() {
        let escaped = match c {
            ' ' => at == 0 || at == last,
            '#' => at == 0,
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => true,
            _ => false,
        };
        if is_unprintable(c) {
            write_hexadecimal(c.encode_utf8(&mut [0; 4]).as_bytes(), "\\", to);
        } else if escaped {
            to.extend(['\\', c]);
        } else {
            to.push(c);
        }
    }
}

fn write_hexadecimal(bytes: &[u8], before: &str, to: &mut String) {
    for byte in bytes {
        to.push_str(&format!("{before}{byte:02X}"));
    }
}

fn printable(word: &str) -> String {
    let end = word.floor_char_boundary(40);
    word[..end].escape_debug().to_string()
}

const ESCAPABLE: &[u8] = b"\"#+,;<=>\\ ";

/// Numbers and names of attribute types, the name that is written first: RFC 4514 §3, RFC 4519,
/// RFC 2985, the EV guidelines, and what OpenSSL and Windows call them.
const TYPES: &[(&str, &[&str])] = &[
    ("2.5.4.3", &["CN", "commonName"]),
    ("2.5.4.4", &["SN", "surname"]),
    ("2.5.4.5", &["serialNumber"]),
    ("2.5.4.6", &["C", "countryName"]),
    ("2.5.4.7", &["L", "localityName"]),
    ("2.5.4.8", &["ST", "S", "stateOrProvinceName"]),
    ("2.5.4.9", &["STREET", "streetAddress"]),
    ("2.5.4.10", &["O", "organizationName"]),
    ("2.5.4.11", &["OU", "organizationalUnitName"]),
    ("2.5.4.12", &["title", "T"]),
    ("2.5.4.13", &["description"]),
    ("2.5.4.15", &["businessCategory"]),
    ("2.5.4.16", &["postalAddress"]),
    ("2.5.4.17", &["postalCode"]),
    ("2.5.4.20", &["telephoneNumber"]),
    ("2.5.4.41", &["name"]),
    ("2.5.4.42", &["GN", "givenName", "G"]),
    ("2.5.4.43", &["initials", "I"]),
    ("2.5.4.44", &["generationQualifier"]),
    ("2.5.4.45", &["x500UniqueIdentifier"]),
    ("2.5.4.46", &["dnQualifier"]),
    ("2.5.4.51", &["houseIdentifier"]),
    ("2.5.4.65", &["pseudonym"]),
    ("2.5.4.72", &["role"]),
    ("2.5.4.97", &["organizationIdentifier"]),
    ("0.9.2342.19200300.100.1.1", &["UID", "userId"]),
    ("0.9.2342.19200300.100.1.3", &["mail", "rfc822Mailbox"]),
    ("0.9.2342.19200300.100.1.25", &["DC", "domainComponent"]),
    ("1.2.840.113549.1.9.1", &["emailAddress", "E", "email"]),
    ("1.2.840.113549.1.9.2", &["unstructuredName"]),
    ("1.2.840.113549.1.9.8", &["unstructuredAddress"]),
    (
        "1.3.6.1.4.1.311.60.2.1.1",
        &["jurisdictionL", "jurisdictionLocalityName"],
    ),
    (
        "1.3.6.1.4.1.311.60.2.1.2",
        &["jurisdictionST", "jurisdictionStateOrProvinceName"],
    ),
    (
        "1.3.6.1.4.1.311.60.2.1.3",
        &["jurisdictionC", "jurisdictionCountryName"],
    ),
];

#[cfg(test)]
#[path = "distinguished_name_tests.rs"]
mod tests;
