//! Rules for Rust files: sizes, and what must not be called where.

use super::Findings;
use super::source::{code, functions, line_of, production, words};

const FILE_LINES_WARN: usize = 400;
const FILE_LINES: usize = 800;
const FUNCTION_LINES: usize = 80;

/// Beside a file's or a function's start: a table may be long.
const TABLE: &str = "tidy: table";
/// Beside a comparison of beginnings: it compares components, not characters (security F2).
const COMPONENTS: &str = "tidy: component-wise";

pub(super) fn check(path: &str, text: &str, found: &mut Findings) {
    let all = code(text);
    let product = if is_test(path) {
        String::new()
    } else {
        production(&all)
    };
    sizes(path, text, &all, found);
    for ban in BANS {
        if (ban.applies)(path) {
            let code = if ban.tests_too { &all } else { &product };
            for pattern in ban.patterns {
                for (_, line) in words(code, pattern) {
                    found.problem(path, line, &format!("`{pattern}`: {}", ban.why));
                }
            }
        }
    }
    files(path, &product, found);
    children(path, &product, found);
    prefixes(path, text, &product, found);
}

/// Words that must not stand in some files.
struct Ban {
    patterns: &'static [&'static str],
    applies: fn(&str) -> bool,
    /// Whether tests must do without it as well.
    tests_too: bool,
    why: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        patterns: &["todo!", "unimplemented!", "dbg!"],
        applies: |_| true,
        tests_too: true,
        why: "unfinished work is finished or left out",
    },
    Ban {
        patterns: &["#[ignore"],
        applies: |_| true,
        tests_too: true,
        why: "a test runs or is deleted; it is never skipped silently",
    },
    Ban {
        patterns: &["unsafe"],
        applies: |path| !path.ends_with("/sys.rs"),
        tests_too: true,
        why: "stands in files named sys.rs only, each block with its reason",
    },
    Ban {
        patterns: &["from_utf8_lossy"],
        applies: |path| in_crate(path, &["ftp", "sftp", "ssh", "vfs", "server"]),
        tests_too: false,
        why: "names are bytes until a screen must show them",
    },
    Ban {
        patterns: &["println!", "print!", "eprintln!", "eprint!"],
        applies: |path| is_source(path) && !in_crate(path, &["wharf", "tui"]),
        tests_too: false,
        why: "a library returns what it has to say, or traces it",
    },
    Ban {
        patterns: &[
            "Instant::now",
            "SystemTime::now",
            "std::net::TcpStream",
            "thread::spawn",
        ],
        applies: |path| in_crate(path, &["ftp", "sftp", "ssh"]),
        tests_too: false,
        why: "a language performs no IO and reads no clock",
    },
    Ban {
        patterns: &["unbounded_channel", "mpsc::channel()"],
        applies: |path| path.starts_with("crates/"),
        tests_too: false,
        why: "every queue has a bound with a name",
    },
];

/// `std::fs` opens paths. Everything that a stranger's name reaches goes through `vfs::local`,
/// which walks from a directory descriptor (security F7). `File` as a type is a descriptor that
/// somebody opened already, and fine.
fn files(path: &str, product: &str, found: &mut Findings) {
    const OPENS_PATHS: &[&str] = &[
        "crates/vfs/src/local",
        "crates/accounts/src/",
        "crates/server/src/audit",
        // Host keys and revocation lists, which the settings name.
        "crates/server/src/ssh/setup",
        "crates/wharf/",
        "xtask/",
        "fuzz/",
    ];
    if OPENS_PATHS.iter().any(|allowed| path.starts_with(allowed)) {
        return;
    }
    let modules = mentions(product, "std", "fs")
        .chain(mentions(product, "tokio", "fs"))
        .filter(|at| !names_only_file(&product[*at..]));
    let calls = [
        "File::open",
        "File::create",
        "File::create_new",
        "File::options",
    ]
    .into_iter()
    .flat_map(|call| words(product, call).map(|(at, _)| at));
    for at in modules.chain(calls) {
        let text = "`fs` opens paths; files are reached through `vfs::local` only";
        found.problem(path, line_of(product, at), text);
    }
}

/// Whether `fs…` goes on as `fs::File` and nothing more.
fn names_only_file(rest: &str) -> bool {
    rest.strip_prefix("fs::File")
        .is_some_and(|rest| rest.starts_with([';', ',', '}', '>', ')', ' ', '\n']))
}

fn children(path: &str, product: &str, found: &mut Findings) {
    if path.starts_with("crates/") {
        for at in mentions(product, "process", "Command") {
            let text = "no child process on any path of the product (security F13)";
            found.problem(path, line_of(product, at), text);
        }
    }
}

/// Where a module or what is in it is named after its root: as `std::fs`, or in a group as
/// `std::{fs, io}`. The offsets are those of the module's name.
fn mentions<'a>(code: &'a str, root: &str, module: &str) -> impl Iterator<Item = usize> + use<'a> {
    let direct = format!("{root}::{module}");
    let group = format!("{root}::{{");
    let mut places: Vec<usize> = words(code, &direct)
        .map(|(at, _)| at + root.len() + 2)
        .collect();
    for (at, _) in words(code, &group) {
        let start = at + group.len();
        let inside = code[start..].split(';').next().unwrap_or_default();
        places.extend(words(inside, module).map(|(at, _)| start + at));
    }
    places.into_iter()
}

/// A folder `/d/bob` is no prefix of `/d/bob2` (security F2): `VPath` compares by component, and any
/// other comparison with something that is not a literal says that it does.
fn prefixes(path: &str, text: &str, product: &str, found: &mut Findings) {
    // The path type itself is where the comparison by component is made, and tested.
    let own = path == "crates/vfs/src/path.rs";
    if own || !in_crate(path, &["vfs", "server", "accounts"]) {
        return;
    }
    let lines: Vec<&str> = text.lines().collect();
    for call in [".starts_with(", ".strip_prefix("] {
        for (at, line) in words(product, call) {
            let argument = product[at + call.len()..].trim_start();
            let by_type = is_vpath(product, last_name(&product[..at]))
                || is_vpath(product, first_name(argument));
            if !by_type && !is_literal(argument) && !marked(&lines, line, 2, COMPONENTS) {
                let text = format!(
                    "`{call}…)` compares characters; use `VPath`, or compare components and say `// {COMPONENTS}`"
                );
                found.problem(path, line, &text);
            }
        }
    }
}

/// Whether the file declares the name as a path.
fn is_vpath(product: &str, name: &str) -> bool {
    let declared = |form: &str| words(product, &format!("{name}: {form}")).next().is_some();
    !name.is_empty() && (declared("&VPath") || declared("VPath"))
}

fn first_name(text: &str) -> &str {
    let text = text.trim_start_matches('&');
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_');
    &text[..end.unwrap_or(text.len())]
}

fn last_name(text: &str) -> &str {
    let start = text.rfind(|c: char| !c.is_alphanumeric() && c != '_');
    &text[start.map_or(0, |at| at + 1)..]
}

fn is_literal(argument: &str) -> bool {
    let argument = argument.trim_start_matches(['&', '[']);
    ["\"", "'", "b\"", "b'", "r\"", "r#", "br", "char::is_"]
        .iter()
        .any(|literal| argument.starts_with(literal))
}

fn sizes(path: &str, text: &str, all: &str, found: &mut Findings) {
    let lines: Vec<&str> = text.lines().collect();
    let count = lines.len();
    let table = lines.iter().take(40).any(|line| line.contains(TABLE));
    if count > FILE_LINES && !table {
        let text = format!("{count} lines, more than {FILE_LINES}: would two rooms be clearer?");
        found.problem(path, 1, &text);
    } else if count > FILE_LINES_WARN && !table {
        found.warn(
            path,
            1,
            &format!("{count} lines, more than {FILE_LINES_WARN}"),
        );
    }
    for function in functions(all) {
        if function.lines > FUNCTION_LINES && !marked(&lines, function.line, 12, TABLE) {
            let text = format!(
                "`{}` has {} lines, more than {FUNCTION_LINES}; a table says `// {TABLE}` above",
                function.name, function.lines
            );
            found.problem(path, function.line, &text);
        }
    }
}

/// Whether one of the `reach` lines that end with `line` (from 1) has the comment.
fn marked(lines: &[&str], line: usize, reach: usize, marker: &str) -> bool {
    let end = line.min(lines.len());
    let start = end.saturating_sub(reach);
    lines[start..end].iter().any(|line| line.contains(marker))
}

/// Files of a product crate's own code, not its build script.
fn is_source(path: &str) -> bool {
    path.starts_with("crates/") && path.contains("/src/")
}

/// Files that only tests see.
fn is_test(path: &str) -> bool {
    path.starts_with("tests/")
        || path.contains("/tests/")
        || path.contains("/benches/")
        || path.ends_with("/tests.rs")
        || path.ends_with("_tests.rs")
}

/// Whether the file is part of one of these crates.
fn in_crate(path: &str, crates: &[&str]) -> bool {
    path.strip_prefix("crates/")
        .and_then(|rest| rest.split_once('/'))
        .is_some_and(|(name, _)| crates.contains(&name))
}

#[cfg(test)]
mod tests {
    use super::super::tests::problems;
    use super::*;

    /// Asserts that the code is refused in the first place and fine in the second.
    fn only_in(allowed: &str, refused: &str, code: &str) {
        let text = format!("{code}\n");
        assert_eq!(
            problems(refused, &text).len(),
            1,
            "{refused} may not have {code}"
        );
        assert!(
            problems(allowed, &text).is_empty(),
            "{allowed} may have {code}"
        );
    }

    #[test]
    fn every_ban_finds_its_patterns() {
        for ban in BANS {
            let path = ["crates/ftp/src/a.rs", "crates/net/src/a.rs"]
                .into_iter()
                .find(|path| (ban.applies)(path))
                .unwrap();
            for pattern in ban.patterns {
                let text = format!("fn a() {{ {pattern} }}\n");
                assert!(!problems(path, &text).is_empty(), "{pattern}");
                assert!(
                    problems(path, &format!("// {pattern}\n")).is_empty(),
                    "{pattern}"
                );
            }
        }
    }

    #[test]
    fn tests_may_do_what_only_the_product_may_not() {
        let text = "#[cfg(test)]\nmod tests { fn a() { println!() } }\n";
        assert!(problems("crates/ftp/src/a.rs", text).is_empty());
        let text = "#[cfg(test)]\nmod tests { fn a() { todo!() } }\n";
        assert_eq!(problems("crates/ftp/src/a.rs", text).len(), 1);
        assert!(problems("crates/ftp/src/tests.rs", "fn a() { println!() }\n").is_empty());
    }

    #[test]
    fn files_are_opened_in_few_places() {
        let vfs = "crates/vfs/src/local/tree.rs";
        let server = "crates/server/src/session.rs";
        only_in(vfs, server, "use std::fs;");
        only_in(vfs, server, "use std::{\n    io,\n    fs::DirEntry,\n};");
        only_in(vfs, server, "use std::fs::{self, File};");
        only_in(vfs, server, "fn a() { tokio::fs::read(x) }");
        only_in(vfs, server, "fn a() { File::open(x) }");
        only_in(
            "crates/server/src/audit.rs",
            server,
            "use std::fs::OpenOptions;",
        );

        for fine in [
            "use std::fs::File;\nfn a(file: &std::fs::File) {}\n",
            "use std::{io, fs::File};\n",
            "use std::{io, fmt};\nuse rustix::fs;\n",
        ] {
            assert!(problems(server, fine).is_empty(), "{fine}");
        }
        assert!(problems("crates/vfs/src/path.rs", "#[cfg(test)]\nuse std::fs;\n").is_empty());
    }

    #[test]
    fn the_product_starts_no_program() {
        let (tests, product) = ("tests/src/program.rs", "crates/server/src/ftp.rs");
        only_in(tests, product, "use std::process::Command;");
        only_in(tests, product, "use std::process::{Command, Stdio};");
        let other = "use std::process::ExitCode;\nuse clap::Command;\n";
        assert!(problems("crates/wharf/src/main.rs", other).is_empty());
    }

    #[test]
    fn the_keyword_is_kept_to_sys_files() {
        only_in(
            "crates/net/src/sys.rs",
            "crates/net/src/limits.rs",
            "unsafe impl Send for X {}",
        );
    }

    #[test]
    fn beginnings_of_paths_are_compared_by_component() {
        let path = "crates/vfs/src/mount.rs";
        let bad = "fn a() { if path.starts_with(root) {} }\n";
        assert_eq!(problems(path, bad).len(), 1);
        for elsewhere in ["crates/ftp/src/path.rs", "crates/vfs/src/path.rs"] {
            assert!(problems(elsewhere, bad).is_empty());
        }
        assert!(problems(path, &format!("// {COMPONENTS}\n{bad}")).is_empty());
        for typed in [
            "fn a(root: &VPath) { path.starts_with(root) }\n",
            "fn a(path: VPath) { path.strip_prefix(&root) }\n",
        ] {
            assert!(problems(path, typed).is_empty(), "{typed}");
        }
        let bytes = "fn a(path: &VPath, root: &[u8]) { path.as_bytes().starts_with(root) }\n";
        assert_eq!(problems(path, bytes).len(), 1);
        for literal in ["b\".part\"", "\"x\"", "'/'", "&[b'/']", "br\"x\""] {
            let text = format!("fn a() {{ name.strip_prefix({literal}) }}\n");
            assert!(problems(path, &text).is_empty(), "{literal}");
        }
    }

    #[test]
    fn long_files_and_functions_are_found_unless_they_are_tables() {
        let body = "    x();\n".repeat(FUNCTION_LINES);
        let long = format!("fn a() {{\n{body}}}\n");
        assert_eq!(problems("a.rs", &long).len(), 1);
        assert!(problems("a.rs", &format!("// {TABLE}\n{long}")).is_empty());
        let short = "    x();\n".repeat(FUNCTION_LINES - 2);
        assert!(problems("a.rs", &format!("fn a() {{\n{short}}}\n")).is_empty());

        let file = "// a line\n".repeat(FILE_LINES + 1);
        assert_eq!(problems("a.rs", &file).len(), 1);
        assert!(problems("a.rs", &format!("//! {TABLE}\n{file}")).is_empty());
    }

    #[test]
    fn lines_are_counted_from_one() {
        let problems = problems("crates/ftp/src/a.rs", "fn a() {}\n\nfn b() { todo!() }\n");
        assert!(problems[0].starts_with("3: "), "{problems:?}");
    }
}
