use super::{Permissions, PermissionsError};
use crate::permission::{Permission, PermissionSet};
use proptest::prelude::{Strategy, any, proptest};

#[test]
fn the_longest_prefix_of_whole_components_decides() {
    let permissions = parse("read-only,/incoming=upload-only,/incoming/x=list+read+delete");
    for (path, expected) in [
        ("/", "read-only"),
        ("/a", "read-only"),
        ("/incoming", "upload-only"),
        ("/incoming/a/b", "upload-only"),
        ("/incoming2", "read-only"),
        ("/incoming/x", "list,read,delete"),
        ("/incoming/x/y", "list,read,delete"),
        ("/incoming/xy", "upload-only"),
        ("/Incoming", "read-only"),
        ("/a/incoming", "read-only"),
    ] {
        assert_eq!(
            permissions.at(path.as_bytes()).to_string(),
            expected,
            "{path}"
        );
    }
}

#[test]
fn a_path_that_is_not_normalised_may_do_nothing_where_rules_are() {
    let permissions = parse("full,/secret=none");
    for path in [
        "/a/../secret",
        "/./secret",
        "//secret",
        "/secret/",
        "secret",
        "",
        "/a\0",
    ] {
        assert!(permissions.at(path.as_bytes()).is_empty(), "{path:?}");
    }
    assert_eq!(parse("full").at(b"/a/../b"), PermissionSet::FULL);
}

#[test]
fn a_folder_above_a_rule_is_known() {
    let permissions = parse("full,/a/locked=read-only");
    for (path, expected) in [
        ("/", true),
        ("/a", true),
        ("/a/locked", false),
        ("/a/lock", false),
        ("/a/locked/x", false),
        ("/b", false),
    ] {
        assert_eq!(
            permissions.has_rules_below(path.as_bytes()),
            expected,
            "{path}"
        );
    }
    assert!(!parse("full").has_rules_below(b"/"));
}

#[test]
fn text_is_read_with_spaces_and_written_in_one_form() {
    for (text, written) in [
        ("full", "full"),
        ("list , read", "read-only"),
        (
            "read-only, /in=create+mkdir, /a=full",
            "read-only,/a=full,/in=upload-only",
        ),
        ("none,/in/=read", "none,/in=read"),
        ("none,/%2c%25%3D%ff\u{e4}=read", "none,/%2C%25%3D%FFä=read"),
        ("none,/with space =read", "none,/with space =read"),
        ("none,/a+b=read", "none,/a+b=read"),
    ] {
        assert_eq!(parse(text).to_string(), written, "{text}");
    }
    assert_eq!(
        parse("none,/with space =read").at(b"/with space "),
        PermissionSet::of(&[Permission::Read])
    );
}

#[test]
fn f26_what_cannot_be_understood_is_an_error() {
    for (text, told) in [
        ("", "`` is not a permission"),
        ("fulll", "`fulll` is not a permission; there are `list`"),
        ("full,", "`` is not a permission"),
        ("/a=full", "say first what holds elsewhere"),
        ("full,/a=read,list", "`list` stands after a prefix"),
        ("full,/a", "`/a` has no `=`"),
        ("full,/a=", "`` is not a permission"),
        ("full,/a=read+x", "`x` is not a permission"),
        ("full,/a/../b=read", "`/a/../b` has `.` or `..` in it"),
        ("full,/a//b=read", "has `//` in it"),
        ("full,/a//=read", "has `//` in it"),
        ("full,/./a=read", "has `.` or `..` in it"),
        ("full,/=read", "`/` is everything"),
        ("full,//=read", "`//` is everything"),
        ("full,a/b=read", "`a/b` does not begin with `/`"),
        ("full,/a%00=read", "has a NUL in it"),
        ("full,/a%=read", "has a `%` without"),
        ("full,/a%+1=read", "has a `%` without"),
        ("full,/a=b=read", "or a bare `=`"),
        ("full,/a=read,/a/=full", "`/a` is there twice"),
    ] {
        let error = text.parse::<Permissions>().unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
}

#[test]
fn the_number_and_length_of_prefixes_have_a_limit() {
    let rules = |count: usize| {
        (0..count)
            .map(|n| format!(",/{n}=read"))
            .collect::<String>()
    };
    assert_eq!(parse(&format!("full{}", rules(256))).rules().count(), 256);
    let error = format!("full{}", rules(257))
        .parse::<Permissions>()
        .unwrap_err();
    assert_eq!(error, PermissionsError::TooMany);
    let long = format!("full,/{}=read", "x".repeat(Permissions::MAX_PREFIX));
    assert!(
        long.parse::<Permissions>()
            .unwrap_err()
            .to_string()
            .ends_with("is too long")
    );
}

proptest! {
    #[test]
    fn what_is_written_reads_back(permissions in permissions()) {
        assert_eq!(permissions.to_string().parse(), Ok(permissions));
    }

    #[test]
    fn at_agrees_with_components_counted_slowly(permissions in permissions(), path in components()) {
        let longest = permissions
            .rules()
            .filter(|(prefix, _)| {
                let prefix: Vec<&[u8]> = prefix[1..].split(|b| *b == b'/').collect();
                path.len() >= prefix.len() && path.iter().zip(&prefix).all(|(a, b)| a == b)
            })
            .max_by_key(|(prefix, _)| prefix.len());
        let expected = longest.map_or_else(|| permissions.base(), |(_, set)| set);
        assert_eq!(permissions.at(&joined(&path)), expected);
    }

    #[test]
    fn no_text_panics(text in any::<String>(), tail in "[,/=+%a-z. ]{0,20}") {
        let _ = text.parse::<Permissions>();
        let _ = format!("full,/{tail}").parse::<Permissions>();
    }
}

fn permissions() -> impl Strategy<Value = Permissions> {
    let rules = proptest::collection::vec((components(), set()), 0..6);
    (set(), rules).prop_map(|(base, rules)| {
        rules.into_iter().fold(
            Permissions::everywhere(base),
            |permissions, (prefix, set)| {
                permissions
                    .clone()
                    .with_rule(&joined(&prefix), set)
                    .unwrap_or(permissions)
            },
        )
    })
}

fn components() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let few = proptest::sample::select(vec!["a", "b", "aa", "a=b", "c,d", " ", "%", "ä"])
        .prop_map(|text| text.as_bytes().to_vec());
    let any = proptest::collection::vec(any::<u8>(), 1..4).prop_filter("one component", |bytes| {
        !bytes.contains(&b'/') && !bytes.contains(&0) && bytes != b"." && bytes != b".."
    });
    proptest::collection::vec(proptest::prop_oneof![4 => few, 1 => any], 1..4)
}

fn set() -> impl Strategy<Value = PermissionSet> {
    proptest::sample::subsequence(Permission::ALL.to_vec(), 0..=12)
        .prop_map(|permissions| permissions.into_iter().collect())
}

fn joined(components: &[Vec<u8>]) -> Vec<u8> {
    components
        .iter()
        .flat_map(|component| [b"/", &component[..]].concat())
        .collect()
}

fn parse(text: &str) -> Permissions {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}
