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
            "CN=#1603616E6E",
        ],
        &["2.5.4.5=#12023132", "serialNumber=12"],
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
