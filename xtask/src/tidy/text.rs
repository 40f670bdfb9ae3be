//! Rules for every text file: whitespace, and nothing that belongs to one machine.

use super::Findings;

pub(super) fn check(path: &str, text: &str, found: &mut Findings) {
    let exact = !written_by_a_program(path);
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        if exact && line.ends_with([' ', '\t', '\r']) {
            found.problem(path, number, "whitespace at the end of the line");
        }
        if line.starts_with("<<<<<<< ") || line.starts_with(">>>>>>> ") {
            found.problem(path, number, "a merge conflict");
        }
        if let Some(folder) = MACHINE_FOLDERS
            .iter()
            .find(|folder| names_folder(line, folder))
        {
            let text = format!("`{folder}…` exists on one machine only; name a place anybody has");
            found.problem(path, number, &text);
        }
        if !may_name_registries(path)
            && let Some(host) = REGISTRIES.iter().find(|host| line.contains(**host))
        {
            let text = format!("`{host}`: where packages come from stands in deny.toml only");
            found.problem(path, number, &text);
        }
    }
    if exact && !text.is_empty() && !text.ends_with('\n') {
        let last = text.lines().count();
        found.problem(path, last, "no line break at the end of the file");
    }
}

/// What a program or another program's output decides to the byte.
fn written_by_a_program(path: &str) -> bool {
    path == "Cargo.lock"
        || path.starts_with("docs/reference/")
        || path.starts_with("bench/profiles/")
        || path.ends_with(".snap")
        || path.contains("/fixtures/")
        || path.contains("/proptest-regressions/")
        || path.starts_with("fuzz/seeds/")
}

fn may_name_registries(path: &str) -> bool {
    matches!(path, "Cargo.lock" | "fuzz/Cargo.lock" | "deny.toml")
}

/// Whether `line` names something in `folder`, counted from the file system's root: as a part of a
/// longer path or of a URL it is something else. Homes have a person's name and then more; a test's
/// made-up folder does not.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let from_root = !before.is_some_and(|c| c.is_alphanumeric() || "_-.}>)$*~".contains(c));
        let rest = &line[at + folder.len()..];
        let name = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let inside = name > 0 && (!HOMES.contains(&folder) || rest[name..].starts_with('/'));
        from_root && inside
    })
}

// Written in pieces, because this file is checked too.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/wo", "rk/"),
    concat!("/ro", "ot/"),
    HOMES[0],
    HOMES[1],
];
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/Us", "ers/")];

const REGISTRIES: &[&str] = &[
    concat!("crates", ".io"),
    concat!("pypi", ".org"),
    concat!("pythonhosted", ".org"),
    concat!("npmjs", ".org"),
    concat!("proxy.golang", ".org"),
    concat!("deb.debian", ".org"),
];

#[cfg(test)]
mod tests {
    use super::super::tests::problems;
    use super::*;

    #[test]
    fn whitespace_at_the_end_is_found() {
        assert_eq!(
            problems("a.md", "good\nbad \n\tgood\n\t\nbad\r\n"),
            [2, 4, 5].map(|line| format!("{line}: whitespace at the end of the line"))
        );
        assert_eq!(
            problems("a.md", "a\nb"),
            ["2: no line break at the end of the file"]
        );
        assert!(problems("tests/x.snap", "kept \nas it is").is_empty());
    }

    #[test]
    fn folders_of_one_machine_are_found() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(
                problems("a.md", &format!("see {folder}main/x\n")).len(),
                1,
                "{folder}"
            );
            assert!(problems("a.md", &format!("target{folder}main/x\n")).is_empty());
            assert!(problems("a.md", &format!("the rule refuses `{folder}`\n")).is_empty());
        }
        assert_eq!(problems("a.rs", concat!("cd /wo", "rk/x\n")).len(), 1);
        assert!(problems("a.rs", concat!("cd /ho", "me/x\n")).is_empty());
    }

    #[test]
    fn registries_are_found_where_they_do_not_belong() {
        for host in REGISTRIES {
            let line = format!("get it from {host}\n");
            assert_eq!(problems("README.md", &line).len(), 1, "{host}");
            assert!(problems("deny.toml", &line).is_empty());
        }
    }

    #[test]
    fn conflicts_are_found() {
        let text = format!(
            "{} ours\n=======\n{} theirs\n",
            "<".repeat(7),
            ">".repeat(7)
        );
        assert_eq!(
            problems("a.md", &text),
            ["1: a merge conflict", "3: a merge conflict"]
        );
    }
}
