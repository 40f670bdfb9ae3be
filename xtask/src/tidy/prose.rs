//! Rules for Markdown: what it points to exists.

use super::Findings;
use super::source::{code, words};

/// Links into the repository lead somewhere. `files` are all files, relative to the root.
pub(super) fn links(path: &str, text: &str, files: &[String], found: &mut Findings) {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    for (index, line) in text.lines().enumerate() {
        for target in line
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
                continue;
            }
            let full = resolve(folder, target);
            let folder = format!("{}/", full.trim_end_matches('/'));
            let exists = files
                .iter()
                .any(|file| *file == full || file.starts_with(&folder));
            if !exists {
                let text = format!("the link to `{target}` leads nowhere");
                found.problem(path, index + 1, &text);
            }
        }
    }
}

/// Each row of SECURITY.md's table (`| P1 | … |`) has a test that is named after it (`p1_…`): a row
/// without one promises what nobody checks. `functions` are the names in all Rust files.
pub(super) fn promises(path: &str, text: &str, functions: &[String], found: &mut Findings) {
    for (index, line) in text.lines().enumerate() {
        let cell = line.strip_prefix('|').and_then(|row| row.split('|').next());
        let Some(row) = cell.map(str::trim).filter(|cell| is_row(cell)) else {
            continue;
        };
        let prefix = format!("{}_", row.to_lowercase());
        if !functions.iter().any(|name| name.starts_with(&prefix)) {
            let text = format!("row {row}: no test is named `{prefix}…`");
            found.problem(path, index + 1, &text);
        }
    }
}

/// The names of the functions in a Rust file.
pub(super) fn function_names(text: &str) -> Vec<String> {
    let code = code(text);
    words(&code, "fn")
        .map(|(at, _)| code[at + 2..].trim_start())
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .collect()
}

/// `F12`, `P1`: a letter and a number.
fn is_row(cell: &str) -> bool {
    let mut rest = cell.chars();
    rest.next().is_some_and(|c| c.is_ascii_uppercase())
        && !rest.as_str().is_empty()
        && rest.all(|c| c.is_ascii_digit())
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    #[test]
    fn links_lead_to_files_and_folders() {
        let files = strings(&["README.md", "docs/guides/a.md", "crates/ftp/src/lib.rs"]);
        let problems = |path: &str, text: &str| {
            let mut found = Findings::default();
            links(path, text, &files, &mut found);
            found.problems.len()
        };
        let good = "[a](docs/guides/a.md#top), [b](crates/ftp), [c](https://x.example/y), [d](#e)";
        assert_eq!(problems("README.md", good), 0);
        assert_eq!(
            problems("docs/guides/a.md", "[up](../../README.md) [self](a.md)"),
            0
        );
        assert_eq!(
            problems("README.md", "[a](docs/guides/b.md) and [b](doc)"),
            2
        );
    }

    #[test]
    fn promised_tests_exist() {
        let functions = function_names("#[test]\nfn p1_bounce() {}\n// fn f2_gone()\n");
        let problems = |text: &str| {
            let mut found = Findings::default();
            promises("SECURITY.md", text, &functions, &mut found);
            found.problems.len()
        };
        assert_eq!(
            problems("| Row | What |\n| --- | --- |\n| P1 | no bounce |\nF2\n"),
            0
        );
        assert_eq!(problems("| F2 | no prefixes |\n| P12 | TLS |\n"), 2);
    }
}
