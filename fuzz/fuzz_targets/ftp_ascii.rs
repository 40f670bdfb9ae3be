#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::ascii::{ConvertedSize, FromNetwork, ToNetwork, converted_size};

fuzz_target!(|input: (u8, &[u8])| {
    let (step, text) = input;
    let step = usize::from(step).max(1);
    let network = to_network(text, usize::MAX);
    assert_eq!(network, to_network(text, step));
    assert!(network.len() <= 2 * text.len());
    assert_eq!(converted_size(text), network.len() as u64);
    let mut size = ConvertedSize::new();
    text.chunks(step).for_each(|part| size.push(part));
    assert_eq!(size.bytes(), network.len() as u64);
    assert_eq!(to_network(&network, step), network);

    assert_eq!(from_network(text, usize::MAX), from_network(text, step));
    if !text.contains(&b'\r') {
        assert_eq!(from_network(&network, step), text);
    }
});

fn to_network(text: &[u8], step: usize) -> Vec<u8> {
    let (mut codec, mut out) = (ToNetwork::new(), Vec::new());
    text.chunks(step)
        .for_each(|part| codec.push(part, &mut out));
    out
}

fn from_network(text: &[u8], step: usize) -> Vec<u8> {
    let (mut codec, mut out) = (FromNetwork::new(), Vec::new());
    text.chunks(step)
        .for_each(|part| codec.push(part, &mut out));
    codec.finish(&mut out);
    out
}
