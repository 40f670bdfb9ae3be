//! A connection whose bytes are somebody else's to make sense of: of SSH, which is its own
//! transport. Nothing is buffered here, and nothing waits but [`PlainStream::readable`] and
//! [`PlainStream::writable`].

use std::io;

use rustix::net::Shutdown;
use tokio::net::TcpStream;

/// One such connection.
#[derive(Debug)]
pub struct PlainStream(TcpStream);

impl PlainStream {
    /// Takes a connection. What is sent leaves at once: answers are small, and a client that waits
    /// for one sends nothing meanwhile.
    #[must_use]
    pub fn new(stream: TcpStream) -> Self {
        // Where it cannot be had, answers are merely slower.
        stream.set_nodelay(true).ok();
        Self(stream)
    }

    /// What is there now: bytes, 0 at the end; `None` when there is nothing yet.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn receive(&self, room: &mut [u8]) -> io::Result<Option<usize>> {
        unless_blocked(self.0.try_read(room))
    }

    /// Sends what the socket takes of it; `None` when it takes nothing now.
    ///
    /// # Errors
    /// The connection is broken.
    pub fn send(&self, bytes: &[u8]) -> io::Result<Option<usize>> {
        unless_blocked(self.0.try_write(bytes))
    }

    /// Resolves once there is something to receive, the end included.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn readable(&self) -> io::Result<()> {
        self.0.readable().await
    }

    /// Resolves once something can be sent.
    ///
    /// # Errors
    /// The connection is broken.
    pub async fn writable(&self) -> io::Result<()> {
        self.0.writable().await
    }

    /// Ends one's own side and reads on, up to `most` bytes, until the peer ends its own: what it
    /// still sends would make the close a reset, and a reset eats what was sent last.
    pub async fn hang_up(&self, most: usize) {
        if rustix::net::shutdown(&self.0, Shutdown::Write).is_err() {
            return;
        }
        let mut rest = [0; 4096];
        let mut drained = 0;
        while drained < most && self.readable().await.is_ok() {
            match self.receive(&mut rest) {
                Ok(None) => {}
                Ok(Some(count @ 1..)) => drained += count,
                Ok(Some(0)) | Err(_) => return,
            }
        }
    }
}

fn unless_blocked(outcome: io::Result<usize>) -> io::Result<Option<usize>> {
    match outcome {
        Ok(count) => Ok(Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn the_last_words_arrive_though_the_peer_goes_on_sending() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut peer = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let stream = PlainStream::new(listener.accept().await.unwrap().0);
        assert_eq!(stream.receive(&mut [0; 8]).unwrap(), None);
        peer.write_all(&[7; 100_000]).await.unwrap();
        stream.readable().await.unwrap();
        assert!(stream.receive(&mut [0; 8]).unwrap() > Some(0));
        assert_eq!(stream.send(b"bye").unwrap(), Some(3));
        let said = tokio::spawn(async move {
            let mut said = Vec::new();
            peer.read_to_end(&mut said).await.map(|_| said)
        });
        stream.hang_up(1 << 20).await;
        drop(stream);
        assert_eq!(said.await.unwrap().unwrap(), b"bye");
    }
}
