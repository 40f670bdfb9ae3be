//! The addresses of this machine, asked of the kernel (rtnetlink(7)).

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// All addresses of all interfaces, without those of IPv6 that are good on one link or until
/// tomorrow only, in the kernel's order.
///
/// # Errors
/// Those of the socket, for example where a sandbox forbids AF_NETLINK.
pub(super) fn of_interfaces() -> io::Result<Vec<IpAddr>> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    sendto(
        &socket,
        &request(),
        SendFlags::empty(),
        &SocketAddrNetlink::new(0, 0),
    )?;
    let mut found = Vec::new();
    let mut buffer = vec![0; ANSWER];
    for _ in 0..MAX_ANSWERS {
        let (length, _) = recv(&socket, buffer.as_mut_slice(), RecvFlags::empty())?;
        if take(buffer.get(..length).unwrap_or_default(), &mut found) {
            break;
        }
    }
    Ok(found)
}

/// The kernel answers at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// netlink(7): what the kernel sends at a time is at most this long.
const ANSWER: usize = 32 * 1024;

/// With hundreds of addresses in each.
const MAX_ANSWERS: usize = 64;

// linux/netlink.h, linux/rtnetlink.h, linux/if_addr.h
const HEADER: usize = 16;
const ADDRESS_MESSAGE: usize = 8;
const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWADDR: u16 = 20;
const RTM_GETADDR: u16 = 22;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_DUMP: u16 = 0x300;
const IFA_F_TEMPORARY: u8 = 0x1;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// `nlmsghdr` and an `ifaddrmsg` of zeros: every family, every interface.
fn request() -> [u8; HEADER + ADDRESS_MESSAGE] {
    let mut request = [0; HEADER + ADDRESS_MESSAGE];
    request[0..4].copy_from_slice(&24_u32.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETADDR.to_ne_bytes());
    request[6..8].copy_from_slice(&(NLM_F_REQUEST | NLM_F_DUMP).to_ne_bytes());
    request
}

/// Takes the addresses out of one answer; `true` when it was the last.
fn take(mut answer: &[u8], found: &mut Vec<IpAddr>) -> bool {
    while let Some((length, kind)) = length_and_kind(answer) {
        let body = answer.get(HEADER..length).unwrap_or_default();
        match kind {
            NLMSG_DONE | NLMSG_ERROR => return true,
            RTM_NEWADDR => found.extend(address(body)),
            _ => {}
        }
        answer = answer.get(aligned(length)..).unwrap_or_default();
    }
    false
}

fn length_and_kind(message: &[u8]) -> Option<(usize, u16)> {
    let length = u32::from_ne_bytes(*message.first_chunk()?) as usize;
    let kind = u16::from_ne_bytes(*message.get(4..)?.first_chunk()?);
    (HEADER..=message.len())
        .contains(&length)
        .then_some((length, kind))
}

fn address(body: &[u8]) -> Option<IpAddr> {
    let (&family, flags) = (body.first()?, body.get(2)?);
    if family == AF_INET6 && flags & IFA_F_TEMPORARY != 0 {
        return None;
    }
    let mut attributes = body.get(ADDRESS_MESSAGE..)?;
    let mut found = None;
    while let Some(head) = attributes.first_chunk::<4>() {
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let value = attributes.get(4..length)?;
        match u16::from_ne_bytes([head[2], head[3]]) {
            // On a line between two points IFA_ADDRESS is the other end.
            IFA_LOCAL => found = parse(family, value),
            IFA_ADDRESS => found = found.or_else(|| parse(family, value)),
            _ => {}
        }
        attributes = attributes.get(aligned(length)..).unwrap_or_default();
    }
    found.filter(|address| !is_of_one_link(address))
}

fn parse(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(value)
            .ok()
            .map(|octets| Ipv4Addr::from(octets).into()),
        AF_INET6 => <[u8; 16]>::try_from(value)
            .ok()
            .map(|octets| Ipv6Addr::from(octets).into()),
        _ => None,
    }
}

fn is_of_one_link(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(address) if address.is_unicast_link_local())
}

const fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    fn message(kind: u16, family: u8, flags: u8, attributes: &[Vec<u8>]) -> Vec<u8> {
        let mut body = vec![family, 64, flags, 0, 1, 0, 0, 0];
        body.extend(attributes.concat());
        let mut bytes = u32::try_from(HEADER + body.len())
            .unwrap()
            .to_ne_bytes()
            .to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(HEADER, 0);
        bytes.extend(body);
        bytes
    }

    fn taken(answer: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        take(answer, &mut found);
        found.iter().map(IpAddr::to_string).collect()
    }

    #[test]
    fn the_own_end_is_taken_and_what_does_not_last_is_left() {
        let v6 = |text: &str| text.parse::<Ipv6Addr>().unwrap().octets();
        let answer = [
            message(
                RTM_NEWADDR,
                AF_INET,
                0,
                &[
                    attribute(IFA_ADDRESS, &[192, 0, 2, 2]),
                    attribute(IFA_LOCAL, &[192, 0, 2, 1]),
                    attribute(3, b"eth0\0"),
                ],
            ),
            message(
                RTM_NEWADDR,
                AF_INET6,
                0,
                &[attribute(IFA_ADDRESS, &v6("2001:db8::1"))],
            ),
            message(
                RTM_NEWADDR,
                AF_INET6,
                1,
                &[attribute(IFA_ADDRESS, &v6("2001:db8::2"))],
            ),
            message(
                RTM_NEWADDR,
                AF_INET6,
                0,
                &[attribute(IFA_ADDRESS, &v6("fe80::1"))],
            ),
            message(NLMSG_DONE, 0, 0, &[]),
            message(
                RTM_NEWADDR,
                AF_INET,
                0,
                &[attribute(IFA_LOCAL, &[192, 0, 2, 9])],
            ),
        ]
        .concat();
        assert_eq!(taken(&answer), ["192.0.2.1", "2001:db8::1"]);
    }

    #[test]
    fn nothing_in_an_answer_is_believed() {
        let whole = message(
            RTM_NEWADDR,
            AF_INET,
            0,
            &[attribute(IFA_LOCAL, &[192, 0, 2, 1])],
        );
        for length in 0..whole.len() {
            taken(&whole[..length]);
        }
        for index in 0..whole.len() {
            for byte in [0, 1, 3, 0xff] {
                let mut bent = whole.clone();
                bent[index] = byte;
                assert!(taken(&bent).len() <= 1);
            }
        }
    }

    #[test]
    fn the_kernel_names_the_loopback_address() {
        let found = of_interfaces().unwrap();
        assert!(found.contains(&Ipv4Addr::LOCALHOST.into()), "{found:?}");
    }
}
