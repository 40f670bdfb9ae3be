//! Numbers as they stand in commands and listings: digits only, no sign, no blanks, no overflow.

/// A decimal number of any length that fits, or `None`.
pub(crate) fn decimal(digits: &[u8]) -> Option<u64> {
    in_base(digits, 10)
}

/// An octal number, as file modes are written.
pub(crate) fn octal(digits: &[u8]) -> Option<u32> {
    u32::try_from(in_base(digits, 8)?).ok()
}

fn in_base(digits: &[u8], base: u8) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |value, byte| {
        let digit = byte.checked_sub(b'0').filter(|digit| *digit < base)?;
        value
            .checked_mul(u64::from(base))?
            .checked_add(u64::from(digit))
    })
}

/// Splits at the first space: the word, and what follows that one space.
pub(crate) fn split_word(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    match memchr::memchr(b' ', text).and_then(|at| text.split_at_checked(at)) {
        Some((word, rest)) => (word, rest.get(1..)),
        None => (text, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_digits_are_numbers() {
        assert_eq!(decimal(b"0018446744073709551615"), Some(u64::MAX));
        for refused in [
            &b""[..],
            b"-5",
            b"+5",
            b" 5",
            b"5 ",
            b"0x5",
            b"18446744073709551616",
        ] {
            assert_eq!(decimal(refused), None, "{refused:?}");
        }
        assert_eq!(octal(b"0644"), Some(0o644));
        assert_eq!(octal(b"0684"), None);
    }
}
