//! Where the next data connection comes from, and what goes over it.

use std::net::{IpAddr, SocketAddr};

use super::{
    Action, Dialogue, ListForm, PathArgument, Route, Step, Transfer, TransferKind, Why, informed,
};
use crate::command::{EpsvArgument, ListArguments};
use crate::reply::Reply;

/// A data connection that is agreed on and not opened yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) route: Route,
    /// CPSV.
    pub(super) tls_client: bool,
}

/// What the last command prepared for the next one, and only for that.
#[derive(Debug)]
pub(super) enum Prepared {
    Nothing,
    Restart { offset: u64 },
    Range { start: u64, last: u64 },
    Rename { from: PathArgument },
}

impl Dialogue {
    pub(super) fn active(&mut self, target: SocketAddr, extended: bool) -> Step {
        // Security P3: whatever follows, an earlier address is no longer in force.
        self.pending = None;
        if self.extended_only {
            return Step::Reply(extended_only());
        }
        if matches!(target.ip(), IpAddr::V6(_)) != self.options.ipv6 {
            return Step::Reply(informed::wrong_family(self.options.ipv6));
        }
        Step::Do(Action::CheckActive { target, extended })
    }

    pub(super) fn passive(&mut self) -> Step {
        let text = "PASV cannot carry an IPv6 address; use EPSV";
        self.passive_in_227(false, text)
    }

    /// CPSV: PASV, and the TLS handshake on the data connection is begun by us. The peer is another
    /// server, which waits for a handshake as servers do.
    pub(super) fn passive_as_client(&mut self) -> Step {
        if !self.security.protects_data() {
            self.pending = None;
            return Step::Reply(Reply::line(521, "CPSV needs PROT P"));
        }
        let text = "CPSV cannot carry an IPv6 address; use SSCN ON and EPSV";
        self.passive_in_227(true, text)
    }

    fn passive_in_227(&mut self, tls_client: bool, not_over_ipv6: &'static str) -> Step {
        self.pending = None;
        if self.extended_only {
            return Step::Reply(extended_only());
        }
        if self.options.ipv6 {
            return Step::Refuse {
                code: 425,
                text: not_over_ipv6,
                why: Why::PassiveOverIpv6,
            };
        }
        Step::Do(Action::OpenPassive {
            extended: false,
            tls_client,
        })
    }

    pub(super) fn extended_passive(&mut self, argument: EpsvArgument) -> Step {
        match argument {
            EpsvArgument::All => {
                // RFC 2428 4; security P18: it holds to the end of the session.
                self.extended_only = true;
                Step::Reply(Reply::line(200, "Only EPSV from now on"))
            }
            EpsvArgument::V4 if self.options.ipv6 => {
                Step::Reply(informed::wrong_family(self.options.ipv6))
            }
            EpsvArgument::V6 if !self.options.ipv6 => {
                Step::Reply(informed::wrong_family(self.options.ipv6))
            }
            EpsvArgument::Any | EpsvArgument::V4 | EpsvArgument::V6 => {
                self.pending = None;
                Step::Do(Action::OpenPassive {
                    extended: true,
                    tls_client: false,
                })
            }
        }
    }

    pub(super) fn retrieve(&mut self, path: PathArgument, prepared: Prepared) -> Step {
        let (start, last) = match prepared {
            Prepared::Restart { offset } => (offset, None),
            Prepared::Range { start, last } => (start, Some(last)),
            Prepared::Nothing | Prepared::Rename { .. } => (0, None),
        };
        self.transfer(TransferKind::Retrieve { path, start, last })
    }

    pub(super) fn store(&mut self, path: PathArgument, prepared: Prepared) -> Step {
        let declared = self.declared.take();
        let offset = match prepared {
            Prepared::Range { .. } => {
                return Step::Reply(Reply::line(551, "RANG holds for RETR only; use REST"));
            }
            Prepared::Restart { offset } => offset,
            Prepared::Nothing | Prepared::Rename { .. } => 0,
        };
        self.transfer(TransferKind::Store {
            path,
            offset,
            declared,
        })
    }

    pub(super) fn store_unique(&mut self, near: Option<PathArgument>) -> Step {
        let declared = self.declared.take();
        self.transfer(TransferKind::StoreUnique { near, declared })
    }

    pub(super) fn append(&mut self, path: PathArgument) -> Step {
        let declared = self.declared.take();
        self.transfer(TransferKind::Append { path, declared })
    }

    pub(super) fn list(&mut self, arguments: ListArguments, form: ListForm) -> Step {
        self.transfer(TransferKind::List { arguments, form })
    }

    pub(super) fn list_facts(&mut self, path: Option<PathArgument>) -> Step {
        let arguments = ListArguments {
            path,
            ..ListArguments::default()
        };
        self.list(arguments, ListForm::Facts(self.facts))
    }

    fn transfer(&mut self, kind: TransferKind) -> Step {
        let pending = self.pending.take();
        // Before the lack of a route: what is wrong comes first that a new PASV would not mend.
        if self.must_not_transfer_in_clear() {
            let text = if self.is_protected() {
                "Data connections must be encrypted; send PBSZ 0 and PROT P"
            } else {
                "Data connections must be encrypted, and CCC ended what could ask for it"
            };
            return Step::Refuse {
                code: 522,
                text,
                why: Why::ClearData,
            };
        }
        let Some(Pending { route, tls_client }) = pending else {
            return Step::Reply(Reply::line(425, "Use PASV, EPSV, PORT or EPRT first"));
        };
        let protected = self.security.protects_data();
        Step::Do(Action::Transfer(Transfer {
            kind,
            route,
            ascii: self.ascii,
            protected,
            tls_client: protected && (tls_client || self.security.is_client()),
        }))
    }
}

fn extended_only() -> Reply {
    Reply::line(501, "Only EPSV is allowed after EPSV ALL")
}
