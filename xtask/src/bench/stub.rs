//! A stand-in for a server that does next to nothing, to find what the load generator can reach.
//!
//! It is no FTP server: each session keeps one passive listener for good, no password is checked,
//! uploads are discarded in the kernel, and listings are made before they are asked for. Where a
//! server comes near it, the figure says as much of the generator and the kernel as of the server.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use rustix::fs::sendfile;
use rustix::net::RecvFlags;

/// What a data connection may discard at once.
const DISCARD: usize = 4 << 20;

/// Serves `files` from threads of this process on loopback and returns the address; port 0 takes a
/// free one.
pub(crate) fn start(port: u16, files: &Path) -> Result<SocketAddrV4> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
    let SocketAddr::V4(address) = listener.local_addr()? else {
        bail!("an IPv4 listener has an IPv4 address");
    };
    let shared = Arc::new(Shared::read(files)?);
    std::thread::spawn(move || {
        for control in listener.incoming().flatten() {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || serve(control, &shared));
        }
    });
    Ok(address)
}

struct Shared {
    files: PathBuf,
    /// One listing for each folder named `list-N`, of N lines.
    listings: Vec<(String, Vec<u8>)>,
}

impl Shared {
    fn read(files: &Path) -> Result<Self> {
        let mut listings = Vec::new();
        for entry in std::fs::read_dir(files)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some(entries) = name.strip_prefix("list-") {
                let line = b"-rw-r--r--    1 1000     1000            0 Nov 22 09:53 measurement-0000001.csv\r\n";
                listings.push((format!("/{name}"), line.repeat(entries.parse()?)));
            }
        }
        Ok(Self {
            files: files.to_owned(),
            listings,
        })
    }
}

/// Ends when the client goes away, whatever the reason.
fn serve(control: TcpStream, shared: &Shared) {
    let _ = converse(control, shared);
}

fn converse(control: TcpStream, shared: &Shared) -> Result<()> {
    control.set_nodelay(true)?;
    let mut replies = control.try_clone()?;
    let mut commands = BufReader::new(control);
    let mut passive = None;
    let mut folder = String::from("/");
    let mut sink = Vec::new();
    replies.write_all(b"220 ready\r\n")?;
    let mut line = String::new();
    loop {
        line.clear();
        if commands.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let (verb, argument) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or_else(|| (line.trim_end(), ""));
        let reply = match verb {
            "USER" => "331 password\r\n".to_owned(),
            "PASS" => "230 welcome\r\n".to_owned(),
            "EPSV" => {
                let listener = match passive.take() {
                    Some(listener) => listener,
                    None => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?,
                };
                let port = passive.insert(listener).local_addr()?.port();
                format!("229 here (|||{port}|)\r\n")
            }
            "CWD" => {
                argument.clone_into(&mut folder);
                "250 done\r\n".to_owned()
            }
            "RETR" | "STOR" | "LIST" | "MLSD" => {
                let asked = Asked {
                    verb,
                    argument,
                    folder: &folder,
                };
                match transfer(&asked, passive.as_ref(), &mut replies, &mut sink, shared) {
                    Ok(()) => "226 done\r\n".to_owned(),
                    Err(_) => "550 no\r\n".to_owned(),
                }
            }
            "QUIT" => {
                replies.write_all(b"221 bye\r\n")?;
                return Ok(());
            }
            _ => "200 fine\r\n".to_owned(),
        };
        replies.write_all(reply.as_bytes())?;
    }
}

struct Asked<'a> {
    verb: &'a str,
    argument: &'a str,
    folder: &'a str,
}

fn transfer(
    asked: &Asked<'_>,
    passive: Option<&TcpListener>,
    replies: &mut TcpStream,
    sink: &mut Vec<u8>,
    shared: &Shared,
) -> Result<()> {
    let file = (asked.verb == "RETR")
        .then(|| File::open(shared.files.join(asked.argument.trim_start_matches('/'))))
        .transpose()?;
    let (mut data, _) = passive.context("no EPSV before")?.accept()?;
    replies.write_all(b"150 coming\r\n")?;
    if let Some(file) = file {
        let mut left = file.metadata()?.len();
        while left > 0 {
            left -= sendfile(&data, &file, None, usize::try_from(left)?)? as u64;
        }
    } else if asked.verb == "STOR" {
        sink.resize(DISCARD, 0);
        while rustix::net::recv(&data, &mut sink[..], RecvFlags::TRUNC)?.1 > 0 {}
    } else {
        let (_, listing) = shared
            .listings
            .iter()
            .find(|(name, _)| name == asked.folder)
            .context("no such folder")?;
        data.write_all(listing)?;
    }
    Ok(())
}
