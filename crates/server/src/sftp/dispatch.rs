//! From a packet to the work it asks for.

use wharf_causes::id;
use wharf_sftp::{Request, Status, extension, response};
use wharf_vfs::VPath;

use super::claims::Claim;
use super::write::QueuedWrite;
use super::{Broken, Engine, LinkOrder, status};
use crate::failure::{Failure, Kind};

/// What became of a request.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    /// It is answered, or will be.
    Begun,
    /// It is a write whose packet is to be held until it is done.
    Queued(QueuedWrite),
    /// It must wait for others; it is to be shown again.
    Stalled,
    /// It waits for the end of an upload or for what does, and what touches none of this need not.
    Aside(Claim),
}

impl Engine {
    /// Begins a request, or says that it must wait.
    pub(super) fn dispatch(&mut self, body: &[u8]) -> Result<Flow, Broken> {
        let request = match Request::decode(body) {
            Ok(request) => request,
            Err(malformed) => return self.malformed(&malformed),
        };
        if let Request::Init { .. } = request {
            return self.greet();
        }
        let (true, Some(id)) = (self.greeted, request.id()) else {
            return Err(Broken("a request before INIT"));
        };
        Ok(self
            .begin(&request)
            .unwrap_or_else(|failure| self.reply(|out| status::refuse(out, id, &failure))))
    }

    fn malformed(&mut self, malformed: &wharf_sftp::Malformed) -> Result<Flow, Broken> {
        match malformed.id {
            Some(id) if self.greeted => {
                let text = malformed.to_string();
                let code = malformed.status();
                Ok(self.reply(|out| response::status(out, id, code, &text)))
            }
            // Nobody could tell which request the answer belongs to.
            _ => Err(Broken("a packet that cannot be read")),
        }
    }

    fn greet(&mut self) -> Result<Flow, Broken> {
        if std::mem::replace(&mut self.greeted, true) {
            return Err(Broken("INIT a second time"));
        }
        let capability = self.session.capability();
        Ok(self.reply(|out| {
            let rows = extension::TABLE.iter();
            let offered = rows.filter(|row| super::extended::is_offered(row.extension, capability));
            let told = offered.map(|row| (row.name.as_bytes(), super::extended::announced(row)));
            response::version(out, told);
        }))
    }

    fn begin(&mut self, request: &Request<'_>) -> Result<Flow, Failure> {
        match *request {
            Request::Init { .. } => Ok(Flow::Begun),
            Request::Open {
                id,
                path,
                flags,
                attributes,
            } => self.open(id, path, flags, attributes),
            Request::Close { id, handle } => self.close(id, handle),
            Request::Read {
                id,
                handle,
                offset,
                length,
            } => self.read(id, handle, offset, length),
            Request::Write {
                id,
                handle,
                offset,
                data,
            } => self.write(id, handle, offset, data),
            Request::Opendir { id, path } => self.open_directory(id, path),
            Request::Readdir { id, handle } => self.read_directory(id, handle),
            Request::Stat { id, path } => self.stat(id, path, wharf_vfs::Follow::Yes),
            Request::Lstat { id, path } => self.stat(id, path, wharf_vfs::Follow::No),
            Request::Fstat { id, handle } => self.stat_handle(id, handle),
            Request::Setstat {
                id,
                path,
                attributes,
            } => self.set_attributes(id, path, &attributes, wharf_vfs::Follow::Yes),
            Request::Fsetstat {
                id,
                handle,
                attributes,
            } => self.set_handle_attributes(id, handle, &attributes),
            Request::Remove { id, path } => self.remove(id, path),
            Request::Mkdir {
                id,
                path,
                attributes,
            } => self.make_directory(id, path, &attributes),
            Request::Rmdir { id, path } => self.remove_directory(id, path),
            Request::Realpath { id, path } => self.real_path(id, path),
            Request::Rename { id, from, to } => self.rename(id, from, to, false),
            Request::Readlink { id, path } => self.read_link(id, path),
            Request::Symlink { id, target, link } => match self.links {
                LinkOrder::TargetFirst => self.make_link(id, target, link),
                LinkOrder::LinkFirst => self.make_link(id, link, target),
            },
            Request::Extended { id, request } => self.extended(id, &request),
        }
    }

    /// Whether a request with this claim must wait.
    pub(super) fn must_wait(&self, claim: &Claim) -> bool {
        self.claims.must_wait(claim)
    }

    pub(super) fn unsupported(&mut self, id: u32) -> Flow {
        self.reply(|out| {
            response::status(out, id, Status::OpUnsupported, "Not supported here");
        })
    }
}

/// A path as the client named it; what is relative counts from the home.
pub(super) fn resolve(path: &[u8]) -> Result<VPath, Failure> {
    Ok(VPath::root().resolve(path)?)
}

/// The failure of something that was asked of a handle which cannot do it.
pub(super) fn not_opened_for(what: &'static str) -> Failure {
    Failure::new(Kind::Forbidden, id::C_3, what)
}
