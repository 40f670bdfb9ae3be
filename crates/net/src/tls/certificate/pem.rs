//! Reading PEM, from files that may be anything.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::{Mode, OFlags, open};
use rustls::pki_types::pem::{Error, PemObject};
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use secrecy::zeroize::Zeroizing;

use super::CertificateError;
use super::error::Origin;

/// A file's content may be a key: it is wiped.
pub(in crate::tls) type Content = Zeroizing<Vec<u8>>;

/// The coarsest clock of a file system in use (FAT) has steps of two seconds: a file changed
/// less than that ago can change again without its times telling.
const COARSE: Duration = Duration::from_secs(3);

/// By what a file that changed is told from what it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tls) struct Stamp {
    device: u64,
    inode: u64,
    mode: u32,
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// That of the file `path` leads to, links followed; `None` when there is none.
    pub(in crate::tls) fn of(path: &Path) -> Option<Self> {
        let file = open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let found = File::from(file).metadata().ok()?;
        Some(Self {
            device: found.dev(),
            inode: found.ino(),
            mode: found.mode(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    /// Kind and permissions (inode(7)).
    pub(in crate::tls) fn mode(&self) -> u32 {
        self.mode
    }

    /// Whether the next change will show.
    pub(in crate::tls) fn is_settled(&self) -> bool {
        let changed = u64::try_from(self.changed.0).unwrap_or(0);
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(changed);
        changed.elapsed().is_ok_and(|age| age > COARSE)
    }
}

/// All of the file at `path`, at most `limit` bytes.
pub(in crate::tls) fn read(path: &Path, limit: u64) -> Result<Content, CertificateError> {
    let origin = || Origin::File(path.to_owned());
    let unreadable = |error: io::Error| CertificateError::Unreadable {
        origin: origin(),
        reason: error.to_string(),
    };
    // NONBLOCK: a pipe nobody writes to would hold us here.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOCTTY | OFlags::NONBLOCK;
    let file = open(path, flags, Mode::empty()).map_err(|error| unreadable(error.into()))?;
    let file = File::from(file);
    let found = file.metadata().map_err(unreadable)?;
    if !found.is_file() {
        return Err(CertificateError::NotAFile { origin: origin() });
    }
    // Room for all of it at once: growing would leave pieces of a key behind.
    let room = usize::try_from(found.size().min(limit)).unwrap_or(0) + 1;
    let mut content = Zeroizing::new(Vec::with_capacity(room));
    file.take(limit + 1)
        .read_to_end(&mut content)
        .map_err(unreadable)?;
    if content.len() as u64 > limit {
        return Err(CertificateError::TooLarge {
            origin: origin(),
            limit,
        });
    }
    Ok(content)
}

/// The certificates in `content`, at least one.
pub(in crate::tls) fn certificates(
    content: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateDer<'static>>, CertificateError> {
    sections(content, origin, || CertificateError::NoCertificate {
        origin: origin.clone(),
    })
}

/// The revocation lists in `content`, at least one.
pub(in crate::tls) fn revocation_lists(
    content: &[u8],
    origin: &Origin,
) -> Result<Vec<CertificateRevocationListDer<'static>>, CertificateError> {
    sections(content, origin, || CertificateError::NoRevocationList {
        origin: origin.clone(),
    })
}

/// The first private key in `content`: PKCS#8, PKCS#1 or SEC1.
pub(in crate::tls) fn private_key(
    content: &[u8],
    origin: &Origin,
) -> Result<PrivateKeyDer<'static>, CertificateError> {
    let content = without_mark(content);
    // The headers of an encrypted PKCS#1 key are no Base64, so this comes before reading it.
    if has(content, b"-----BEGIN ENCRYPTED PRIVATE KEY-----")
        || has(content, b"Proc-Type: 4,ENCRYPTED")
    {
        return Err(CertificateError::EncryptedKey {
            origin: origin.clone(),
        });
    }
    match PrivateKeyDer::pem_slice_iter(content).next() {
        Some(Ok(key)) => Ok(key),
        Some(Err(error)) => Err(broken(origin, &error)),
        None => Err(no_key(content, origin)),
    }
}

fn no_key(content: &[u8], origin: &Origin) -> CertificateError {
    let origin = origin.clone();
    let kinds: [(&[u8], &str); 2] = [
        (b"-----BEGIN OPENSSH PRIVATE KEY-----", "a key of OpenSSH"),
        (b"-----BEGIN DSA PRIVATE KEY-----", "DSA"),
    ];
    match kinds.into_iter().find(|(begin, _)| has(content, begin)) {
        Some((_, kind)) => CertificateError::UnsupportedKey {
            origin,
            kind: kind.to_owned(),
        },
        None if is_pem(content) => CertificateError::NoKey { origin },
        None => not_pem(content, origin),
    }
}

fn sections<T: PemObject>(
    content: &[u8],
    origin: &Origin,
    none: impl FnOnce() -> CertificateError,
) -> Result<Vec<T>, CertificateError> {
    let content = without_mark(content);
    let found: Result<Vec<T>, Error> = T::pem_slice_iter(content).collect();
    match found {
        Ok(found) if found.is_empty() && !is_pem(content) => Err(not_pem(content, origin.clone())),
        Ok(found) if found.is_empty() => Err(none()),
        Ok(found) => Ok(found),
        Err(error) => Err(broken(origin, &error)),
    }
}

fn broken(origin: &Origin, error: &Error) -> CertificateError {
    // The library's own text shows lines of the file: they may be of a key.
    let reason = match error {
        Error::MissingSectionEnd { .. } => "a part of it has no `-----END` line",
        Error::IllegalSectionStart { .. } => "a `-----BEGIN` line of it does not end with `-----`",
        Error::Base64Decode(_) => "a part of it is not Base64",
        _ => "a part of it cannot be read",
    };
    CertificateError::BrokenPem {
        origin: origin.clone(),
        reason: reason.to_owned(),
    }
}

fn not_pem(content: &[u8], origin: Origin) -> CertificateError {
    // Every DER of interest, and PKCS#12, is a SEQUENCE.
    let binary = content.first() == Some(&0x30);
    CertificateError::NotPem { origin, binary }
}

fn is_pem(content: &[u8]) -> bool {
    has(content, b"-----BEGIN ")
}

fn has(content: &[u8], text: &[u8]) -> bool {
    content.windows(text.len()).any(|window| window == text)
}

/// Editors of Windows put a byte order mark before the first line.
fn without_mark(content: &[u8]) -> &[u8] {
    content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_change_of_long_ago_is_settled() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let fresh = Stamp::of(file.path()).unwrap();
        assert!(!fresh.is_settled());
        let at = |seconds: i64| Stamp {
            changed: (fresh.changed.0 + seconds, 0),
            ..fresh
        };
        assert!(at(-10).is_settled());
        // A clock that was set back.
        assert!(!at(1_000).is_settled());
        assert_ne!(at(-10), fresh);
        assert_eq!(Stamp::of(Path::new("/nowhere")), None);
    }
}
