//! A file that the client sends, from its first byte to its name.

use std::time::Instant;

use wharf_causes::id;
use wharf_vfs::{Attributes, Staged, VPath};

use super::cut;
use crate::failure::{Failure, Kind};
use crate::op::Op;
use crate::session::{Moved, Session};
use crate::sftp::blocking;

/// A file under way.
pub(super) struct Upload {
    pub(super) path: VPath,
    /// `None` once it has failed.
    pub(super) staged: Option<Box<dyn Staged>>,
    pub(super) failure: Option<Failure>,
    pub(super) attributes: Attributes,
    /// The right to make or to replace it, which must still be there at the end.
    pub(super) needs: Op,
    pub(super) begun: Instant,
    pub(super) bytes: u64,
}

impl Upload {
    pub(super) fn tell(&self, session: &Session, end: Result<(), &Failure>) {
        let moved = Moved {
            bytes: self.bytes,
            elapsed: self.begun.elapsed(),
        };
        session.uploaded(&self.path, &moved, end);
    }

    /// It did not come to its end. It is `sound` when what came is the file's: that can be resumed.
    pub(super) async fn abandon(mut self, session: &Session, sound: bool) {
        let failure = self.failure.take().unwrap_or_else(|| {
            if sound {
                return cut();
            }
            let text = "The client could not read all of its file";
            Failure::new(Kind::Aborted, id::T_2, text)
        });
        self.tell(session, Err(&failure));
        match self.staged.take() {
            Some(staged) if sound => keep(staged).await,
            Some(staged) => {
                let discarded = blocking(move || Ok(staged.discard()?)).await;
                if let Err(failure) = discarded {
                    tracing::warn!(text = %failure.text, "a broken upload could not be removed");
                }
            }
            None => {}
        }
    }
}

/// Publishes it while the channel is `alive`: nobody else would learn of it. Why its times and its
/// mode were not kept, if they were not.
pub(super) async fn publish(
    mut staged: Box<dyn Staged>,
    attributes: Attributes,
    allowed: Result<(), Failure>,
    alive: impl Fn() -> bool + Send + 'static,
) -> Result<Option<Failure>, Failure> {
    blocking(move || {
        let wanted = attributes != Attributes::default();
        let set = match allowed {
            Ok(()) if wanted => staged.set_attributes(attributes).map_err(Failure::from),
            other => other,
        };
        staged.publish_if(&alive)?;
        Ok(set.err())
    })
    .await
}

pub(super) async fn keep(staged: Box<dyn Staged>) {
    if let Err(failure) = blocking(move || Ok(staged.keep()?)).await {
        tracing::warn!(text = %failure.text, "a broken upload could not be put aside");
    }
}
