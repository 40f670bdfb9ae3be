//! The connections to the CA: https only, each answer within a time and a size.

use std::error::Error as StdError;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};

use crate::error::AcmeError;
use crate::folder::read_bounded;
use crate::text::{chain, said};

/// From the first packet to the last byte of an answer.
const DEADLINE: Duration = Duration::from_secs(30);
/// The TCP part of it, for each address of the CA.
const CONNECT: Duration = Duration::from_secs(10);
/// The largest answer is a chain of certificates, some kilobytes.
const MAX_ANSWER: usize = 1024 * 1024;
/// Roots of private CAs are few and small.
const MAX_CA_FILE: u64 = 1024 * 1024;
/// A CA that names a later moment than this is not believed (Let's Encrypt's longest limits are
/// of a week, and its answers name hours).
const MAX_RETRY_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// The client that `instant-acme` speaks through.
#[derive(Clone)]
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    retry_at: Arc<Mutex<Option<SystemTime>>>,
}

impl Transport {
    /// Trusts the machine's roots and those in `ca`. Reads files: not for async workers.
    pub(crate) fn new(ca: Option<&Path>) -> Result<Self, AcmeError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| AcmeError::Key(chain(&error)))?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_nodelay(true);
        tcp.enforce_http(false);
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_http1()
            .wrap_connector(tcp);
        Ok(Self {
            client: Client::builder(TokioExecutor::new()).build(connector),
            retry_at: Arc::default(),
        })
    }

    /// When the CA's last refusal said it may be asked again.
    pub(crate) fn retry_at(&self) -> Option<SystemTime> {
        *self.retry_at.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn answer(
        self,
        mut request: Request<BodyWrapper<Bytes>>,
    ) -> Result<BytesResponse, Error> {
        let agent = HeaderValue::from_static(concat!(
            "wharf/",
            env!("CARGO_PKG_VERSION"),
            " instant-acme"
        ));
        request.headers_mut().insert(USER_AGENT, agent);
        let whole = async {
            let response = self.client.request(request).await.map_err(failed)?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await;
            Ok((parts, body.map_err(broken)?.to_bytes()))
        };
        let (mut parts, body) = tokio::time::timeout(DEADLINE, whole)
            .await
            .unwrap_or(Err(TransportError::Deadline))
            .map_err(other)?;
        if !parts.status.is_success() {
            let at = retry_after(&parts.headers, SystemTime::now());
            *self.retry_at.lock().unwrap_or_else(PoisonError::into_inner) = at;
            // Whatever stands before the CA (a proxy, its load balancer) speaks no ACME.
            if !is_problem(&parts.headers) {
                return Err(other(TransportError::of(parts.status)));
            }
        }
        bound_retry_after(&mut parts.headers, SystemTime::now());
        Ok(BytesResponse {
            parts,
            body: Box::new(body),
        })
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        Box::pin(self.clone().answer(request))
    }
}

/// What can go wrong below the protocol.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("{0}")]
    Failed(String),
    #[error("no answer within {} s", DEADLINE.as_secs())]
    Deadline,
    #[error("the answer is larger than {MAX_ANSWER} bytes")]
    TooLarge,
    #[error("it answers with the HTTP status {0}")]
    Busy(StatusCode),
    #[error("it answers with the HTTP status {0} and no reason")]
    Status(StatusCode),
}

impl TransportError {
    fn of(status: StatusCode) -> Self {
        if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
            Self::Busy(status)
        } else {
            Self::Status(status)
        }
    }
}

fn failed(error: hyper_util::client::legacy::Error) -> TransportError {
    TransportError::Failed(chain(&error))
}

fn broken(error: Box<dyn StdError + Send + Sync>) -> TransportError {
    if error.is::<LengthLimitError>() {
        TransportError::TooLarge
    } else {
        TransportError::Failed(chain(&*error))
    }
}

fn other(error: TransportError) -> Error {
    Error::Other(Box::new(error))
}

/// RFC 8555 6.7: errors come as `application/problem+json`; some CAs call it `application/json`.
fn is_problem(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.starts_with("application/") && value.contains("json"))
}

/// instant-acme adds whatever number a CA names to the clock, and panics beyond its end.
fn bound_retry_after(headers: &mut HeaderMap, now: SystemTime) {
    let Some(at) = retry_after(headers, now) else {
        headers.remove(RETRY_AFTER);
        return;
    };
    let seconds = at.duration_since(now).unwrap_or_default().as_secs();
    headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
}

/// RFC 9110 10.2.3: seconds, or a date.
fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<SystemTime> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let at = match value.parse::<u64>() {
        Ok(seconds) => now + Duration::from_secs(seconds).min(MAX_RETRY_AFTER),
        Err(_) => httpdate::parse_http_date(value).ok()?,
    };
    Some(at.min(now + MAX_RETRY_AFTER))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, AcmeError> {
    let mut store = RootCertStore::empty();
    let native = rustls_native_certs::load_native_certs();
    store.add_parsable_certificates(native.certs);
    if let Some(file) = ca {
        add_file(&mut store, file).map_err(|why| AcmeError::Ca {
            file: file.to_owned(),
            why,
        })?;
    }
    if store.is_empty() {
        let why: Vec<_> = native.errors.iter().map(|error| chain(error)).collect();
        return Err(AcmeError::NoRoots(why.join("; ")));
    }
    Ok(store)
}

fn add_file(store: &mut RootCertStore, file: &Path) -> Result<(), String> {
    let pem = read_bounded(file, MAX_CA_FILE).map_err(|error| said(&error.to_string()))?;
    let mut found = 0;
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| chain(&error))?;
        store.add(certificate).map_err(|error| chain(&error))?;
        found += 1;
    }
    if found == 0 {
        return Err("there is no certificate in it".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_on_cannot_break_the_clock() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let pass = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            bound_retry_after(&mut headers, now);
            let value = headers.get(RETRY_AFTER);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(pass("18446744073709551615").as_deref(), Some("604800"));
        assert_eq!(pass("5").as_deref(), Some("5"));
        assert_eq!(pass("99999999999999999999"), None);
    }

    #[test]
    fn a_moment_to_come_back_is_a_number_or_a_date_and_never_far() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let parse = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_static(value));
            retry_after(&headers, now)
                .map(|at| at.duration_since(now).unwrap_or_default().as_secs())
        };
        assert_eq!(parse("120"), Some(120));
        assert_eq!(parse(" 0 "), Some(0));
        // 1 700 000 000 is 22:13:20.
        assert_eq!(parse("Tue, 14 Nov 2023 22:14:20 GMT"), Some(60));
        assert_eq!(parse("99999999999999999999"), None);
        assert_eq!(parse("18446744073709551615"), Some(7 * 24 * 3600));
        assert_eq!(parse("Fri, 31 Dec 9999 23:59:59 GMT"), Some(7 * 24 * 3600));
        assert_eq!(parse("soon"), None);
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_file_without_a_certificate_is_no_ca() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        let text = |file: &Path| {
            Transport::new(Some(file))
                .map(drop)
                .unwrap_err()
                .to_string()
        };
        assert!(text(&file).contains("ca.pem"), "{}", text(&file));
        std::fs::write(&file, "nothing here\n").unwrap();
        assert!(
            text(&file).contains("no certificate in it"),
            "{}",
            text(&file)
        );
        let bad = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        std::fs::write(&file, bad).unwrap();
        assert!(
            text(&file).contains("hint: it is a PEM file"),
            "{}",
            text(&file)
        );
    }
}
