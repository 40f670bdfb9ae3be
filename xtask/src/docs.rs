//! `docs/reference`: written by the program itself (`wharf reference DIR`), never by hand.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::{only_flag, shell};

pub(crate) fn run(args: &[String]) -> Result<()> {
    let check = only_flag(args, "--check")?;
    shell::run(shell::cargo().args(["build", "--package", "wharf"]))?;
    let wharf = shell::target_folder()?.join("debug/wharf");
    let committed = shell::root().join("docs/reference");

    let fresh = tempfile::tempdir()?;
    shell::run(shell::command(&wharf).arg("reference").arg(fresh.path()))?;
    let old = files(&committed)?;
    let new = files(fresh.path())?;
    let stale = differences(&old, &new);
    if stale.is_empty() {
        println!("docs/reference is up to date: {} files", new.len());
        return Ok(());
    }
    if check {
        bail!(
            "docs/reference is not what the program writes: {}\n\nhint: `cargo xtask docs`",
            stale.join(", ")
        );
    }
    write(&committed, &old, &new)?;
    println!("docs/reference: {}", stale.join(", "));
    Ok(())
}

type Files = BTreeMap<PathBuf, Vec<u8>>;

fn files(folder: &Path) -> Result<Files> {
    let mut found = Files::new();
    let mut waiting = vec![folder.to_path_buf()];
    while let Some(next) = waiting.pop() {
        if !next.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&next)? {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(folder)?.to_path_buf();
                found.insert(name, std::fs::read(&path)?);
            }
        }
    }
    Ok(found)
}

fn differences(old: &Files, new: &Files) -> Vec<String> {
    let gone = old.keys().filter(|name| !new.contains_key(*name));
    let changed = new
        .iter()
        .filter(|(name, bytes)| old.get(*name) != Some(bytes))
        .map(|(name, _)| name);
    gone.chain(changed)
        .map(|name| format!("`{}`", name.display()))
        .collect()
}

fn write(folder: &Path, old: &Files, new: &Files) -> Result<()> {
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        std::fs::remove_file(folder.join(name))?;
    }
    for (name, bytes) in new {
        let path = folder.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", name.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_a_changed_and_a_gone_file_are_differences() {
        let of = |pairs: &[(&str, &str)]| -> Files {
            pairs
                .iter()
                .map(|(name, text)| (PathBuf::from(name), text.as_bytes().to_vec()))
                .collect()
        };
        let old = of(&[("same", "1"), ("changed", "1"), ("gone", "1")]);
        let new = of(&[("same", "1"), ("changed", "2"), ("new", "1")]);
        assert_eq!(differences(&old, &new), ["`gone`", "`changed`", "`new`"]);

        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &Files::new(), &old).unwrap();
        write(folder.path(), &old, &new).unwrap();
        assert_eq!(files(folder.path()).unwrap(), new);
    }
}
