//! The suite that every client goes through.

use std::fs;
use std::path::Path;

use wharf_tests::{Wharf, pattern, same_bytes};

use super::client::{Client, Mode, Start, Target, Tls, Verb, Version};

/// Runs every step, then fails with all that went wrong, so that one run tells the whole story.
#[track_caller]
pub(crate) fn run(client: &dyn Client, mode: Mode) {
    let wharf = Wharf::start();
    let target = Target::of(&wharf, mode);
    run_with(client, &wharf, target);
}

/// The same over TLS, with a server that takes passwords no other way.
#[track_caller]
pub(crate) fn run_over_tls(client: &dyn Client, mode: Mode, start: Start, version: Version) {
    let wharf = super::tls::start(version);
    let target = Target::over_tls(&wharf, mode, Tls { start, version });
    run_with(client, &wharf, target);
}

#[track_caller]
fn run_with(client: &dyn Client, wharf: &Wharf, target: Target) {
    let case = Case {
        client,
        wharf,
        target,
    };
    let mut problems = Vec::new();
    let steps = STEPS
        .iter()
        .filter(|(step, _)| !case.target.is_implicit() || IMPLICIT.contains(step));
    for (step, check) in steps {
        if let Err(problem) = check(&case) {
            problems.push(format!("== {step}\n{problem}"));
        }
    }
    assert!(
        problems.is_empty(),
        "{} ({:?}, {:?}): {} steps failed\n{}",
        client.name(),
        case.target.mode,
        case.target.tls,
        problems.len(),
        problems.join("\n")
    );
}

struct Case<'a> {
    client: &'a dyn Client,
    wharf: &'a Wharf,
    target: Target,
}

/// After the handshake implicit TLS is as explicit; what uses data connections is looked at.
const IMPLICIT: [&str; 4] = [
    "lists a folder",
    "downloads",
    "uploads a new file",
    "resumes an upload",
];

type Check = fn(&Case<'_>) -> Result<(), String>;

const STEPS: &[(&str, Check)] = &[
    ("lists a folder", lists),
    ("lists an empty folder", lists_an_empty_folder),
    ("downloads", downloads),
    ("downloads an empty file", downloads_an_empty_file),
    ("does not download what is missing", misses),
    ("uploads a new file", uploads),
    ("uploads over an old file", uploads_over),
    ("resumes a download", resumes_a_download),
    ("resumes an upload", resumes_an_upload),
    ("renames", renames),
    ("deletes", deletes),
    ("makes a folder", makes_a_folder),
    ("removes a folder", removes_a_folder),
];

impl Case<'_> {
    fn lacks(&self, verb: Verb) -> bool {
        self.client
            .without()
            .iter()
            .any(|(lacking, _)| *lacking == verb)
    }

    fn local(&self, name: &str, content: &[u8]) -> std::path::PathBuf {
        let path = self.wharf.scratch().local().join(name);
        fs::write(&path, content).expect("a local file");
        path
    }

    fn served(&self, name: &str, wanted: &[u8]) -> Result<(), String> {
        holds(&self.wharf.path(name), wanted)
    }
}

fn holds(path: &Path, wanted: &[u8]) -> Result<(), String> {
    let found = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    same_bytes(&path.display().to_string(), wanted, &found)
}

fn lists(case: &Case<'_>) -> Result<(), String> {
    let names = ["first.txt", "second file.txt", "third-\u{e9}.bin"];
    for name in names {
        case.wharf.write(&format!("to list/{name}"), name);
    }
    fs::create_dir(case.wharf.path("to list/inner")).map_err(|error| error.to_string())?;
    let listing = case.client.list(&case.target, "to list")?;
    let missing: Vec<_> = names
        .into_iter()
        .chain(["inner"])
        // Index pages escape what HTML would read as its own.
        .filter(|name| !listing.contains(name) && !listing.contains(&name.replace(' ', "%20")))
        .collect();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(format!("{missing:?} are not in:\n{listing}"))
    }
}

fn lists_an_empty_folder(case: &Case<'_>) -> Result<(), String> {
    fs::create_dir(case.wharf.path("nothing here")).map_err(|error| error.to_string())?;
    case.client.list(&case.target, "nothing here").map(drop)
}

fn downloads(case: &Case<'_>) -> Result<(), String> {
    let content = pattern(1, 1_500_000);
    case.wharf.write("out/to fetch.bin", &content);
    let local = case.wharf.scratch().local().join("to fetch.bin");
    case.client
        .download(&case.target, "out/to fetch.bin", &local)?;
    holds(&local, &content)
}

fn downloads_an_empty_file(case: &Case<'_>) -> Result<(), String> {
    case.wharf.write("out/empty.bin", "");
    let local = case.wharf.scratch().local().join("empty.bin");
    case.client
        .download(&case.target, "out/empty.bin", &local)?;
    // lftp and others make no local file for nothing; no error is what counts then.
    if local.exists() {
        holds(&local, b"")
    } else {
        Ok(())
    }
}

fn misses(case: &Case<'_>) -> Result<(), String> {
    let local = case.wharf.scratch().local().join("missing.bin");
    let outcome = case
        .client
        .download(&case.target, "out/missing.bin", &local);
    let size = fs::metadata(&local).map_or(0, |metadata| metadata.len());
    match outcome {
        Ok(()) if size > 0 => Err(format!("a missing file came with {size} bytes")),
        // Programs that read commands from a script always say that all went well.
        Ok(()) | Err(_) => Ok(()),
    }
}

fn uploads(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::Upload) {
        return Ok(());
    }
    fs::create_dir_all(case.wharf.path("in")).map_err(|error| error.to_string())?;
    let content = pattern(2, 1_200_000);
    let local = case.local("new file.bin", &content);
    case.client
        .upload(&case.target, &local, "in/new file.bin")?;
    case.served("in/new file.bin", &content)
}

fn uploads_over(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::Upload) {
        return Ok(());
    }
    case.wharf.write("in/old file.bin", pattern(3, 500_000));
    let content = pattern(4, 20_000);
    let local = case.local("old file.bin", &content);
    case.client
        .upload(&case.target, &local, "in/old file.bin")?;
    case.served("in/old file.bin", &content)
}

// The piece that is there already is marked: what comes out shows that it was kept and not
// fetched again.
fn resumes_a_download(case: &Case<'_>) -> Result<(), String> {
    let content = pattern(5, 900_000);
    case.wharf.write("out/to resume.bin", &content);
    let local = case.local("to resume.bin", &[b'x'; 250_001]);
    case.client
        .resume_download(&case.target, "out/to resume.bin", &local)?;
    holds(&local, &marked(&content))
}

fn resumes_an_upload(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::ResumeUpload) {
        return Ok(());
    }
    let content = pattern(6, 900_000);
    case.wharf.write("in/to resume.bin", [b'x'; 250_001]);
    let local = case.local("to resume.bin", &content);
    case.client
        .resume_upload(&case.target, &local, "in/to resume.bin")?;
    case.served("in/to resume.bin", &marked(&content))
}

fn marked(content: &[u8]) -> Vec<u8> {
    let mut marked = content.to_vec();
    marked[..250_001].fill(b'x');
    marked
}

fn renames(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::Rename) {
        return Ok(());
    }
    case.wharf.write("old name.txt", "to rename");
    case.client
        .rename(&case.target, "old name.txt", "new name.txt")?;
    if case.wharf.path("old name.txt").exists() {
        return Err("the old name is still there".to_owned());
    }
    case.served("new name.txt", b"to rename")
}

fn deletes(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::Delete) {
        return Ok(());
    }
    case.wharf.write("to delete.txt", "x");
    case.client.delete(&case.target, "to delete.txt")?;
    if case.wharf.path("to delete.txt").exists() {
        return Err("it is still there".to_owned());
    }
    Ok(())
}

fn makes_a_folder(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::MakeFolder) {
        return Ok(());
    }
    case.client.make_folder(&case.target, "made folder")?;
    if case.wharf.path("made folder").is_dir() {
        Ok(())
    } else {
        Err("no folder".to_owned())
    }
}

fn removes_a_folder(case: &Case<'_>) -> Result<(), String> {
    if case.lacks(Verb::RemoveFolder) {
        return Ok(());
    }
    fs::create_dir(case.wharf.path("folder to go")).map_err(|error| error.to_string())?;
    case.client.remove_folder(&case.target, "folder to go")?;
    if case.wharf.path("folder to go").exists() {
        Err("still there".to_owned())
    } else {
        Ok(())
    }
}
