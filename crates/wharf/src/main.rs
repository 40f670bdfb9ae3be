//! One program for moving files over FTP, FTPS and SFTP. Here are the argument tables, the settings and the
//! wiring; what is served, and how, is in the other crates.

mod arguments;
mod certificate;
mod config;
mod config_command;
mod date;
mod failure;
mod host_keys;
mod log;
mod output;
mod private_file;
mod prompt;
mod reference;
mod serve;
mod shell;
mod state;
mod user;

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command, Format};
use failure::Failure;

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Where standard error is closed, the exit code has to tell.
            let _ = writeln!(io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Failure> {
    let level = match &arguments.command {
        Command::Serve(serve) if serve.common.format == Format::Text => "info,sqlx=warn",
        _ => "warn",
    };
    log::begin(arguments.log.as_deref(), level)?;
    match arguments.command {
        Command::Serve(serve) => serve::run(serve),
        Command::User(user) => user::run(user),
        Command::Config(config) => config_command::run(&config),
        Command::Completions { shell } => reference::completions(shell),
        Command::Man { dir } => reference::man(dir.as_deref()),
        Command::Reference { dir } => reference::write(&dir),
    }
}
