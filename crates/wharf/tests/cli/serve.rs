//! `wharf serve`: its first words, its refusals and its end.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::harness::{Running, Scratch, dialogue, ended, paste};

#[test]
fn json_says_where_it_listens_the_account_once_and_that_it_is_ready() {
    let scratch = Scratch::new();
    let mut first = Running::start(&scratch, &["--format", "json"]);
    let address = first.address();
    let [listening, account, ready] = first.objects().try_into().unwrap();
    assert_eq!(
        listening.to_string(),
        format!(r#"{{"event":"listening","protocol":"ftp","address":"{address}"}}"#)
    );
    assert_eq!(
        (account["event"].as_str(), account["name"].as_str()),
        (Some("account"), Some("wharf"))
    );
    assert!(account["password"].as_str().unwrap().len() >= 20);
    assert_eq!(ready.to_string(), r#"{"event":"ready"}"#);
    assert_eq!(first.stop(), Some(0));

    let second = Running::start(&scratch, &["--format", "json"]);
    let events: Vec<_> = second
        .objects()
        .into_iter()
        .map(|o| o["event"].clone())
        .collect();
    assert_eq!(events, ["listening", "ready"]);
}

#[test]
fn every_listener_is_told() {
    let scratch = Scratch::new();
    let running = Running::start(
        &scratch,
        &[
            "--format",
            "json",
            "--listen",
            "127.0.0.1",
            "--listen",
            "127.0.0.2",
        ],
    );
    let objects = running.objects();
    let listening = objects
        .iter()
        .filter(|object| object["event"] == "listening")
        .count();
    assert_eq!(listening, 2);
}

#[test]
fn s4_every_first_start_makes_its_own_password() {
    let password = || {
        let scratch = Scratch::new();
        let running = Running::start(&scratch, &["--format", "json"]);
        let accounts = scratch.ok(&["user", "list", "--format", "json"]);
        assert_eq!(accounts.lines().count(), 1, "{accounts}");
        running.objects()[1]["password"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_ne!(password(), password());
}

#[test]
fn the_commands_that_are_printed_work_when_they_are_pasted() {
    let scratch = Scratch::new();
    fs::write(scratch.path("files/hello.txt"), "hello").unwrap();
    let mut running = Running::start(
        &scratch,
        &["--anonymous", "--state", &scratch.text("a state")],
    );
    let text = running.printed();
    assert!(text.ends_with("\n\nwharf is ready"), "{text}");
    let commands: Vec<_> = text.lines().map(str::trim).collect();
    let starting = |start: &str| {
        commands
            .iter()
            .filter(|line| line.starts_with(start))
            .copied()
            .collect::<Vec<_>>()
    };
    let [with_password, anonymous] = starting("curl ").try_into().expect(&text);
    for curl in [with_password, anonymous] {
        let listing = paste(curl, &scratch.path("files"));
        assert!(
            listing.stdout.contains("hello.txt"),
            "{curl}: {} {}",
            listing.stderr,
            running.log()
        );
    }
    let [lftp] = starting("lftp ").try_into().expect(&text);
    let listing = paste(
        &format!("{lftp} -e 'set net:max-retries 1; ls; exit'"),
        &scratch.path("files"),
    );
    assert!(
        listing.stdout.contains("hello.txt"),
        "{lftp}: {} {}",
        listing.stderr,
        running.log()
    );
    let add = commands
        .iter()
        .find(|line| line.contains(" user add "))
        .expect(&text);
    let added = paste(add, &scratch.path("files"));
    assert!(
        added.stdout.contains("`ann` added"),
        "{add}: {}",
        added.stderr
    );
    let list = scratch.ok(&["user", "list", "--state", &scratch.text("a state")]);
    assert!(list.contains("\nann "), "{list}");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn later_starts_show_commands_without_a_password() {
    let scratch = Scratch::new();
    Running::start(&scratch, &[]).stop();
    let again = Running::start(&scratch, &[]).printed();
    assert!(
        again.contains("curl --user wharf ftp://127.0.0.1:"),
        "{again}"
    );
    assert!(!again.contains("password"), "{again}");
}

#[test]
fn who_can_log_in_from_where_is_said() {
    let scratch = Scratch::new();
    let text = Running::start(&scratch, &["--listen", "0.0.0.0"]).printed();
    assert!(
        text.contains("note: accounts can log in from this machine only"),
        "{text}"
    );
    let text = Running::start(&scratch, &["--listen", "0.0.0.0", "--allow-plaintext"]).printed();
    assert!(
        text.contains("note: passwords and files cross the network in clear"),
        "{text}"
    );
    assert!(!Running::start(&scratch, &[]).printed().contains("note:"));
}

#[test]
fn one_server_per_state_folder() {
    let scratch = Scratch::new();
    let first = Running::start(&scratch, &[]);
    let second = scratch.run(&["serve", "--ftp", "0"]);
    assert_eq!(second.code, Some(1));
    assert!(
        second.stderr.contains(&format!("process {}", first.id())),
        "{}",
        second.stderr
    );
    assert!(second.stderr.contains("\n\nhint: "), "{}", second.stderr);
}

#[test]
fn a_port_in_use_is_named_and_no_account_is_made() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let refused = scratch.run(&["serve", "--ftp", &port]);
    assert_eq!(refused.code, Some(1));
    let expected =
        format!("error: cannot listen on 127.0.0.1:{port}: another program uses this port");
    assert!(refused.stderr.contains(&expected), "{}", refused.stderr);
    // Otherwise its password would be lost.
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");
}

#[test]
fn wrong_arguments_are_usage_errors() {
    let scratch = Scratch::new();
    scratch.write("file", "");
    for arguments in [
        &["serve", "--ftp", "x"][..],
        &["serve", "--sftp", "2222"],
        &["serve", "--passive-ports", "5"],
        &["serve", "--listen", "localhost"],
        &["serve", "--bogus"],
        &["serve", "--config", "/nowhere/wharf.toml"],
        &["serve", "/nowhere"],
        &["serve", &scratch.text("file")],
        &["serve", "--log", "infoo"],
        &["bogus"],
    ] {
        let refused = scratch.run(arguments);
        assert_eq!(refused.code, Some(2), "{arguments:?}: {}", refused.stderr);
        assert!(
            refused.stderr.starts_with("error: "),
            "{arguments:?}: {}",
            refused.stderr
        );
        assert_eq!(refused.stdout, "", "{arguments:?}");
    }
}

#[test]
fn a_bad_file_is_refused_before_anything_is_made() {
    let scratch = Scratch::new();
    let config = scratch.write(
        "wharf.toml",
        "[limits]\nsesions = 1\n[server]\nftp = true\n",
    );
    let refused = scratch.run(&["serve", "--config", config.to_str().unwrap()]);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused.stderr.contains("the settings have 2 problems"),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("wharf.toml:2: "),
        "{}",
        refused.stderr
    );
    assert!(
        refused.stderr.contains("wharf.toml:4: "),
        "{}",
        refused.stderr
    );
    assert!(!scratch.path("states").exists());
}

#[test]
fn s5_a_database_that_others_can_read_is_refused_with_the_cure() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "list"]);
    let database = scratch.path("states/wharf/wharf.db");
    fs::set_permissions(&database, fs::Permissions::from_mode(0o644)).unwrap();
    for arguments in [&["serve", "--ftp", "0"][..], &["user", "list"]] {
        let refused = scratch.run(arguments);
        assert_eq!(refused.code, Some(1), "{}", refused.stderr);
        assert!(refused.stderr.contains("chmod 600"), "{}", refused.stderr);
    }
}

#[test]
fn s5_what_is_made_is_for_the_owner_alone() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--format", "json"]);
    dialogue(&running.address(), &["QUIT"]);
    running.event("closed");
    for entry in fs::read_dir(scratch.path("states/wharf")).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{:?} has mode {mode:o}", entry.file_name());
    }
}

#[test]
fn s8_the_first_line_has_no_version() {
    let scratch = Scratch::new();
    let running = Running::start(&scratch, &["--format", "json"]);
    let said = dialogue(&running.address(), &["QUIT"]);
    let first = said.lines().next().unwrap();
    assert_eq!(first, "220 ready");
}

#[test]
fn a_reload_takes_a_good_file_and_leaves_everything_at_a_bad_one() {
    let scratch = Scratch::new();
    let config = scratch.write("wharf.toml", "[server]\nbanner = \"one\"\n");
    let mut running = Running::start(
        &scratch,
        &["--format", "json", "--config", config.to_str().unwrap()],
    );
    let banner = |address: &str| {
        dialogue(address, &["QUIT"])
            .lines()
            .next()
            .unwrap()
            .to_owned()
    };
    let address = running.address();
    assert_eq!(banner(&address), "220 one");

    scratch.write(
        "wharf.toml",
        "[server]\nbanner = \"two\"\nplaintxt = \"deny\"\n",
    );
    running.signal(Signal::HUP);
    let failed = running.event("reload");
    assert_eq!(failed["outcome"], "failed");
    assert!(
        failed["problems"][0]
            .as_str()
            .unwrap()
            .contains("wharf.toml:3"),
        "{failed}"
    );
    assert_eq!(banner(&address), "220 one");

    scratch.write(
        "wharf.toml",
        "[server]\nbanner = \"two\"\nlisten = \"127.0.0.2\"\n",
    );
    running.signal(Signal::HUP);
    let done = running.event("reload");
    assert_eq!(done["outcome"], "done");
    assert_eq!(done["at_next_start"][0], "server.listen");
    assert_eq!(banner(&address), "220 two");
    assert_eq!(running.stop(), Some(0));
}

#[test]
fn events_follow_in_the_same_form() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--format", "json"]);
    let password = running.objects()[1]["password"]
        .as_str()
        .unwrap()
        .to_owned();
    dialogue(
        &running.address(),
        &["USER wharf", &format!("PASS {password}"), "MKD new", "QUIT"],
    );
    let login = running.event("login");
    assert_eq!(login["account"], "wharf");
    assert_eq!(running.event("operation")["path"], "/new");
    running.event("closed");
    assert_eq!(running.stop(), Some(0));
    let ends: Vec<_> = running
        .objects()
        .iter()
        .rev()
        .take(2)
        .map(|o| o["event"].clone())
        .collect();
    assert_eq!(ends, ["stopped", "stopping"]);
}

#[test]
fn no_password_is_logged_at_any_level() {
    let scratch = Scratch::new();
    let mut running = Running::start(&scratch, &["--log", "trace"]);
    let text = running.printed();
    let find = |label: &str| {
        let line = text
            .lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .expect(&text);
        line.trim().split(',').next().unwrap().to_owned()
    };
    let (password, address) = (find("password"), find("ftp "));
    let said = dialogue(
        &address,
        &[
            "USER wharf",
            &format!("PASS {password}"),
            "USER wharf",
            "PASS not-this-one",
            "QUIT",
        ],
    );
    assert!(said.contains("\r\n230"), "{said}");
    assert_eq!(running.stop(), Some(0));
    let log = running.log();
    assert!(log.contains("login"), "{log}");
    assert!(
        !log.contains(&password) && !log.contains("not-this-one"),
        "{log}"
    );
    let audit = fs::read_to_string(scratch.path("states/wharf/audit.jsonl")).unwrap();
    assert!(audit.contains("\"login\""), "{audit}");
    assert!(
        !audit.contains(&password) && !audit.contains("not-this-one"),
        "{audit}"
    );
}

#[test]
fn both_signals_end_it_and_its_port_is_free_again() {
    for signal in [Signal::TERM, Signal::INT] {
        let scratch = Scratch::new();
        let mut running = Running::start(&scratch, &["--format", "json"]);
        let address = running.address();
        let _idle = TcpStream::connect(&address).unwrap();
        running.signal(signal);
        assert_eq!(running.wait(), Some(0), "{}", running.log());
        assert!(TcpStream::connect(&address).is_err());
    }
}

#[test]
fn a_reader_that_goes_away_does_not_stop_the_server() {
    let scratch = Scratch::new();
    for format in ["text", "json"] {
        let mut child = scratch
            .command(&[
                "serve",
                "--ftp",
                "0",
                "--passive-ports",
                "28000-28009",
                "--format",
                format,
            ])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let pid = rustix::process::Pid::from_child(&child);
        // The lock is written before the output; a server that panicked would not answer.
        let lock = scratch.path("states/wharf/lock");
        let mine =
            || fs::read_to_string(&lock).is_ok_and(|text| text.trim() == child.id().to_string());
        let deadline = Instant::now() + Duration::from_secs(30);
        while !mine() && Instant::now() < deadline {
            std::thread::yield_now();
        }
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
        let ended = ended(child.wait_with_output().unwrap());
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        assert!(
            matches!(ended.code, Some(0) | None),
            "{:?} {}",
            ended.code,
            ended.stderr
        );
    }
}

#[test]
fn a_second_signal_does_not_wait_for_transfers() {
    let scratch = Scratch::new();
    let large = fs::File::create(scratch.path("files/large")).unwrap();
    // More than the sockets' buffers hold, so that the transfer runs until somebody reads.
    large.set_len(1 << 30).unwrap();
    let mut running = Running::start(&scratch, &["--format", "json", "--anonymous"]);
    let address = running.address();
    let mut control = TcpStream::connect(&address).unwrap();
    let mut replies = BufReader::new(control.try_clone().unwrap());
    let mut ask = |line: &str, code: &str| {
        control.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut reply = String::new();
        while !reply.starts_with(code) {
            reply.clear();
            assert_ne!(
                replies.read_line(&mut reply).unwrap(),
                0,
                "no {code} to {line}"
            );
        }
        reply
    };
    ask("USER anonymous", "230");
    ask("TYPE I", "200");
    let port = ask("EPSV", "229")
        .split('|')
        .nth(3)
        .unwrap()
        .parse::<u16>()
        .unwrap();
    let _unread = TcpStream::connect(("127.0.0.1", port)).unwrap();
    ask("RETR large", "150");
    running.signal(Signal::TERM);
    assert_eq!(running.event("stopping")["sessions"], 1);
    running.signal(Signal::TERM);
    let asked = Instant::now();
    assert_eq!(running.wait(), Some(1), "{}", running.log());
    // Less than `timeouts.drain`, which is 30 s.
    assert!(
        asked.elapsed() < Duration::from_secs(15),
        "{:?}",
        asked.elapsed()
    );
    assert!(
        running
            .log()
            .contains("error: stopped before running transfers were through")
    );
}
