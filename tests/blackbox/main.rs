//! The one black-box test binary: the real program against raw dialogues, other people's
//! clients, faults, and the rows of the security table.

mod acme;
mod dialogue;
mod faults;
mod interop;
mod security;
mod sftp;
mod tools;
