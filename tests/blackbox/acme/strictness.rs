//! The CA of the tests itself: what it takes from a client, and what it does not.

use ::aws_lc_rs::rand::SystemRandom;
use ::aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::pem::PemObject;
use serde_json::json;

use super::*;

#[test]
fn an_account_belongs_to_its_key() {
    let ca = AcmeServer::start(Knobs::default());
    let (ann, bob) = (Client::new(&ca), Client::new(&ca));
    let agreed = json!({"termsOfServiceAgreed": true});

    let refused = ann.post("account", None, &json!({}));
    assert_eq!(refused.problem(), "userActionRequired");
    let made = ann.post("account", None, &agreed);
    let again = ann.post("account", None, &agreed);
    assert_eq!((made.status, again.status), (201, 200));
    assert_eq!(made.location(), again.location());
    let bobs = bob.post("account", None, &agreed);
    assert_ne!(bobs.location(), made.location());
    assert_eq!(ca.seen().accounts, 2);

    // Who signs with another key is nobody, and orders are for those who placed them.
    let order = json!({"identifiers": [{"type": "dns", "value": NAME}]});
    let forged = bob.post("order", Some(made.location()), &order);
    assert_eq!(forged.status, 400);
    assert_eq!(ca.seen().orders, 0);
    let placed = ann.post("order", Some(made.location()), &order);
    assert_eq!(
        (placed.status, placed.body["status"].as_str()),
        (201, Some("pending"))
    );
    let path = placed.location().rsplit_once('/').expect("a path").1;
    let other = bob.post(&format!("order/{path}"), Some(bobs.location()), &json!({}));
    assert_eq!((other.status, other.problem()), (403, "unauthorized"));
    assert_eq!(ca.seen().violations.len(), 1);
}

#[test]
fn a_request_is_fresh_whole_and_for_its_place() {
    let ca = AcmeServer::start(Knobs::default());
    let client = Client::new(&ca);
    let agreed = json!({"termsOfServiceAgreed": true});
    let url = ca.directory().replace("directory", "account");

    let nonce = client.nonce();
    let signed = client.sign(&url, &nonce, None, &agreed);
    assert_eq!(client.send("account", &signed).status, 201);
    assert_eq!(client.send("account", &signed).problem(), "badNonce");
    let made_up = client.sign(&url, "bm9uY2U", None, &agreed);
    assert_eq!(client.send("account", &made_up).problem(), "badNonce");
    assert_eq!(ca.seen().violations, [""; 0]);

    let mut changed = client.sign(&url, &client.nonce(), None, &agreed);
    changed["payload"] = json!(encode(br#"{"termsOfServiceAgreed":true,"contact":[]}"#));
    let elsewhere = client.sign(&ca.directory(), &client.nonce(), None, &agreed);
    for (number, bad) in [changed, elsewhere, json!({}), json!("text")]
        .iter()
        .enumerate()
    {
        assert_eq!(client.send("account", bad).problem(), "malformed", "{bad}");
        assert_eq!(ca.seen().violations.len(), number + 1, "{bad}");
    }
}

#[test]
fn a_name_is_not_proven_by_nothing() {
    let port = PortRange::claim(1);
    let number = *port.ports().start();
    let ca = AcmeServer::start(Knobs {
        http_port: number,
        tls_port: number,
        ..Knobs::default()
    });
    let client = Client::new(&ca);
    let account = client.post("account", None, &json!({"termsOfServiceAgreed": true}));
    let account = Some(account.location());
    for (order, kind) in ["http-01", "tls-alpn-01"].iter().enumerate() {
        let wanted = json!({"identifiers": [{"type": "dns", "value": NAME}]});
        assert_eq!(client.post("order", account, &wanted).status, 201);
        let early = client.post(&format!("finalize/{order}"), account, &json!({"csr": ""}));
        assert_eq!(early.problem(), "orderNotReady");
        client.post(&format!("challenge/{order}/0/{kind}"), account, &json!({}));
        let seen = ca.wait("the question", |seen| seen.asked.len() > order);
        assert!(seen.asked[order].error.is_some(), "{kind}");
        let found = client.post(&format!("order/{order}"), account, &json!({}));
        assert_eq!(found.body["status"], "invalid", "{kind}");
    }
    assert_eq!(ca.seen().issued, []);
}

/// A client that says what it is told.
struct Client<'a> {
    ca: &'a AcmeServer,
    key: EcdsaKeyPair,
}

struct Answer {
    status: u16,
    headers: String,
    body: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        let mut lines = self
            .headers
            .lines()
            .filter_map(|line| line.split_once(": "));
        lines.find(|(found, _)| *found == name).expect(name).1
    }

    fn location(&self) -> &str {
        self.header("Location")
    }

    /// The type of the problem, without what all types begin with.
    fn problem(&self) -> &str {
        let kind = self.body["type"].as_str().unwrap_or_default();
        kind.rsplit(':').next().unwrap_or_default()
    }
}

impl<'a> Client<'a> {
    fn new(ca: &'a AcmeServer) -> Self {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        Self { ca, key }
    }

    fn post(&self, path: &str, account: Option<&str>, payload: &Value) -> Answer {
        let url = self.ca.directory().replace("directory", path);
        self.send(path, &self.sign(&url, &self.nonce(), account, payload))
    }

    fn sign(&self, url: &str, nonce: &str, account: Option<&str>, payload: &Value) -> Value {
        let mut protected = json!({"alg": "ES256", "nonce": nonce, "url": url});
        match account {
            Some(account) => protected["kid"] = json!(account),
            None => protected["jwk"] = self.public_key(),
        }
        let protected = encode(protected.to_string().as_bytes());
        let payload = encode(payload.to_string().as_bytes());
        let message = format!("{protected}.{payload}");
        let signature = self.key.sign(&SystemRandom::new(), message.as_bytes());
        let signature = encode(signature.expect("a signature").as_ref());
        json!({"protected": protected, "payload": payload, "signature": signature})
    }

    fn public_key(&self) -> Value {
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        json!({"kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
    }

    fn nonce(&self) -> String {
        self.request("HEAD /nonce", "")
            .header("Replay-Nonce")
            .to_owned()
    }

    fn send(&self, path: &str, signed: &Value) -> Answer {
        self.request(&format!("POST /{path}"), &signed.to_string())
    }

    fn request(&self, line: &str, body: &str) -> Answer {
        let mut stream = self.connect();
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nUser-Agent: tests\r\nContent-Type: application/jose+json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).expect("sending");
        stream.conn.send_close_notify();
        stream.flush().expect("sending");
        let mut answer = String::new();
        // The CA only ends the connection; the answer has its length.
        let _ = stream.read_to_string(&mut answer);
        let (headers, body) = answer.split_once("\r\n\r\n").expect("an answer");
        let status = headers.split(' ').nth(1).and_then(|code| code.parse().ok());
        Answer {
            status: status.expect("a status"),
            headers: headers.to_owned(),
            body: serde_json::from_str(body).unwrap_or_default(),
        }
    }

    fn connect(&self) -> StreamOwned<ClientConnection, TcpStream> {
        let root = CertificateDer::from_pem_slice(self.ca.ca_pem().as_bytes()).expect("PEM");
        let directory = self.ca.directory();
        let address = directory.split('/').nth(2).expect("an address");
        trusting(&root, "127.0.0.1", address.parse().expect("an address"))
    }
}

fn encode(bytes: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}
