//! Passwords typed on a terminal.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::harness::{Ended, Scratch, ended};

/// A terminal with somebody at it who types as soon as something is asked.
struct Terminal {
    person: File,
    program: OwnedFd,
}

impl Terminal {
    fn new() -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let program = OpenOptions::new()
            .read(true)
            .write(true)
            .open(name)
            .unwrap()
            .into();
        Self {
            person: person.into(),
            program,
        }
    }

    /// Runs the program, answers each question (they end in `: `), and gives what was on the
    /// screen besides what the program printed to standard output.
    fn run(&mut self, scratch: &Scratch, arguments: &[&str], answers: &[&str]) -> (Ended, String) {
        let mut child = scratch
            .command(arguments)
            .stdin(Stdio::from(self.program.try_clone().unwrap()))
            .stderr(Stdio::from(self.program.try_clone().unwrap()))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut screen = String::new();
        for answer in answers {
            let questions = screen.matches(": ").count();
            while screen.matches(": ").count() == questions {
                screen.push_str(&self.read());
            }
            // Asked means silent: what is typed from here on is not echoed.
            while tcgetattr(&self.program)
                .unwrap()
                .local_modes
                .contains(LocalModes::ECHO)
            {
                std::thread::yield_now();
            }
            self.person.write_all(answer.as_bytes()).unwrap();
        }
        child.stdin.take();
        let output = child.wait_with_output().unwrap();
        // Something to read, so that reading what is left does not wait.
        rustix::io::write(&self.program, b"end").unwrap();
        while !screen.ends_with("end") {
            screen.push_str(&self.read());
        }
        (ended(output), screen)
    }

    fn read(&mut self) -> String {
        let mut buffer = [0; 1024];
        let length = self.person.read(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn echoes(&self) -> bool {
        tcgetattr(&self.program)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO | LocalModes::ICANON)
    }
}

#[test]
fn a_password_is_asked_twice_and_never_shown() {
    let scratch = Scratch::new();
    let mut terminal = Terminal::new();
    let (ended, screen) = terminal.run(
        &scratch,
        &["user", "add", "ann"],
        &["correct horse\r", "correct horse\r"],
    );
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(0), "`ann` added\n"),
        "{screen}"
    );
    assert!(screen.contains("Password for ann"), "{screen}");
    assert!(!screen.contains("horse"), "{screen}");
    assert!(terminal.echoes());
}

#[test]
fn two_different_passwords_are_refused() {
    let scratch = Scratch::new();
    let mut terminal = Terminal::new();
    let (ended, screen) = terminal.run(&scratch, &["user", "add", "ann"], &["one\r", "two\r"]);
    assert_eq!(ended.code, Some(1));
    assert!(screen.contains("the two passwords differ"), "{screen}");
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");
}

#[test]
fn an_empty_answer_makes_one_up() {
    let scratch = Scratch::new();
    let (ended, _) = Terminal::new().run(&scratch, &["user", "add", "ann"], &["\r"]);
    assert!(
        ended.stdout.contains("shown only this once"),
        "{}",
        ended.stdout
    );
}

#[test]
fn interrupting_the_question_leaves_the_terminal_as_it_was() {
    let scratch = Scratch::new();
    let mut terminal = Terminal::new();
    let (ended, _) = terminal.run(&scratch, &["user", "add", "ann"], &["half\x03"]);
    assert_eq!(ended.code, Some(1));
    assert!(terminal.echoes());
    assert_eq!(scratch.ok(&["user", "list", "--format", "json"]), "");
}

#[test]
fn a_code_has_to_be_right_before_codes_are_in_force() {
    let scratch = Scratch::new();
    scratch.ok(&["user", "add", "ann"]);
    let mut terminal = Terminal::new();
    let totp = ["user", "totp", "ann"];
    let wrong = ["12345\r", "abcdef\r", "\r"];
    let (ended, screen) = terminal.run(&scratch, &totp, &wrong);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("otpauth://"), "{}", ended.stdout);
    assert!(!ended.stdout.contains("Recovery"), "{}", ended.stdout);
    assert!(screen.contains("this is not the code"), "{screen}");
    let (ended, _) = terminal.run(&scratch, &totp, &["\x03"]);
    assert_eq!(ended.code, Some(1));
    assert!(terminal.echoes());
    assert!(
        scratch
            .ok(&["user", "show", "ann"])
            .contains("codes        none")
    );
}
