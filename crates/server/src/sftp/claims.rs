//! What requests in flight hold, so that one which touches the same waits.

use wharf_vfs::VPath;

use super::handles::HandleId;

/// What a request touches.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Claim {
    handle: Option<HandleId>,
    more_handles: Vec<HandleId>,
    /// Looked at: it must not change meanwhile.
    looks: Option<VPath>,
    /// Changed: nobody else may look, and nothing below or above it may change.
    changes: Option<VPath>,
    changes_too: Option<VPath>,
    /// What lies below goes where it goes.
    takes_all: bool,
}

impl Claim {
    /// Nothing.
    pub(super) fn nothing() -> Self {
        Self::default()
    }

    pub(super) fn handle(handle: HandleId) -> Self {
        Self {
            handle: Some(handle),
            ..Self::default()
        }
    }

    pub(super) fn looks(path: &VPath) -> Self {
        Self {
            looks: Some(path.clone()),
            ..Self::default()
        }
    }

    pub(super) fn changes(path: &VPath) -> Self {
        Self {
            changes: Some(path.clone()),
            ..Self::default()
        }
    }

    pub(super) fn changes_both(first: &VPath, second: &VPath) -> Self {
        Self {
            changes: Some(first.clone()),
            changes_too: Some(second.clone()),
            ..Self::default()
        }
    }

    /// What lies below is changed with it, as when a directory is renamed.
    pub(super) fn with_all_below(mut self) -> Self {
        self.takes_all = true;
        self
    }

    pub(super) const fn takes_all_below(&self) -> bool {
        self.takes_all
    }

    pub(super) fn and_handles(mut self, handles: Vec<HandleId>) -> Self {
        self.more_handles = handles;
        self
    }

    pub(super) fn and_handle(mut self, handle: HandleId) -> Self {
        self.handle = Some(handle);
        self
    }

    fn handles(&self) -> impl Iterator<Item = &HandleId> {
        self.handle.iter().chain(&self.more_handles)
    }

    fn changed(&self) -> impl Iterator<Item = &VPath> {
        self.changes.iter().chain(&self.changes_too)
    }

    fn touched(&self) -> impl Iterator<Item = &VPath> {
        self.looks.iter().chain(self.changed())
    }

    /// Whether it makes a difference to it that this file, which is being uploaded, is there.
    pub(super) fn needs(&self, upload: &VPath) -> bool {
        let mut touched = self.touched();
        touched.any(|path| path.starts_with(upload) || self.takes_all && upload.starts_with(path))
    }

    pub(super) fn conflicts(&self, other: &Self) -> bool {
        let mut handles = self.handles();
        let same_handle = handles.any(|one| other.handles().any(|two| one == two));
        let meets =
            |a: &Self, b: &Self| a.changed().any(|one| b.touched().any(|two| meet(one, two)));
        same_handle || meets(self, other) || meets(other, self)
    }
}

/// One is the other or lies in it.
fn meet(one: &VPath, other: &VPath) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

/// The claims of requests in flight, at most [`super::IN_FLIGHT`].
#[derive(Debug, Default)]
pub(super) struct Claims {
    held: Vec<(u64, Claim)>,
    next: u64,
}

impl Claims {
    /// Whether a request with this claim must wait.
    pub(super) fn must_wait(&self, claim: &Claim) -> bool {
        self.held.iter().any(|(_, held)| held.conflicts(claim))
    }

    pub(super) fn hold(&mut self, claim: Claim) -> u64 {
        self.next += 1;
        self.held.push((self.next, claim));
        self.next
    }

    pub(super) fn release(&mut self, token: u64) {
        self.held.retain(|(held, _)| *held != token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> VPath {
        VPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn an_upload_matters_to_its_name_and_to_what_takes_it_along() {
        let upload = path("/d/f");
        for (claim, needs) in [
            (Claim::changes(&path("/d/f")), true),
            (Claim::looks(&path("/d/f")), true),
            (Claim::changes(&path("/d/f/x")), true),
            (Claim::changes(&path("/d")), false),
            (Claim::changes(&path("/d")).with_all_below(), true),
            (Claim::changes(&path("/d/g")).with_all_below(), false),
            (Claim::changes_both(&path("/x"), &path("/d/f")), true),
            (Claim::nothing(), false),
        ] {
            assert_eq!(claim.needs(&upload), needs, "{claim:?}");
        }
    }

    #[test]
    fn what_touches_the_same_waits_and_the_rest_does_not() {
        let mut claims = Claims::default();
        let token = claims.hold(Claim::changes(&path("/a/b")));
        for (claim, waits) in [
            (Claim::looks(&path("/a/b")), true),
            (Claim::looks(&path("/a")), true),
            (Claim::changes(&path("/a/b/c")), true),
            (Claim::looks(&path("/a/bc")), false),
            (Claim::changes_both(&path("/x"), &path("/a/b")), true),
            (Claim::handle([1; 16]), false),
            (Claim::nothing(), false),
        ] {
            assert_eq!(claims.must_wait(&claim), waits, "{claim:?}");
        }
        claims.release(token);
        assert!(!claims.must_wait(&Claim::looks(&path("/a/b"))));
        claims.hold(Claim::looks(&path("/a")));
        assert!(!claims.must_wait(&Claim::looks(&path("/a"))));
        assert!(claims.must_wait(&Claim::changes(&path("/a"))));
        claims.hold(Claim::nothing().and_handles(vec![[3; 16], [1; 16]]));
        assert!(claims.must_wait(&Claim::handle([1; 16])));
        assert!(!claims.must_wait(&Claim::handle([2; 16])));
    }
}
