//! Files that are replaced while the server runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{Context, SHA256};

use super::pem::{Content, Stamp, read};
use super::{CertificateError, MAX_FILE};

/// Files are replaced one after the other, and not always by a rename: what does not fit together
/// for this long is not about to.
const PATIENCE: Duration = Duration::from_secs(10);

/// Watches files that belong together.
///
/// It looks at their times, size and inode first (which also tells a link that leads elsewhere),
/// then at their content, so that a file that was only touched is no news, and one that changed
/// twice within a tick of the file system's clock is.
#[derive(Debug)]
pub(in crate::tls) struct Watch {
    paths: Vec<(PathBuf, u64)>,
    seen: Vec<Option<Stamp>>,
    in_force: Option<[u8; 32]>,
    trouble: Option<Trouble>,
}

/// Something about the files that cannot be used.
#[derive(Debug)]
struct Trouble {
    error: CertificateError,
    since: Instant,
    told: bool,
}

impl Watch {
    /// Of files of at most 1 MiB each; a path that comes twice is read once.
    pub(in crate::tls) fn new(paths: impl IntoIterator<Item = PathBuf>) -> Self {
        let mut watch = Self {
            paths: Vec::new(),
            seen: Vec::new(),
            in_force: None,
            trouble: None,
        };
        for path in paths {
            if !watch.paths.iter().any(|(other, _)| *other == path) {
                watch.paths.push((path, MAX_FILE));
            }
        }
        watch
    }

    /// With another limit than 1 MiB for the files from the second on.
    pub(in crate::tls) fn with_limit_of_rest(mut self, limit: u64) -> Self {
        for (_, own) in self.paths.iter_mut().skip(1) {
            *own = limit;
        }
        self
    }

    /// Whether none of the files is there.
    pub(in crate::tls) fn is_absent(&self) -> bool {
        self.paths.iter().all(|(path, _)| Stamp::of(path).is_none())
    }

    /// What `make` makes of the files now.
    ///
    /// # Errors
    /// When they cannot be read or `make` refuses them; it is also kept as trouble.
    pub(in crate::tls) fn read<T>(
        &mut self,
        now: Instant,
        make: impl FnOnce(&[Content]) -> Result<T, CertificateError>,
    ) -> Result<T, CertificateError> {
        // Before reading: a change in between shows the next time.
        self.seen = self.stamps();
        let (digest, made) = match self.contents() {
            Ok(contents) => (Some(digest(&contents)), make(&contents)),
            Err(error) => (None, Err(error)),
        };
        match &made {
            Ok(_) => {
                self.in_force = digest;
                self.trouble = None;
            }
            Err(error) => self.keep(error, now),
        }
        made
    }

    /// What `make` makes of the files when they changed and it likes them; else what is in force
    /// stays so, and [`Watch::complaint`] knows why.
    pub(in crate::tls) fn look<T>(
        &mut self,
        now: Instant,
        make: impl FnOnce(&[Content]) -> Result<T, CertificateError>,
    ) -> Option<T> {
        let stamps = self.stamps();
        let settled = stamps.iter().flatten().all(Stamp::is_settled);
        if stamps == self.seen && settled {
            return None;
        }
        self.seen = stamps;
        let contents = match self.contents() {
            Ok(contents) => contents,
            Err(error) => {
                self.keep(&error, now);
                return None;
            }
        };
        let digest = digest(&contents);
        if self.in_force == Some(digest) {
            self.trouble = None;
            return None;
        }
        match make(&contents) {
            Ok(made) => {
                self.in_force = Some(digest);
                self.trouble = None;
                Some(made)
            }
            Err(error) => {
                self.keep(&error, now);
                None
            }
        }
    }

    /// What has been wrong with the files for ten seconds, once.
    pub(in crate::tls) fn complaint(&mut self, now: Instant) -> Option<CertificateError> {
        let trouble = self.trouble.as_mut()?;
        let due = !trouble.told && now.saturating_duration_since(trouble.since) >= PATIENCE;
        due.then(|| {
            trouble.told = true;
            trouble.error.clone()
        })
    }

    /// There is nothing to complain about after all.
    pub(in crate::tls) fn forgive(&mut self) {
        self.trouble = None;
    }

    fn keep(&mut self, error: &CertificateError, now: Instant) {
        match &mut self.trouble {
            // The same again, or another stage of a replacement that goes on.
            Some(trouble) if !trouble.told || trouble.error == *error => {
                trouble.error = error.clone();
            }
            _ => {
                self.trouble = Some(Trouble {
                    error: error.clone(),
                    since: now,
                    told: false,
                });
            }
        }
    }

    fn stamps(&self) -> Vec<Option<Stamp>> {
        self.paths.iter().map(|(path, _)| Stamp::of(path)).collect()
    }

    fn contents(&self) -> Result<Vec<Content>, CertificateError> {
        let read = |(path, limit): &(PathBuf, u64)| read(path, *limit);
        self.paths.iter().map(read).collect()
    }
}

fn digest(contents: &[Content]) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for content in contents {
        context.update(&(content.len() as u64).to_be_bytes());
        context.update(content);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_change_within_one_tick_of_the_file_systems_clock_is_found() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "one").unwrap();
        let mut watch = Watch::new([file.path().to_owned()]);
        let start = Instant::now();
        let text = |contents: &[Content]| Ok(contents[0].to_vec());
        assert_eq!(watch.read(start, text), Ok(b"one".to_vec()));
        assert_eq!(watch.look(start, text), None);
        fs::write(file.path(), "two").unwrap();
        // As if its times were still the same.
        watch.seen = watch.stamps();
        assert_eq!(watch.look(start, text), Some(b"two".to_vec()));
    }
}
