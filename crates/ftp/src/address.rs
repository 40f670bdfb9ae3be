//! Addresses as commands and replies write them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

use crate::number::decimal;
use crate::reply::Reply;

/// Why an address is none. Which hosts and ports are allowed is not decided here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressError {
    /// Not of the form.
    Form,
    /// EPRT: a protocol number that is neither 1 (IPv4) nor 2 (IPv6).
    Protocol,
    /// No connection goes to port 0.
    PortZero,
}

/// Reads PORT's argument, `h1,h2,h3,h4,p1,p2`: six decimal numbers of one to three digits, each at
/// most 255 (security P3), nothing else.
///
/// # Errors
///
/// [`AddressError::Form`] and [`AddressError::PortZero`].
pub fn parse_port(text: &[u8]) -> Result<SocketAddrV4, AddressError> {
    let mut numbers = [0_u8; 6];
    let mut parts = text.split(|byte| *byte == b',');
    for number in &mut numbers {
        *number = parts.next().and_then(octet).ok_or(AddressError::Form)?;
    }
    if parts.next().is_some() {
        return Err(AddressError::Form);
    }
    address_of(numbers)
}

/// Writes PORT's argument.
#[must_use]
pub fn format_port(address: SocketAddrV4) -> String {
    let [h1, h2, h3, h4] = address.ip().octets();
    let [p1, p2] = address.port().to_be_bytes();
    format!("{h1},{h2},{h3},{h4},{p1},{p2}")
}

/// Reads EPRT's argument, `|1|132.235.1.2|6275|` or `|2|1080::8:800:200C:417A|5282|` (RFC 2428 2),
/// with any delimiter of ASCII 33 to 126. IPv6 scopes are refused.
///
/// # Errors
///
/// See [`AddressError`].
pub fn parse_eprt(text: &[u8]) -> Result<SocketAddr, AddressError> {
    let (&delimiter, rest) = text.split_first().ok_or(AddressError::Form)?;
    if !delimiter.is_ascii_graphic() {
        return Err(AddressError::Form);
    }
    let mut parts = rest.split(|byte| *byte == delimiter);
    let mut part = || parts.next().ok_or(AddressError::Form);
    let (protocol, host, port, end) = (part()?, part()?, part()?, part()?);
    if !end.is_empty() || parts.next().is_some() {
        return Err(AddressError::Form);
    }
    let host = std::str::from_utf8(host).map_err(|_| AddressError::Form)?;
    let ip = match decimal(protocol).ok_or(AddressError::Form)? {
        1 => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        2 => host.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(AddressError::Protocol),
    };
    Ok(SocketAddr::new(
        ip.ok_or(AddressError::Form)?,
        port_number(port)?,
    ))
}

/// Writes EPRT's argument.
#[must_use]
pub fn format_eprt(address: SocketAddr) -> String {
    let protocol = if address.is_ipv4() { 1 } else { 2 };
    format!("|{protocol}|{}|{}|", address.ip(), address.port())
}

/// The reply to PASV. An IPv6 address, which 227 cannot carry, becomes 425; one that is an IPv4
/// address mapped into IPv6 is told as what it is.
#[must_use]
pub fn reply_227(address: SocketAddr) -> Reply {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => {
            let numbers = format_port(SocketAddrV4::new(ip, address.port()));
            // Clients look for the parentheses (RFC 1123 4.1.2.6 tells them not to rely on them).
            Reply::line(227, format!("Entering Passive Mode ({numbers})."))
        }
        IpAddr::V6(_) => Reply::line(425, "PASV cannot carry an IPv6 address; use EPSV"),
    }
}

/// The reply to EPSV.
#[must_use]
pub fn reply_229(port: u16) -> Reply {
    Reply::line(229, format!("Entering Extended Passive Mode (|||{port}|)"))
}

/// Finds the address in the text of a 227 reply: the first six numbers with commas between them
/// (RFC 1123 4.1.2.6), whatever stands around; blanks after commas are taken.
///
/// # Errors
///
/// [`AddressError::Form`] if there is none, [`AddressError::PortZero`].
pub fn parse_227(text: &[u8]) -> Result<SocketAddrV4, AddressError> {
    let mut inside = false;
    for (at, byte) in text.iter().enumerate() {
        let digit = byte.is_ascii_digit();
        if digit
            && !inside
            && let Some(numbers) = text.get(at..).and_then(six_numbers)
        {
            return address_of(numbers);
        }
        inside = digit || *byte == b',';
    }
    Err(AddressError::Form)
}

/// Finds the port in the text of a 229 reply: `(|||6446|)`, with any delimiter. The fields before
/// the port, which RFC 2428 3 leaves empty, are ignored; so are missing parentheses.
///
/// # Errors
///
/// [`AddressError::Form`] if there is none, [`AddressError::PortZero`].
pub fn parse_229(text: &[u8]) -> Result<u16, AddressError> {
    let inside = memchr::memchr(b'(', text).and_then(|at| text.get(at + 1..));
    let port = inside
        .and_then(delimited_port)
        .or_else(|| {
            let starts = text.windows(3).enumerate();
            let mut starts =
                starts.filter(|(_, three)| matches!(three, [a, b, c] if a == b && b == c));
            starts.find_map(|(at, _)| text.get(at..).and_then(delimited_port))
        })
        .ok_or(AddressError::Form)?;
    port_number(port)
}

fn octet(digits: &[u8]) -> Option<u8> {
    if digits.len() > 3 {
        return None;
    }
    decimal(digits).and_then(|number| u8::try_from(number).ok())
}

fn port_number(digits: &[u8]) -> Result<u16, AddressError> {
    let port = decimal(digits)
        .filter(|_| digits.len() <= 5)
        .ok_or(AddressError::Form)?;
    match u16::try_from(port) {
        Ok(0) => Err(AddressError::PortZero),
        Ok(port) => Ok(port),
        Err(_) => Err(AddressError::Form),
    }
}

fn address_of([h1, h2, h3, h4, p1, p2]: [u8; 6]) -> Result<SocketAddrV4, AddressError> {
    match u16::from_be_bytes([p1, p2]) {
        0 => Err(AddressError::PortZero),
        port => Ok(SocketAddrV4::new(Ipv4Addr::new(h1, h2, h3, h4), port)),
    }
}

/// Six numbers at the beginning of `text`, the last one not followed by a digit or a comma.
fn six_numbers(text: &[u8]) -> Option<[u8; 6]> {
    let mut numbers = [0_u8; 6];
    let mut rest = text;
    for (index, number) in numbers.iter_mut().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(b",")?.trim_ascii_start();
        }
        let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (digits, after) = rest.split_at_checked(length)?;
        *number = octet(digits)?;
        rest = after;
    }
    (rest.first() != Some(&b',')).then_some(numbers)
}

/// The digits in `d..d..d<digits>d`.
fn delimited_port(text: &[u8]) -> Option<&[u8]> {
    let (&delimiter, rest) = text.split_first()?;
    if !delimiter.is_ascii_graphic() || delimiter.is_ascii_alphanumeric() {
        return None;
    }
    let mut parts = rest.splitn(4, |byte| *byte == delimiter);
    let port = parts.nth(2)?;
    parts.next()?;
    decimal(port).map(|_| port)
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => "not an address of the expected form",
            Self::Protocol => "neither IPv4 nor IPv6",
            Self::PortZero => "port 0",
        })
    }
}

impl std::error::Error for AddressError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn p3_port_is_six_numbers_up_to_255() {
        assert_eq!(
            parse_port(b"127,0,0,1,4,1"),
            Ok("127.0.0.1:1025".parse().unwrap())
        );
        for text in [
            "",
            "1,2,3",
            "127,0,0,1,256,1",
            "127,0,0,1,4,1,1",
            "127,0,0,1,4,",
            ",127,0,0,1,4,1",
            "127,0,0,1,-4,1",
            "127,0,0,1,+4,1",
            "127,0,0,1, 4,1",
            "127.0.0.1.4.1",
            "127,0,0,1,4,1x",
            "0127,0,0,1,4,1",
            "4294967423,0,0,1,4,1",
        ] {
            assert_eq!(
                parse_port(text.as_bytes()),
                Err(AddressError::Form),
                "{text}"
            );
        }
        assert_eq!(parse_port(b"127,0,0,1,0,0"), Err(AddressError::PortZero));
    }

    #[test]
    fn p3_eprt_is_strict() {
        assert_eq!(
            parse_eprt(b"|1|10.0.0.1|80|"),
            Ok("10.0.0.1:80".parse().unwrap())
        );
        assert_eq!(
            parse_eprt(b"!2!::1!6446!"),
            Ok("[::1]:6446".parse().unwrap())
        );
        for text in [
            "",
            "|",
            "||||",
            "|1|10.0.0.1|80",
            "|1|10.0.0.1|80|x",
            "|1|10.0.0.1|80||",
            "|1|::1|80|",
            "|2|10.0.0.1|80|",
            "|2|::1%lo|99|",
            "|2|::1|99999|",
            "|1|10.0.0.256|80|",
            "|1|10.0.0.1|+80|",
            "|1|10.0.0.1| 80|",
            "|x|10.0.0.1|80|",
            "||10.0.0.1|80|",
            "|1|010.0.0.1|80|",
            " 1 10.0.0.1 80 ",
            "|1|10.0.0.1|000080|",
        ] {
            assert_eq!(
                parse_eprt(text.as_bytes()),
                Err(AddressError::Form),
                "{text}"
            );
        }
        assert_eq!(parse_eprt(b"|3|x|1|"), Err(AddressError::Protocol));
        assert_eq!(parse_eprt(b"|1|10.0.0.1|0|"), Err(AddressError::PortZero));
    }

    #[test]
    fn real_servers_227() {
        let expected = Ok("10.0.0.9:1025".parse().unwrap());
        for text in [
            "Entering Passive Mode (10,0,0,9,4,1).",
            "Entering Passive Mode (10,0,0,9,4,1)",
            "227 Entering Passive Mode (10, 0, 0, 9, 4, 1)",
            "Entering Passive Mode 10,0,0,9,4,1",
            "Entering Passive Mode =10,0,0,9,4,1",
            "PASV mode 2 of 3, at 10,0,0,9,4,1 for you",
            "Entering Passive Mode (010,000,000,009,004,001)",
        ] {
            assert_eq!(parse_227(text.as_bytes()), expected, "{text}");
        }
        for text in [
            "",
            "Entering",
            "(10,0,0,9,4)",
            "(10,0,0,9,4,1,1)",
            "(10,0,0,9,4,256)",
        ] {
            assert_eq!(
                parse_227(text.as_bytes()),
                Err(AddressError::Form),
                "{text}"
            );
        }
        assert_eq!(parse_227(b"(10,0,0,9,0,0)"), Err(AddressError::PortZero));
    }

    #[test]
    fn real_servers_229() {
        for text in [
            "Entering Extended Passive Mode (|||6446|)",
            "Entering Extended Passive Mode (|||6446|).",
            "Extended (passive) mode |||6446|",
            "Entering Extended Passive Mode (!!!6446!)",
            "Entering Extended Passive Mode (|1|10.0.0.9|6446|)",
            "mode... |||6446|",
        ] {
            assert_eq!(parse_229(text.as_bytes()), Ok(6446), "{text}");
        }
        for text in [
            "",
            "(",
            "(|||)",
            "(|||65536|)",
            "(|||6446)",
            "(||6446|)",
            "5556446",
        ] {
            assert_eq!(
                parse_229(text.as_bytes()),
                Err(AddressError::Form),
                "{text}"
            );
        }
        assert_eq!(parse_229(b"(|||0|)"), Err(AddressError::PortZero));
    }

    #[test]
    fn pasv_says_only_what_227_can_carry() {
        let text = |address: &str| {
            let mut out = Vec::new();
            reply_227(address.parse().unwrap()).encode_into(&mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(
            text("10.0.0.9:1025"),
            "227 Entering Passive Mode (10,0,0,9,4,1).\r\n"
        );
        assert_eq!(
            text("[::ffff:10.0.0.9]:1025"),
            "227 Entering Passive Mode (10,0,0,9,4,1).\r\n"
        );
        assert!(text("[::1]:1025").starts_with("425 "));
    }

    proptest! {
        #[test]
        fn addresses_come_back(v4 in any::<Ipv4Addr>(), v6 in any::<Ipv6Addr>(), port in 1_u16..) {
            let address = SocketAddrV4::new(v4, port);
            let text = format_port(address);
            prop_assert_eq!(parse_port(text.as_bytes()), Ok(address));
            prop_assert_eq!(parse_227(format!("x ({text}).").as_bytes()), Ok(address));
            for ip in [IpAddr::V4(v4), IpAddr::V6(v6)] {
                let address = SocketAddr::new(ip, port);
                prop_assert_eq!(parse_eprt(format_eprt(address).as_bytes()), Ok(address));
            }
            let mut reply = Vec::new();
            reply_229(port).encode_into(&mut reply);
            prop_assert_eq!(parse_229(&reply), Ok(port));
        }

        #[test]
        fn any_bytes_are_read_without_panic(text in prop::collection::vec(any::<u8>(), 0..80)) {
            let _ = (parse_port(&text), parse_eprt(&text), parse_227(&text), parse_229(&text));
        }
    }
}
