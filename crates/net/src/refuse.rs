//! Saying no: a last message that arrives, at a bounded price.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::SendFlags;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::meter::Meter;

/// Refusals that may be under way at a time.
pub const CONCURRENT_REFUSALS: usize = 256;

/// How long a refused client may take to read the message and hang up.
const DRAIN: Duration = Duration::from_secs(1);

/// Bytes read from a refused client before it is cut off.
const DRAIN_BYTES: usize = 16 * 1024;

/// Sends last messages from tasks of its own, so that no accept loop waits for a refused client.
#[derive(Debug, Clone)]
pub struct Refuser(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    places: Arc<Semaphore>,
    refused: Meter,
}

impl Refuser {
    /// A refuser of [`CONCURRENT_REFUSALS`] places.
    #[must_use]
    pub fn new() -> Self {
        Self::with_places(CONCURRENT_REFUSALS)
    }

    /// A refuser that attends to at most `places` clients at a time.
    #[must_use]
    pub fn with_places(places: usize) -> Self {
        Self(Arc::new(Inner {
            places: Arc::new(Semaphore::new(places)),
            refused: Meter::new(),
        }))
    }

    /// Sends `message` without waiting, ends our side, and reads on for at most a second: bytes
    /// that stay unread make the close a reset, and a reset takes the message from the client.
    /// With all places taken the connection is closed as it is.
    ///
    /// Must be called inside a tokio runtime.
    pub fn refuse(&self, stream: TcpStream, message: Vec<u8>) {
        self.0.refused.add(1);
        let Ok(place) = Arc::clone(&self.0.places).try_acquire_owned() else {
            return;
        };
        tokio::spawn(async move {
            say_and_end(&stream, &message);
            drop(message);
            // What the client still says is of no interest, nor is how it ends.
            let _ = timeout(DRAIN, drain(&stream)).await;
            drop(place);
        });
    }

    /// Clients refused so far, with a message or without.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.bytes()
    }
}

impl Default for Refuser {
    fn default() -> Self {
        Self::new()
    }
}

/// Sends what the socket takes at once (a fresh one takes far more than any message) and a FIN.
pub(crate) fn say_and_end(socket: impl std::os::fd::AsFd, message: &[u8]) {
    // A client that is gone already misses nothing.
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    let _ = rustix::net::send(&socket, message, flags);
    let _ = rustix::net::shutdown(&socket, rustix::net::Shutdown::Write);
}

async fn drain(stream: &TcpStream) -> io::Result<()> {
    let mut scrap = [0; 512];
    let mut left = DRAIN_BYTES;
    while left > 0 {
        stream.readable().await?;
        match stream.try_read(&mut scrap) {
            Ok(0) => return Ok(()),
            Ok(read) => left = left.saturating_sub(read),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream as StdStream;

    use crate::listener::Listener;

    use super::*;

    async fn pair(listener: &Listener) -> (StdStream, TcpStream) {
        let client = StdStream::connect(listener.local_addr()).unwrap();
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        (client, listener.accept().await.0)
    }

    async fn read_all(mut client: StdStream) -> io::Result<Vec<u8>> {
        let reading = tokio::task::spawn_blocking(move || {
            let mut all = Vec::new();
            client.read_to_end(&mut all).map(|_| all)
        });
        reading.await.unwrap()
    }

    #[tokio::test]
    async fn a_client_that_has_already_spoken_still_reads_the_refusal() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refuser = Refuser::new();
        let (mut client, server) = pair(&listener).await;
        client.write_all(b"USER ann\r\nPASS x\r\n").unwrap();
        refuser.refuse(server, b"421 try again in 10 s\r\n".to_vec());
        client.write_all(b"SYST\r\n").unwrap();
        let after = client.try_clone().unwrap();
        assert_eq!(
            read_all(client).await.unwrap(),
            b"421 try again in 10 s\r\n"
        );
        assert_eq!(refuser.refused(), 1);
        // Linux hands out what arrived before a reset, other systems do not: there must be none.
        after.shutdown(std::net::Shutdown::Write).unwrap();
        let all = refuser.0.places.acquire_many(CONCURRENT_REFUSALS as u32);
        assert!(timeout(Duration::from_secs(5), all).await.is_ok());
        assert!(after.take_error().unwrap().is_none());
    }

    #[tokio::test]
    async fn a_refused_client_that_stays_is_cut_off() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let refuser = Refuser::with_places(1);
        let (client, server) = pair(&listener).await;
        refuser.refuse(server, b"421\r\n".to_vec());
        let (late, server) = pair(&listener).await;
        refuser.refuse(server, b"421\r\n".to_vec());
        assert_eq!(
            read_all(late).await.unwrap(),
            b"",
            "no place: closed, no message"
        );
        // The first holds its connection open and is let go of all the same.
        let place = timeout(Duration::from_secs(5), refuser.0.places.acquire());
        assert!(place.await.is_ok());
        assert_eq!(read_all(client).await.unwrap(), b"421\r\n");
    }
}
