//! The program as people and scripts run it: arguments in; output, exit codes and files out.

mod certificates;
mod config;
mod harness;
mod lifecycle;
mod logins;
mod serve;
mod ssh;
mod terminal;
mod tls;
mod user;
