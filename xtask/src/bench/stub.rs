//! A stand-in for a server that does next to nothing, to find what the load generator can reach.
//!
//! It is no FTP server: each session keeps one passive listener for good, no password is checked,
//! uploads are discarded, and listings are made before they are asked for. Over TLS it encrypts and
//! decrypts like everybody, but reads no file. Where a server comes near it, the figure says as much
//! of the generator and the kernel as of the server.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::fs::sendfile;
use rustls::ServerConfig;

use super::client::discard;
use super::tls::{self, Buffers, Certificate, Channel, Received};

/// Serves `files` from threads of this process on loopback and returns the address; port 0 takes a
/// free one.
pub(crate) fn start(port: u16, files: &Path, certificate: &Certificate) -> Result<SocketAddrV4> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let SocketAddr::V4(address) = listener.local_addr()? else {
        bail!("an IPv4 listener has an IPv4 address");
    };
    let shared = Arc::new(Shared::read(files, certificate)?);
    std::thread::spawn(move || {
        for control in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            // It ends when the client goes away, whatever the reason.
            std::thread::spawn(move || Conversation::new(control, &shared)?.serve());
        }
    });
    Ok(address)
}

struct Shared {
    files: PathBuf,
    /// One listing for each folder named `list-N`, of N lines.
    listings: Vec<(String, Vec<u8>)>,
    control: Arc<ServerConfig>,
    data: Arc<ServerConfig>,
}

impl Shared {
    fn read(files: &Path, certificate: &Certificate) -> Result<Self> {
        let mut listings = Vec::new();
        for entry in std::fs::read_dir(files)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(entries) = name.strip_prefix("list-") {
                let line = b"-rw-r--r--    1 1000     1000            0 Nov 22 09:53 measurement-0000001.csv\r\n";
                listings.push((format!("/{name}"), line.repeat(entries.parse()?)));
            }
        }
        let control = tls::server_config(certificate)?;
        let mut data = control.clone();
        data.send_tls13_tickets = 0;
        Ok(Self {
            files: files.to_owned(),
            listings,
            control: Arc::new(control),
            data: Arc::new(data),
        })
    }
}

enum Control {
    Clear(TcpStream),
    Protected(Channel),
}

impl Control {
    fn send(&mut self, reply: &str) -> Result<()> {
        match self {
            Self::Clear(stream) => Ok(stream.write_all(reply.as_bytes())?),
            Self::Protected(channel) => channel.send(reply.as_bytes()),
        }
    }

    /// Appends what comes next to `to`; false at the end.
    fn receive(&mut self, to: &mut Vec<u8>) -> Result<bool> {
        match self {
            Self::Clear(stream) => {
                let mut chunk = [0; 1024];
                let length = stream.read(&mut chunk)?;
                to.extend_from_slice(&chunk[..length]);
                Ok(length > 0)
            }
            Self::Protected(channel) => match channel.receive()? {
                Received::Data(data) => {
                    to.extend_from_slice(data);
                    Ok(true)
                }
                Received::Handshake(_) | Received::Closed => Ok(false),
            },
        }
    }
}

struct Conversation<'a> {
    shared: &'a Shared,
    control: Control,
    received: Vec<u8>,
    passive: Option<TcpListener>,
    folder: String,
    sink: Vec<u8>,
    buffers: Buffers,
}

impl<'a> Conversation<'a> {
    fn new(control: TcpStream, shared: &'a Shared) -> Result<Self> {
        control.set_nodelay(true)?;
        Ok(Self {
            shared,
            control: Control::Clear(control),
            received: Vec::new(),
            passive: None,
            folder: "/".to_owned(),
            sink: Vec::new(),
            buffers: Buffers::default(),
        })
    }

    fn serve(mut self) -> Result<()> {
        self.control.send("220 ready\r\n")?;
        while let Some(line) = self.line()? {
            let (verb, argument) = line.split_once(' ').unwrap_or((&line, ""));
            if verb == "AUTH" {
                self = self.protect()?;
                continue;
            }
            let reply = self.answer(verb, argument)?;
            self.control.send(&reply)?;
            if verb == "QUIT" {
                break;
            }
        }
        Ok(())
    }

    fn line(&mut self) -> Result<Option<String>> {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return Ok(Some(std::str::from_utf8(&line)?.trim_end().to_owned()));
            }
            if !self.control.receive(&mut self.received)? {
                return Ok(None);
            }
        }
    }

    fn protect(mut self) -> Result<Self> {
        self.control.send("234 go on\r\n")?;
        let Control::Clear(stream) = self.control else {
            bail!("AUTH twice");
        };
        let channel = tls::accept(stream, &self.shared.control, Buffers::default())?;
        self.control = Control::Protected(channel);
        self.buffers = Buffers::large();
        Ok(self)
    }

    fn answer(&mut self, verb: &str, argument: &str) -> Result<String> {
        Ok(match verb {
            "USER" => "331 password\r\n".to_owned(),
            "PASS" => "230 welcome\r\n".to_owned(),
            "PWD" => "257 \"/\"\r\n".to_owned(),
            "SIZE" => "502 no\r\n".to_owned(),
            "EPSV" => {
                let listener = match self.passive.take() {
                    Some(listener) => listener,
                    None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
                };
                let port = self.passive.insert(listener).local_addr()?.port();
                format!("229 here (|||{port}|)\r\n")
            }
            "CWD" => {
                argument.clone_into(&mut self.folder);
                "250 done\r\n".to_owned()
            }
            "RETR" | "STOR" | "LIST" | "MLSD" => match self.transfer(verb, argument) {
                Ok(()) => "226 done\r\n".to_owned(),
                Err(_) => {
                    // Resets what was not accepted: the client waits for a handshake there.
                    self.passive = None;
                    "550 no\r\n".to_owned()
                }
            },
            "QUIT" => "221 bye\r\n".to_owned(),
            _ => "200 fine\r\n".to_owned(),
        })
    }

    fn transfer(&mut self, verb: &str, argument: &str) -> Result<()> {
        let file = (verb == "RETR")
            .then(|| File::open(self.shared.files.join(argument.trim_start_matches('/'))))
            .transpose()?;
        let (data, _) = self.passive.as_ref().context("no EPSV before")?.accept()?;
        self.control.send("150 coming\r\n")?;
        if let Control::Protected(_) = self.control {
            return self.transfer_protected(file, data);
        }
        if let Some(file) = file {
            let mut left = file.metadata()?.len();
            while left > 0 {
                left -= sendfile(&data, &file, None, usize::try_from(left)?)? as u64;
            }
        } else if verb == "STOR" {
            discard(&data, &mut self.sink)?;
        } else {
            let mut listings = self.shared.listings.iter();
            let (_, listing) = listings
                .find(|(name, _)| *name == self.folder)
                .context("no such folder")?;
            (&data).write_all(listing)?;
        }
        Ok(())
    }

    fn transfer_protected(&mut self, file: Option<File>, data: TcpStream) -> Result<()> {
        data.set_nodelay(true)?;
        let buffers = std::mem::take(&mut self.buffers);
        let mut channel = tls::accept(data, &self.shared.data, buffers)?;
        self.buffers = if let Some(file) = file {
            channel.pour(file.metadata()?.len())?;
            channel.finish()?
        } else {
            channel.discard()?;
            channel.close()
        };
        Ok(())
    }
}
