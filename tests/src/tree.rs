//! A tree of files whose names are hard to carry, and how to compare two trees.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use crate::{pattern, same_bytes, show};

/// The files of a tree by relative name, `/` between the components.
pub type Files = BTreeMap<Vec<u8>, Vec<u8>>;

/// Makes 300 files below `root` in nested folders with odd names, leaving out every file or
/// folder a component of whose name `spare` turns down: a client that cannot say a name is not
/// asked to. The number of files stays 300; plain ones take the empty places.
///
/// # Panics
/// When the disk does not take them.
pub fn make_odd_tree(root: &Path, spare: impl Fn(&[u8]) -> bool) -> Files {
    let folders: Vec<&[u8]> = FOLDERS
        .iter()
        .copied()
        .filter(|folder| {
            !folder
                .split(|&b| b == b'/')
                .any(|part| !part.is_empty() && spare(part))
        })
        .collect();
    let mut files = Files::new();
    for index in 0..300_usize {
        let odd = ODD_NAMES[index % ODD_NAMES.len()];
        let mut name = number(odd, index);
        if spare(&name) {
            name = format!("plain-{index}.txt").into_bytes();
        }
        let mut path = folders[(index / ODD_NAMES.len() + index) % folders.len()].to_vec();
        path.extend_from_slice(&name);
        let size = match index % 50 {
            0 => 0,
            7 => 300_000,
            other => other * 97,
        };
        write(root, &path, &pattern(index as u64, size));
        files.insert(path, pattern(index as u64, size));
    }
    files
}

/// Every regular file below `root`.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn read_tree(root: &Path) -> Files {
    let mut files = Files::new();
    let mut waiting = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, prefix)) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder to read") {
            let entry = entry.expect("an entry");
            let mut name = prefix.clone();
            name.extend_from_slice(entry.file_name().as_bytes());
            let kind = entry.file_type().expect("a kind");
            if kind.is_dir() {
                name.push(b'/');
                waiting.push((entry.path(), name));
            } else if kind.is_file() {
                files.insert(name, fs::read(entry.path()).expect("a file to read"));
            }
        }
    }
    files
}

/// Whether two trees hold the same names and bytes.
///
/// # Errors
/// What is missing, what nobody asked for, and what differs.
pub fn compare(expected: &Files, found: &Files) -> Result<(), String> {
    let mut problems = Vec::new();
    for (name, content) in expected {
        match found.get(name) {
            None => problems.push(format!("missing: {}", show(name))),
            Some(other) => {
                if let Err(difference) = same_bytes(&show(name), content, other) {
                    problems.push(difference);
                }
            }
        }
    }
    for name in found.keys().filter(|name| !expected.contains_key(*name)) {
        problems.push(format!("not expected: {}", show(name)));
    }
    if problems.is_empty() {
        return Ok(());
    }
    let count = problems.len();
    problems.truncate(20);
    Err(format!(
        "{count} of {} differ:\n  {}",
        expected.len(),
        problems.join("\n  ")
    ))
}

/// Writes one file below `root`, with the folders it needs; the name is bytes.
///
/// # Panics
/// When the disk does not take it.
pub fn write(root: &Path, name: &[u8], content: &[u8]) {
    let path = root.join(OsStr::from_bytes(name));
    fs::create_dir_all(path.parent().expect("a parent")).expect("the folders");
    fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", show(name)));
}

/// The names in a folder, sorted, as bytes.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn names(folder: &Path) -> Vec<Vec<u8>> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .expect("a folder to read")
        .map(|entry| entry.expect("an entry").file_name().into_vec())
        .collect();
    names.sort();
    names
}

// `#` becomes the number.
fn number(name: &[u8], index: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len() + 3);
    for &byte in name {
        if byte == b'#' {
            out.extend_from_slice(index.to_string().as_bytes());
        } else {
            out.push(byte);
        }
    }
    out
}

const FOLDERS: &[&[u8]] = &[
    b"",
    b"plain/",
    b"with space/",
    b"plain/deeper/deepest/",
    "r\u{e9}pertoire/".as_bytes(),
    b"-dash/",
    b"[brackets] & co/",
    b".hidden/",
    b"with space/100%/",
];

const ODD_NAMES: &[&[u8]] = &[
    b"plain-#.txt",
    b"with space #",
    b" leading space #",
    b"trailing space # ",
    b"two  spaces #",
    b"-leading-dash-#",
    b"--help-#",
    b"double\"quote\"#",
    b"apostrophe's #",
    b"[brackets] #",
    b"{braces} #",
    b"(parentheses) #",
    "\u{fc}ml\u{e4}ut-#".as_bytes(),
    "\u{65e5}\u{672c}\u{8a9e}-#".as_bytes(),
    b"latin-1-caf\xe9-#",
    b"back\\slash-#",
    b"semi;colon;-#",
    b"percent%41-#",
    b"percent%-#",
    b".leading-dot-#",
    b"..two-dots-#",
    b"200-bytes-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-#",
    "crab-\u{1f980}-#".as_bytes(),
    b"star*-#",
    b"question?-#",
    b"dollar$HOME-#",
    b"ampersand&-#",
    b"pipe|-#",
    b"less<more>-#",
    b"tilde~-#",
    b"~tilde-#",
    b"equal=sign-#",
    b"comma,colon:at@plus+-#",
    b"exclamation!caret^backtick`-#",
    b"arrow -> nowhere #",
    b"type=dir;size=9; trick-#",
    b"drwxr-xr-x 2 a b 9 Jan  1 00:00 trick #",
    b"# begins with digits",
    b"226 done-#",
    b"a#",
    b"final-newline-like-\\n-#",
];
