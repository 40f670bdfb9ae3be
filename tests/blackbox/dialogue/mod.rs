//! The command table: right, wrong, and out of order.

mod ascii;
mod between_servers;
mod listings;
mod login;
mod metadata;
mod negotiation;
mod offsets;
mod paths;
mod pipelining;
mod site;
mod syntax;
mod tls;
mod transfers;
