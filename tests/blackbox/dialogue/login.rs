//! Before, during and after the login.

use wharf_tests::{Wharf, dialogue, session_dialogue};

#[test]
fn a_login_takes_a_name_and_a_password() {
    let wharf = Wharf::start();
    dialogue(
        &wharf,
        "C: USER {name}
         S: 331 ...
         C: PASS {password}
         S: 230 ...
         C: PWD
         S: 257 \"/\"...
         C: QUIT
         S: 221 ...
         S: EOF",
    );
}

#[test]
fn the_greeting_is_one_reply_without_a_version() {
    let wharf = Wharf::start();
    let mut control = wharf_tests::Control::open(wharf.address());
    let greeting = control.reply();
    assert_eq!(greeting.code, 220);
    let version = env!("CARGO_PKG_VERSION");
    assert!(
        !greeting.says(version),
        "security S8: no version in the greeting: {greeting}"
    );
}

#[test]
fn every_verb_that_touches_files_needs_a_login() {
    let wharf = Wharf::start();
    let mut control = wharf.connect();
    for line in NEEDS_LOGIN {
        let reply = control.command(line);
        assert_eq!(reply.code, 530, "{line} before the login\n{control}");
    }
    control.expect(format!("USER {}", wharf.account().name), 331);
    for line in NEEDS_LOGIN {
        let reply = control.command(line);
        assert!(
            [530, 503].contains(&reply.code),
            "{line} between USER and PASS: {reply}\n{control}"
        );
    }
}

#[test]
fn what_needs_no_login_is_answered_before_it() {
    let wharf = Wharf::start();
    dialogue(
        &wharf,
        "C: NOOP
         S: 200 ...
         C: SYST
         S: 215 UNIX Type: L8...
         C: FEAT
         S: 211-...
         S: ...
         S: 211 ...
         C: HELP
         S: 214 ...
         C: OPTS UTF8 ON
         S: 200 ...
         C: CLNT NcFTP 3.2.6 linux-x86_64
         S: 200 ...
         C: QUIT
         S: 221 ...
         S: EOF",
    );
}

#[test]
fn host_comes_before_the_login_only() {
    let wharf = Wharf::start();
    // RFC 7151 section 3.1: 220 for a known host, 504 for another one; 503 once logged in. A
    // version without named sites says 502.
    let mut control = wharf.connect();
    let before = control.expect_any("HOST ftp.example.org", &[220, 504, 502]);
    control.login(wharf.account());
    let after = control.command("HOST ftp.example.org");
    assert_eq!(
        after.code,
        if before.code == 502 { 502 } else { 503 },
        "{control}"
    );
}

#[test]
fn pass_without_user_is_out_of_order() {
    let wharf = Wharf::start();
    dialogue(
        &wharf,
        "C: PASS {password}
         S: 503 ...
         C: USER {name}
         S: 331 ...
         C: NOOP
         S: 200 ...
         C: USER {name}
         S: 331 ...
         C: PASS {password}
         S: 230 ...",
    );
    // Once more is superfluous (202, RFC 959 section 5.4) or out of order; never another login.
    let mut control = wharf.session();
    control.expect_any("PASS wrong", &[202, 503]);
    control.expect("PWD", 257);
}

#[test]
fn a_wrong_password_is_refused_and_may_be_tried_again() {
    let wharf = Wharf::start();
    dialogue(
        &wharf,
        "C: USER {name}
         S: 331 ...
         C: PASS wrong
         S: 530 ...
         C: PWD
         S: 530 ...
         C: USER {name}
         S: 331 ...
         C: PASS {password}
         S: 230 ...",
    );
}

#[test]
fn after_too_many_failed_logins_the_connection_ends() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 2\n");
    let mut control = wharf.connect();
    for _ in 0..2 {
        control.expect(format!("USER {}", wharf.account().name), 331);
        let reply = control.command("PASS wrong");
        assert!([530, 421].contains(&reply.code), "{reply}\n{control}");
        if reply.code == 421 {
            break;
        }
    }
    match control.try_reply() {
        Ok(None) => {}
        Ok(Some(reply)) => {
            assert_eq!(reply.code, 421, "{control}");
            control.expect_end();
        }
        Err(error) => panic!("{error}\n{control}"),
    }
}

#[test]
fn rein_logs_out_and_forgets() {
    let wharf = Wharf::start();
    wharf.write("folder/a.txt", "a");
    session_dialogue(
        &wharf,
        "C: CWD folder
         S: 250 ...
         C: RNFR a.txt
         S: 350 ...
         C: REIN
         S: 220 ...
         C: PWD
         S: 530 ...
         C: USER {name}
         S: 331 ...
         C: PASS {password}
         S: 230 ...
         C: PWD
         S: 257 \"/\"...
         C: RNTO b.txt
         S: 503 ...",
    );
}

#[test]
fn acct_is_answered_once() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    control.expect_any("ACCT anything", &[202, 502, 503]);
    control.expect("NOOP", 200);
}

#[test]
fn anonymous_is_refused_unless_asked_for() {
    let wharf = Wharf::start();
    for name in ["anonymous", "ftp"] {
        let mut control = wharf.connect();
        let reply = control.command(format!("USER {name}"));
        let last = if reply.code == 331 {
            control.command("PASS me@example.org")
        } else {
            reply
        };
        assert_eq!(last.code, 530, "{control}");
    }
}

#[test]
fn anonymous_reads_and_changes_nothing() {
    let wharf = Wharf::with().argument("--anonymous").start();
    wharf.write("public/a.txt", "for all");
    for name in ["anonymous", "ftp", "Anonymous"] {
        let mut control = wharf.connect();
        let reply = control.expect_any(format!("USER {name}"), &[331, 230]);
        if reply.code == 331 {
            control.expect("PASS me@example.org", 230);
        }
        control.expect("TYPE I", 200);
        assert_eq!(control.retrieve("RETR public/a.txt"), b"for all");
        assert!(!control.listing("MLSD public").is_empty());
        for line in [
            "STOR public/b.txt",
            "APPE public/a.txt",
            "STOU",
            "DELE public/a.txt",
            "MKD public/new",
            "RMD public",
            "RNFR public/a.txt",
            "SITE CHMOD 777 public/a.txt",
            "SITE SYMLINK a.txt public/link",
            "MFMT 20200101000000 public/a.txt",
            "MDTM 20200101000000 public/a.txt",
        ] {
            let reply = if line.starts_with("ST") || line.starts_with("APPE") {
                control.put(line, b"x")
            } else {
                control.command(line)
            };
            assert!(
                [550, 553, 532].contains(&reply.code),
                "{line}: {reply}\n{control}"
            );
        }
        assert_eq!(wharf.read("public/a.txt"), b"for all");
        assert_eq!(wharf_tests::tree::names(&wharf.path("public")), [b"a.txt"]);
    }
}

const NEEDS_LOGIN: &[&str] = &[
    "CWD /",
    "XCWD /",
    "CDUP",
    "XCUP",
    "PWD",
    "XPWD",
    "MKD x",
    "XMKD x",
    "RMD x",
    "XRMD x",
    "DELE x",
    "RNFR x",
    "RNTO y",
    "PORT 127,0,0,1,200,200",
    "PASV",
    "EPRT |1|127.0.0.1|50000|",
    "EPSV",
    "EPSV ALL",
    "RETR x",
    "STOR x",
    "STOU",
    "APPE x",
    "ALLO 1",
    "LIST",
    "NLST",
    "MLSD",
    "MLST",
    "STAT /",
    "SIZE x",
    "MDTM x",
    "MDTM 20200101000000 x",
    "MFMT 20200101000000 x",
    "MFF modify=20200101000000; x",
    "REST 1",
    "SITE CHMOD 777 x",
    "SITE UTIME 20200101000000 x",
    "SITE SYMLINK x y",
    "SITE UMASK",
    "AVBL",
];
