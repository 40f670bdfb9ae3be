use super::{RECOVERY_LENGTH, TotpSecret, TypedCode, base32, recovery_codes, split};
use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use secrecy::{ExposeSecret, SecretSlice};
use std::collections::HashSet;
use std::time::{Duration, SystemTime};

/// RFC 6238 Appendix B, its last six digits.
const VECTORS: [(u64, &[u8]); 6] = [
    (59, b"287082"),
    (1_111_111_109, b"081804"),
    (1_111_111_111, b"050471"),
    (1_234_567_890, b"005924"),
    (2_000_000_000, b"279037"),
    (20_000_000_000, b"353130"),
];

#[test]
fn codes_are_those_of_the_rfc() {
    let secret = rfc();
    for (seconds, code) in VECTORS {
        assert_eq!(secret.step_of(code, at(seconds)), Some(seconds / 30));
    }
}

#[test]
fn a_code_holds_one_step_before_and_after_its_own() {
    let secret = rfc();
    let (seconds, code) = VECTORS[3];
    let start = seconds / 30 * 30;
    let step = seconds / 30;
    for (now, expected) in [
        (start - 31, None),
        (start - 30, Some(step)),
        (start, Some(step)),
        (start + 59, Some(step)),
        (start + 60, None),
    ] {
        assert_eq!(secret.step_of(code, at(now)), expected, "{now}");
    }
    for wrong in [
        &b""[..],
        b"00592",
        b"0059240",
        b"5924",
        b"005925",
        b" 05924",
    ] {
        assert_eq!(secret.step_of(wrong, at(seconds)), None);
    }
    assert_eq!(
        secret.step_of(b"755224", at(0)),
        Some(0),
        "RFC 4226, count 0"
    );
}

#[test]
fn a14_secrets_have_160_random_bits_and_are_not_shown() {
    let secrets: HashSet<String> = (0..100)
        .map(|_| {
            TotpSecret::generate()
                .unwrap()
                .base32()
                .expose_secret()
                .to_owned()
        })
        .collect();
    assert_eq!(secrets.len(), 100);
    assert!(secrets.iter().all(|secret| secret.len() == 32));
    assert_eq!(format!("{:?}", rfc()), "TotpSecret(***)");
    assert_eq!(
        rfc().base32().expose_secret(),
        "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    );
    assert_eq!(base32(b"fooba"), "MZXW6YTB");
}

#[test]
fn the_address_is_what_apps_read() {
    assert_eq!(
        rfc().address("wharf", "änn b").expose_secret(),
        "otpauth://totp/wharf:%C3%A4nn%20b?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\
         &issuer=wharf&algorithm=SHA1&digits=6&period=30"
    );
}

#[test]
fn recovery_codes_are_ten_and_read_as_they_are_shown() {
    let codes = recovery_codes().unwrap();
    assert_eq!(codes.len(), 10);
    for (code, digest) in &codes {
        let code = code.expose_secret();
        assert_eq!(code.len(), RECOVERY_LENGTH);
        for typed in [code.to_owned(), code.to_uppercase(), format!(" {code}\n")] {
            let read = TypedCode::read(typed.as_bytes());
            assert_eq!(read, Some(TypedCode::Recovery(*digest)), "{typed}");
        }
        assert_eq!(TypedCode::read(&code.as_bytes()[1..]), None);
    }
    let digests: HashSet<_> = codes.iter().map(|(_, digest)| *digest).collect();
    assert_eq!(digests.len(), 10);
}

#[test]
fn a_code_follows_its_password() {
    for (sent, password, code) in [
        ("secret123456", "secret", Some("123456")),
        ("123456", "", Some("123456")),
        ("secret12345", "secret12345", None),
        ("1234567", "1", Some("234567")),
        (
            "secret+abcd-efgh-2345-wxyz",
            "secret",
            Some("abcd-efgh-2345-wxyz"),
        ),
        (
            "a+b++ABCD-efgh-2345-wxyz",
            "a+b+",
            Some("ABCD-efgh-2345-wxyz"),
        ),
        (
            "secretabcd-efgh-2345-wxyz",
            "secretabcd-efgh-2345-wxyz",
            None,
        ),
        (
            "secret+abcd-efgh-2345-wxy1",
            "secret+abcd-efgh-2345-wxy1",
            None,
        ),
        ("", "", None),
    ] {
        let (told, found) = split(&secret(sent.as_bytes()));
        assert_eq!(told.expose_secret(), password.as_bytes(), "{sent}");
        let found = found.map(|code| code.expose_secret().to_vec());
        assert_eq!(found.as_deref(), code.map(str::as_bytes), "{sent}");
    }
}

proptest! {
    #[test]
    fn whatever_the_password_its_code_is_found(password in any::<Vec<u8>>(), number in 0..1_000_000_u32) {
        let digits = format!("{number:06}");
        let sent = [&password, digits.as_bytes()].concat();
        let (told, code) = split(&secret(&sent));
        prop_assert_eq!(told.expose_secret(), &password[..]);
        let code = code.unwrap();
        prop_assert_eq!(code.expose_secret(), digits.as_bytes());
    }

    #[test]
    fn any_bytes_are_a_code_or_not(text in any::<Vec<u8>>()) {
        if let Some(TypedCode::Totp(digits)) = TypedCode::read(&text) {
            prop_assert!(digits.len() == 6);
        }
    }
}

fn rfc() -> TotpSecret {
    TotpSecret::from_record(b"12345678901234567890").unwrap()
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

fn secret(bytes: &[u8]) -> SecretSlice<u8> {
    bytes.to_vec().into()
}
