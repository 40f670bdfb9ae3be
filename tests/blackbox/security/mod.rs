//! One test for each row of the security table that can be seen from outside, named after it.

mod accounts;
mod defaults;
mod files;
mod links;
mod memory;
mod odd;
mod protocol;
mod resources;
mod rules;
mod ssh;
mod tls;
mod traversal;
