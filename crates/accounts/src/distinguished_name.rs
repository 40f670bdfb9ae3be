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

/// The text of a DER UTF8String, PrintableString or IA5String; not of the others, whose bytes mean
/// different characters to different programs.
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
        0x13 | 0x16 => content.is_ascii(),
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
mod tests {
    use super::DistinguishedNameError as Error;
    use super::{DistinguishedName, TYPES};
    use proptest::prelude::{any, proptest};
    use std::collections::HashSet;

    /// What is written in each of these ways is one name.
    #[test]
    fn names_are_equal_however_they_are_written() {
        for same in [
            &[
                "CN=ann,O=Example",
                " cn = ann , o = Example ",
                "2.5.4.3=ann,organizationName=Example",
            ][..],
            &["CN=a\\,b", "CN=a\\2cb", "CN=a\\2Cb"],
            &["CN=a b", "CN=a\\20b", "CN=a\\ b"],
            &["CN=\\ a\\ ", "CN=\\20a\\20", "CN= \\ a\\  "],
            &["CN=\\#a", "CN=\\23a"],
            &["CN=a#=b", "CN=a\\#\\=b"],
            &[
                "CN=Lu\u{10d}i\u{107}",
                "CN=Lu\\C4\\8Di\\C4\\87",
                "2.5.4.3=#0c074c75c48d69c487",
            ],
            &["CN=ann+UID=7", "uid = 7 + cn = ann"],
            &[
                "emailAddress=ann@example.org",
                "E=ann@example.org",
                "1.2.840.113549.1.9.1=#160f616e6e406578616d706c652e6f7267",
            ],
            &[
                "CN=ann",
                "CN=#0C03616E6E",
                "CN=#1303616e6e ",
                "CN= #0c03616e6e",
            ],
            &["1.2.3=a\\00b\\0A", "1.2.3=#0c046100620A", "1.2.3=a\\00b\n"],
            &["1.2.3=#04024a4b", "1.2.3 = #04024A4B "],
        ] {
            let first = name(same[0]);
            for text in same {
                assert_eq!(name(text), first, "{text}");
                assert_eq!(name(text).as_str(), first.as_str());
            }
        }
    }

    #[test]
    fn names_that_look_alike_stay_apart() {
        let names = [
            "CN=ann",
            "CN=Ann",
            "CN=ann\\ ",
            "CN=\\ ann",
            "CN=an n",
            "CN=an  n",
            "CN=ann\\00",
            "CN=ann,O=Example",
            "O=Example,CN=ann",
            "CN=ann+O=Example",
            "CN=ann\\,O\\=Example",
            "CN=ann\\,O=Example",
            "OU=ann",
            "CN=ann,CN=ann",
            "UID=ann",
            "CN=#0C04616E6E",
            "CN=#1E060061006E006E",
            "CN=\\#0C03616E6E",
            "CN=ann\u{308}",
        ];
        let mut seen = HashSet::new();
        for text in names {
            // `=` needs no escape within a value, so these two are one.
            let twin = text == "CN=ann\\,O=Example";
            assert_eq!(seen.insert(name(text)), !twin, "{text}");
        }
    }

    #[test]
    fn the_one_form_is_what_rfc_4514_writes() {
        for (text, form) in [
            // The examples of RFC 4514 §4.
            (
                "UID=jsmith,DC=example,DC=net",
                "UID=jsmith,DC=example,DC=net",
            ),
            (
                "OU=Sales+CN=J.  Smith,DC=example,DC=net",
                "CN=J.  Smith+OU=Sales,DC=example,DC=net",
            ),
            (
                r#"CN=James \"Jim\" Smith\, III,DC=net"#,
                r#"CN=James \"Jim\" Smith\, III,DC=net"#,
            ),
            (r"CN=Before\0dAfter,DC=net", r"CN=Before\0DAfter,DC=net"),
            (
                "1.3.6.1.4.1.1466.0=#04024869",
                "1.3.6.1.4.1.1466.0=#04024869",
            ),
            ("cn=a\u{202e}b", r"CN=a\E2\80\AEb"),
            ("cn=\\<a\\>\\;\\+\\\\", r"CN=\<a\>\;\+\\"),
            ("cn=  a  b  ", "CN=a  b"),
            ("cn=\\ ", "CN=\\ "),
        ] {
            assert_eq!(name(text).as_str(), form, "{text}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for (text, error) in [
            ("", Error::Empty),
            ("  ", Error::Empty),
            ("/C=DE/CN=ann", Error::Slashes),
            ("ann", Error::NoValue("ann".to_owned())),
            ("CN=ann,", Error::NoValue(String::new())),
            ("CN=ann+", Error::NoValue(String::new())),
            (",CN=ann", Error::NoValue(String::new())),
            ("CN=Smith, John", Error::NoValue("John".to_owned())),
            ("CM=ann", Error::Type("CM".to_owned())),
            ("=ann", Error::Type(String::new())),
            ("2.5.=a", Error::Type("2.5.".to_owned())),
            ("2.05.4.3=a", Error::Type("2.05.4.3".to_owned())),
            ("2=a", Error::Type("2".to_owned())),
            ("c\u{1b}=a", Error::Type("c\\u{1b}".to_owned())),
            ("CN=", Error::EmptyValue("CN".to_owned())),
            ("CN= ,O=x", Error::EmptyValue("CN".to_owned())),
            ("CN=#0C00", Error::EmptyValue("CN".to_owned())),
            ("CN=\"ann\"", Error::Unescaped('"')),
            ("CN=ann;O=x", Error::Unescaped(';')),
            ("CN=a<b", Error::Unescaped('<')),
            ("CN=ann\0", Error::Unescaped('\0')),
            ("CN=a\\", Error::Escape),
            ("CN=a\\é", Error::Escape),
            ("CN=a\\2", Error::Escape),
            ("CN=a\\+2\\g0", Error::Escape),
            ("CN=#", Error::Hexadecimal),
            ("CN=#0C0", Error::Hexadecimal),
            ("CN=#0C é", Error::Hexadecimal),
            ("CN=\\ff", Error::NotUtf8),
        ] {
            assert_eq!(text.parse::<DistinguishedName>(), Err(error), "{text:?}");
        }
        let long = format!("CN={}", "x".repeat(DistinguishedName::MAX));
        assert_eq!(long.parse::<DistinguishedName>(), Err(Error::TooLong));
        let grows = format!("CN={}", "\n".repeat(DistinguishedName::MAX / 2));
        assert_eq!(grows.parse::<DistinguishedName>(), Err(Error::TooLong));
    }

    #[test]
    fn no_two_attribute_types_share_a_name_or_number() {
        let mut seen = HashSet::new();
        for (number, names) in TYPES {
            assert!(seen.insert((*number).to_owned()) && !names.is_empty());
            for name in *names {
                assert!(seen.insert(name.to_lowercase()), "{name}");
            }
        }
    }

    #[test]
    fn only_whole_der_strings_are_text() {
        for der in [
            "#0C04616E6E",
            "#0C02616E6E",
            "#0C",
            "#1301",
            "#0C8103616E6E",
            "#1302C3A4",
            "#0C01FF",
            "#1403616E6E",
        ] {
            let text = format!("CN={der}");
            assert_eq!(name(&text).as_str(), text);
        }
        let long = "a".repeat(300);
        let hex: String = long.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            name(&format!("CN=#0c82012c{hex}")),
            name(&format!("CN={long}"))
        );
        assert_eq!(
            name(&format!("CN=#0c81c8{}", &hex[..400])),
            name(&format!("CN={}", &long[..200]))
        );
    }

    proptest! {
        #[test]
        fn f26_what_passes_reads_back_as_itself(text in "(CN|o|2\\.5\\.4\\.11|1\\.2\\.3)?[ =]?(.|\\\\[0-9a-f]{2}|[,+=# \\\\\"]){0,12}") {
            if let Ok(name) = text.parse::<DistinguishedName>() {
                assert_eq!(name.as_str().parse(), Ok(name.clone()));
                assert!(!name.as_str().contains(char::is_control));
            }
        }

        #[test]
        fn every_value_has_one_name(one in any::<String>(), other in any::<String>()) {
            let written = |value: &str| value.bytes().map(|byte| format!("\\{byte:02x}")).collect::<String>();
            if !one.is_empty() && !other.is_empty() {
                let (first, second) = (format!("CN={}", written(&one)), format!("CN={}", written(&other)));
                assert_eq!(name(&first) == name(&second), one == other);
                assert_eq!(name(&first).as_str().parse(), Ok(name(&first)));
            }
        }
    }

    fn name(text: &str) -> DistinguishedName {
        text.parse()
            .unwrap_or_else(|error| panic!("{text}: {error}"))
    }
}
