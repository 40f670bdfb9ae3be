//! Where wharf spends its time during a row, by `perf`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Child;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

use crate::shell;

/// Lines of each list that are worth reading.
const LINES: usize = 60;

/// A recording that goes on until it is finished.
#[derive(Debug)]
pub(crate) struct Recording {
    perf: Child,
    data: PathBuf,
    log: PathBuf,
}

impl Recording {
    pub(crate) fn start(of: Pid, run: &Path) -> Result<Self> {
        if shell::find("perf").is_none() {
            bail!("profiles are made by `perf`, which is not here\n\nhint: install linux-perf");
        }
        let (data, log) = (run.join("perf.data"), run.join("perf.log"));
        let mut command = shell::command("perf");
        command.args(["record", "--freq", "999", "-g", "--pid"]);
        command.arg(of.to_string()).arg("--output").arg(&data);
        command.stdout(File::create(&log)?);
        command.stderr(File::options().append(true).open(&log)?);
        let perf = command.spawn().context("cannot start perf")?;
        // It attaches within a moment and does not say when.
        std::thread::sleep(std::time::Duration::from_millis(500));
        Ok(Self { perf, data, log })
    }

    /// Ends the recording and writes the functions time was spent in, and on whose behalf.
    pub(crate) fn finish(mut self, headline: &str, to: &Path) -> Result<()> {
        kill_process(Pid::from_child(&self.perf), Signal::INT)?;
        self.perf.wait()?;
        let own = self.report(&["--no-children", "--call-graph", "none"])?;
        let all = self.report(&["--children", "--call-graph", "none"])?;
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = format!(
            "{headline}\n\nTime in each function itself:\n\n{own}\n\
             Time in each function and what it called (first column):\n\n{all}"
        );
        fs::write(to, text)?;
        Ok(())
    }

    fn report(&self, options: &[&str]) -> Result<String> {
        let mut command = shell::command("perf");
        command.args([
            "report",
            "--stdio",
            "--percent-limit",
            "0.3",
            "--sort",
            "dso,symbol",
        ]);
        command.args(options).arg("--input").arg(&self.data);
        let said = shell::output(&mut command).with_context(|| {
            format!(
                "perf recorded nothing:\n{}",
                fs::read_to_string(&self.log).unwrap_or_default()
            )
        })?;
        let lines: Vec<String> = said
            .lines()
            .filter(|line| !line.starts_with('#') && !line.trim().is_empty())
            .map(narrow)
            .take(LINES)
            .collect();
        Ok(lines.join("\n") + "\n")
    }
}

/// perf pads columns to the longest name there is, and ends lines with columns that are empty.
fn narrow(line: &str) -> String {
    let columns: Vec<&str> = line
        .split("  ")
        .map(str::trim)
        .filter(|column| !matches!(*column, "" | "-"))
        .collect();
    columns.join("  ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_padding() {
        let line = "    27.04%  wharf           [.] <a as b>::c           -      -            ";
        assert_eq!(narrow(line), "27.04%  wharf  [.] <a as b>::c");
    }
}
