//! The rules that no compiler checks. Each says why in its message; what is allowed in spite of a
//! rule says so beside it with a `tidy: …` comment, so that a reader sees the reason too.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::{edges, shell};

mod rust;
mod source;
mod text;

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("unknown argument `{unknown}`; tidy takes none");
    }
    let mut found = Findings::default();
    let files = files()?;
    for path in &files {
        // A file deleted but not yet committed as such is still listed.
        let Ok(bytes) = std::fs::read(shell::root().join(path)) else {
            continue;
        };
        check(path, &bytes, &mut found);
    }
    found.problems.extend(edges::check()?);

    for warning in &found.warnings {
        println!("warning: {warning}");
    }
    if found.problems.is_empty() {
        println!("{} files are tidy", files.len());
        return Ok(());
    }
    for problem in &found.problems {
        println!("{problem}");
    }
    bail!("{} places are not tidy", found.problems.len());
}

/// What the rules have to say, as `path:line: text`.
#[derive(Default)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

impl Findings {
    /// `line` counts from 1.
    fn problem(&mut self, path: &str, line: usize, text: &str) {
        self.problems.push(format!("{path}:{line}: {text}"));
    }

    fn warn(&mut self, path: &str, line: usize, text: &str) {
        self.warnings.push(format!("{path}:{line}: {text}"));
    }
}

fn check(path: &str, bytes: &[u8], found: &mut Findings) {
    let binary = bytes.contains(&0);
    let Some(text) = std::str::from_utf8(bytes).ok().filter(|_| !binary) else {
        return;
    };
    text::check(path, text, found);
    if path.ends_with(".rs") {
        rust::check(path, text, found);
    }
}

/// Every file that is committed or would be: relative to the root, with `/`.
fn files() -> Result<Vec<String>> {
    let listed = shell::output(shell::command("git").args([
        "ls-files",
        "-z",
        "--cached",
        "--others",
        "--exclude-standard",
    ]))?;
    let mut files: Vec<String> = listed
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect();
    files.sort_unstable();
    files.dedup();
    files.retain(|name| shell::root().join(PathBuf::from(name)).is_file());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of one file, without its name.
    pub(super) fn problems(path: &str, text: &str) -> Vec<String> {
        let mut found = Findings::default();
        check(path, text.as_bytes(), &mut found);
        let prefix = format!("{path}:");
        found
            .problems
            .iter()
            .map(|problem| problem.strip_prefix(&prefix).unwrap().to_owned())
            .collect()
    }

    #[test]
    fn binary_files_are_left_alone() {
        let mut found = Findings::default();
        check("a.bin", b"trailing \n\0", &mut found);
        check("a.bin", b"trailing \xff \n", &mut found);
        assert!(found.problems.is_empty());
    }
}
