//! Messages (RFC 4253, RFC 4254), each as it is told.

use wharf_ssh::encoding::Writer;

/// A packet in clear (RFC 4253 §6).
#[must_use]
pub fn clear_packet(payload: &[u8]) -> Vec<u8> {
    let padding = 8 - (5 + payload.len()) % 8;
    let padding = if padding < 4 { padding + 8 } else { padding };
    let length = u32::try_from(1 + payload.len() + padding).unwrap_or(u32::MAX);
    let mut packet = length.to_be_bytes().to_vec();
    packet.push(u8::try_from(padding).unwrap_or(u8::MAX));
    packet.extend_from_slice(payload);
    packet.resize(packet.len() + padding, 0);
    packet
}

/// The packets in clear that `bytes` consist of.
///
/// # Panics
/// When they do not.
#[must_use]
pub fn clear_packets(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    while let Some((length, _)) = bytes.split_first_chunk() {
        let whole = 4 + u32::from_be_bytes(*length) as usize;
        let (packet, rest) = bytes.split_at(whole);
        packets.push(packet.to_vec());
        bytes = rest;
    }
    packets
}

/// SSH_MSG_IGNORE.
#[must_use]
pub fn ignore(data: &[u8]) -> Vec<u8> {
    let mut payload = vec![2];
    payload.put_string(data);
    payload
}

/// SSH_MSG_DEBUG.
#[must_use]
pub fn debug(text: &[u8]) -> Vec<u8> {
    let mut payload = vec![4];
    payload.put_boolean(false);
    payload.put_string(text);
    payload.put_string(b"");
    payload
}

/// SSH_MSG_UNIMPLEMENTED.
#[must_use]
pub fn unimplemented(sequence: u32) -> Vec<u8> {
    let mut payload = vec![3];
    payload.put_u32(sequence);
    payload
}

/// SSH_MSG_EXT_INFO, with one extension.
#[must_use]
pub fn ext_info(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut payload = vec![7];
    payload.put_u32(1);
    payload.put_string(name);
    payload.put_string(value);
    payload
}

/// SSH_MSG_CHANNEL_OPEN.
#[must_use]
pub fn channel_open(kind: &[u8], mine: u32, window: u32, packet: u32) -> Vec<u8> {
    let mut payload = vec![90];
    payload.put_string(kind);
    payload.put_u32(mine);
    payload.put_u32(window);
    payload.put_u32(packet);
    payload
}

/// SSH_MSG_CHANNEL_REQUEST for a subsystem, answered.
#[must_use]
pub fn subsystem(channel: u32, name: &[u8]) -> Vec<u8> {
    let mut payload = vec![98];
    payload.put_u32(channel);
    payload.put_string(b"subsystem");
    payload.put_boolean(true);
    payload.put_string(name);
    payload
}

/// SSH_MSG_CHANNEL_REQUEST for a command, answered.
#[must_use]
pub fn exec(channel: u32, command: &[u8]) -> Vec<u8> {
    let mut payload = vec![98];
    payload.put_u32(channel);
    payload.put_string(b"exec");
    payload.put_boolean(true);
    payload.put_string(command);
    payload
}

/// SSH_MSG_CHANNEL_DATA.
#[must_use]
pub fn channel_data(channel: u32, data: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(data.len() + 9);
    payload.push(94);
    payload.put_u32(channel);
    payload.put_string(data);
    payload
}

/// SSH_MSG_CHANNEL_EXTENDED_DATA of the second stream.
#[must_use]
pub fn channel_extended_data(channel: u32, data: &[u8]) -> Vec<u8> {
    let mut payload = vec![95];
    payload.put_u32(channel);
    payload.put_u32(1);
    payload.put_string(data);
    payload
}

/// A message that has only a channel's number: EOF (96), CLOSE (97), SUCCESS (99), FAILURE (100).
#[must_use]
pub fn of_channel(number: u8, channel: u32) -> Vec<u8> {
    let mut payload = vec![number];
    payload.put_u32(channel);
    payload
}
