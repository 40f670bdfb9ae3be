//! Which crate may import which: ARCHITECTURE.md's table of rooms as a test.
//!
//! An edge that is not in the table is either a mistake or a change of the design; in the second
//! case the table changes in the same commit, where everybody can see it.

use anyhow::{Result, bail};
use cargo_metadata::{Dependency, MetadataCommand, Package};

use crate::shell;

/// Every forbidden edge of the workspace as a sentence; none is the good answer.
pub(crate) fn check() -> Result<Vec<String>> {
    let metadata = MetadataCommand::new()
        .current_dir(shell::root())
        .no_deps()
        .exec()?;
    let mut problems = Vec::new();
    for package in &metadata.packages {
        let Some(name) = room_name(&package.name) else {
            bail!("package `{}` is not named `wharf-…`", package.name);
        };
        problems.extend(misnamed(package, name));
        problems.extend(forbidden(name, package.dependencies.iter().map(Edge::of)));
    }
    Ok(problems)
}

/// One crate: its floor, what of ours it may import, and what it must never see.
struct Room {
    name: &'static str,
    floor: u8,
    imports: &'static [&'static str],
    never: Never,
}

enum Never {
    /// These crates of other people.
    These(&'static [&'static str]),
    /// Any crate at all: it is data.
    Anything,
}

/// A language without IO: no sockets, files or clocks, so nothing that brings them.
const NO_IO: Never = Never::These(&[
    "async-io",
    "async-std",
    "futures-timer",
    "libc",
    "mio",
    "nix",
    "polling",
    "russh",
    "rustix",
    "smol",
    "socket2",
    "tokio",
    "tokio-util",
]);
const NOTHING: Never = Never::These(&[]);

const fn room(
    floor: u8,
    name: &'static str,
    imports: &'static [&'static str],
    never: Never,
) -> Room {
    Room {
        name,
        floor,
        imports,
        never,
    }
}

const ROOMS: &[Room] = &[
    room(1, "ftp", &[], NO_IO),
    room(1, "sftp", &[], NO_IO),
    room(1, "ssh", &[], NO_IO),
    room(1, "vfs", &[], NOTHING),
    room(1, "net", &[], NOTHING),
    room(1, "accounts", &[], NOTHING),
    room(1, "causes", &[], Never::Anything),
    room(
        2,
        "server",
        &["ftp", "sftp", "ssh", "vfs", "net", "accounts", "causes"],
        NOTHING,
    ),
    room(
        2,
        "client",
        &["ftp", "sftp", "ssh", "net", "causes"],
        NOTHING,
    ),
    // It fetches certificates over HTTPS and answers on port 80 or 443; the servers only see files.
    room(2, "acme", &["net"], NOTHING),
    room(3, "stores", &["vfs", "client"], NOTHING),
    room(
        3,
        "doctor",
        &["client", "ftp", "sftp", "net", "causes"],
        NOTHING,
    ),
    room(4, "transfer", &["vfs", "stores"], NOTHING),
    room(4, "web", &["server", "accounts", "vfs", "doctor"], NOTHING),
    room(5, "tui", &["transfer", "doctor"], NOTHING),
    room(
        6,
        "wharf",
        &[
            "ftp", "sftp", "ssh", "vfs", "net", "accounts", "causes", "server", "client", "stores",
            "acme", "doctor", "transfer", "web", "tui",
        ],
        NOTHING,
    ),
    // Beside the house: both see wharf from outside. The tests borrow the languages for a client
    // that breaks the rules, the tasks for one of which a thousand cost nothing: no other can be
    // made to do that.
    room(6, "tests", &["ssh", "sftp"], NOTHING),
    room(6, "xtask", &["ssh"], NOTHING),
];

/// Crates of other people that have one home, and why.
const HOMES: &[(&str, &[&str], &str)] = &[
    ("sqlx", &["accounts"], "one crate owns the database"),
    ("argon2", &["accounts"], "one crate hashes passwords"),
    ("rustls", &["net", "acme", "tests", "xtask"], TLS),
    ("tokio-rustls", &["net", "acme", "tests", "xtask"], TLS),
    (
        "openssl",
        &[],
        "rustls with aws-lc-rs is the one TLS library",
    ),
    (
        "native-tls",
        &[],
        "rustls with aws-lc-rs is the one TLS library",
    ),
    (
        "anyhow",
        &["wharf", "xtask"],
        "a library's errors name who is at fault",
    ),
    ("clap", &["wharf"], "the argument tables are the binary's"),
];

/// The authority of ACME is reached as an HTTPS client, which has nothing of a server's TLS; tests
/// and the bench are the other side, and would prove nothing with our own code.
const TLS: &str = "TLS is net's; acme speaks HTTPS, tests and the bench are the other side";

struct Edge<'a> {
    to: &'a str,
    ours: bool,
    /// Only while testing: may not bring a crate of ours in by the back door, but a test may use
    /// files and clocks.
    test: bool,
}

impl<'a> Edge<'a> {
    fn of(dependency: &'a Dependency) -> Self {
        Self {
            to: &dependency.name,
            ours: dependency.path.is_some(),
            test: dependency.kind == cargo_metadata::DependencyKind::Development,
        }
    }
}

fn forbidden<'a>(from: &str, edges: impl Iterator<Item = Edge<'a>>) -> Vec<String> {
    let Some(room) = ROOMS.iter().find(|room| room.name == from) else {
        return vec![format!(
            "`{from}` is not in the table of rooms (xtask/src/edges.rs)"
        )];
    };
    edges.filter_map(|edge| objection(room, &edge)).collect()
}

fn objection(room: &Room, edge: &Edge<'_>) -> Option<String> {
    let from = room.name;
    if edge.ours {
        let to = room_name(edge.to).unwrap_or(edge.to);
        let below = ROOMS
            .iter()
            .any(|other| other.name == to && other.floor < room.floor);
        return (!below || !room.imports.contains(&to)).then(|| {
            let may = list(room.imports);
            format!("`{from}` may not import `{to}`; it may import: {may}")
        });
    }
    let to = edge.to;
    if let Some((_, homes, why)) = HOMES.iter().find(|(name, _, _)| *name == to)
        && !homes.contains(&from)
    {
        return Some(format!("`{from}` may not use `{to}`: {why}"));
    }
    let unseen = match room.never {
        Never::These(names) => names.contains(&to),
        Never::Anything => true,
    };
    (unseen && !edge.test).then(|| format!("`{from}` must never see `{to}`"))
}

/// A crate's folder is its name without the `wharf-` in front.
fn misnamed(package: &Package, name: &str) -> Option<String> {
    let folder = package.manifest_path.parent()?.file_name()?;
    (folder != name).then(|| format!("package `{}` lives in a folder `{folder}`", package.name))
}

fn room_name(package: &str) -> Option<&str> {
    match package {
        "wharf" | "xtask" => Some(package),
        _ => package.strip_prefix("wharf-"),
    }
}

fn list(names: &[&str]) -> String {
    if names.is_empty() {
        "nothing of ours".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edge_of_the_workspace_is_in_the_table() {
        let problems = check().unwrap();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }

    #[test]
    fn the_table_only_points_to_lower_floors() {
        let floor = |name: &str| {
            let room = ROOMS.iter().find(|room| room.name == name);
            room.unwrap_or_else(|| panic!("{name} is imported but is no room"))
                .floor
        };
        for room in ROOMS {
            for import in room.imports {
                assert!(floor(import) < room.floor, "{} imports {import}", room.name);
            }
        }
    }

    #[test]
    fn edges_outside_the_table_are_refused() {
        let edge = |to, ours, test| Edge { to, ours, test };
        let refused = |from: &str, edge| !forbidden(from, [edge].into_iter()).is_empty();

        assert!(refused("ftp", edge("wharf-vfs", true, false)));
        assert!(refused("server", edge("wharf-client", true, true)));
        assert!(refused("tests", edge("wharf", true, true)));
        assert!(refused("xtask", edge("wharf-server", true, false)));
        assert!(refused("garage", edge("serde", false, false)));
        assert!(refused("ftp", edge("tokio", false, false)));
        assert!(refused("causes", edge("serde", false, false)));
        assert!(refused("server", edge("sqlx", false, false)));
        assert!(refused("server", edge("rustls", false, false)));
        assert!(refused("acme", edge("wharf-server", true, false)));
        assert!(refused("server", edge("wharf-acme", true, false)));
        assert!(refused("wharf", edge("openssl", false, false)));

        assert!(!refused("server", edge("wharf-ftp", true, false)));
        assert!(!refused("ftp", edge("tokio", false, true)));
        assert!(!refused("accounts", edge("sqlx", false, false)));
    }
}
