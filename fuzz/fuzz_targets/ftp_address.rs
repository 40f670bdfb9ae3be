#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::address::{
    format_eprt, format_port, parse_227, parse_229, parse_eprt, parse_port, reply_229,
};

fuzz_target!(|text: &[u8]| {
    if let Ok(address) = parse_port(text) {
        assert_eq!(parse_port(format_port(address).as_bytes()), Ok(address));
        assert_eq!(parse_227(text), Ok(address));
    }
    if let Ok(address) = parse_eprt(text) {
        assert_ne!(address.port(), 0);
        assert_eq!(parse_eprt(format_eprt(address).as_bytes()), Ok(address));
    }
    if let Ok(address) = parse_227(text) {
        assert_ne!(address.port(), 0);
    }
    if let Ok(port) = parse_229(text) {
        let mut reply = Vec::new();
        reply_229(port).encode_into(&mut reply);
        assert_eq!(parse_229(&reply), Ok(port));
    }
});
