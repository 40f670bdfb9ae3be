//! Raw SFTP packets through the `ssh` of OpenSSH: neither our transport nor our codec has a part
//! in them, on the client's side.

mod packet;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Instant;

use crate::program::{signal, wait};
use crate::ssh::Ssh;
use crate::{PATIENCE, show};

pub use packet::{
    Attributes, Body, Entry, Extensions, Fields, Reply, body, kind, open_flag, status,
};

/// One channel with the subsystem `sftp`. Its connection is cut when it is dropped.
#[derive(Debug)]
pub struct Sftp {
    child: Option<Child>,
    input: Option<ChildStdin>,
    packets: Receiver<Vec<u8>>,
    waiting: HashMap<u32, Reply>,
    next: u32,
    errors: File,
    /// The names and data of the VERSION packet's extensions.
    pub extensions: Extensions,
}

impl Sftp {
    /// After INIT and VERSION.
    ///
    /// # Panics
    /// When the server does not answer with version 3.
    #[must_use]
    #[track_caller]
    pub fn open(ssh: &Ssh) -> Self {
        let mut sftp = Self::before_init(ssh, QUEUE);
        sftp.send_raw(&body().u32(5).u8(kind::INIT).u32(3).done());
        let (version, extensions) = sftp.version();
        assert_eq!(version, 3, "the version");
        sftp.extensions = extensions;
        sftp
    }

    /// Before any packet. When `queue` replies have not been looked at, no more are read from the
    /// connection.
    ///
    /// # Panics
    /// When `ssh` does not start.
    #[must_use]
    #[track_caller]
    pub fn before_init(ssh: &Ssh, queue: usize) -> Self {
        let errors = tempfile::tempfile().expect("a file for the errors");
        let mut command = Command::new("ssh");
        command
            .args(ssh.options())
            .args(["-p", &ssh.port.to_string(), "-s", &ssh.host(), "sftp"])
            .envs(ssh.environment())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::from(errors.try_clone().expect("a second handle")));
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| panic!("ssh (package openssh-client): {error}"));
        let input = child.stdin.take();
        let output = child.stdout.take().expect("its output");
        let (sender, packets) = sync_channel(queue);
        std::thread::spawn(move || pass_on(output, &sender));
        Self {
            child: Some(child),
            input,
            packets,
            waiting: HashMap::new(),
            next: 1,
            errors,
            extensions: Vec::new(),
        }
    }

    /// Sends bytes, whatever they are.
    ///
    /// # Panics
    /// When the channel is closed.
    #[track_caller]
    pub fn send_raw(&mut self, bytes: &[u8]) {
        if let Err(error) = self.try_send_raw(bytes) {
            panic!("the channel takes nothing ({error}): {}", self.complaints());
        }
    }

    /// Sends bytes, where the channel may be closed.
    ///
    /// # Errors
    /// When `ssh` is gone.
    pub fn try_send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(bytes)?;
        input.flush()
    }

    /// Sends a request and returns its id without waiting.
    #[track_caller]
    pub fn request(&mut self, kind: u8, body: &Body) -> u32 {
        let id = self.next;
        self.next += 1;
        self.send_raw(&packet(kind, id, body));
        id
    }

    /// A request and its answer.
    #[track_caller]
    pub fn ask(&mut self, kind: u8, body: &Body) -> Reply {
        let id = self.request(kind, body);
        self.reply(id)
    }

    /// An extended request and its answer.
    #[track_caller]
    pub fn extended(&mut self, name: &str, more: &Body) -> Reply {
        let body = body().string(name).append(more);
        self.ask(kind::EXTENDED, &body)
    }

    /// The answer to a request; the others are kept.
    ///
    /// # Panics
    /// When it does not come.
    #[track_caller]
    pub fn reply(&mut self, id: u32) -> Reply {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(reply) = self.waiting.remove(&id) {
                return reply;
            }
            let (other, reply) = self.next_reply(deadline);
            let old = self.waiting.insert(other, reply);
            assert!(old.is_none(), "two answers to request {other}: {old:?}");
        }
    }

    /// The next answer, whichever it is.
    #[track_caller]
    pub fn any_reply(&mut self) -> (u32, Reply) {
        self.next_reply(Instant::now() + PATIENCE)
    }

    /// Waits until the server has closed the channel; answers before it are passed over.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn expect_end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.packets.recv_timeout(left) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return,
                Err(RecvTimeoutError::Timeout) => panic!("it is still open"),
            }
        }
    }

    /// The end of the connection, as a broken network makes it.
    pub fn cut(&mut self) {
        self.input = None;
        if let Some(child) = self.child.take() {
            signal(child.id(), rustix::process::Signal::KILL);
            let _ = wait(child, PATIENCE);
        }
    }

    /// Its sending side, for a thread that writes while this one looks on.
    ///
    /// # Panics
    /// When it is closed.
    #[track_caller]
    pub fn take_input(&mut self) -> ChildStdin {
        self.input.take().expect("an open sending side")
    }

    /// Closes the sending side only, as a client that is done does.
    pub fn finish(&mut self) {
        self.input = None;
    }

    /// What `ssh` complained of.
    pub fn complaints(&mut self) -> String {
        let mut said = Vec::new();
        let _ = io::Seek::rewind(&mut self.errors);
        let _ = self.errors.read_to_end(&mut said);
        show(&said)
    }

    #[track_caller]
    fn next_reply(&mut self, deadline: Instant) -> (u32, Reply) {
        let packet = self.next_packet(deadline);
        Reply::read(&packet).unwrap_or_else(|| panic!("not an answer: {}", show(&packet)))
    }

    #[track_caller]
    fn next_packet(&mut self, deadline: Instant) -> Vec<u8> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.packets.recv_timeout(left) {
            Ok(packet) => packet,
            Err(error) => panic!("no answer ({error}): {}", self.complaints()),
        }
    }

    /// What is in a VERSION packet.
    ///
    /// # Panics
    /// When the next packet is none.
    #[track_caller]
    pub fn version(&mut self) -> (u32, Extensions) {
        let packet = self.next_packet(Instant::now() + PATIENCE);
        packet::version(&packet).unwrap_or_else(|| panic!("not VERSION: {}", show(&packet)))
    }
}

/// The verbs that tests use all the time.
impl Sftp {
    /// Opens a file and returns its handle.
    #[track_caller]
    pub fn open_file(&mut self, name: impl AsRef<[u8]>, flags: u32) -> Vec<u8> {
        let reply = self.ask(kind::OPEN, &body().string(name).u32(flags).u32(0));
        reply.handle()
    }

    /// Opens a folder and returns its handle.
    #[track_caller]
    pub fn open_folder(&mut self, name: impl AsRef<[u8]>) -> Vec<u8> {
        self.ask(kind::OPENDIR, &body().string(name)).handle()
    }

    /// Closes a handle.
    #[track_caller]
    pub fn close(&mut self, handle: &[u8]) -> Reply {
        self.ask(kind::CLOSE, &body().string(handle))
    }

    /// Writes at an offset.
    #[track_caller]
    pub fn write(&mut self, handle: &[u8], offset: u64, data: &[u8]) -> Reply {
        self.ask(kind::WRITE, &body().string(handle).u64(offset).string(data))
    }

    /// Reads from an offset.
    #[track_caller]
    pub fn read(&mut self, handle: &[u8], offset: u64, length: u32) -> Reply {
        self.ask(kind::READ, &body().string(handle).u64(offset).u32(length))
    }

    /// The attributes behind a name, links followed.
    #[track_caller]
    pub fn stat(&mut self, name: impl AsRef<[u8]>) -> Reply {
        self.ask(kind::STAT, &body().string(name))
    }

    /// Every entry of a folder.
    #[track_caller]
    pub fn names(&mut self, name: impl AsRef<[u8]>) -> Vec<Entry> {
        let handle = self.open_folder(name);
        let mut names = Vec::new();
        loop {
            match self.ask(kind::READDIR, &body().string(&handle)) {
                Reply::Name(more) => names.extend(more),
                end => {
                    end.expect(status::EOF);
                    self.close(&handle).expect(status::OK);
                    return names;
                }
            }
        }
    }
}

impl Drop for Sftp {
    fn drop(&mut self) {
        self.cut();
    }
}

/// A request as it goes over the wire.
#[must_use]
pub fn packet(kind: u8, id: u32, more: &Body) -> Vec<u8> {
    let inner = body().u8(kind).u32(id).append(more).done();
    body().string(inner).done()
}

fn pass_on(mut output: ChildStdout, sender: &SyncSender<Vec<u8>>) {
    let mut length = [0; 4];
    while output.read_exact(&mut length).is_ok() {
        let length = u32::from_be_bytes(length);
        // What is not a packet ends it, as a server that ends it would.
        if length == 0 || length > LONGEST {
            return;
        }
        let mut packet = vec![0; usize::try_from(length).unwrap_or_default()];
        if output.read_exact(&mut packet).is_err() || sender.send(packet).is_err() {
            return;
        }
    }
}

const LONGEST: u32 = 1 << 20;
const QUEUE: usize = 100_000;
