//! Dialogues about AUTH, PBSZ, PROT and CCC, and what TLS changes for other commands.

use super::*;

pub(super) const EXPLICIT: DialogueOptions = DialogueOptions {
    ipv6: false,
    tls: TlsOffer::Explicit,
    data_tls_required: true,
    ccc_allowed: false,
};

const IMPLICIT: DialogueOptions = DialogueOptions {
    tls: TlsOffer::Implicit,
    ..EXPLICIT
};

/// AUTH TLS and the login.
const SECURE_LOGIN: &str = "C: AUTH TLS\nS: 234\nX: begin\n";

pub(super) const PASV: &str = "C: PASV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 227\n";

pub(super) fn explicit(script: &str) {
    play(EXPLICIT, script);
}

pub(super) fn secure(options: DialogueOptions, script: &str) {
    play(options, &format!("{SECURE_LOGIN}{LOGIN}{script}"));
}

/// A machine after those lines, whose steps must be replies or TLS beginning and ending.
fn machine_after(options: DialogueOptions, commands: &[&str]) -> Dialogue {
    let mut machine = Dialogue::new(options);
    for command in commands {
        match machine.command(command.as_bytes()) {
            Step::Reply(_) => {}
            Step::StartTls(_) => machine.protected(),
            Step::StopTls(_) => machine.unprotected(),
            Step::Do(action) => {
                let outcome = match action {
                    Action::Identify { .. } => Outcome::AskPassword,
                    Action::Authenticate { .. } => Outcome::LoggedIn,
                    _ => Outcome::Done,
                };
                machine.done(action, outcome);
            }
            step => panic!("{command}: {step:?}"),
        }
    }
    machine
}

fn answer(machine: &mut Dialogue, command: &str) -> Vec<String> {
    match machine.command(command.as_bytes()) {
        Step::Reply(reply) => lines(&reply),
        Step::Do(Action::Status { settings }) => settings
            .into_iter()
            .map(|line| String::from_utf8(line).unwrap())
            .collect(),
        step => panic!("{command}: {step:?}"),
    }
}

#[test]
fn auth_takes_the_mechanisms_that_are_tls() {
    for name in ["TLS", "tls", "TLS-C", "SSL", "TLS-P"] {
        explicit(&format!(
            "C: AUTH {name}\nS: 234\nX: begin\nC: AUTH {name}\nS: 503"
        ));
    }
    for name in ["GSSAPI", "KERBEROS_V4", "TLS-X", "TLSX"] {
        explicit(&format!(
            "C: AUTH {name}\nS: 504\nC: AUTH TLS\nS: 234\nX: begin"
        ));
    }
    explicit("C: AUTH\nS: 501\nC: USER ann\nA: Identify\nO: ask\nS: 331");
}

#[test]
fn without_tls_its_verbs_are_not_implemented() {
    dialogue(
        "C: AUTH TLS\nS: 502\nC: AUTH\nS: 502\nC: PBSZ 0\nS: 502\nC: PROT P\nS: 502\nC: PROT X\nS: 502\n\
         C: CCC\nS: 530\nC: HELP AUTH\nS: 504",
    );
    logged_in("C: CCC\nS: 502\nC: SSCN ON\nS: 502\nC: SSCN x\nS: 502\nC: CPSV\nS: 502");
}

#[test]
fn in_clear_tls_comes_first() {
    explicit(
        "C: PBSZ 0\nS: 503 Send AUTH TLS first\nC: PROT P\nS: 503 Send AUTH TLS first\nC: PROT X\nS: 503\n\
         C: CCC\nS: 533\nC: SSCN\nS: 503\nC: CPSV\nS: 503",
    );
    play(
        EXPLICIT,
        &format!("{LOGIN}C: PROT P\nS: 503\nC: CCC\nS: 533\nC: SSCN ON\nS: 503\nC: CPSV\nS: 503"),
    );
}

#[test]
fn feat_and_help_are_the_same_before_and_after_tls() {
    let wanted = ["AUTH TLS", "CPSV", "HOST", "PBSZ", "PROT", "SSCN"];
    let mut clear = Dialogue::new(EXPLICIT);
    let mut protected = machine_after(EXPLICIT, &["AUTH TLS"]);
    let mut implicit = Dialogue::new(IMPLICIT);
    for command in ["FEAT", "HELP", "HELP PROT"] {
        let before = answer(&mut clear, command);
        assert_eq!(before, answer(&mut protected, command), "{command}");
        assert_eq!(before, answer(&mut implicit, command), "{command}");
    }
    let features = answer(&mut clear, "FEAT");
    for feature in wanted {
        assert!(
            features.contains(&format!(" {feature}")),
            "{feature}: {features:?}"
        );
    }
    assert!(!features.contains(&" CCC".to_owned()), "{features:?}");

    let mut none = Dialogue::new(DialogueOptions::default());
    let features = answer(&mut none, "FEAT");
    let help = answer(&mut none, "HELP").join(" ");
    let all = answer(&mut clear, "HELP").join(" ");
    for verb in ["AUTH", "PBSZ", "PROT", "CCC", "SSCN", "CPSV"] {
        assert!(
            !features.iter().any(|line| line.contains(verb)),
            "{verb}: {features:?}"
        );
        assert!(!help.contains(verb), "{verb}: {help}");
        assert!(all.contains(verb), "{verb}: {all}");
    }
    assert!(features.contains(&" HOST".to_owned()), "{features:?}");

    let mut ccc = Dialogue::new(DialogueOptions {
        ccc_allowed: true,
        ..EXPLICIT
    });
    assert!(answer(&mut ccc, "FEAT").contains(&" CCC".to_owned()));
}

#[test]
fn p9_nothing_said_in_clear_is_a_command_after_auth() {
    // What stood behind AUTH in the same segment.
    explicit("C: AUTH TLS\nS: 234\nC: USER evil\nS: 421\nX: close");
    explicit("C: AUTH TLS\nS: 234\nC: NOOP\nS: 421\nX: close\nC: QUIT\nS: 421\nX: close");
    // What stood before it.
    explicit(
        "C: USER evil\nA: Identify\nO: ask\nS: 331\nC: AUTH TLS\nS: 234\nX: begin\nC: PASS x\nS: 503\nC: PWD\nS: 530",
    );
    let mut machine = machine_after(EXPLICIT, &["OPTS MLST size;", "AUTH TLS"]);
    let features = answer(&mut machine, "FEAT");
    assert!(
        features.iter().any(|line| line.contains("type*")),
        "{features:?}"
    );
}

#[test]
fn a_handshake_that_does_not_come_leaves_nothing() {
    let mut machine = machine_after(EXPLICIT, &["USER ann"]);
    assert!(matches!(machine.command(b"AUTH TLS"), Step::StartTls(_)));
    assert!(!machine.is_protected());
    assert!(matches!(machine.command(b"PASS x"), Step::Close(_)));
    assert!(!machine.is_logged_in());
}

#[test]
fn p12_a_login_in_clear_is_refused_before_its_password_and_never_becomes_a_safe_one() {
    explicit(
        "C: USER ann\nA: Identify\nO: fail 530\nS: 530\nC: PASS secret\nS: 503\n\
         C: AUTH TLS\nS: 234\nX: begin\nC: USER ann\nA: Identify\nO: ask\nS: 331\nC: PASS x\nA: Authenticate\nO: in\nS: 230",
    );
    play(
        EXPLICIT,
        &format!("{LOGIN}C: AUTH TLS\nS: 503\nC: AUTH GSSAPI\nS: 503"),
    );
    play(
        EXPLICIT,
        "C: USER anonymous\nA: Identify\nO: in\nS: 230\nC: AUTH TLS\nS: 503",
    );
    play(
        EXPLICIT,
        &format!(
            "{LOGIN}C: REIN\nA: Reinit\nO: done\nS: 220\nC: AUTH TLS\nS: 234\nX: begin\nC: PWD\nS: 530"
        ),
    );
}

#[test]
fn p16_ccc_is_refused_unless_allowed() {
    secure(EXPLICIT, "C: CCC\nS: 534\nC: NOOP\nS: 200");
    play(IMPLICIT, &format!("C: CCC\nS: 530\n{LOGIN}C: CCC\nS: 534"));
}

#[test]
fn p16_after_ccc_data_stays_as_protected_as_it_was() {
    let allowed = DialogueOptions {
        ccc_allowed: true,
        ..EXPLICIT
    };
    secure(
        allowed,
        &format!(
            "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: CCC\nS: 200\nX: end\n\
             C: PROT C\nS: 503\nC: PBSZ 0\nS: 503\nC: CCC\nS: 533\nC: AUTH TLS\nS: 503\nC: CPSV\nS: 503\n\
             {PASV}C: RETR f\nA: Transfer(Transfer {{ kind: Retrieve {{ path: [102], start: 0, last: None }}, \
             route: Passive, ascii: true, protected: true, tls_client: false }})\nO: moved\nS: 226\n"
        ),
    );
    // Neither CCC nor REIN after it is a way round `data_tls`.
    secure(
        allowed,
        &format!("C: CCC\nS: 200\nX: end\n{PASV}C: RETR f\nS: 522"),
    );
    secure(
        allowed,
        &format!(
            "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: CCC\nS: 200\nX: end\nC: REIN\nA: Reinit\nO: done\nS: 220\n\
             C: AUTH TLS\nS: 503\n{LOGIN}{PASV}C: RETR f\nS: 522"
        ),
    );
    // What came behind CCC under the same TLS.
    secure(allowed, "C: CCC\nS: 200\nC: DELE f\nS: 421\nX: close");
    let machine = machine_after(allowed, &["AUTH TLS", "USER ann", "PASS x", "CCC"]);
    assert!(!machine.is_protected());
    assert!(machine.is_logged_in());
}

#[test]
fn p17_a_transfer_in_clear_is_refused_before_any_data_connection() {
    for command in ["RETR f", "STOR f", "STOU", "APPE f", "LIST", "NLST", "MLSD"] {
        secure(
            EXPLICIT,
            &format!(
                "C: {command}\nS: 522\n{PASV}C: {command}\nS: 522 Data connections must be encrypted\n\
                 C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: {command}\nS: 425\n\
                 {PASV}C: {command}\nA: Transfer\nO: moved\nS: 226\n\
                 C: PROT C\nS: 200\n{PASV}C: {command}\nS: 522"
            ),
        );
    }
    let step = machine_after(EXPLICIT, &["AUTH TLS", "USER ann", "PASS x"]).command(b"LIST");
    assert!(
        matches!(
            step,
            Step::Refuse {
                code: 522,
                why: Why::ClearData,
                ..
            }
        ),
        "{step:?}"
    );
}

#[test]
fn p17_what_the_refused_transfer_was_prepared_with_is_forgotten() {
    secure(
        EXPLICIT,
        &format!(
            "C: TYPE I\nS: 200\nC: ALLO 9\nA: Allocate\nO: done\nS: 200\n{PASV}C: REST 5\nS: 350\nC: STOR f\nS: 522\n\
             C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\n{PASV}\
             C: STOR f\nA: Transfer(Transfer {{ kind: Store {{ path: [102], offset: 0, declared: None }}\nO: moved\nS: 226"
        ),
    );
}

#[test]
fn data_in_clear_where_it_is_allowed() {
    let allowed = DialogueOptions {
        data_tls_required: false,
        ..EXPLICIT
    };
    let clear = "C: LIST\nA: Transfer(Transfer { kind: List { arguments: ListArguments { all: false, long: false, recursive: false, by_time: false, reverse: false, one_per_line: false, path: None }, form: Long }, route: Passive, ascii: true, protected: false, tls_client: false })\nO: moved\nS: 226\n";
    secure(allowed, &format!("{PASV}{clear}"));
    // The requirement is for sessions under TLS; who may log in in clear is not said here.
    play(EXPLICIT, &format!("{LOGIN}{PASV}{clear}"));
    logged_in(&format!("{PASV}{clear}"));
}

#[test]
fn pbsz_comes_before_prot() {
    secure(
        EXPLICIT,
        "C: PROT P\nS: 503 Send PBSZ\nC: PROT S\nS: 503\nC: PBSZ 4096\nS: 200 PBSZ=0\nC: PBSZ 0\nS: 200 PBSZ=0\n\
         C: PROT S\nS: 536\nC: PROT E\nS: 536\nC: PROT X\nS: 504\nC: PROT\nS: 501\nC: PROT C\nS: 200\nC: PROT P\nS: 200",
    );
    // Before the login too, where most clients send them.
    explicit(&format!(
        "C: AUTH TLS\nS: 234\nX: begin\nC: PBSZ 0\nS: 200\nC: PROT P\nS: 200\n{LOGIN}{PASV}C: LIST\nA: Transfer\nO: moved\nS: 226"
    ));
}

#[test]
fn old_forms_of_tls_protect_data_from_the_start() {
    let transfers = format!("{LOGIN}{PASV}C: LIST\nA: Transfer\nO: moved\nS: 226\n");
    explicit(&format!("C: AUTH SSL\nS: 234\nX: begin\n{transfers}"));
    explicit(&format!("C: AUTH TLS-P\nS: 234\nX: begin\n{transfers}"));
    play(IMPLICIT, &transfers);
    play(
        IMPLICIT,
        &format!("C: AUTH TLS\nS: 503\nC: PROT C\nS: 200\n{LOGIN}{PASV}C: LIST\nS: 522"),
    );
    assert!(Dialogue::new(IMPLICIT).is_protected());
    assert!(!Dialogue::new(EXPLICIT).is_protected());
}

#[test]
fn rein_keeps_tls_and_begins_the_rest_again() {
    let rein = "C: REIN\nA: Reinit\nO: done\nS: 220\n";
    secure(
        EXPLICIT,
        &format!(
            "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: SSCN ON\nA: SecureClient\nO: done\nS: 200\nC: TYPE I\nS: 200\nC: EPSV ALL\nS: 200\n\
             {rein}C: PWD\nS: 530\nC: AUTH TLS\nS: 503\nC: PROT P\nS: 503\n{LOGIN}C: SSCN\nS: 200 SSCN:SERVER\nC: REST 5\nS: 504\n{PASV}C: LIST\nS: 522"
        ),
    );
    play(
        IMPLICIT,
        &format!("C: PROT C\nS: 200\n{rein}{LOGIN}{PASV}C: LIST\nA: Transfer\nO: moved\nS: 226"),
    );
    let machine = machine_after(EXPLICIT, &["AUTH TLS", "REIN"]);
    assert!(machine.is_protected());
}

#[test]
fn a_certificate_may_be_the_login() {
    explicit(&format!(
        "{SECURE_LOGIN}C: USER ann\nA: Identify\nO: certificate\nS: 232 \nC: PASS x\nS: 202\nC: PWD\nA: PrintDirectory\nO: path /\nS: 257"
    ));
}

#[test]
fn stat_tells_what_is_protected() {
    let status = |options, commands: &[&str]| {
        answer(&mut machine_after(options, commands), "STAT").split_off(2)
    };
    let login = ["USER ann", "PASS x"];
    let clear = ["Control connection: in clear", "Data connections: in clear"];
    assert_eq!(status(DialogueOptions::default(), &login), clear);
    assert_eq!(status(EXPLICIT, &login), clear);
    assert_eq!(
        status(EXPLICIT, &["AUTH TLS", "USER ann", "PASS x"]),
        [
            "Control connection: under TLS",
            "Data connections: in clear"
        ]
    );
    assert_eq!(
        status(IMPLICIT, &login),
        [
            "Control connection: under TLS",
            "Data connections: under TLS"
        ]
    );
    assert_eq!(
        status(IMPLICIT, &["USER ann", "PASS x", "SSCN ON"]),
        [
            "Control connection: under TLS",
            "Data connections: under TLS, this server as its client"
        ]
    );
    let allowed = DialogueOptions {
        ccc_allowed: true,
        ..IMPLICIT
    };
    assert_eq!(
        status(allowed, &["USER ann", "PASS x", "CCC"]),
        [
            "Control connection: in clear",
            "Data connections: under TLS"
        ]
    );
}
