//! Patterns for one component of a path: `*`, `?`, `[a-z]`, `[!a-z]` and `\`. No braces, no `~`,
//! nothing recursive, and no matching that takes more than pattern times name (security F11).

/// A pattern, ready to match names.
///
/// A name that begins with a dot is matched like any other: whether hidden files are listed is
/// for the listing to say.
#[derive(Debug, Clone)]
pub struct Pattern(Vec<Token>);

#[derive(Debug, Clone)]
enum Token {
    Byte(u8),
    /// `?`
    Any,
    /// `*`; never two in a row.
    Star,
    Class(ByteSet),
}

/// One bit for each byte, so that a long class costs no more than a short one.
#[derive(Debug, Clone, Copy)]
struct ByteSet([u128; 2]);

/// Whether it is a pattern at all: has `*`, `?` or `[`. Without them a name is to be taken as it
/// is, also a `\` in it.
#[must_use]
pub fn has_magic(name: &[u8]) -> bool {
    memchr::memchr3(b'*', b'?', b'[', name).is_some()
}

impl Pattern {
    /// Reads a pattern; anything is one. A `[` without its `]` and a `\` at the end stand for
    /// themselves.
    #[must_use]
    pub fn new(pattern: &[u8]) -> Self {
        let mut tokens = Vec::new();
        let mut rest = pattern;
        while let Some((&byte, after)) = rest.split_first() {
            rest = after;
            let token = match byte {
                b'*' if matches!(tokens.last(), Some(Token::Star)) => continue,
                b'*' => Token::Star,
                b'?' => Token::Any,
                b'[' => match class(after) {
                    Some((set, after)) => {
                        rest = after;
                        Token::Class(set)
                    }
                    None => Token::Byte(b'['),
                },
                b'\\' => match after.split_first() {
                    Some((&escaped, after)) => {
                        rest = after;
                        Token::Byte(escaped)
                    }
                    None => Token::Byte(b'\\'),
                },
                byte => Token::Byte(byte),
            };
            tokens.push(token);
        }
        Self(tokens)
    }

    /// Whether the whole name matches. Takes at most pattern length times name length steps.
    #[must_use]
    pub fn matches(&self, name: &[u8]) -> bool {
        let mut unlimited = u64::MAX;
        self.matches_within(name, &mut unlimited).unwrap_or(false)
    }

    /// As [`Self::matches`], taking its steps out of `steps`; `None` when they are used up. With
    /// one budget for a whole listing, a directory full of names made for a pattern, and a pattern
    /// made for them, cost no more than any other.
    pub fn matches_within(&self, name: &[u8], steps: &mut u64) -> Option<bool> {
        let tokens = self.0.as_slice();
        let (mut token_at, mut name_at) = (0, 0);
        // After the last star: its successor, and where in the name that is tried next. An earlier
        // star need never be tried again, for what the last one can take the earlier can leave.
        let mut retry: Option<(usize, usize)> = None;
        loop {
            *steps = steps.checked_sub(1)?;
            let matched = match (tokens.get(token_at), name.get(name_at)) {
                (None, None) => return Some(true),
                (Some(Token::Star), _) => {
                    token_at += 1;
                    retry = Some((token_at, name_at));
                    continue;
                }
                (Some(token), Some(byte)) => token.takes(*byte),
                (None, Some(_)) => false,
                (Some(_), None) => return Some(false),
            };
            if matched {
                token_at += 1;
                name_at += 1;
                continue;
            }
            let Some((after_star, taken_to)) = retry else {
                return Some(false);
            };
            token_at = after_star;
            name_at = taken_to + 1;
            retry = Some((after_star, name_at));
        }
    }
}

impl Token {
    fn takes(&self, byte: u8) -> bool {
        match self {
            Self::Byte(expected) => *expected == byte,
            Self::Any => true,
            Self::Class(set) => set.has(byte),
            Self::Star => false,
        }
    }
}

impl ByteSet {
    const fn has(&self, byte: u8) -> bool {
        let Self([low, high]) = self;
        let half = if byte < 128 { *low } else { *high };
        half >> (byte % 128) & 1 == 1
    }

    const fn add(&mut self, byte: u8) {
        let Self([low, high]) = self;
        let half = if byte < 128 { low } else { high };
        *half |= 1 << (byte % 128);
    }
}

/// Reads a class after its `[`, and returns what follows its `]`.
fn class(text: &[u8]) -> Option<(ByteSet, &[u8])> {
    let (negated, mut rest) = match text {
        [b'!' | b'^', rest @ ..] => (true, rest),
        _ => (false, text),
    };
    let mut set = ByteSet([0; 2]);
    let mut first = true;
    loop {
        let (member, after) = match rest {
            // A `]` at the beginning is a member: there are no empty classes.
            [b']', after @ ..] if !first => {
                let ByteSet([low, high]) = set;
                return Some((if negated { ByteSet([!low, !high]) } else { set }, after));
            }
            _ => member(rest)?,
        };
        first = false;
        rest = match after {
            [b'-', end @ ..] if !matches!(end, [] | [b']', ..]) => {
                let (end, after) = self::member(end)?;
                (member..=end).for_each(|byte| set.add(byte));
                after
            }
            _ => {
                set.add(member);
                after
            }
        };
    }
}

fn member(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'\\', escaped, after @ ..] => Some((*escaped, after)),
        [byte, after @ ..] => Some((*byte, after)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pattern: &str, yes: &[&str], no: &[&str]) {
        let compiled = Pattern::new(pattern.as_bytes());
        for name in yes {
            assert!(
                compiled.matches(name.as_bytes()),
                "{pattern} must match {name}"
            );
        }
        for name in no {
            assert!(
                !compiled.matches(name.as_bytes()),
                "{pattern} must not match {name}"
            );
        }
    }

    #[test]
    fn patterns() {
        check("", &[""], &["a"]);
        check("*", &["", "a", ".a"], &[]);
        check("a*c", &["ac", "abc", "abcc"], &["a", "ab", "bac"]);
        check(
            "*.txt",
            &[".txt", "a.txt", "a.txt.txt"],
            &["a.tx", "a.txt."],
        );
        check("a**b?", &["abc", "a-bc"], &["ab"]);
        check("[a-c]x", &["ax", "cx"], &["dx", "x", "aax"]);
        check("[!a-c]", &["d", "\u{7f}"], &["a", "b", ""]);
        check("[^a]", &["b"], &["a"]);
        check("[]a]", &["]", "a"], &["b"]);
        check("[!]a]", &["b"], &["]", "a"]);
        check("[a-]", &["a", "-"], &["b"]);
        check("[z-a]", &[], &["a", "z", "m"]);
        check("[\\]]", &["]"], &["\\"]);
        check("[a", &["[a"], &["a"]);
        check("[!", &["[!"], &[]);
        check("\\*", &["*"], &["a", "\\*"]);
        check("a\\", &["a\\"], &["a"]);
        check("{a,b}", &["{a,b}"], &["a", "b"]);
        check("~", &["~"], &["/root"]);
    }

    #[test]
    fn magic() {
        for name in ["*", "a?", "[a]"] {
            assert!(has_magic(name.as_bytes()));
        }
        for name in ["", "a", "a\\b", "{a}", "~", "]"] {
            assert!(!has_magic(name.as_bytes()));
        }
    }

    #[test]
    fn f11_work_is_pattern_times_name() {
        let pattern = Pattern::new("a*".repeat(1000).as_bytes());
        let pattern_with_end = Pattern::new(["a*".repeat(1000), "b".into()].concat().as_bytes());
        let name = vec![b'a'; 2000];
        let mut steps = 10_000;
        assert_eq!(pattern.matches_within(&name, &mut steps), Some(true));
        assert_eq!(
            pattern_with_end.matches_within(&name, &mut steps),
            Some(false)
        );
        let mut steps = 100;
        assert_eq!(pattern_with_end.matches_within(&name, &mut steps), None);

        // The worst case: every place after the star is tried to the end of the pattern.
        let worst = Pattern::new(["*", &"a".repeat(500), "b"].concat().as_bytes());
        let mut steps = 2001 * 502;
        assert_eq!(worst.matches_within(&name, &mut steps), Some(false));
    }

    /// The definition, without any cleverness.
    fn naive(tokens: &[Token], name: &[u8]) -> bool {
        match (tokens, name) {
            ([], []) => true,
            ([Token::Star, more @ ..], _) => {
                (0..=name.len()).any(|taken| naive(more, &name[taken..]))
            }
            ([token, more @ ..], [byte, rest @ ..]) => token.takes(*byte) && naive(more, rest),
            _ => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4000))]

        #[test]
        fn agrees_with_the_definition(pattern in "[ab*?\\[\\]!\\\\-]{0,12}", name in "[ab\\]-]{0,12}") {
            let pattern = Pattern::new(pattern.as_bytes());
            let name = name.as_bytes();
            prop_assert_eq!(pattern.matches(name), naive(&pattern.0, name));
        }

        #[test]
        fn an_escaped_name_matches_itself_only(name in "[ -~]{0,12}", other in "[ -~]{0,12}") {
            let escaped: Vec<u8> = name.bytes().flat_map(|byte| [b'\\', byte]).collect();
            let pattern = Pattern::new(&escaped);
            prop_assert!(pattern.matches(name.as_bytes()));
            prop_assert_eq!(pattern.matches(other.as_bytes()), name == other);
        }

        #[test]
        fn any_bytes_are_a_pattern(
            pattern in prop::collection::vec(any::<u8>(), 0..40),
            name in prop::collection::vec(any::<u8>(), 0..40),
        ) {
            let mut steps = 41 * 42;
            prop_assert!(Pattern::new(&pattern).matches_within(&name, &mut steps).is_some());
        }
    }
}
