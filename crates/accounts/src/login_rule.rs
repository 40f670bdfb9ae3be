//! Which methods of SSH are enough to let an account in.

use std::fmt;
use std::str::FromStr;

/// A way in which SSH proves who somebody is (RFC 4252, RFC 4256).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// A key or a certificate that the account is known by.
    PublicKey,
    /// The password alone.
    Password,
    /// The password, and beside it the code of an account that has codes, asked for one by one.
    KeyboardInteractive,
}

/// Some of the methods.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct MethodSet(u8);

/// What is enough for a login by SSH: any one of several chains of methods, each in its order, as
/// OpenSSH's `AuthenticationMethods` has it: `publickey,password publickey,keyboard-interactive`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct LoginRule(Vec<Vec<Method>>);

/// How far a login has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// What was done is enough.
    Complete,
    /// One of these has to follow; no other may.
    Partial {
        /// Never empty.
        next: MethodSet,
    },
}

/// Why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoginRuleError {
    /// A word that names no method.
    #[error(
        "`{0}` is not a way to log in\n\nhint: they are `publickey`, `password` and `keyboard-interactive`; `,` joins those that follow each other, a space stands between alternatives"
    )]
    Method(String),
    /// A method that follows itself.
    #[error("`{0}` is there twice in one chain")]
    Twice(Method),
    /// Nothing would be enough.
    #[error("a rule has at least one method")]
    Empty,
    /// More than [`LoginRule::MAX_CHAINS`].
    #[error("a rule has at most {} alternatives", LoginRule::MAX_CHAINS)]
    TooMany,
}

impl Method {
    /// All methods, in the order in which they are offered.
    pub const ALL: [Self; 3] = [Self::PublicKey, Self::Password, Self::KeyboardInteractive];

    /// Its name in the protocol.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::PublicKey => "publickey",
            Self::Password => "password",
            Self::KeyboardInteractive => "keyboard-interactive",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::PublicKey => 1,
            Self::Password => 2,
            Self::KeyboardInteractive => 4,
        }
    }
}

impl MethodSet {
    /// No method.
    pub const EMPTY: Self = Self(0);
    /// Every method: what a client is offered before it has done anything, whoever it says it is,
    /// so that the offer does not tell who exists (security A2).
    pub const ALL: Self = Self(7);

    /// Whether it is one of them.
    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.0 & method.bit() != 0
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds one.
    pub fn insert(&mut self, method: Method) {
        self.0 |= method.bit();
    }

    /// Those there are, in the order of [`Method::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL
            .into_iter()
            .filter(move |method| self.contains(*method))
    }
}

impl LoginRule {
    /// The greatest number of chains.
    pub const MAX_CHAINS: usize = 16;

    /// Any one method: what holds for an account without a rule and without codes.
    #[must_use]
    pub fn any_one() -> Self {
        Self(Method::ALL.into_iter().map(|method| vec![method]).collect())
    }

    /// What holds for an account without a rule that has codes: no way in without one
    /// (security A14).
    #[must_use]
    pub fn any_one_with_code() -> Self {
        use Method::{KeyboardInteractive, PublicKey};
        Self(vec![
            vec![PublicKey, KeyboardInteractive],
            vec![KeyboardInteractive],
        ])
    }

    /// The same, with the code asked for at the end of every chain that does not ask for it.
    #[must_use]
    pub fn with_code(&self) -> Self {
        let chains = self.0.iter().map(|chain| {
            let asked = chain.contains(&Method::KeyboardInteractive);
            let code = (!asked).then_some(Method::KeyboardInteractive);
            chain.iter().copied().chain(code).collect()
        });
        Self(chains.collect())
    }

    /// How far somebody has come who has done this, in this order. As in OpenSSH each method that
    /// was done is struck off the front of every chain that begins with it.
    #[must_use]
    pub fn progress(&self, done: &[Method]) -> Progress {
        let mut next = MethodSet::EMPTY;
        for chain in &self.0 {
            let mut left = chain.iter();
            for method in done {
                if left.as_slice().first() == Some(method) {
                    left.next();
                }
            }
            match left.next() {
                Some(method) => next.insert(*method),
                None => return Progress::Complete,
            }
        }
        Progress::Partial { next }
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<T: IntoIterator<Item = Method>>(methods: T) -> Self {
        Self(
            methods
                .into_iter()
                .fold(0, |bits, method| bits | method.bit()),
        )
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl FromStr for Method {
    type Err = LoginRuleError;

    fn from_str(text: &str) -> Result<Self, LoginRuleError> {
        let found = Self::ALL.into_iter().find(|method| method.word() == text);
        found.ok_or_else(|| LoginRuleError::Method(text.escape_debug().to_string()))
    }
}

impl fmt::Display for LoginRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, chain) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            for (at, method) in chain.iter().enumerate() {
                write!(f, "{}{method}", if at == 0 { "" } else { "," })?;
            }
        }
        Ok(())
    }
}

impl FromStr for LoginRule {
    type Err = LoginRuleError;

    fn from_str(text: &str) -> Result<Self, LoginRuleError> {
        let chains: Vec<Vec<Method>> = text
            .split_ascii_whitespace()
            .take(Self::MAX_CHAINS + 1)
            .map(chain)
            .collect::<Result<_, _>>()?;
        match chains.len() {
            0 => Err(LoginRuleError::Empty),
            1..=Self::MAX_CHAINS => Ok(Self(chains)),
            _ => Err(LoginRuleError::TooMany),
        }
    }
}

fn chain(text: &str) -> Result<Vec<Method>, LoginRuleError> {
    let mut chain = Vec::new();
    for word in text.split(',') {
        let method = word.parse()?;
        if chain.contains(&method) {
            return Err(LoginRuleError::Twice(method));
        }
        chain.push(method);
    }
    Ok(chain)
}

#[cfg(test)]
#[path = "login_rule_tests.rs"]
mod tests;
