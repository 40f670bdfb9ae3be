//! HTTP-01 (RFC 8555 8.3): one file per name, for one GET, and nothing for anybody else.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use wharf_net::refuse::Refuser;

use super::{Asked, MAX_CONNECTIONS, Proof};
use crate::error::AcmeError;

/// The request line and all headers together.
const MAX_REQUEST: usize = 8 * 1024;
/// RFC 8555 8.3 gives a token 128 bits and more, in base64url.
const MAX_TOKEN: usize = 256;
const WELL_KNOWN: &[u8] = b"/.well-known/acme-challenge/";

/// What is answered to which token.
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<HashMap<String, Arc<[u8]>>>);

impl Answers {
    pub(super) fn publish(&self, proof: &Proof<'_>) -> Result<(), AcmeError> {
        if !is_token(proof.token) {
            return Err(AcmeError::Refused {
                detail: "it sent a token that is none (RFC 8555 8.3)".to_owned(),
            });
        }
        let answer = Arc::from(proof.authorization.as_bytes());
        self.lock().insert(proof.token.to_owned(), answer);
        Ok(())
    }

    fn find(&self, token: &[u8]) -> Option<Arc<[u8]>> {
        let token = std::str::from_utf8(token).ok()?;
        self.lock().get(token).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<[u8]>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_token(token: &str) -> bool {
    let base64url = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(base64url)
}

/// Reads one request, answers it and ends the connection.
pub(super) async fn answer(mut stream: TcpStream, answers: &Answers) -> io::Result<Asked> {
    let request = read_head(&mut stream).await?;
    let found = request
        .as_deref()
        .and_then(requested_token)
        .and_then(|token| answers.find(token));
    let (response, asked) = match &found {
        Some(body) => (respond("200 OK", body), Asked::Answered),
        // Nothing of the request comes back: what stands on this port under our name is only
        // what the CA asked for.
        None => (respond("404 Not Found", b""), Asked::Refused),
    };
    RESPONDER.refuse(stream, response);
    Ok(asked)
}

/// It says one thing and ends the connection so that it arrives, whatever else the peer sends.
static RESPONDER: LazyLock<Refuser> = LazyLock::new(|| Refuser::with_places(MAX_CONNECTIONS));

/// Up to the empty line; `None` where there is none within the bound.
async fn read_head(stream: &mut TcpStream) -> io::Result<Option<Vec<u8>>> {
    let mut head = Vec::with_capacity(1024);
    loop {
        let room = MAX_REQUEST.saturating_sub(head.len());
        if room == 0 || stream.take(room as u64).read_buf(&mut head).await? == 0 {
            return Ok(None);
        }
        if head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            return Ok(Some(head));
        }
    }
}

/// The token of `GET /.well-known/acme-challenge/TOKEN HTTP/1.x`.
fn requested_token(head: &[u8]) -> Option<&[u8]> {
    let line = head.split(|&byte| byte == b'\r').next()?;
    let mut words = line.split(|&byte| byte == b' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let plain = words.next().is_none() && matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    (method == b"GET" && plain).then_some(())?;
    target.strip_prefix(WELL_KNOWN)
}

fn respond(status: &str, body: &[u8]) -> Vec<u8> {
    let mut response = format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/octet-stream\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    )
    .into_bytes();
    response.extend_from_slice(body);
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;

    use super::super::{Challenge, Responder};
    use super::*;

    fn responder() -> Responder {
        let responder = Responder::bind(Challenge::Http01, ([127, 0, 0, 1], 0).into()).unwrap();
        let proof = Proof {
            name: "a.example",
            token: "T_o-ken",
            authorization: "T_o-ken.thumb",
            digest: &[],
        };
        responder.publish(&proof).unwrap();
        responder
    }

    async fn ask(responder: &Responder, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(responder.address()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn the_token_that_is_known_is_answered() {
        let responder = responder();
        for request in [
            "GET /.well-known/acme-challenge/T_o-ken HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "GET /.well-known/acme-challenge/T_o-ken HTTP/1.0\r\n\r\n",
        ] {
            let answer = ask(&responder, request.as_bytes()).await;
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
            assert!(answer.contains("\r\nContent-Length: 13\r\n"), "{answer}");
            assert!(answer.ends_with("\r\n\r\nT_o-ken.thumb"), "{answer}");
        }
    }

    #[tokio::test]
    async fn nothing_else_is_and_nothing_is_echoed() {
        let responder = responder();
        let (path, end) = ("/.well-known/acme-challenge/", "Host: a\r\n\r\n");
        for request in [
            format!("GET {path}other HTTP/1.1\r\n{end}"),
            format!("GET {path} HTTP/1.1\r\n{end}"),
            format!("GET {path}T_o-ken/ HTTP/1.1\r\n{end}"),
            format!("GET {path}T_o-ken?a HTTP/1.1\r\n{end}"),
            format!("GET {path}%54_o-ken HTTP/1.1\r\n{end}"),
            format!("GET {path}../acme-challenge/T_o-ken HTTP/1.1\r\n{end}"),
            format!("GET http://a{path}T_o-ken HTTP/1.1\r\n{end}"),
            format!("get {path}T_o-ken HTTP/1.1\r\n{end}"),
            format!("POST {path}T_o-ken HTTP/1.1\r\n{end}"),
            format!("GET {path}T_o-ken\r\n{end}"),
            format!("GET {path}T_o-ken HTTP/2.0\r\n{end}"),
            format!("GET {path}T_o-ken HTTP/1.1 x\r\n{end}"),
            format!("GET /<script> HTTP/1.1\r\n{end}"),
            format!("\r\n{end}"),
        ] {
            let answer = ask(&responder, request.as_bytes()).await;
            assert_eq!(
                answer,
                String::from_utf8(respond("404 Not Found", b"")).unwrap()
            );
        }
    }

    #[tokio::test]
    async fn a_request_without_end_is_cut_off() {
        let responder = responder();
        let mut request = b"GET /.well-known/acme-challenge/T_o-ken HTTP/1.1\r\nX: ".to_vec();
        request.resize(MAX_REQUEST, b'x');
        let answer = ask(&responder, &request).await;
        assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    }

    #[tokio::test]
    async fn who_says_nothing_for_ten_seconds_is_cut_off_and_keeps_nobody_out() {
        let responder = responder();
        let mut silent = Vec::new();
        for _ in 0..MAX_CONNECTIONS {
            silent.push(TcpStream::connect(responder.address()).await.unwrap());
        }
        // Only when nothing else can happen does the clock move, and then to the deadline.
        tokio::time::pause();
        let request = b"GET /.well-known/acme-challenge/T_o-ken HTTP/1.1\r\n\r\n";
        let answer = ask(&responder, request).await;
        assert!(answer.ends_with("T_o-ken.thumb"), "{answer}");
        let mut rest = Vec::new();
        silent[0].read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"");
    }

    #[test]
    fn a_token_that_is_none_is_refused() {
        assert!(is_token("T_o-ken09"));
        for bad in ["", "a/b", "a.b", "a b", "a\r\nb", "ä", &"a".repeat(257)] {
            assert!(!is_token(bad), "{bad}");
        }
    }
}
