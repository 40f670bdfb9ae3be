//! Just enough of HTTP/1.1 over TLS, one thread per connection.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::{Shared, service};

const MAX_HEAD: usize = 64 * 1024;
const MAX_BODY: usize = 1024 * 1024;
/// A client that says nothing for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    /// Names in lower case.
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }
}

#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
}

pub(super) fn listen(listener: TcpListener, shared: &Arc<Shared>) {
    let (shared, config) = (Arc::clone(shared), shared.issuer.web.clone());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            if shared.lock().stopped {
                return;
            }
            let (Ok(stream), shared, config) = (stream, Arc::clone(&shared), config.clone()) else {
                continue;
            };
            // How a client leaves is its own affair.
            std::thread::spawn(move || drop(serve(stream, config, &shared)));
        }
    });
}

fn serve(stream: TcpStream, config: Arc<ServerConfig>, shared: &Arc<Shared>) -> io::Result<()> {
    stream.set_read_timeout(Some(SILENCE))?;
    stream.set_nodelay(true)?;
    let session = ServerConnection::new(config).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(session, stream);
    let mut input = Vec::new();
    while let Some(request) = read(&mut stream, &mut input)? {
        let response = service::answer(&request, shared);
        let head_only = request.method == "HEAD";
        stream.write_all(&encode(&response, head_only))?;
        stream.flush()?;
    }
    Ok(())
}

/// `input` keeps what came of the next request.
fn read(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    input: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let end = loop {
        if let Some(at) = input.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break at + 4;
        }
        if input.len() > MAX_HEAD || !more(stream, input)? {
            return Ok(None);
        }
    };
    let head = String::from_utf8(input.drain(..end).collect()).map_err(io::Error::other)?;
    let mut lines = head.lines();
    let mut words = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut request = Request {
        method: method.to_owned(),
        path: path.to_owned(),
        headers: lines
            .filter_map(|line| line.split_once(':'))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
            .collect(),
        body: Vec::new(),
    };
    let length = request
        .header("content-length")
        .and_then(|value| value.parse().ok());
    let length: usize = length.unwrap_or(0);
    while input.len() < length {
        if length > MAX_BODY || !more(stream, input)? {
            return Ok(None);
        }
    }
    request.body = input.drain(..length).collect();
    Ok(Some(request))
}

fn more(
    stream: &mut StreamOwned<ServerConnection, TcpStream>,
    input: &mut Vec<u8>,
) -> io::Result<bool> {
    let mut bytes = [0; 4096];
    let read = stream.read(&mut bytes)?;
    input.extend_from_slice(&bytes[..read]);
    Ok(read > 0)
}

fn encode(response: &Response, head_only: bool) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} x\r\n", response.status);
    for (name, value) in &response.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
    let mut bytes = text.into_bytes();
    if !head_only {
        bytes.extend_from_slice(&response.body);
    }
    bytes
}
