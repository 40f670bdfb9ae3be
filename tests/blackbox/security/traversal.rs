//! Row F1: four hundred ways to say "up", by every verb that takes a path.

use std::fs;
use std::path::Path;

use wharf_tests::program::contains;
use wharf_tests::{Control, Wharf, tree};

#[test]
fn f1_no_verb_leaves_the_root() {
    let wharf = Wharf::start();
    let beside = wharf.scratch().beside();
    fs::write(beside.join("canary"), CANARY).expect("the canary");
    fs::write(wharf.scratch().base().join("canary"), CANARY).expect("the canary above");
    fs::create_dir(wharf.path("here")).expect("a folder to start from");
    let before = outside(wharf.scratch().base());
    let corpus = corpus();
    assert!(corpus.len() >= 400, "{} entries", corpus.len());

    let mut control = wharf.session();
    control.expect("CWD here", 250);
    ask(&mut control, &corpus);
    for path in corpus.iter().step_by(7) {
        move_data(&mut control, path);
    }
    change(&mut control, &corpus);

    assert_eq!(
        before,
        outside(wharf.scratch().base()),
        "something outside of the root changed"
    );
}

// What only tells: refused, all of it, in pipelined batches.
fn ask(control: &mut Control, corpus: &[Vec<u8>]) {
    for verb in [
        "SIZE",
        "MDTM",
        "MLST",
        "STAT",
        "SITE CHMOD 777",
        "DELE",
        "RMD",
        "RNFR",
        "MFMT 20200101000000",
        "CWD",
    ] {
        for batch in corpus.chunks(50) {
            let mut lines = Vec::new();
            for path in batch {
                lines.extend_from_slice(&[verb.as_bytes(), b" ", path, b"\r\n"].concat());
            }
            control.send_raw(&lines);
            for path in batch {
                let reply = control.reply();
                assert!(
                    reply.is_refused(),
                    "{verb} {}: {reply}\n{control}",
                    path.escape_ascii()
                );
                assert!(
                    !reply.says("YELLOW"),
                    "{verb} {}: {reply}",
                    path.escape_ascii()
                );
            }
        }
    }
}

fn move_data(control: &mut Control, path: &[u8]) {
    for verb in ["RETR", "NLST", "LIST", "MLSD"] {
        let transfer = control.fetch([verb.as_bytes(), b" ", path].concat());
        assert!(
            !contains(&transfer.bytes, CANARY),
            "{verb} {}",
            path.escape_ascii()
        );
        assert!(
            !contains(&transfer.bytes, b"canary"),
            "{verb} {}",
            path.escape_ascii()
        );
        assert!(
            !contains(&transfer.bytes, b"passwd"),
            "{verb} {}",
            path.escape_ascii()
        );
    }
}

// What changes may work within the root, where `..` ends, and nowhere else.
fn change(control: &mut Control, corpus: &[Vec<u8>]) {
    for path in corpus.iter().step_by(5) {
        control.put([b"STOR ", path.as_slice()].concat(), b"overwritten");
        control.put([b"APPE ", path.as_slice()].concat(), b"appended");
        control.command([b"MKD ", path.as_slice()].concat());
        control.store("STOR /own", b"own");
        control.expect("RNFR /own", 350);
        control.command([b"RNTO ", path.as_slice()].concat());
        control.command([b"SITE SYMLINK ", path.as_slice(), b" /link"].concat());
        let link = control.fetch("RETR /link");
        assert!(
            !contains(&link.bytes, CANARY),
            "through a link to {}",
            path.escape_ascii()
        );
        control.command("DELE /link");
    }
}

// Everything but what the server owns.
fn outside(base: &Path) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut seen: Vec<_> = tree::names(base)
        .into_iter()
        .filter(|name| {
            !["log", "state", "root"]
                .iter()
                .any(|own| own.as_bytes() == name)
        })
        .map(|name| (name, Vec::new()))
        .collect();
    seen.push((
        b"canary".to_vec(),
        fs::read(base.join("canary")).unwrap_or_default(),
    ));
    seen.extend(tree::read_tree(&base.join("beside")));
    seen
}

fn corpus() -> Vec<Vec<u8>> {
    let ups: [&[u8]; 12] = [
        b"../",
        b"..//",
        b"./../",
        b".././",
        b"x/../../",
        b"//../",
        b"../here/../",
        b"..\\",
        b"%2e%2e/",
        b"..%2f",
        b"\xc0\xae\xc0\xae/",
        b"....//",
    ];
    let targets: [&[u8]; 7] = [
        b"beside/canary",
        b"canary",
        b"beside",
        b"etc/passwd",
        b"root/../beside/canary",
        b"proc/self/root/etc/passwd",
        b"state/wharf.db",
    ];
    let mut corpus = Vec::new();
    for up in ups {
        for target in targets {
            for depth in [1, 2, 3, 8, 40] {
                corpus.push([up.repeat(depth), target.to_vec()].concat());
            }
        }
    }
    for target in [
        "/etc/passwd",
        "/proc/self/environ",
        "/../../etc/passwd",
        "//etc/passwd",
        "~root",
        "~/../canary",
        "file:///etc/passwd",
        "/proc/self/cwd/canary",
        "\\etc\\passwd",
    ] {
        corpus.push(target.as_bytes().to_vec());
    }
    corpus
}

const CANARY: &[u8] = b"YELLOW BIRD";
