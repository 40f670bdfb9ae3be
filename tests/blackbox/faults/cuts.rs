//! Uploads that are cut: the old version stays, and the upload can be resumed.

use std::io::Write;
use std::net::TcpStream;
use std::path::Path;

use wharf_tests::program::Program;
use wharf_tests::{Control, Wharf, assert_bytes, data, pattern, probe, tree};

const SIZE: usize = 3_000_000;
const SENT: usize = 1_234_567;

#[test]
fn kill_9_in_the_middle_of_an_upload_leaves_the_old_version() {
    let mut wharf = Wharf::start();
    let old = pattern(1, 500_000);
    wharf.write("f", &old);
    let (control, upload) = half_an_upload(&wharf, "f");
    wharf.kill();
    drop((control, upload));
    assert_bytes("right after the kill", &old, &wharf.read("f"));
    wharf.restart();
    assert_bytes(
        "after the restart",
        &old,
        &wharf.session().retrieve("RETR f"),
    );
    assert_eq!(visible(&wharf), ["f"], "no partial is listed");
}

#[test]
fn a_cut_upload_is_resumed_with_rest_after_kill_9() {
    let mut wharf = Wharf::start();
    let (control, upload) = half_an_upload(&wharf, "f");
    wharf.kill();
    drop((control, upload));
    assert!(!wharf.path("f").exists(), "nothing is published");
    wharf.restart();
    resume_with_rest(&wharf, "f");
}

#[test]
fn a_cut_upload_is_resumed_with_rest_after_a_reset() {
    let wharf = Wharf::start();
    let (mut control, upload) = half_an_upload(&wharf, "f");
    data::reset(upload);
    let reply = control.await_code(426);
    assert!(reply.has_cause(), "{reply}");
    control.expect("NOOP", 200);
    assert!(!wharf.path("f").exists());
    resume_with_rest(&wharf, "f");
}

#[test]
fn a_cut_upload_is_resumed_with_appe() {
    let wharf = Wharf::start();
    let (mut control, upload) = half_an_upload(&wharf, "f");
    data::reset(upload);
    control.await_code(426);
    let size = partial_size(&mut control, "f");
    let content = pattern(9, SIZE);
    control.store("APPE f", &content[size..]);
    assert_bytes("f", &content, &wharf.read("f"));
    assert_eq!(visible(&wharf), ["f"]);
}

#[test]
fn a_reset_leaves_the_old_version() {
    let wharf = Wharf::start();
    let old = pattern(1, 500_000);
    wharf.write("f", &old);
    let (mut control, upload) = half_an_upload(&wharf, "f");
    data::reset(upload);
    control.await_code(426);
    assert_bytes("f", &old, &control.retrieve("RETR f"));
    assert_eq!(
        control.expect("SIZE f", 213).text(),
        "500000",
        "readers see the old version"
    );
    assert_eq!(visible(&wharf), ["f"]);
}

#[test]
fn losing_the_control_connection_leaves_the_old_version() {
    for reset in [false, true] {
        let wharf = Wharf::start();
        let old = pattern(1, 500_000);
        wharf.write("f", &old);
        let (control, mut upload) = half_an_upload(&wharf, "f");
        if reset {
            data::reset(control.stream().try_clone().expect("a handle"));
        }
        drop(control);
        // The server lets go of the data connection; that is how we know it has noticed.
        let noticed = probe::eventually(wharf_tests::PATIENCE, || {
            upload.write_all(&[0; 1000]).is_err()
        });
        assert!(
            noticed,
            "the upload goes on without its control connection (reset: {reset})"
        );
        assert_bytes("f", &old, &wharf.read("f"));
        assert_bytes("f", &old, &wharf.session().retrieve("RETR f"));
    }
}

#[test]
fn the_process_of_a_client_that_dies_leaves_the_old_version() {
    let wharf = Wharf::start();
    let old = pattern(1, 500_000);
    wharf.write("f", &old);
    let (control, upload) = half_an_upload(&wharf, "f");
    // The kernel ends both connections of a dead process, in either order; the control first.
    drop(control);
    data::reset(upload);
    assert_bytes("f", &old, &wharf.session().retrieve("RETR f"));
}

/// A dead process ends both of its connections with a FIN, and the data connection's looks like
/// the end of the file. What tells is the control connection.
#[test]
fn both_connections_ended_without_a_word_leave_the_old_version() {
    let wharf = Wharf::start();
    let old = pattern(1, 500_000);
    for round in 0..8 {
        let name = format!("f{round}");
        wharf.write(&name, &old);
        let (control, upload) = half_an_upload(&wharf, &name);
        drop(control);
        drop(upload);
        let path = format!("/{name}");
        let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
        assert_eq!(end["outcome"], "failed", "{end}");
        assert_bytes(&name, &old, &wharf.read(&name));
    }
}

#[test]
fn a_client_killed_in_the_middle_leaves_the_old_version() {
    let wharf = Wharf::start();
    let old = pattern(1, 500_000);
    let local = wharf.scratch().local().join("new");
    std::fs::write(&local, pattern(2, 50_000_000)).expect("a local file");
    for round in 0..4 {
        let name = format!("f{round}");
        wharf.write(&name, &old);
        let account = wharf.account();
        let mut curl = std::process::Command::new("curl")
            .args(["--silent", "--limit-rate", "2M", "--user"])
            .arg(format!("{}:{}", account.name, account.password))
            .arg("--upload-file")
            .arg(&local)
            .arg(format!("ftp://{}/{name}", wharf.host()))
            .spawn()
            .expect("curl, of the package curl");
        let begun = probe::eventually(wharf_tests::PATIENCE, || {
            let mut entries = std::fs::read_dir(wharf.root()).expect("the root");
            entries.any(|entry| {
                let name = entry.expect("an entry").file_name();
                name.as_encoded_bytes().ends_with(b".part")
            })
        });
        curl.kill().expect("a signal");
        curl.wait().expect("its end");
        assert!(begun, "the upload never began");
        let path = format!("/{name}");
        let end = wharf.wait_event("upload", |event| event["path"] == path.as_str());
        assert_eq!(end["outcome"], "failed", "{end}");
        assert_bytes(&name, &old, &wharf.read(&name));
        // The next round waits for its own partial.
        for entry in std::fs::read_dir(wharf.root()).expect("the root") {
            let path = entry.expect("an entry").path();
            if path
                .extension()
                .is_some_and(|extension| extension == "part")
            {
                std::fs::remove_file(path).expect("the partial");
            }
        }
    }
}

#[test]
fn abor_keeps_what_came_and_the_old_version() {
    let wharf = Wharf::start();
    let (mut control, upload) = half_an_upload(&wharf, "f");
    control.send("ABOR");
    control.await_code(426);
    control.await_code(226);
    drop(upload);
    assert!(!wharf.path("f").exists());
    resume_with_rest(&wharf, "f");
}

#[test]
fn a_partial_shows_its_size_and_that_it_is_one() {
    let wharf = Wharf::start();
    let (mut control, upload) = half_an_upload(&wharf, "f");
    data::reset(upload);
    control.await_code(426);
    assert!(partial_size(&mut control, "f") > 0);
    let reply = control.expect("MLST f", 250);
    assert!(reply.says("x.partial=1"), "{reply}");
    // To read it would be to read half a file.
    assert_eq!(control.fetch("RETR f").reply.code, 550, "{control}");
    assert_eq!(control.retrieve("NLST"), b"", "not listed");
    // Another account knows nothing of it.
    let other = wharf.add_account::<&str>("other", &[]);
    wharf.session_of(&other).expect("SIZE f", 550);
}

#[test]
fn staging_names_are_nobodys() {
    let wharf = Wharf::start();
    let (mut control, upload) = half_an_upload(&wharf, "f");
    let mut staged: Vec<Vec<u8>> = Vec::new();
    let there = probe::eventually(wharf_tests::PATIENCE, || {
        staged = tree::names(wharf.root());
        staged
            .iter()
            .any(|name| name.starts_with(b".") && name.ends_with(b".part"))
    });
    assert!(
        there,
        "a staging file `.name.….part` beside the target: {staged:?}"
    );
    let name = staged
        .iter()
        .find(|name| name.ends_with(b".part"))
        .expect("it")
        .clone();
    let mut other = wharf.session();
    for verb in [
        "SIZE ",
        "MLST ",
        "DELE ",
        "RNFR ",
        "SITE CHMOD 777 ",
        "CWD ",
        "MKD ",
    ] {
        let reply = other.command([verb.as_bytes(), &name].concat());
        assert!(reply.is_refused(), "{verb}: {reply}\n{other}");
    }
    assert_eq!(
        other.fetch([b"RETR ", name.as_slice()].concat()).reply.code,
        550
    );
    assert!(
        other
            .put([b"STOR ", name.as_slice()].concat(), b"x")
            .is_refused()
    );
    for command in ["LIST -a", "NLST -a", "MLSD", "NLST .*", "LIST -aR"] {
        let listing = other.fetch(command);
        assert!(
            !wharf_tests::program::contains(&listing.bytes, b".part"),
            "{command}"
        );
    }
    data::reset(upload);
    control.await_code(426);
}

#[test]
fn curl_resumes_a_cut_upload() {
    let wharf = Wharf::start();
    cut(&wharf, "f");
    let content = local(&wharf);
    let url = format!("ftp://{}/f", wharf.host());
    let user = format!("{}:{}", wharf.account().name, wharf.account().password);
    let curl = Program::new("curl", "curl")
        .folder(wharf.scratch().base())
        .args(["-v", "-sS"]);
    let finished = curl
        .args(["-u", &user, "-C", "-", "-T", &content, &url])
        .run();
    resumed(&wharf, finished.well());
}

#[test]
fn lftp_resumes_a_cut_upload() {
    let wharf = Wharf::start();
    cut(&wharf, "f");
    let content = local(&wharf);
    let script = format!(
        "set ftp:ssl-allow no; set net:max-retries 1; set cmd:fail-exit yes; \
         open -u {},{} ftp://{}; put -c {content} -o f",
        wharf.account().name,
        wharf.account().password,
        wharf.host()
    );
    let lftp = Program::new("lftp", "lftp")
        .folder(wharf.scratch().base())
        .args(["--norc", "-d"]);
    resumed(&wharf, lftp.args(["-c", &script]).run().well());
}

#[test]
fn uploads_of_any_cuts_and_resumes_are_the_original() {
    let wharf = Wharf::with_settings("[uploads]\ndurability = \"none\"\n");
    for seed in 0..6_usize {
        let content = pattern(seed as u64, 700_000 + seed * 13);
        let name = format!("f{seed}");
        let mut control = wharf.session();
        for cut in 1..=4 {
            let from = if cut == 1 {
                0
            } else {
                partial_size(&mut control, &name)
            };
            let to = from + (content.len() - from) / (6 - cut);
            let upload = send_part(&mut control, &name, from, &content[from..to]);
            // Cut after the server has seen a good part of it, by one way or the other.
            if (seed + cut) % 2 == 0 {
                data::reset(upload);
                control.await_code(426);
            } else {
                control.send("ABOR");
                control.await_code(426);
                control.await_code(226);
                drop(upload);
            }
        }
        let from = partial_size(&mut control, &name);
        let upload = send_part(&mut control, &name, from, &content[from..]);
        drop(upload);
        control.await_code(226);
        assert_bytes(&name, &content, &wharf.read(&name));
    }
    assert_eq!(visible(&wharf).len(), 6);
}

fn send_part(control: &mut Control, name: &str, from: usize, bytes: &[u8]) -> TcpStream {
    let mut upload = control.passive();
    if from > 0 {
        control.expect(format!("REST {from}"), 350);
    }
    control.expect_any(format!("STOR {name}"), &[125, 150]);
    upload.write_all(bytes).expect("a part");
    wait_until_taken(control, bytes.len());
    upload
}

fn half_an_upload(wharf: &Wharf, name: &str) -> (Control, TcpStream) {
    let mut control = wharf.session();
    let mut upload = control.begin(format!("STOR {name}"));
    upload
        .write_all(&pattern(9, SIZE)[..SENT])
        .expect("the first part");
    wait_until_taken(&mut control, SENT);
    (control, upload)
}

// STAT tells how many bytes the server has; most of them, as the last may wait in a buffer.
fn wait_until_taken(control: &mut Control, sent: usize) {
    let taken = probe::eventually(wharf_tests::PATIENCE, || {
        let reply = control.expect_any("STAT", &[211, 213]);
        numbers(&reply.to_string())
            .into_iter()
            .any(|number| number == sent)
    });
    assert!(taken, "STAT never told of {sent} bytes\n{control}");
}

fn numbers(text: &str) -> Vec<usize> {
    text.split(|c: char| !c.is_ascii_digit())
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

fn partial_size(control: &mut Control, name: &str) -> usize {
    control
        .expect(format!("SIZE {name}"), 213)
        .text()
        .parse()
        .expect("a number")
}

#[track_caller]
fn resume_with_rest(wharf: &Wharf, name: &str) {
    let mut control = wharf.session();
    let size = partial_size(&mut control, name);
    assert!(size > 0 && size <= SENT, "{size} bytes of {SENT} were kept");
    let content = pattern(9, SIZE);
    let upload = control.passive();
    control.expect(format!("REST {size}"), 350);
    control.expect_any(format!("STOR {name}"), &[125, 150]);
    (&upload).write_all(&content[size..]).expect("the rest");
    drop(upload);
    control.await_code(226);
    assert_bytes(name, &content, &wharf.read(name));
    assert_eq!(visible(wharf), [name]);
    assert!(only_whole_files(wharf.root()), "the partial is gone");
}

fn cut(wharf: &Wharf, name: &str) {
    let (mut control, upload) = half_an_upload(wharf, name);
    data::reset(upload);
    control.await_code(426);
}

fn local(wharf: &Wharf) -> String {
    let path = wharf.scratch().local().join("f");
    std::fs::write(&path, pattern(9, SIZE)).expect("the local file");
    path.to_str().expect("UTF-8").to_owned()
}

#[track_caller]
fn resumed(wharf: &Wharf, finished: Result<wharf_tests::program::Finished, String>) {
    let finished = finished.unwrap_or_else(|problem| panic!("{problem}"));
    assert_bytes("f", &pattern(9, SIZE), &wharf.read("f"));
    let said = finished.to_string();
    assert!(
        said.contains("REST ") || said.contains("APPE "),
        "it began anew:\n{said}"
    );
}

fn visible(wharf: &Wharf) -> Vec<String> {
    let mut names: Vec<_> = wharf
        .session()
        .listing("NLST -a")
        .iter()
        .map(|line| wharf_tests::show(line))
        .collect();
    names.sort();
    names
}

fn only_whole_files(root: &Path) -> bool {
    tree::names(root)
        .iter()
        .all(|name| !name.ends_with(b".part"))
}
