//! What a server offers in its handshakes, for people to read.

use rustls::crypto::aws_lc_rs;

use super::TlsVersion;

/// What is offered, each list in the server's order. Names are those of IANA's registries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// `1.3`, `1.2`.
    pub versions: Vec<&'static str>,
    /// `TLS_AES_256_GCM_SHA384`, …
    pub cipher_suites: Vec<String>,
    /// `X25519MLKEM768`, …
    pub key_exchange: Vec<String>,
}

/// What a server offers that speaks `minimum` and later, read from the provider itself.
#[must_use]
pub fn offer(minimum: TlsVersion) -> Offer {
    let provider = aws_lc_rs::default_provider();
    let modern_only = minimum == TlsVersion::V1_3;
    let suites = provider.cipher_suites.iter();
    Offer {
        versions: if modern_only {
            vec!["1.3"]
        } else {
            vec!["1.3", "1.2"]
        },
        cipher_suites: suites
            .filter(|suite| !modern_only || suite.tls13().is_some())
            .map(|suite| registered(&format!("{:?}", suite.suite())))
            .collect(),
        key_exchange: provider
            .kx_groups
            .iter()
            .map(|group| format!("{:?}", group.name()))
            .collect(),
    }
}

/// rustls names the version in its suites, the registry does not.
fn registered(name: &str) -> String {
    match name.strip_prefix("TLS13_") {
        Some(rest) => format!("TLS_{rest}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_suites_with_forward_secrecy_and_an_aead_are_offered() {
        let offer = offer(TlsVersion::V1_2);
        assert_eq!(offer.versions, ["1.3", "1.2"]);
        for suite in &offer.cipher_suites {
            let modern = suite.starts_with("TLS_AES_") || suite.starts_with("TLS_CHACHA20_");
            assert!(modern || suite.starts_with("TLS_ECDHE_"), "{suite}");
            assert!(
                suite.contains("_GCM_") || suite.contains("_POLY1305_"),
                "{suite}"
            );
        }
        assert_eq!(offer.key_exchange[0], "X25519MLKEM768");
    }

    #[test]
    fn a_higher_minimum_leaves_the_older_suites_out() {
        let offer = offer(TlsVersion::V1_3);
        assert_eq!(offer.versions, ["1.3"]);
        assert!(!offer.cipher_suites.is_empty());
        assert!(
            offer
                .cipher_suites
                .iter()
                .all(|suite| !suite.contains("ECDHE"))
        );
    }
}
