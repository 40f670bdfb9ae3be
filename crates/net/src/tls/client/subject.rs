//! Subjects as text (RFC 4514).

use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use x509_parser::asn1_rs::Tag;
use x509_parser::parse_x509_certificate;
use x509_parser::x509::{AttributeTypeAndValue, X509Name};

/// The subject of `certificate`; empty when it has none that can be read.
pub(super) fn of(certificate: &CertificateDer<'_>) -> String {
    match parse_x509_certificate(certificate) {
        Ok((_, parsed)) => text(parsed.subject()),
        Err(_) => String::new(),
    }
}

/// RFC 4514 3, and what OpenSSL calls attributes beyond it: an administrator copies from there.
const TYPES: [(&str, &str); 20] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.4", "SN"),
    ("2.5.4.5", "serialNumber"),
    ("2.5.4.6", "C"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.9", "street"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.12", "title"),
    ("2.5.4.13", "description"),
    ("2.5.4.17", "postalCode"),
    ("2.5.4.41", "name"),
    ("2.5.4.42", "GN"),
    ("2.5.4.43", "initials"),
    ("2.5.4.46", "dnQualifier"),
    ("2.5.4.97", "organizationIdentifier"),
    ("0.9.2342.19200300.100.1.1", "UID"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("1.2.840.113549.1.9.1", "emailAddress"),
];

/// The last first (RFC 4514 2.1); within a set, which has no order of its own, as OpenSSL does.
fn text(name: &X509Name<'_>) -> String {
    let backwards = |mut parts: Vec<String>, between: &str| {
        parts.reverse();
        parts.join(between)
    };
    let sets = name.iter_rdn();
    let sets = sets.map(|set| backwards(set.iter().map(attribute).collect(), "+"));
    backwards(sets.collect(), ",")
}

fn attribute(attribute: &AttributeTypeAndValue<'_>) -> String {
    let id = attribute.attr_type().to_id_string();
    let known = TYPES.iter().find(|(own, _)| *own == id);
    match (known, string(attribute)) {
        (Some((_, name)), Some(value)) => format!("{name}={}", escaped(&value)),
        (Some((_, name)), None) => format!("{name}=#{}", hexadecimal(attribute)),
        (None, _) => format!("{id}=#{}", hexadecimal(attribute)),
    }
}

/// The value where it is of a kind of string; `None` when it is another, or not what it says.
fn string(attribute: &AttributeTypeAndValue<'_>) -> Option<String> {
    let bytes = attribute.as_slice();
    match attribute.attr_value().tag() {
        Tag::Utf8String | Tag::PrintableString | Tag::NumericString | Tag::Ia5String => {
            String::from_utf8(bytes.to_vec()).ok()
        }
        // T.61 in name; what is meant by it is Latin-1.
        Tag::TeletexString => Some(bytes.iter().copied().map(char::from).collect()),
        Tag::BmpString => {
            let (pairs, rest) = bytes.as_chunks::<2>();
            let units: Vec<u16> = pairs.iter().map(|pair| u16::from_be_bytes(*pair)).collect();
            rest.is_empty().then(|| String::from_utf16(&units).ok())?
        }
        Tag::UniversalString => {
            let (units, rest) = bytes.as_chunks::<4>();
            let letters = units
                .iter()
                .map(|unit| char::from_u32(u32::from_be_bytes(*unit)));
            rest.is_empty().then(|| letters.collect())?
        }
        _ => None,
    }
}

/// RFC 4514 2.4. Control characters too, so that the text is one line in any log.
fn escaped(value: &str) -> String {
    let last = value.chars().count().saturating_sub(1);
    let mut text = String::with_capacity(value.len());
    for (index, letter) in value.chars().enumerate() {
        match letter {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => text.extend(['\\', letter]),
            '#' if index == 0 => text.push_str("\\#"),
            ' ' if index == 0 || index == last => text.push_str("\\ "),
            _ if letter.is_control() => {
                for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                    let _ = write!(text, "\\{byte:02X}");
                }
            }
            _ => text.push(letter),
        }
    }
    text
}

/// The DER of the value: tag, length, content.
fn hexadecimal(attribute: &AttributeTypeAndValue<'_>) -> String {
    let value = attribute.attr_value();
    let content = attribute.as_slice();
    let length = content.len().to_be_bytes();
    let length = &length[length.iter().take_while(|&&byte| byte == 0).count()..];
    let constructed = if value.header.is_constructed() {
        0x20
    } else {
        0
    };
    // Tags of values in names are all below 31, so of one byte.
    let tag = u8::try_from(value.tag().0).unwrap_or(0x1f) & 0x1f;
    let mut der = vec![(value.class() as u8) << 6 | constructed | tag];
    match length {
        [] => der.push(0),
        [short] if *short < 0x80 => der.push(*short),
        long => {
            der.push(0x80 | u8::try_from(long.len()).unwrap_or(0));
            der.extend(long);
        }
    }
    der.extend(content);
    der.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02X}");
        text
    })
}

#[cfg(test)]
mod tests;
