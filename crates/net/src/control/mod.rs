//! Reading a control connection on which a client may send urgent data.

mod stream;

use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::task::{Context, Poll, ready};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{RecvFlags, recv};
use tokio::net::TcpStream;

pub use stream::ControlStream;

/// Waits for bytes and reads some; 0 is the end. Cancel safe: nothing is read unless it is
/// returned.
///
/// Control connections must be read with this, with [`poll_read`], or with `readable` and
/// `try_read`, never through tokio's `AsyncRead`. That takes a short read for an emptied socket
/// and sleeps until more arrives. But a read stops at the urgent mark too, and clients set it on
/// the `IAC DM` before `ABOR` (RFC 959 4.1.3, RFC 1123 4.1.2.12): the `ABOR` behind it would stay
/// unread.
///
/// # Errors
/// Those of recv(2), except `WouldBlock` and `Interrupted`.
pub async fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    poll_fn(|context| poll_read(stream, context, buffer)).await
}

/// [`read`] for those who do not want to hold a buffer while they wait. Wakes the last task that
/// polled, and no other.
///
/// # Errors
/// As those of [`read`].
pub fn poll_read(
    stream: &TcpStream,
    context: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    loop {
        ready!(stream.poll_read_ready(context))?;
        match stream.try_read(buffer) {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) => {}
            outcome => return Poll::Ready(outcome),
        }
    }
}

/// Looks whether the client at the other end of a control connection is gone, from any thread and
/// without reading.
#[derive(Debug)]
pub struct Watch {
    socket: OwnedFd,
    encrypted: bool,
}

impl Watch {
    /// Watches beside whoever reads.
    ///
    /// # Errors
    /// When no descriptor is left.
    pub fn new(stream: &ControlStream) -> io::Result<Self> {
        Ok(Self {
            socket: stream.socket().as_fd().try_clone_to_owned()?,
            encrypted: stream.is_protected(),
        })
    }

    /// Whether the client has closed or lost its connection. One who said QUIT before that, and is
    /// not yet answered, is not gone; under TLS, one who said anything.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        let mut watched = [PollFd::new(&self.socket, PollFlags::RDHUP)];
        let now = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        if !matches!(poll(&mut watched, Some(&now)), Ok(1..)) {
            return false;
        }
        let mut unread = [0; 4096];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        let length = recv(&self.socket, &mut unread, flags).map_or(0, |(length, _)| length);
        let unread = unread.get(..length).unwrap_or_default();
        if self.encrypted {
            return unread.is_empty();
        }
        !unread
            .windows(4)
            .any(|word| word.eq_ignore_ascii_case(b"QUIT"))
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream as StdStream;
    use std::time::Duration;

    use rustix::net::{SendFlags, send};
    use tokio::time::timeout;

    use super::*;
    use crate::listener::Listener;

    #[tokio::test]
    async fn an_urgent_abor_is_read_in_its_place() {
        let listener = Listener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let client = StdStream::connect(listener.local_addr()).unwrap();
        let (stream, _) = listener.accept().await;
        // IAC IP, then IAC DM with the urgent mark on DM, then the command.
        send(&client, &[0xFF, 0xF4, 0xFF], SendFlags::empty()).unwrap();
        send(&client, &[0xF2], SendFlags::OOB).unwrap();
        send(&client, b"ABOR\r\n", SendFlags::empty()).unwrap();
        let mut all = Vec::new();
        while all.len() < 10 {
            let mut buffer = [0; 64];
            let reading = timeout(Duration::from_secs(10), read(&stream, &mut buffer));
            let read = reading.await.expect("the rest stays unread").unwrap();
            assert_ne!(read, 0);
            all.extend_from_slice(&buffer[..read]);
        }
        assert_eq!(all, b"\xFF\xF4\xFF\xF2ABOR\r\n");
        drop(client);
        assert_eq!(read(&stream, &mut [0; 64]).await.unwrap(), 0);
    }
}
