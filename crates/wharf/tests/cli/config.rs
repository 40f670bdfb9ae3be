//! `wharf config`, completions and manual pages.

use serde_json::Value as Json;

use crate::harness::{Scratch, ended};

#[test]
fn check_tells_every_problem_and_its_exit_code() {
    let scratch = Scratch::new();
    let good = scratch.write("good.toml", "[limits]\nsessions = 5\n");
    let good = good.to_str().unwrap();
    assert_eq!(
        scratch.ok(&["config", "check", "--config", good]),
        format!("the settings in `{good}` are good\n")
    );
    assert!(
        scratch
            .ok(&["config", "check"])
            .contains("no settings file")
    );

    let bad = scratch.write("bad.toml", "[limits]\nsessions = \"5\"\nsesions = 5\n");
    let bad = bad.to_str().unwrap();
    let refused = scratch.run(&["config", "check", "--config", bad]);
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(1), ""));
    assert_eq!(
        refused.stderr,
        format!(
            "error: the settings have 2 problems\n\n\
             {bad}:2: `limits.sessions` must be a number, not text\n  hint: numbers are written without quotes\n\n\
             {bad}:3: there is no setting `limits.sesions`\n  hint: did you mean `limits.sessions`?\n"
        )
    );
    let refused = scratch.run(&["config", "check", "--config", bad, "--format", "json"]);
    let told: Json = serde_json::from_str(&refused.stdout).unwrap();
    assert_eq!(refused.code, Some(1));
    assert_eq!(told["problems"][1]["line"], 3);
    assert_eq!(told["problems"][1]["key"], "limits.sesions");
}

#[test]
fn show_says_where_every_value_was_written() {
    let scratch = Scratch::new();
    let file = scratch.write("wharf.toml", "[limits]\nsessions = 5\n");
    let output = scratch
        .command(&[
            "config",
            "show",
            "--config",
            file.to_str().unwrap(),
            "--ftp",
            "2100",
        ])
        .env("WHARF__TIMEOUTS__IDLE", "2 min")
        .output()
        .unwrap();
    let shown = ended(output).stdout;
    let line = |start: &str| {
        shown
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap()
            .to_owned()
    };
    assert!(line("ftp = ").ends_with("# argument --ftp"), "{shown}");
    assert!(line("sessions = 5").ends_with("wharf.toml:2"), "{shown}");
    assert!(
        line("idle = \"2 min\"").ends_with("# environment WHARF__TIMEOUTS__IDLE"),
        "{shown}"
    );
    assert!(line("stall = ").ends_with("# default"), "{shown}");
}

#[test]
fn an_unknown_variable_is_an_error() {
    let scratch = Scratch::new();
    let output = scratch
        .command(&["serve"])
        .env("WHARF__LIMITS__SESION", "5")
        .output()
        .unwrap();
    let refused = ended(output);
    assert_eq!(refused.code, Some(1));
    assert!(
        refused
            .stderr
            .contains("did you mean `WHARF__LIMITS__SESSIONS`?"),
        "{}",
        refused.stderr
    );
}

#[test]
fn schema_completions_and_manual_pages_are_printed() {
    let scratch = Scratch::new();
    let schema: Json = serde_json::from_str(&scratch.ok(&["config", "schema"])).unwrap();
    assert_eq!(schema["additionalProperties"], false);
    for shell in ["bash", "zsh", "fish"] {
        assert!(
            scratch
                .ok(&["completions", shell])
                .contains("passive-ports"),
            "{shell}"
        );
    }
    assert!(scratch.ok(&["man"]).contains(".TH wharf 1"));
    scratch.ok(&["man", &scratch.text("pages")]);
    assert!(scratch.path("pages/wharf-serve.1").exists());
    assert!(scratch.path("pages/wharf-user-key-add.1").exists());
}

#[test]
fn the_completion_script_is_one_that_bash_takes() {
    let scratch = Scratch::new();
    let script = scratch.write("script", &scratch.ok(&["completions", "bash"]));
    let line = format!("bash -n {}", script.display());
    let taken = crate::harness::paste(&line, &scratch.path("files"));
    assert_eq!((taken.code, taken.stderr.as_str()), (Some(0), ""));
}
