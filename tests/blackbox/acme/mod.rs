//! Certificates that the server orders by itself, from a CA of the tests' own.

mod issuing;
mod renewing;
mod strictness;
mod troubles;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use wharf_tests::acme::{AcmeServer, Issued, Knobs};
use wharf_tests::ports::PortRange;
use wharf_tests::tls::certificates::fingerprint;
use wharf_tests::{Builder, Control, Tls, Wharf, data};

const NAME: &str = "ftp.example.org";

/// A CA, and the port on which it asks.
struct Site {
    ca: AcmeServer,
    port: PortRange,
}

impl Site {
    fn new(knobs: Knobs) -> Self {
        let port = PortRange::claim(1);
        let number = *port.ports().start();
        let ca = AcmeServer::start(Knobs {
            http_port: number,
            tls_port: number,
            ..knobs
        });
        Self { ca, port }
    }

    fn port(&self) -> u16 {
        *self.port.ports().start()
    }

    fn settings(&self, challenge: &str, names: &[&str], builder: &Builder) -> String {
        let ca_file = builder.scratch().base().join("ca.pem");
        fs::write(&ca_file, self.ca.ca_pem()).expect("the CA's root");
        let (directory, port) = (self.ca.directory(), self.port());
        format!(
            "[acme]\nnames = {names:?}\ndirectory = {directory:?}\nca = {ca_file:?}\nagree = true\n\
             contact = [\"ann@example.org\"]\nchallenge = \"{challenge}\"\nlisten = \"127.0.0.1:{port}\"\n"
        )
    }

    /// A server that orders a certificate for [`NAME`] from this CA.
    fn serve(&self, challenge: &str) -> Wharf {
        let builder = Wharf::with().implicit();
        let settings = self.settings(challenge, &[NAME], &builder);
        builder.settings(&settings).start()
    }

    /// Waits until the server shows the certificate that was issued as number `number` (0…).
    fn in_force(&self, wharf: &Wharf, number: usize) -> Issued {
        let what = format!("certificate {number}");
        let seen = self.ca.wait(&what, |seen| seen.issued.len() > number);
        let issued = seen.issued[number].clone();
        let wanted = fingerprint(&issued.der);
        let told = wharf.wait_event("certificate", |event| {
            event["fingerprint"] == wanted.as_str()
        });
        assert_eq!(told["outcome"], "loaded", "{told}");
        issued
    }
}

fn acme_event(wharf: &Wharf, outcome: &str) -> Value {
    wharf.wait_event("acme", |event| event["outcome"] == outcome)
}

fn acme_events(wharf: &Wharf, outcome: &str) -> Vec<Value> {
    let mut events = wharf.events();
    events.retain(|event| event["event"] == "acme" && event["outcome"] == outcome);
    events
}

fn named() -> Tls {
    Tls::new().name(NAME)
}

fn shown(control: &mut Control) -> Vec<u8> {
    control.tls_stream().certificate()
}

/// What a client that trusts `root` and nobody else says to the implicit port.
fn verified(wharf: &Wharf, root: &[u8], name: &str) -> Result<String, String> {
    let mut stream = trusting(root, name, wharf.implicit());
    let mut greeting = [0; 3];
    stream
        .read_exact(&mut greeting)
        .and_then(|()| stream.write_all(b"QUIT\r\n"))
        .map_err(|error| error.to_string())?;
    Ok(greeting.escape_ascii().to_string())
}

/// A connection that shakes hands when it is first used, with who has a certificate of `root`.
fn trusting(
    root: &[u8],
    name: &str,
    address: SocketAddr,
) -> StreamOwned<ClientConnection, TcpStream> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from(root.to_vec()))
        .expect("a root");
    let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned()).expect("a name");
    let session = ClientConnection::new(Arc::new(config), name).expect("a client");
    StreamOwned::new(session, data::open(address))
}
