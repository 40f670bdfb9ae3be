use std::sync::LazyLock;

use proptest::prelude::*;
use rustls::crypto::aws_lc_rs;

use super::*;
use crate::tls::certificate::tests::samples::{self, Authority};

fn config() -> Arc<ServerConfig> {
    let sample = Authority::new("an authority").server(&["localhost"]);
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(samples::chain(&sample.chain), samples::key(&sample.key));
    Arc::new(config.unwrap())
}

static CONFIG: LazyLock<Arc<ServerConfig>> = LazyLock::new(config);

proptest! {
    /// Whatever a stranger sends first, in whatever pieces: an error or a wait, never a panic,
    /// and nothing is kept beyond the bound.
    #[test]
    fn m11_anything_may_come_instead_of_a_handshake(
        mut bytes in proptest::collection::vec(any::<u8>(), 0..600),
        kind in 20_u8..26,
        handshake in 0_u8..30,
        length in 0_u16..600,
        pieces in 1_usize..40,
    ) {
        // Mostly a record header and a message header, or hardly anything is looked at.
        let header = [kind, 3, 1, length.to_be_bytes()[0], length.to_be_bytes()[1]];
        let message = [handshake, 0, length.to_be_bytes()[0], length.to_be_bytes()[1]];
        bytes.splice(0..0, header.into_iter().chain(message));
        let mut session = TlsSession::server(Arc::clone(&CONFIG)).unwrap();
        let (mut plain, mut outgoing) = (Vec::new(), Vec::new());
        for piece in bytes.chunks_mut(pieces) {
            if session.receive(piece, &mut plain, &mut outgoing).is_err() {
                // Once over, it stays over.
                prop_assert!(session.receive(&mut [], &mut plain, &mut outgoing).is_err());
                prop_assert!(session.close(&mut outgoing).is_err());
                break;
            }
            prop_assert!(session.kept.len() <= MOST_KEPT);
        }
        prop_assert!(plain.is_empty());
    }
}

#[test]
fn the_rest_of_a_record_is_what_is_missing() {
    assert_eq!(missing(&[]), 5);
    assert_eq!(missing(&[22, 3, 1]), 2);
    assert_eq!(missing(&[22, 3, 1, 0, 4]), 4);
    assert_eq!(missing(&[22, 3, 1, 0, 4, 9, 9]), 2);
    // A whole record, and the header of the next one.
    assert_eq!(missing(&[22, 3, 1, 0, 1, 9]), 5);
    assert_eq!(missing(&[22, 3, 1, 0, 1, 9, 22, 3]), 3);
}
