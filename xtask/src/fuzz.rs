//! Runs the fuzz targets of `fuzz/` with the stable toolchain and without cargo-fuzz: the coverage
//! that libFuzzer steers by needs only stable flags. What is left out is the address sanitizer,
//! which finds nothing in crates that forbid `unsafe`.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell;

pub(crate) fn run(args: &[String]) -> Result<()> {
    let options = Options::parse(args)?;
    let folder = shell::root().join("fuzz");
    let all = targets(&folder)?;
    let chosen = options.choose(&all)?;
    let machine = machine()?;
    build(&folder, &machine)?;
    for target in chosen {
        one(&folder, &machine, target, options.seconds)?;
    }
    Ok(())
}

struct Options {
    targets: Vec<String>,
    /// For each target.
    seconds: u64,
}

impl Options {
    fn parse(args: &[String]) -> Result<Self> {
        let mut options = Self {
            targets: Vec::new(),
            seconds: 10,
        };
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--long" => options.seconds = 300,
                "--seconds" => {
                    let value = args.next().context("`--seconds` needs a number")?;
                    options.seconds = value
                        .parse()
                        .with_context(|| format!("`--seconds {value}` is not a number"))?;
                }
                flag if flag.starts_with('-') => bail!("unknown argument `{flag}`"),
                target => options.targets.push(target.to_owned()),
            }
        }
        Ok(options)
    }

    fn choose<'a>(&'a self, all: &'a [String]) -> Result<&'a [String]> {
        if let Some(unknown) = self.targets.iter().find(|name| !all.contains(name)) {
            bail!(
                "there is no fuzz target `{unknown}`; there are: {}",
                all.join(", ")
            );
        }
        Ok(if self.targets.is_empty() {
            all
        } else {
            &self.targets
        })
    }
}

/// One target for each file, as cargo-fuzz lays them out.
fn targets(folder: &Path) -> Result<Vec<String>> {
    let sources = folder.join("fuzz_targets");
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&sources).context("there is no folder fuzz/fuzz_targets")? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|stem| stem.to_str())
        {
            names.push(name.to_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// The machine's own target triple. Named to cargo, it keeps the flags below away from build
/// scripts, which would not link with them.
fn machine() -> Result<String> {
    let said = shell::output(shell::command("rustc").arg("-vV"))?;
    said.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
        .context("`rustc -vV` names no host")
}

fn build(folder: &Path, machine: &str) -> Result<()> {
    const FLAGS: &[&str] = &[
        "--cfg=fuzzing",
        "-Cpasses=sancov-module",
        "-Cllvm-args=-sanitizer-coverage-level=4",
        "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
        "-Cllvm-args=-sanitizer-coverage-pc-table",
        "-Cllvm-args=-sanitizer-coverage-trace-compares",
        "-Ccodegen-units=1",
        "-Cdebug-assertions",
        "-Coverflow-checks",
    ];
    shell::run(
        shell::cargo()
            .args(["build", "--release", "--bins", "--target", machine])
            .arg("--manifest-path")
            .arg(folder.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(folder.join("target"))
            .env("CARGO_ENCODED_RUSTFLAGS", FLAGS.join("\u{1f}")),
    )
}

/// New inputs are kept in `fuzz/corpus`, one that breaks a target in `fuzz/artifacts`.
fn one(folder: &Path, machine: &str, target: &str, seconds: u64) -> Result<()> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts").join(target);
    std::fs::create_dir_all(&corpus)?;
    std::fs::create_dir_all(&artifacts)?;
    println!("-- {target}, {seconds} s");
    let mut command = shell::command(
        folder
            .join("target")
            .join(machine)
            .join("release")
            .join(target),
    );
    command
        .arg(format!("-max_total_time={seconds}"))
        .arg("-max_len=8192")
        .arg("-timeout=5")
        .arg("-rss_limit_mb=1024")
        .arg("-print_final_stats=1")
        .arg("-verbosity=0")
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(&corpus);
    // `ftp_line` has the words of `dictionaries/ftp.dict`.
    let language = target.split('_').next().unwrap_or(target);
    let dictionary = folder.join(format!("dictionaries/{language}.dict"));
    if dictionary.is_file() {
        command.arg(format!("-dict={}", dictionary.display()));
    }
    let seeds = folder.join("seeds").join(target);
    if seeds.is_dir() {
        command.arg(seeds);
    }
    let output = command
        .output()
        .with_context(|| format!("cannot start `{target}`"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        eprint!("{said}");
        bail!("`{target}` failed; the input is in fuzz/artifacts/{target}");
    }
    for line in said.lines().filter_map(|line| line.strip_prefix("stat::")) {
        println!("   {line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_choose_targets_and_time() {
        let strings = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        let all = strings(&["ftp_line", "ftp_reply"]);

        let options = Options::parse(&strings(&["ftp_reply", "--seconds", "60"])).unwrap();
        assert_eq!(
            (options.seconds, options.choose(&all).unwrap()),
            (60, &all[1..])
        );
        let options = Options::parse(&strings(&["--long"])).unwrap();
        assert_eq!(
            (options.seconds, options.choose(&all).unwrap()),
            (300, &all[..])
        );

        for wrong in [&["--seconds"][..], &["--seconds", "x"], &["--fast"]] {
            assert!(Options::parse(&strings(wrong)).is_err(), "{wrong:?}");
        }
        let options = Options::parse(&strings(&["ftp_lime"])).unwrap();
        assert!(options.choose(&all).is_err());
    }
}
