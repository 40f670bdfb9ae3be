//! Rows S: what a fresh installation is like.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use wharf_tests::Wharf;
use wharf_tests::start::wharf_program;

#[test]
fn s4_a_fresh_installation_has_no_account_that_anybody_knows() {
    let wharf = Wharf::with_settings("[limits]\nlogin_attempts = 100\n");
    let other = Wharf::start();
    assert_eq!(wharf.account().name, "wharf");
    let password = &wharf.account().password;
    assert!(password.len() >= 16, "{} characters", password.len());
    assert_ne!(password, &other.account().password, "another one each time");
    let listed = wharf.user(["list"], "");
    assert!(listed.says("wharf"), "{listed}");
    let names = String::from_utf8(listed.output)
        .expect("UTF-8")
        .matches("\"name\"")
        .count();
    assert_eq!(names, 1, "one account and no other");
    let mut control = wharf.connect();
    for name in [
        "wharf",
        "admin",
        "root",
        "ftp",
        "anonymous",
        "user",
        "test",
        "guest",
        "www-data",
    ] {
        for password in [
            "", name, "wharf", "admin", "password", "123456", "ftp", "root", "toor",
        ] {
            let user = control.command(format!("USER {name}"));
            let reply = if user.code == 331 {
                control.command(format!("PASS {password}"))
            } else {
                user
            };
            assert!(reply.is_refused(), "{name} / {password} is let in: {reply}");
        }
    }
    // It is shown once, by the first start.
    assert!(
        !wharf.log().contains(password.as_str()),
        "the password is in the log"
    );
    assert!(
        !wharf.audit().contains(password.as_str()),
        "the password is in the audit log"
    );
}

#[test]
fn s4_the_password_is_shown_once() {
    let mut wharf = Wharf::start();
    wharf.kill();
    wharf.restart();
    let again = wharf
        .events()
        .iter()
        .any(|event| event["event"] == "account");
    assert!(!again, "shown again: {:?}", wharf.events());
    wharf.session().expect("PWD", 257);
}

#[test]
fn s5_secrets_are_for_their_owner_only() {
    let mut wharf = Wharf::start();
    wharf.session().store("STOR f", b"1");
    let state = wharf.scratch().state();
    assert_eq!(mode(&state), 0o700);
    for entry in fs::read_dir(&state).expect("the state").flatten() {
        let bits = mode(&entry.path());
        assert_eq!(
            bits & 0o077,
            0,
            "{} has mode {bits:o}",
            entry.path().display()
        );
    }
    wharf.kill();

    let database = state.join("wharf.db");
    assert!(database.is_file());
    for (path, lax, right) in [(&database, 0o644, 0o600), (&state, 0o755, 0o700)] {
        fs::set_permissions(path, PermissionsExt::from_mode(lax)).expect("a lax mode");
        let finished = wharf.user(["list"], "");
        assert!(
            !finished.status.success(),
            "{} with {lax:o}: {finished}",
            path.display()
        );
        let text = format!("{finished}");
        assert!(text.contains("chmod"), "the cure is named: {text}");
        fs::set_permissions(path, PermissionsExt::from_mode(right)).expect("the right mode");
    }
    wharf.restart();
    wharf.session().expect("PWD", 257);
}

#[test]
fn s5_a_server_does_not_start_on_a_lax_state() {
    let mut wharf = Wharf::start();
    wharf.kill();
    let state = wharf.scratch().state();
    let database = state.join("wharf.db");
    for (path, lax, right) in [(&database, 0o644, 0o600), (&state, 0o777, 0o700)] {
        fs::set_permissions(path, PermissionsExt::from_mode(lax)).expect("a lax mode");
        let started = wharf_program()
            .folder(wharf.scratch().base())
            .arg("serve")
            .arg(wharf.root())
            .arg("--state")
            .arg(&state)
            .args(["--ftp", "0", "--format", "json"])
            .limit(Duration::from_secs(20))
            .run();
        assert_eq!(started.status.code(), Some(1), "{started}");
        assert!(
            started.to_string().contains("chmod"),
            "the cure is named: {started}"
        );
        assert!(!started.says("ready"), "{started}");
        fs::set_permissions(path, PermissionsExt::from_mode(right)).expect("the right mode");
    }
}

#[test]
fn secrets_stay_out_of_logs_and_processes() {
    let wharf = Wharf::with().argument("--log").argument("trace").start();
    let account = wharf.add_account::<&str>("ann", &[]);
    let mut control = wharf.session_of(&account);
    control.command("PASS once-more-in-the-wrong-place");
    control.expect("USER ann", 503);
    drop(control);
    let mut control = wharf.connect();
    control.expect("USER ann", 331);
    control.expect("PASS a-wrong-guess", 530);
    let seen = format!("{}\n{}\n{:?}", wharf.log(), wharf.audit(), wharf.events());
    for secret in [
        &account.password,
        "a-wrong-guess",
        "once-more-in-the-wrong-place",
    ] {
        assert!(!seen.contains(secret), "{secret} is in a log");
    }
}

fn mode(path: &std::path::Path) -> u32 {
    fs::metadata(path)
        .expect("it is there")
        .permissions()
        .mode()
        & 0o7777
}
