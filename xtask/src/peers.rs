//! Servers to be compared with, unpacked beside one another.
//!
//! Debian's FTP servers conflict, so they cannot be installed together. Each is downloaded and
//! unpacked under `target/peers/NAME`, with those shared libraries that this machine lacks.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::shell;

/// The packages `cargo xtask bench` compares wharf with.
pub(crate) const NAMES: &[&str] = &["vsftpd", "pure-ftpd", "proftpd-core", "openssh-server"];

/// What some of them are unpacked with.
const WITH: &[(&str, &[&str])] = &[
    ("proftpd-core", &["proftpd-mod-crypto"]),
    ("openssh-server", &["openssh-client"]),
];

/// How deep shared libraries may depend on further ones that are missing.
const DEPENDENCY_ROUNDS: usize = 5;

/// Unpacks the Debian package `name` with the shared libraries it lacks and returns the folder
/// that stands for `/`. Does nothing when it is there already.
pub(crate) fn unpack(name: &str) -> Result<PathBuf> {
    let folder = shell::target_folder()?.join("peers").join(name);
    let with = with(name);
    if version_file(&folder).exists() && with.iter().all(|extra| mark(&folder, extra).exists()) {
        return Ok(folder);
    }
    if shell::find("apt-get").is_none() || shell::find("dpkg-deb").is_none() {
        bail!("`{name}` comes as a Debian package, and this machine has no apt-get and dpkg-deb");
    }
    println!("unpacking {name} under target/peers");
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let version = add(&folder, name)?;
    for extra in with {
        let version = add(&folder, extra)?;
        fs::write(mark(&folder, extra), version)?;
    }
    complete(&folder, name)?;
    // Written last: its presence says that the rest is whole.
    fs::write(version_file(&folder), version)?;
    Ok(folder)
}

/// The version of the package unpacked in `folder`.
pub(crate) fn version(folder: &Path) -> Result<String> {
    Ok(fs::read_to_string(version_file(folder))?)
}

/// What `LD_LIBRARY_PATH` must be for the programs in `folder`.
pub(crate) fn library_path(folder: &Path) -> OsString {
    let places = ["lib", "usr/lib"].map(|place| folder.join(place).join(multiarch()));
    std::env::join_paths(places).unwrap_or_default()
}

fn with(name: &str) -> &'static [&'static str] {
    WITH.iter()
        .find(|(package, _)| *package == name)
        .map_or(&[], |(_, with)| with)
}

/// The file that says that the package `extra` is unpacked in `folder` too.
fn mark(folder: &Path, extra: &str) -> PathBuf {
    folder.join(format!("VERSION.{extra}"))
}

fn version_file(folder: &Path) -> PathBuf {
    folder.join("VERSION")
}

fn multiarch() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

/// Adds the libraries no program in `folder` can be loaded without. The names of the libraries do
/// not give the names of the packages, so dependencies are added until nothing is missing.
fn complete(folder: &Path, name: &str) -> Result<()> {
    let mut latest: Vec<String> = [name]
        .iter()
        .chain(with(name))
        .map(|&one| one.to_owned())
        .collect();
    let mut unpacked = BTreeSet::from_iter(latest.iter().cloned());
    for _ in 0..DEPENDENCY_ROUNDS {
        if missing_libraries(folder)?.is_empty() {
            return Ok(());
        }
        let mut next = Vec::new();
        for package in &latest {
            for dependency in library_dependencies(package)? {
                if !is_installed(&dependency) && unpacked.insert(dependency.clone()) {
                    add(folder, &dependency)?;
                    next.push(dependency);
                }
            }
        }
        latest = next;
    }
    let missing = missing_libraries(folder)?;
    if !missing.is_empty() {
        let names: Vec<String> = missing.into_iter().collect();
        bail!(
            "`{name}` needs {}, which no package it depends on holds",
            names.join(", ")
        );
    }
    Ok(())
}

/// Downloads one package and unpacks it into `folder`; returns its version.
fn add(folder: &Path, package: &str) -> Result<String> {
    let download = tempfile::tempdir()?;
    shell::output(
        shell::command("apt-get")
            .current_dir(download.path())
            // The user apt downloads as may not write into a private folder.
            .args(["-q", "-o", "APT::Sandbox::User=root", "download", package]),
    )
    .with_context(|| format!("cannot download {package}\n\nhint: `apt-get update`"))?;
    let archive = fs::read_dir(download.path())?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("apt-get downloaded no archive of {package}"))?;
    fs::create_dir_all(folder)?;
    shell::run(
        shell::command("dpkg-deb")
            .arg("-x")
            .arg(&archive)
            .arg(folder),
    )?;
    let version = shell::output(
        shell::command("dpkg-deb")
            .arg("-f")
            .arg(&archive)
            .arg("Version"),
    )?;
    Ok(version.trim().to_owned())
}

fn missing_libraries(folder: &Path) -> Result<BTreeSet<String>> {
    let mut missing = BTreeSet::new();
    for place in ["usr/sbin", "usr/bin", "usr/lib/proftpd"] {
        let Ok(programs) = fs::read_dir(folder.join(place)) else {
            continue;
        };
        for program in programs {
            let mut ldd = shell::command("ldd");
            ldd.arg(program?.path())
                .env("LD_LIBRARY_PATH", library_path(folder));
            // It fails on scripts, which need no libraries.
            if let Ok(said) = shell::output(&mut ldd) {
                missing.extend(not_found(&said));
            }
        }
    }
    Ok(missing)
}

fn not_found(ldd: &str) -> impl Iterator<Item = String> {
    ldd.lines()
        .filter_map(|line| line.trim().strip_suffix("=> not found"))
        .map(|name| name.trim().to_owned())
}

fn library_dependencies(package: &str) -> Result<Vec<String>> {
    let said = shell::output(shell::command("apt-cache").args([
        "depends",
        "--no-recommends",
        "--no-suggests",
        "--no-conflicts",
        "--no-breaks",
        "--no-replaces",
        "--no-enhances",
        package,
    ]))?;
    Ok(depended_on(&said))
}

fn depended_on(apt_cache: &str) -> Vec<String> {
    apt_cache
        .lines()
        .filter_map(|line| {
            line.trim()
                .trim_start_matches('|')
                .strip_prefix("Depends: ")
        })
        .filter(|name| name.starts_with("lib"))
        .map(str::to_owned)
        .collect()
}

fn is_installed(package: &str) -> bool {
    shell::output(shell::command("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]))
        .is_ok_and(|status| status == "installed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_that_ldd_does_not_find() {
        let said = "\tlinux-vdso.so.1 (0x00007f)\n\tlibwrap.so.0 => not found\n\
                    \tlibc.so.6 => /lib/libc.so.6 (0x00007f)\n";
        assert_eq!(not_found(said).collect::<Vec<_>>(), ["libwrap.so.0"]);
    }

    #[test]
    fn libraries_a_package_depends_on() {
        let said = "proftpd-core\n  PreDepends: init-system-helpers\n  Depends: adduser\n \
                    |Depends: libacl1\n  Depends: libmemcached11\n";
        assert_eq!(depended_on(said), ["libacl1", "libmemcached11"]);
    }
}
