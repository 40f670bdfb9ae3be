//! `cargo xtask bench`: wharf and its peers, in turn, under the same load.
//!
//! See bench/README.md for how to read and repeat it.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use self::load::Target;
use self::options::{Call, Options};
use self::peers::{Contender, Protocol};
use self::process::{Running, Turn, adopt_orphans, free_port};
use self::profile::Recording;
use self::report::Results;
use self::rows::Row;
use self::scratch::Scratch;
use crate::shell;

mod client;
mod load;
mod machine;
mod options;
mod peers;
mod proc;
mod process;
mod profile;
mod report;
mod rows;
mod scratch;
mod sftp;
mod stub;
mod tls;

/// Descriptors the load generator needs for 10 000 sessions.
const DESCRIPTORS: u64 = 11_000;

pub(crate) fn run(args: &[String]) -> Result<()> {
    match options::parse(args)? {
        Call::Help => {
            print!("{}", options::usage());
            Ok(())
        }
        Call::Stub {
            port,
            files,
            certificate,
        } => {
            stub::start(port, &files, &certificate)?;
            loop {
                std::thread::park();
            }
        }
        Call::Measure(options) => {
            if !options.as_built {
                build(&options)?;
            }
            if cfg!(debug_assertions) {
                return run_released(args);
            }
            measure_all(&options)
        }
    }
}

/// Builds what is measured, and what measures, as they are released.
fn build(options: &Options) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--release", "--quiet"]);
    if cfg!(debug_assertions) {
        cargo.args(["-p", "xtask"]);
    }
    if options.contenders.iter().any(|one| one.is_wharf()) {
        cargo.args(["-p", "wharf"]);
    } else if !cfg!(debug_assertions) {
        return Ok(());
    }
    shell::run(&mut cargo)
}

/// A load generator that was not optimised would be the limit.
fn run_released(args: &[String]) -> Result<()> {
    let program = shell::target_folder()?.join("release").join("xtask");
    let error = shell::command(program).arg("bench").args(args).exec();
    Err(error).context("cannot start the released xtask")
}

fn measure_all(options: &Options) -> Result<()> {
    ready_for(options)?;
    let _turn = Turn::take()?;
    for package in crate::peers::NAMES {
        let wanted = |contender: &Contender| contender.package() == Some(*package);
        let client = *package == sftp::PACKAGE && options.rows.iter().any(|row| row.is_sftp());
        if client || options.contenders.iter().any(wanted) {
            crate::peers::unpack(package)?;
        }
    }
    let scratch = Scratch::make()?;
    peers::write_users(&scratch)?;
    for contender in &options.contenders {
        contender
            .prepare(&scratch)
            .with_context(|| format!("cannot prepare {}", contender.name()))?;
    }
    adopt_orphans()?;
    let start = Instant::now();
    let mut results = Results::default();
    for row in &options.rows {
        measure_row(row, options, &scratch, &mut results)?;
    }
    let took = start.elapsed().as_secs();
    eprintln!("measured for {} min {} s", took / 60, took % 60);
    finish(options, &scratch, &results)
}

fn ready_for(options: &Options) -> Result<()> {
    let peers = options.contenders.iter().any(|one| one.is_peer());
    if peers && !rustix::process::geteuid().is_root() {
        bail!(
            "the peers start as root and give up its rights themselves\n\n\
             hint: run this as root, or only `--servers wharf,ceiling`"
        );
    }
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    if limit.current.is_some_and(|current| current < DESCRIPTORS) {
        let raised = rustix::process::Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        rustix::process::setrlimit(rustix::process::Resource::Nofile, raised)?;
        if limit.maximum.is_some_and(|maximum| maximum < DESCRIPTORS) {
            eprintln!("the limit on open files is too low for 10 000 sessions");
        }
    }
    Ok(())
}

/// All rounds of one row: every server once in each, in an order that moves on by one.
fn measure_row(
    row: &Row,
    options: &Options,
    scratch: &Scratch,
    results: &mut Results,
) -> Result<()> {
    row.prepare(scratch)
        .with_context(|| format!("cannot prepare {}", row.id))?;
    let mut turn: Vec<Contender> = options
        .contenders
        .iter()
        .copied()
        .filter(|one| row.invites(*one) && row.lacks(*one).is_none())
        .collect();
    for round in 0..options.rounds {
        for contender in &turn {
            if round >= row.rounds(*contender, options.rounds) {
                continue;
            }
            let start = Instant::now();
            let measured = measure_once(row, *contender, options, scratch);
            if row.uploads() {
                scratch.empty_uploads()?;
            }
            let outcome = results.outcome(row, *contender);
            let shown = match measured {
                Ok(sample) => {
                    let shown = format!("{sample:.3?}");
                    outcome.samples.push(sample);
                    shown
                }
                Err(error) => {
                    let text = format!("{error:#}");
                    outcome.failure.get_or_insert_with(|| text.clone());
                    format!("failed: {text}")
                }
            };
            let took = start.elapsed().as_secs_f64();
            eprintln!(
                "{:<18} {:<16} {took:6.1} s  {shown}",
                row.id,
                contender.name()
            );
        }
        if !turn.is_empty() {
            turn.rotate_left(1);
        }
    }
    Ok(())
}

fn measure_once(
    row: &Row,
    contender: Contender,
    options: &Options,
    scratch: &Scratch,
) -> Result<Vec<f64>> {
    let port = free_port()?;
    let command = contender.command(scratch, port, row.service(contender))?;
    let log = scratch.run.join(format!("{}.log", contender.name()));
    let server = Running::start(command, port, contender.ready(row.protocol), &log)?;
    let target = Target {
        contender,
        server: &server,
        scratch,
        protocol: row.protocol,
        tls: row.is_ftps().then(tls::client_config).transpose()?,
        seconds: options.seconds(row.protocol),
        copies: options.copies(row.protocol),
        quick: options.quick,
    };
    let recording = options
        .profile
        .then(|| Recording::start(server.pid(), &scratch.run))
        .transpose()?;
    let sample = row.measure(&target)?;
    if let Some(recording) = recording {
        let file = shell::root()
            .join("bench/profiles")
            .join(format!("{}.txt", row.id));
        let figures: Vec<String> = row
            .figures
            .iter()
            .zip(&sample)
            .map(|(figure, value)| format!("{value:.3} {}", figure.name))
            .collect();
        let headline = format!("{}: {} (while recorded)", row.title, figures.join(", "));
        recording.finish(&headline, &file)?;
        println!("wrote bench/profiles/{}.txt", row.id);
    }
    Ok(sample)
}

fn finish(options: &Options, scratch: &Scratch, results: &Results) -> Result<()> {
    let text = document(options, scratch, results)?;
    println!("{}", results.table(&options.rows));
    let failures = results.failures();
    if failures.is_empty() && options.is_full() {
        fs::write(shell::root().join("bench/RESULTS.md"), text)?;
        println!("wrote bench/RESULTS.md");
        return Ok(());
    }
    let file = scratch.run.join("partial.md");
    fs::write(&file, text)?;
    println!(
        "wrote {}; only a whole run without failures replaces bench/RESULTS.md",
        file.display()
    );
    if !failures.is_empty() {
        bail!("wrong or missing answers:\n{}", failures.join("\n"));
    }
    Ok(())
}

fn document(options: &Options, scratch: &Scratch, results: &Results) -> Result<String> {
    let old = fs::read_to_string(shell::root().join("bench/RESULTS.md")).unwrap_or_default();
    let mut machine = String::new();
    for (name, value) in machine::describe(&scratch.files)? {
        machine.push_str(&format!("- {name}: {value}\n"));
    }
    let mut servers = String::new();
    for contender in &options.contenders {
        let version = match contender.package() {
            Some(package) => {
                let folder = crate::peers::unpack(package)?;
                format!(" {}", crate::peers::version(&folder)?)
            }
            None => String::new(),
        };
        let notes = contender.notes(scratch)?;
        servers.push_str(&format!("- **{}**{version}: {notes}\n", contender.title()));
    }
    let command = format!("cargo xtask bench {}", options.arguments.join(" "));
    Ok(include_str!("document.md")
        .replace("{ROUNDS}", &options.rounds.to_string())
        .replace("{COMMAND}", command.trim_end())
        .replace("{SECONDS}", &options.seconds(Protocol::Ftp).to_string())
        .replace(
            "{FTPS_SECONDS}",
            &options.seconds(Protocol::Ftps).to_string(),
        )
        .replace("{COPIES}", &options.copies(Protocol::Ftp).to_string())
        .replace("{FTPS_COPIES}", &options.copies(Protocol::Ftps).to_string())
        .replace("{SFTP_COPIES}", &options.copies(Protocol::Sftp).to_string())
        .replace("{CIPHER}", tls::CIPHER)
        .replace("{CURVE}", tls::CURVE)
        .replace("{TABLE}\n", &results.table(&options.rows))
        .replace("{BEHIND}\n", &report::behind(&old))
        .replace("{SERVERS}\n", &servers)
        .replace("{MACHINE}\n", &machine)
        .replace("{SAMPLES}\n", &results.samples(&options.rows)))
}
