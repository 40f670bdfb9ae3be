//! The table of causes of failure: ids, titles, deciding evidence, remedies.
//!
//! Data, no logic. The server puts an id in its log and in its replies, the client and the doctor
//! print the remedy, `wharf explain ID` tells the rest. An id, once given, keeps its meaning:
//! people search for it. Nowhere else is an id spelled as text; the rest of wharf writes
//! [`id::D_3`].
//!
//! One file per family. Where a row quotes a server's reply, the quotation is the evidence: the
//! same code means different things from different servers, the text does not.

use std::fmt;

mod connect;
mod data;
mod limits;
mod login;
mod permission;
mod ssh;
mod tls;
mod transfer;

/// One cause of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause {
    /// The stable id.
    pub id: Id,
    /// The symptom it hides behind.
    pub family: Family,
    /// What is wrong, in a line that can follow `cause: D-3 `; no full stop.
    pub title: &'static str,
    /// What tells this cause from its neighbours, the strongest first; never empty.
    pub evidence: &'static [&'static str],
    /// What the person at the client can do; `None` when only the server's side can.
    pub user: Option<&'static str>,
    /// What the person who runs the server can do, with the settings of the usual servers.
    pub admin: Option<&'static str>,
}

/// The stable id of a cause, such as `D-3`. Only the constants in [`id`] make one.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(&'static str);

/// What a person notices first; each family has its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Family {
    /// The control connection is refused or never comes about.
    A,
    /// The login is refused.
    B,
    /// A file or folder may not be used as asked.
    C,
    /// The data connection fails.
    D,
    /// Too many connections, or a busy server.
    E,
    /// TLS fails.
    F,
    /// SSH or SFTP fails.
    G,
    /// A transfer breaks, stalls or does not fit.
    T,
}

/// All causes, family by family, in the order of their ids.
pub static TABLE: &[Cause] = &ALL;

/// The ids as constants: `id::D_3` is `D-3`.
pub mod id {
    pub use crate::connect::id::*;
    pub use crate::data::id::*;
    pub use crate::limits::id::*;
    pub use crate::login::id::*;
    pub use crate::permission::id::*;
    pub use crate::ssh::id::*;
    pub use crate::tls::id::*;
    pub use crate::transfer::id::*;
}

/// The cause with this id, in upper or lower case: `D-3`, `d-5B`.
#[must_use]
pub fn find(id: &str) -> Option<&'static Cause> {
    TABLE
        .iter()
        .find(|cause| cause.id.0.eq_ignore_ascii_case(id))
}

impl Id {
    /// The id as people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// Its row. Every id has one: the same line of the table makes both.
    #[must_use]
    pub fn cause(self) -> Option<&'static Cause> {
        TABLE.iter().find(|cause| cause.id == self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Family {
    /// Every family, in the order of the table.
    pub const ALL: [Self; 8] = [
        Self::A,
        Self::B,
        Self::C,
        Self::D,
        Self::E,
        Self::F,
        Self::G,
        Self::T,
    ];

    /// The letter its ids begin with.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::C => 'C',
            Self::D => 'D',
            Self::E => 'E',
            Self::F => 'F',
            Self::G => 'G',
            Self::T => 'T',
        }
    }

    /// What went wrong, as a person would say it first.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::A => "cannot connect",
            Self::B => "login refused",
            Self::C => "permission denied",
            Self::D => "the data connection failed",
            Self::E => "too many connections, or the server is busy",
            Self::F => "TLS failed",
            Self::G => "SSH or SFTP failed",
            Self::T => "the transfer broke, timed out or found no space",
        }
    }

    /// The exit code of the client and the doctor for a failure of this family.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::A => 10,
            Self::B => 11,
            Self::C => 12,
            Self::D => 13,
            Self::E => 14,
            Self::F => 15,
            Self::G => 16,
            Self::T => 17,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Write::write_char(f, self.letter())
    }
}

/// Makes the rows of one family and a constant for the id of each.
macro_rules! family {
    ($family:ident; $(
        $name:ident = $id:literal: $title:literal
        evidence [$($evidence:literal),+ $(,)?]
        $(user $user:literal)?
        $(admin $admin:literal)?;
    )+) => {
        pub(crate) mod id {
            $(#[doc = $title] pub const $name: $crate::Id = $crate::Id($id);)+
        }

        pub(crate) const ROWS: &[$crate::Cause] = &[$($crate::Cause {
            id: id::$name,
            family: $crate::Family::$family,
            title: $title,
            evidence: &[$($evidence),+],
            user: $crate::optional!($($user)?),
            admin: $crate::optional!($($admin)?),
        }),+];
    };
}
macro_rules! optional {
    () => {
        None
    };
    ($text:literal) => {
        Some($text)
    };
}
pub(crate) use {family, optional};

const FAMILIES: [&[Cause]; 8] = [
    connect::ROWS,
    login::ROWS,
    permission::ROWS,
    data::ROWS,
    limits::ROWS,
    tls::ROWS,
    ssh::ROWS,
    transfer::ROWS,
];

const COUNT: usize = {
    let mut count = 0;
    let mut family = 0;
    while family < FAMILIES.len() {
        count += FAMILIES[family].len();
        family += 1;
    }
    count
};

static ALL: [Cause; COUNT] = {
    let mut all = [FAMILIES[0][0]; COUNT];
    let (mut family, mut row, mut next) = (0, 0, 0);
    while next < COUNT {
        if row == FAMILIES[family].len() {
            family += 1;
            row = 0;
        } else {
            all[next] = FAMILIES[family][row];
            row += 1;
            next += 1;
        }
    }
    all
};

#[cfg(test)]
mod tests {
    use super::{Cause, Family, TABLE, find, id};
    use std::collections::HashSet;

    #[test]
    fn every_id_is_there_once() {
        let mut seen = HashSet::new();
        for cause in TABLE {
            assert!(seen.insert(cause.id), "{} twice", cause.id);
        }
    }

    #[test]
    fn ids_are_a_family_a_number_and_sometimes_a_letter() {
        for cause in TABLE {
            let text = cause.id.as_str();
            let number = text
                .strip_prefix(cause.family.letter())
                .and_then(|rest| rest.strip_prefix('-'))
                .unwrap_or_else(|| panic!("{text} is not of family {}", cause.family));
            let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
            assert!(number.len() - digits.len() <= 1, "{text}");
            assert!(
                digits
                    .parse::<u8>()
                    .is_ok_and(|n| n > 0 && n.to_string() == digits),
                "{text}"
            );
        }
    }

    #[test]
    fn families_are_whole() {
        let expected = [15, 20, 15, 22, 10, 17, 25, 16];
        for (family, expected) in Family::ALL.into_iter().zip(expected) {
            let rows: Vec<&Cause> = TABLE
                .iter()
                .filter(|cause| cause.family == family)
                .collect();
            assert_eq!(rows.len(), expected, "family {family}");
            let numbers: Vec<u8> = rows.iter().map(|cause| number(cause)).collect();
            assert_eq!(numbers[0], 1, "family {family}");
            for pair in numbers.windows(2) {
                assert!(pair[1] - pair[0] <= 1, "a gap after {family}-{}", pair[0]);
            }
        }
        assert_eq!(TABLE.len(), 140);
    }

    #[test]
    fn the_table_is_in_the_order_of_the_families() {
        assert!(TABLE.is_sorted_by_key(|cause| (
            cause.family,
            number(cause),
            cause.id.as_str().len()
        )));
    }

    #[test]
    fn every_text_says_something_and_fits_the_style() {
        for cause in TABLE {
            assert!(!cause.evidence.is_empty(), "{}", cause.id);
            let remedies = [cause.user, cause.admin];
            let texts = cause
                .evidence
                .iter()
                .copied()
                .chain(remedies.into_iter().flatten());
            for text in texts.chain([cause.title]) {
                let id = cause.id;
                assert!(text.len() > 3 && text.trim() == text, "{id}: {text:?}");
                assert!(
                    !text.contains(['\n', '\t', '\r']) && !text.contains("  "),
                    "{id}: {text:?}"
                );
                assert!(
                    text.matches('`').count() % 2 == 0,
                    "{id}: backticks in {text:?}"
                );
            }
            assert!(!cause.title.ends_with('.'), "{}", cause.id);
            assert!(cause.title.len() <= 80, "{}: the title is long", cause.id);
        }
    }

    #[test]
    fn titles_differ() {
        let titles: HashSet<&str> = TABLE.iter().map(|cause| cause.title).collect();
        assert_eq!(titles.len(), TABLE.len());
    }

    #[test]
    fn found_in_any_case_and_not_by_less() {
        assert_eq!(find("D-3").map(|cause| cause.id), Some(id::D_3));
        assert_eq!(find("d-5B").map(|cause| cause.id), Some(id::D_5B));
        for other in ["", "D", "D-", "D-99", "D-3 ", "D_3"] {
            assert_eq!(find(other), None, "{other:?}");
        }
        for cause in TABLE {
            assert_eq!(cause.id.cause(), Some(cause));
        }
    }

    #[test]
    fn an_id_prints_as_people_write_it() {
        assert_eq!(
            format!("[{}] {:>5}|{:?}", id::D_3, id::T_6, id::D_13B),
            "[D-3]   T-6|D-13b"
        );
    }

    #[test]
    fn exit_codes_are_the_promised_ones() {
        let codes: Vec<(char, u8)> = Family::ALL
            .iter()
            .map(|family| (family.letter(), family.exit_code()))
            .collect();
        assert_eq!(
            codes,
            [
                ('A', 10),
                ('B', 11),
                ('C', 12),
                ('D', 13),
                ('E', 14),
                ('F', 15),
                ('G', 16),
                ('T', 17)
            ]
        );
    }

    fn number(cause: &Cause) -> u8 {
        let digits: String = cause
            .id
            .as_str()
            .chars()
            .filter(char::is_ascii_digit)
            .collect();
        digits.parse().unwrap_or(0)
    }
}
