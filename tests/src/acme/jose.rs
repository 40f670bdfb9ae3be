//! Signed requests (RFC 8555 6.2, RFC 7515 in its flattened form), ES256 only.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;

/// A request before its signature was looked at.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) nonce: String,
    pub(super) url: String,
    pub(super) signer: Signer,
    /// `None`: POST-as-GET (RFC 8555 6.3).
    pub(super) payload: Option<Value>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

#[derive(Debug)]
pub(super) enum Signer {
    /// The key itself.
    Key(Key),
    /// The URL of an account.
    Account(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    /// Uncompressed.
    point: Vec<u8>,
    /// RFC 7638, base64url.
    pub(super) thumbprint: String,
}

impl Signed {
    /// # Errors
    /// What is wrong with it, in words.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        let protected_text = text(&body, "protected")?;
        let payload_text = text(&body, "payload")?;
        let protected: Value = serde_json::from_slice(&decode(protected_text)?)
            .map_err(|error| format!("the protected header: {error}"))?;
        if text(&protected, "alg")? != "ES256" {
            return Err("the algorithm is not ES256".to_owned());
        }
        let signer = match (protected.get("jwk"), protected.get("kid")) {
            (Some(jwk), None) => Signer::Key(Key::parse(jwk)?),
            (None, Some(kid)) => Signer::Account(kid.as_str().unwrap_or_default().to_owned()),
            _ => return Err("there is not one of jwk and kid".to_owned()),
        };
        let payload = match payload_text {
            "" => None,
            text => Some(
                serde_json::from_slice(&decode(text)?)
                    .map_err(|error| format!("the payload: {error}"))?,
            ),
        };
        Ok(Self {
            nonce: text(&protected, "nonce")?.to_owned(),
            url: text(&protected, "url")?.to_owned(),
            signer,
            payload,
            message: format!("{protected_text}.{payload_text}").into_bytes(),
            signature: decode(text(&body, "signature")?)?,
        })
    }

    pub(super) fn is_by(&self, key: &Key) -> bool {
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, &key.point)
            .verify(&self.message, &self.signature)
            .is_ok()
    }
}

impl Key {
    fn parse(jwk: &Value) -> Result<Self, String> {
        let (x, y) = (text(jwk, "x")?, text(jwk, "y")?);
        if text(jwk, "kty")? != "EC" || text(jwk, "crv")? != "P-256" {
            return Err("the key is not of P-256".to_owned());
        }
        if jwk.get("d").is_some() {
            return Err("the private key was sent".to_owned());
        }
        let mut point = vec![4];
        point.extend(decode(x)?);
        point.extend(decode(y)?);
        // RFC 7638 3: the required members in this order and without white space.
        let canonical = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
        let thumbprint = encode(digest(&SHA256, canonical.as_bytes()).as_ref());
        Ok(Self { point, thumbprint })
    }
}

pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode(text: &str) -> Result<Vec<u8>, String> {
    BASE64_URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|error| format!("base64url: {error}"))
}

pub(super) fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str, String> {
    value
        .get(name)
        .and_then(Value::as_str)
        .ok_or_else(|| format!("there is no `{name}`"))
}
