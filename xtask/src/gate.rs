//! Everything a change must pass, in the order in which a failure is cheapest to find.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, bail};

use crate::{Reported, fuzz, only_flag, setup, shell, tidy};

/// Stops at the first step that fails. The last line of a run that came to the tests is
/// `N passed, N failed`.
pub(crate) fn run(args: &[String]) -> Result<()> {
    let long = only_flag(args, "--long")?;
    let mut totals = None;
    let mut outcome = Ok(());
    let start = Instant::now();
    for step in STEPS.iter().filter(|step| long || !step.long) {
        outcome = step.take(&mut totals);
        if outcome.is_err() {
            break;
        }
    }
    let failed = outcome.is_err();
    if let Err(error) = outcome {
        println!("\n{error:#}");
    }
    if totals.is_none() {
        println!("no test has run");
    }
    println!("in {:.1} s", start.elapsed().as_secs_f64());
    if let Some(Totals { passed, failed, .. }) = totals {
        println!("{passed} passed, {failed} failed");
    }
    if failed { Err(Reported.into()) } else { Ok(()) }
}

struct Step {
    name: &'static str,
    /// Only with `--long`.
    long: bool,
    run: fn(&mut Option<Totals>) -> Result<()>,
}

impl Step {
    fn take(&self, totals: &mut Option<Totals>) -> Result<()> {
        println!("\n== {}", self.name);
        let start = Instant::now();
        let outcome = (self.run)(totals);
        let seconds = start.elapsed().as_secs_f64();
        match outcome {
            Ok(()) => {
                println!("== {}: {seconds:.1} s", self.name);
                Ok(())
            }
            Err(error) => {
                Err(error).with_context(|| format!("FAILED at {} after {seconds:.1} s", self.name))
            }
        }
    }
}

const STEPS: &[Step] = &[
    Step {
        name: "setup",
        long: false,
        run: |_| setup::run(&[]),
    },
    Step {
        name: "format",
        long: false,
        run: |_| shell::run(shell::cargo().args(["fmt", "--all", "--check"])),
    },
    Step {
        name: "tidy",
        long: false,
        run: |_| tidy::run(&[]),
    },
    Step {
        name: "clippy",
        long: false,
        run: |_| {
            let lint = [
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ];
            shell::run(shell::cargo().args(lint))
        },
    },
    Step {
        name: "build",
        long: false,
        // With the tests' targets, so that the features of dependencies are those of `cargo test`
        // and nothing is compiled twice.
        run: |_| shell::run(shell::cargo().args(["build", "--workspace", "--bins", "--tests"])),
    },
    Step {
        name: "test",
        long: false,
        run: |totals| test(totals, &["--workspace"], false),
    },
    Step {
        name: "long forms of tests",
        long: true,
        run: |totals| test(totals, LONG_FORMS, true),
    },
    Step {
        name: "documentation",
        long: false,
        run: |_| {
            let document = [
                "doc",
                "--workspace",
                "--no-deps",
                "--document-private-items",
            ];
            shell::run(
                shell::cargo()
                    .args(document)
                    .env("RUSTDOCFLAGS", RUSTDOC_FLAGS),
            )
        },
    },
    Step {
        name: "fuzz",
        long: true,
        run: |_| fuzz::run(&[]),
    },
    Step {
        name: "dependencies",
        long: true,
        run: |_| other_checks(),
    },
];

/// Private items are documented too, so a link to one leads somewhere.
const RUSTDOC_FLAGS: &str = "-D warnings -A rustdoc::private_intra_doc_links";

/// The tests that have a form which takes minutes.
const LONG_FORMS: &[&str] = &[
    "--package",
    "wharf-tests",
    "--",
    "interop::tls::p7_",
    "interop::scan::",
    "interop::sftp::exercise::fio_",
    "security::tls::uploads::",
    "security::resources::",
];

/// Every test of what is chosen; the black-box tests find the program by `WHARF_BIN`.
fn test(totals: &mut Option<Totals>, which: &[&str], long: bool) -> Result<()> {
    let wharf = shell::target_folder()?.join("debug/wharf");
    let mut command = shell::cargo();
    command.args(["test", "--no-fail-fast"]).args(which);
    if long {
        command.env("WHARF_TEST_LONG", "yes");
    }
    let mut child = command
        .env("WHARF_BIN", wharf)
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let counted = totals.get_or_insert_with(Totals::default);
    if let Some(output) = child.stdout.take() {
        pass_on(BufReader::new(output), counted)?;
    }
    let status = child.wait()?;
    if counted.failed > 0 {
        bail!("{} tests failed", counted.failed);
    }
    if counted.unfinished() || !status.success() {
        // A test binary that was killed tells no result; it must not look like a pass.
        counted.failed += 1;
        bail!("a test binary ended without telling its result ({status})");
    }
    if counted.ignored > 0 {
        bail!("{} tests were skipped", counted.ignored);
    }
    Ok(())
}

fn pass_on(mut output: impl BufRead, totals: &mut Totals) -> Result<()> {
    let mut screen = std::io::stdout().lock();
    let mut line = Vec::new();
    while output.read_until(b'\n', &mut line)? > 0 {
        screen.write_all(&line)?;
        screen.flush()?;
        if let Ok(text) = std::str::from_utf8(&line) {
            totals.read(text);
        }
        line.clear();
    }
    Ok(())
}

/// What cargo-deny, typos and cargo-shear say, where they are installed; where not, that is said.
fn other_checks() -> Result<()> {
    const CHECKS: &[(&str, &str, &[&str])] = &[
        ("cargo-deny", "cargo", &["deny", "check"]),
        ("cargo-shear", "cargo", &["shear"]),
        ("typos", "typos", &[]),
    ];
    for (tool, program, args) in CHECKS {
        if shell::find(tool).is_none() {
            println!("NOT CHECKED: {tool} is not installed (`cargo install {tool}`)");
            continue;
        }
        shell::run(shell::command(program).args(*args))?;
    }
    Ok(())
}

/// The sums of the `test result:` lines.
#[derive(Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u64,
    failed: u64,
    ignored: u64,
    /// `running N tests` lines, and the results that followed.
    started: u64,
    finished: u64,
}

impl Totals {
    fn read(&mut self, line: &str) {
        if line.starts_with("running ") && (line.ends_with(" tests\n") || line.ends_with(" test\n"))
        {
            self.started += 1;
        }
        let Some(result) = line.strip_prefix("test result: ") else {
            return;
        };
        self.finished += 1;
        for part in result.split(['.', ';']) {
            let mut words = part.split_whitespace();
            let count = words.next().and_then(|word| word.parse::<u64>().ok());
            match (count, words.next()) {
                (Some(count), Some("passed")) => self.passed += count,
                (Some(count), Some("failed")) => self.failed += count,
                (Some(count), Some("ignored")) => self.ignored += count,
                _ => {}
            }
        }
    }

    const fn unfinished(&self) -> bool {
        self.started != self.finished
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Totals {
        let mut totals = Totals::default();
        for line in text.split_inclusive('\n') {
            totals.read(line);
        }
        totals
    }

    #[test]
    fn results_are_summed() {
        let totals = read(
            "running 2 tests\ntest a ... ok\ntest result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.31s\n\
             running 1 test\ntest result: FAILED. 40 passed; 3 failed; 1 ignored; 0 measured; 7 filtered out; finished in 1.00s\n",
        );
        let expected = Totals {
            passed: 42,
            failed: 3,
            ignored: 1,
            started: 2,
            finished: 2,
        };
        assert_eq!(totals, expected);
        assert!(!totals.unfinished());
    }

    #[test]
    fn a_binary_that_died_is_unfinished() {
        assert!(read("running 12 tests\ntest a ... ok\n").unfinished());
    }
}
