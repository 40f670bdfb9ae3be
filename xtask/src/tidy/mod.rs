//! The rules that no compiler checks. Each says why in its message; what is allowed in spite of a
//! rule says so beside it with a `tidy: …` comment, so that a reader sees the reason too.

use anyhow::{Result, bail};

use crate::{edges, shell};

mod prose;
mod rust;
mod source;
mod text;

pub(crate) fn run(args: &[String]) -> Result<()> {
    if let Some(unknown) = args.first() {
        bail!("unknown argument `{unknown}`; tidy takes none");
    }
    let mut found = Findings::default();
    let files = files()?;
    let texts: Vec<(&String, String)> = files
        .iter()
        .filter_map(|path| Some((path, text_of(path)?)))
        .collect();
    for (path, text) in &texts {
        check(path, text, &mut found);
    }
    check_prose(&texts, &files, &mut found);
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

fn check(path: &str, text: &str, found: &mut Findings) {
    text::check(path, text, found);
    if path.ends_with(".rs") {
        rust::check(path, text, found);
    }
}

/// What one file says of others.
fn check_prose(texts: &[(&String, String)], files: &[String], found: &mut Findings) {
    let functions: Vec<String> = texts
        .iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .flat_map(|(_, text)| prose::function_names(text))
        .collect();
    // What lies among sources is a template; its links count from where it is written to.
    let documents = texts
        .iter()
        .filter(|(path, _)| path.ends_with(".md") && !path.contains("/src/"));
    for (path, text) in documents {
        prose::links(path, text, files, found);
        if path.as_str() == "SECURITY.md" {
            prose::promises(path, text, &functions, found);
        }
    }
}

/// `None` for a file that is not text.
fn text_of(path: &str) -> Option<String> {
    let bytes = std::fs::read(shell::root().join(path)).ok()?;
    String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
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
    // A file deleted but not yet committed as such is listed still.
    files.retain(|name| shell::root().join(name).is_file());
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The problems of one file, without its name.
    pub(super) fn problems(path: &str, text: &str) -> Vec<String> {
        let mut found = Findings::default();
        check(path, text, &mut found);
        let prefix = format!("{path}:");
        found
            .problems
            .iter()
            .map(|problem| problem.strip_prefix(&prefix).unwrap().to_owned())
            .collect()
    }
}
