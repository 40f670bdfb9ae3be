//! The machine in words, without its name or paths.

use std::fs;
use std::path::Path;

use anyhow::Result;

use crate::shell;

/// One line for each thing that bears on the figures.
pub(crate) fn describe(scratch: &Path) -> Result<Vec<(&'static str, String)>> {
    Ok(vec![
        ("processor", processor()),
        ("cores", std::thread::available_parallelism()?.to_string()),
        ("memory", memory()),
        ("system", system()),
        ("kernel", read("/proc/sys/kernel/osrelease")),
        ("file system", file_system(scratch)?),
        (
            "network",
            format!(
                "loopback; tcp_rmem {}, tcp_wmem {}, congestion control {}",
                read("/proc/sys/net/ipv4/tcp_rmem").replace('\t', " "),
                read("/proc/sys/net/ipv4/tcp_wmem").replace('\t', " "),
                read("/proc/sys/net/ipv4/tcp_congestion_control")
            ),
        ),
        (
            "compiler",
            shell::output(shell::command("rustc").arg("--version"))?
                .trim()
                .to_owned(),
        ),
        (
            "date",
            shell::output(shell::command("date").args(["-u", "+%Y-%m-%d"]))?
                .trim()
                .to_owned(),
        ),
        ("commit", commit()?),
    ])
}

fn processor() -> String {
    let text = read("/proc/cpuinfo");
    let value = |name: &str| {
        text.lines()
            .find(|line| line.starts_with(name))
            .and_then(|line| Some(line.split_once(": ")?.1.to_owned()))
    };
    let model = value("model name").unwrap_or_else(|| "unknown".to_owned());
    match (value("cpu family"), value("model\t")) {
        (Some(family), Some(number)) => format!("{model} (family {family}, model {number})"),
        _ => model,
    }
}

fn memory() -> String {
    let text = read("/proc/meminfo");
    let kibibytes = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|number| number.trim().parse::<f64>().ok());
    kibibytes.map_or_else(
        || "unknown".to_owned(),
        |kib| format!("{:.0} GiB", kib / 1048576.0),
    )
}

fn system() -> String {
    read("/etc/os-release")
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or_else(
            || "unknown".to_owned(),
            |name| name.trim_matches('"').to_owned(),
        )
}

/// The type of the file system that holds `path`, and how it is mounted.
fn file_system(path: &Path) -> Result<String> {
    let path = path.canonicalize()?;
    let mounts = read("/proc/self/mounts");
    let longest = mounts
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(' ').skip(1);
            let at = Path::new(fields.next()?);
            let (kind, options) = (fields.next()?, fields.next()?);
            path.starts_with(at)
                .then(|| (at.components().count(), kind, options))
        })
        // Of two mounts in one place, the later one is seen.
        .max_by_key(|(depth, ..)| *depth);
    Ok(longest.map_or_else(
        || "unknown".to_owned(),
        |(_, kind, options)| {
            let tells = |option: &&str| !option.contains('=') && *option != "rw";
            let options: Vec<&str> = options.split(',').filter(tells).collect();
            format!("{kind} ({})", options.join(", "))
        },
    ))
}

fn commit() -> Result<String> {
    let commit = shell::output(shell::command("git").args(["rev-parse", "--short", "HEAD"]))?;
    let changed = shell::output(shell::command("git").args([
        "status",
        "--porcelain",
        "--untracked-files=no",
        "--",
        "crates",
        "xtask",
        "Cargo.toml",
    ]))?;
    let mark = if changed.is_empty() {
        ""
    } else {
        ", with changes that are not committed"
    };
    Ok(format!("{}{mark}", commit.trim()))
}

fn read(path: &str) -> String {
    fs::read_to_string(path)
        .unwrap_or_default()
        .trim()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_file_system_and_memory() {
        assert_ne!(file_system(Path::new("/")).unwrap(), "unknown");
        assert!(memory().ends_with(" GiB"));
    }
}
