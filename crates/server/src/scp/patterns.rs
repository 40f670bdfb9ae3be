//! Which files a word of `scp -f` stands for: the client counts on the server's shell for that.

use wharf_causes::id;
use wharf_ftp::glob::Pattern;
use wharf_vfs::{Batch, Store, VPath};

use super::language::Word;
use crate::failure::{Failure, Kind};
use crate::session::Session;

/// The paths that a word stands for. As in a shell, a pattern that nothing fits is a name.
pub(super) async fn expand(session: &Session, word: &Word) -> Result<Vec<VPath>, Failure> {
    let path = VPath::root().resolve(&word.text)?;
    let (Some(pattern), Some(directory)) = (&word.pattern, path.parent()) else {
        return Ok(vec![path]);
    };
    let found = matching(session, &directory, pattern).await;
    session.listed(&directory, found.as_ref().map(|_| ()));
    let mut found = match found {
        Ok(found) => found,
        // Whoever may not list, or lists what is not there, is told of the name.
        Err(failure) if matches!(failure.kind, Kind::Forbidden | Kind::NotFound) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    if found.is_empty() {
        found.push(path);
    }
    found.sort_unstable();
    Ok(found)
}

async fn matching(
    session: &Session,
    directory: &VPath,
    pattern: &[u8],
) -> Result<Vec<VPath>, Failure> {
    let dotted = pattern.starts_with(b".") || pattern.starts_with(b"\\.");
    let pattern = Pattern::new(pattern);
    let mut steps = PATTERN_STEPS;
    let mut found = Vec::new();
    let mut listing = session.list(directory).await?;
    let mut batch = Batch::new();
    loop {
        let more;
        (listing, batch, more) = Store::next_batch(listing, batch).await?;
        if !more {
            return Ok(found);
        }
        // Thousands of names take their time; others have their turn between.
        tokio::task::yield_now().await;
        for entry in batch
            .iter()
            .filter(|entry| dotted || !entry.name.starts_with(b"."))
        {
            let matches = pattern.matches_within(entry.name, &mut steps);
            if matches == Some(true)
                // A name that cannot be said was not meant.
                && let Ok(path) = directory.child(entry.name)
            {
                found.push(path);
            }
            if matches.is_none() || found.len() > MATCHES {
                let text = "The pattern costs too much in this directory";
                return Err(Failure::new(Kind::Busy, id::T_4, text));
            }
        }
    }
}

/// Steps that one pattern may take in its directory (security F11).
const PATTERN_STEPS: u64 = 10_000_000;
/// Names that one pattern may stand for.
const MATCHES: usize = 10_000;
