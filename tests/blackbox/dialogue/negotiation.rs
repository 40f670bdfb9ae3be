//! FEAT, HELP, OPTS, SYST, STAT and their like.

use wharf_tests::{Reply, Wharf, session_dialogue, show};

#[test]
fn feat_lists_what_there_is_one_space_before_each() {
    let wharf = Wharf::start();
    let reply = wharf.session().expect("FEAT", 211);
    for line in reply.inner() {
        assert!(
            line.starts_with(b" ") && !line.starts_with(b"  "),
            "RFC 2389 section 3.2: one space before `{}`",
            show(line)
        );
    }
    for feature in [
        "EPRT",
        "EPSV",
        "MDTM",
        "MFMT",
        "REST STREAM",
        "SIZE",
        "TVFS",
        "UTF8",
        "CLNT",
    ] {
        assert!(
            has_feature(&reply, feature),
            "{feature} is missing:\n{reply}"
        );
    }
    let mlst = feature_beginning(&reply, "MLST ");
    for fact in [
        "type*;",
        "size*;",
        "modify*;",
        "perm*;",
        "unique*;",
        "UNIX.mode*;",
    ] {
        assert!(mlst.contains(fact), "{fact} is missing in {mlst}");
    }
    assert!(
        mlst.contains("media-type;"),
        "known but off by default (no star): {mlst}"
    );
    let mff = feature_beginning(&reply, "MFF ");
    assert!(
        mff.contains("modify;") && mff.contains("UNIX.mode;"),
        "{mff}"
    );
}

#[test]
fn every_feature_is_a_verb_that_works() {
    let wharf = Wharf::start();
    wharf.write("f", "123");
    let mut control = wharf.session();
    let reply = control.expect("FEAT", 211);
    for line in reply.inner() {
        let words = show(line.get(1..).unwrap_or_default());
        let verb = words.split(' ').next().unwrap_or_default();
        // These two name an ability, not a verb.
        if ["UTF8", "TVFS"].contains(&verb) {
            continue;
        }
        let answer = control.command(verb);
        assert!(
            ![500, 502].contains(&answer.code),
            "{verb} is in FEAT but: {answer}"
        );
    }
}

#[test]
fn help_tells_all_and_one() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let all = control.expect("HELP", 214);
    for verb in ["RETR", "STOR", "MLSD", "EPSV", "MFMT", "ABOR"] {
        assert!(all.says(verb), "{verb} is missing:\n{all}");
    }
    let one = control.expect("HELP RETR", 214);
    assert!(one.says("RETR"), "{one}");
    control.expect("HELP SITE", 214);
    control.expect_any("HELP XYZZY", &[501, 502, 504]);
    let site = control.expect("SITE HELP", 214);
    for word in ["CHMOD", "UTIME", "SYMLINK", "UMASK", "IDLE"] {
        assert!(site.says(word), "{word} is missing:\n{site}");
    }
    assert!(!site.says("EXEC"), "{site}");
}

#[test]
fn opts_chooses_the_facts_of_mlst() {
    let wharf = Wharf::start();
    wharf.write("f", "123");
    let mut control = wharf.session();
    let reply = control.expect("OPTS MLST size;type;", 200);
    assert!(reply.says("MLST OPTS"), "RFC 3659 section 7.9: {reply}");
    assert!(
        reply.says("type;") && reply.says("size;") && !reply.says("modify;"),
        "{reply}"
    );
    let lines = control.listing("MLSD");
    assert!(!lines.is_empty());
    for line in lines {
        let facts = show(&line);
        assert!(
            facts.contains("type=") && !facts.contains("modify="),
            "{facts}"
        );
        assert!(!facts.contains("UNIX.mode="), "{facts}");
    }
    let reply = control.expect("FEAT", 211);
    let mlst = feature_beginning(&reply, "MLST ");
    assert!(
        mlst.contains("size*;") && mlst.contains("modify;"),
        "{mlst}"
    );
    // Unknown ones are left out without an error; none at all leaves the name alone.
    let reply = control.expect("OPTS MLST nonsense;modify;", 200);
    assert!(!reply.says("nonsense"), "{reply}");
    control.expect("OPTS MLST", 200);
    let lines = control.listing("MLSD");
    assert!(
        lines.iter().any(|line| line == b" f"),
        "a space and the name: {lines:?}"
    );
}

#[test]
fn opts_for_what_has_none_is_501() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: OPTS XYZZY on
         S: 501 ...
         C: OPTS RETR x
         S: 501 ...
         C: OPTS UTF8 ON
         S: 200 ...
         C: OPTS UTF8
         S: 200 ...",
    );
}

#[test]
fn stat_without_a_path_tells_of_the_session() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let reply = control.expect("STAT", 211);
    assert!(reply.says(&wharf.account().name), "{reply}");
    assert!(!reply.says(&wharf.account().password), "{reply}");
}

#[test]
fn small_questions_have_small_answers() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: SYST
         S: 215 UNIX Type: L8...
         C: NOOP
         S: 200 ...
         C: ALLO 100
         S: 20...
         C: ALLO 100 R 10
         S: 20...
         C: AVBL
         S: 213 ...
         C: ABOR
         S: 22...
         C: QUIT
         S: 221 ...
         S: EOF",
    );
}

#[test]
fn allo_refuses_early_what_cannot_fit() {
    let wharf = Wharf::start();
    wharf
        .session()
        .expect_any("ALLO 9000000000000000000", &[452, 552]);
}

fn has_feature(reply: &Reply, name: &str) -> bool {
    reply.inner().iter().any(|line| {
        let line = show(line.get(1..).unwrap_or_default());
        line == name || line.starts_with(&format!("{name} "))
    })
}

#[track_caller]
fn feature_beginning(reply: &Reply, beginning: &str) -> String {
    reply
        .inner()
        .iter()
        .map(|line| show(line.get(1..).unwrap_or_default()))
        .find(|line| line.starts_with(beginning))
        .unwrap_or_else(|| panic!("no {beginning}in:\n{reply}"))
}
