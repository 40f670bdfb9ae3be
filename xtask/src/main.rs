//! The project's own tasks. `cargo xtask` without arguments lists them; nothing but the toolchain
//! is needed to run them.
#![allow(clippy::print_stdout, clippy::print_stderr)] // a command-line tool: it talks to a person

use std::fmt;
use std::process::ExitCode;

mod bench;
mod docs;
mod edges;
mod fuzz;
mod gate;
mod peers;
mod setup;
mod shell;
mod tidy;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let Some((name, rest)) = args.split_first() else {
        print!("{}", usage());
        return ExitCode::from(2);
    };
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", usage());
        return ExitCode::SUCCESS;
    }
    let Some(task) = TASKS.iter().find(|task| task.name == name) else {
        eprint!("error: there is no task `{name}`\n\n{}", usage());
        return ExitCode::from(2);
    };
    match (task.run)(rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Reported>() => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// A failure whose text has been printed already, because something else must be the last line.
#[derive(Debug)]
struct Reported;

impl fmt::Display for Reported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed, see above")
    }
}

impl std::error::Error for Reported {}

struct Task {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

const TASKS: &[Task] = &[
    Task {
        name: "setup",
        arguments: "[--peers]",
        about: "install the programs the tests use; --peers: unpack the servers of `bench`",
        run: setup::run,
    },
    Task {
        name: "test",
        arguments: "[--long]",
        about: "everything a change must pass: format, tidy, lints, tests, documentation",
        run: gate::run,
    },
    Task {
        name: "tidy",
        arguments: "",
        about: "the rules that no compiler checks, and the allowed edges between crates",
        run: tidy::run,
    },
    Task {
        name: "bench",
        arguments: "[--quick] [--only ROWS] [--servers LIST]",
        about: "measure wharf and its peers and write bench/RESULTS.md (--help: all arguments)",
        run: bench::run,
    },
    Task {
        name: "docs",
        arguments: "[--check]",
        about: "write docs/reference from the program itself, or compare",
        run: docs::run,
    },
    Task {
        name: "fuzz",
        arguments: "[TARGET...] [--seconds N] [--long]",
        about: "run the fuzz targets, 10 s each (--long: 300 s)",
        run: fuzz::run,
    },
];

fn usage() -> String {
    let mut text = String::from("usage: cargo xtask TASK\n\n");
    for task in TASKS {
        let call = format!("{} {}", task.name, task.arguments);
        text.push_str(&format!("  {}\n      {}\n", call.trim_end(), task.about));
    }
    text
}

/// Refuses arguments a task does not know; returns whether `flag` was given.
fn only_flag(args: &[String], flag: &str) -> anyhow::Result<bool> {
    if let Some(unknown) = args.iter().find(|arg| *arg != flag) {
        anyhow::bail!("unknown argument `{unknown}`; the only one here is `{flag}`");
    }
    Ok(!args.is_empty())
}
