use super::*;

mod between_servers;
mod host;
mod model;
mod tls;

/// Plays a script against a fresh machine without TLS; see [`play`].
fn dialogue(script: &str) {
    play(DialogueOptions::default(), script);
}

/// Plays a script against a fresh machine. `C:` a command, `S:` the start of the next reply line,
/// `A:` the start of the action asked for, `O:` its outcome, `T:` a line while a transfer runs and
/// what it means then. `X: begin` and `X: end` are the end of TLS's handshake and of TLS, where a
/// reply asked for them; `X: close` is the end of the connection.
fn play(options: DialogueOptions, script: &str) {
    let mut machine = Dialogue::new(options);
    let mut awaited = None;
    let mut asked: Option<Action> = None;
    let mut replies: std::collections::VecDeque<String> = std::collections::VecDeque::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let (mark, text) = line.split_at(2);
        let text = text.trim_start();
        match mark {
            "C:" => {
                assert!(
                    replies.is_empty(),
                    "unread replies before {line}: {replies:?}"
                );
                assert!(
                    asked.is_none(),
                    "unanswered action before {line}: {asked:?}"
                );
                let step = machine.command(text.as_bytes());
                awaited = match step {
                    Step::StartTls(_) => Some("begin"),
                    Step::StopTls(_) => Some("end"),
                    Step::Close(_) => Some("close"),
                    _ => None,
                };
                match step {
                    Step::Reply(reply)
                    | Step::Close(reply)
                    | Step::StartTls(reply)
                    | Step::StopTls(reply) => replies.extend(lines(&reply)),
                    Step::Refuse { code, text, .. } => replies.push_back(format!("{code} {text}")),
                    Step::Do(action) => asked = Some(action),
                }
            }
            "S:" => {
                let reply = replies.pop_front().unwrap_or_default();
                assert!(
                    reply.starts_with(text),
                    "wanted {text:?}, got {reply:?} (asked {asked:?})"
                );
            }
            "A:" => {
                let action = format!("{:?}", asked.as_ref().expect("an action"));
                assert!(action.starts_with(text), "wanted {text:?}, got {action}");
            }
            "O:" => {
                let action = asked.take().expect("an action to answer");
                replies.extend(lines(&machine.done(action, outcome(text))));
            }
            "X:" => {
                assert_eq!(awaited.take(), Some(text), "{line}");
                match text {
                    "begin" => machine.protected(),
                    "end" => machine.unprotected(),
                    _ => {}
                }
            }
            "T:" => {
                let (command, meaning) = text.split_once(" => ").expect("a meaning");
                let decided = format!("{:?}", machine.during_transfer(command.as_bytes()));
                assert!(
                    decided.starts_with(meaning),
                    "{command}: wanted {meaning}, got {decided}"
                );
            }
            _ => panic!("not a script line: {line}"),
        }
    }
    assert!(replies.is_empty(), "unread replies at the end: {replies:?}");
}

fn outcome(text: &str) -> Outcome {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match word {
        "done" => Outcome::Done,
        "ask" => Outcome::AskPassword,
        "in" => Outcome::LoggedIn,
        "certificate" => Outcome::LoggedInByCertificate,
        "path" => Outcome::Path(rest.as_bytes().into()),
        "passive" => Outcome::Passive(rest.parse().expect("an address")),
        "number" => Outcome::Number(rest.parse().expect("a number")),
        "moved" => Outcome::Transferred {
            bytes: 1,
            name: None,
            note: None,
        },
        "fail" => Outcome::Failed(Failure {
            code: rest.parse().unwrap_or(550),
            text: "No [C-7]".into(),
            close: false,
        }),
        _ => panic!("no such outcome: {text}"),
    }
}

fn lines(reply: &Reply) -> Vec<String> {
    let mut bytes = Vec::new();
    reply.encode_into(&mut bytes);
    String::from_utf8(bytes)
        .expect("text")
        .lines()
        .map(str::to_owned)
        .collect()
}

const LOGIN: &str =
    "C: USER ann\nA: Identify\nO: ask\nS: 331\nC: PASS x\nA: Authenticate\nO: in\nS: 230\n";

fn logged_in(script: &str) {
    dialogue(&format!("{LOGIN}{script}"));
}

#[test]
fn a_login_goes_through_user_and_pass() {
    dialogue(
        "C: PWD\nS: 530\nC: PASS x\nS: 503\nC: USER ann\nA: Identify\nO: ask\nS: 331\n\
         C: PASS x\nA: Authenticate\nO: fail\nS: 550\nC: PASS x\nS: 503",
    );
    logged_in(
        "C: USER bob\nS: 503\nC: PASS x\nS: 202\nC: REIN\nA: Reinit\nO: done\nS: 220\nC: PWD\nS: 530",
    );
}

#[test]
fn a_bad_argument_before_the_login_tells_nothing() {
    dialogue("C: SIZE\nS: 530\nC: PORT 1,2,3\nS: 530\nC: FOO\nS: 500");
}

#[test]
fn rename_needs_its_two_commands_in_a_row() {
    logged_in(
        "C: RNTO b\nS: 503\nC: RNFR a\nA: RenameFrom\nO: done\nS: 350\nC: NOOP\nS: 200\nC: RNTO b\nS: 503\n\
         C: RNFR a\nA: RenameFrom\nO: done\nS: 350\nC: RNTO b\nA: Rename {\nO: done\nS: 250\nC: RNTO b\nS: 503\n\
         C: RNFR a\nA: RenameFrom\nO: fail\nS: 550\nC: RNTO b\nS: 503",
    );
}

#[test]
fn restart_holds_for_the_next_command_and_survives_its_preparation() {
    logged_in(
        "C: REST 5\nS: 504\nC: REST 0\nS: 350\nC: TYPE I\nS: 200\nC: REST 5\nS: 350\n\
         C: PASV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 227\n\
         C: RETR f\nA: Transfer(Transfer { kind: Retrieve { path: [102], start: 5\nO: moved\nS: 226\n\
         C: EPSV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 229\n\
         C: REST 5\nS: 350\nC: NOOP\nS: 200\n\
         C: RETR f\nA: Transfer(Transfer { kind: Retrieve { path: [102], start: 0\nO: moved\nS: 226",
    );
}

#[test]
fn a_data_connection_is_for_one_transfer() {
    logged_in(
        "C: LIST\nS: 425\nC: EPSV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 229 \n\
         C: LIST\nA: Transfer\nO: moved\nS: 226\nC: LIST\nS: 425",
    );
}

#[test]
fn p3_a_bad_port_leaves_no_address_in_force() {
    logged_in(
        "C: PORT 127,0,0,1,200,1\nA: CheckActive\nO: done\nS: 200\nC: PORT 127,0,0,1,256,1\nS: 501\nC: LIST\nS: 425\n\
         C: PORT 127,0,0,1,200,1\nA: CheckActive\nO: done\nS: 200\nC: EPRT |3|x|1|\nS: 522\nC: LIST\nS: 425\n\
         C: PORT 127,0,0,1,200,1\nA: CheckActive\nO: fail\nS: 550\nC: LIST\nS: 425",
    );
}

#[test]
fn p18_epsv_all_holds_to_the_end() {
    logged_in(
        "C: EPSV ALL\nS: 200\nC: PASV\nS: 501\nC: PORT 127,0,0,1,200,1\nS: 501\nC: EPRT |1|127.0.0.1|5000|\nS: 501\n\
         C: EPSV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 229\nC: RETR f\nA: Transfer\nO: fail\nS: 550\nC: PASV\nS: 501",
    );
}

#[test]
fn while_bytes_flow_four_commands_are_acted_on() {
    logged_in(
        "T: ABOR => Some(Abort)\nT: STAT => Some(Status)\nT: NOOP => Some(Reply\nT: QUIT => Some(Quit)\n\
         T: STAT f => None\nT: RETR f => None\nT: NONSENSE => None",
    );
}

#[test]
fn allo_is_remembered_for_one_upload() {
    logged_in(
        "C: ALLO 100\nA: Allocate { size: 100 }\nO: done\nS: 200\nC: EPSV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 229\n\
         C: STOR f\nA: Transfer(Transfer { kind: Store { path: [102], offset: 0, declared: Some(100) }\nO: moved\nS: 226\n\
         C: EPSV\nA: OpenPassive\nO: passive 127.0.0.1:50001\nS: 229\n\
         C: STOR f\nA: Transfer(Transfer { kind: Store { path: [102], offset: 0, declared: None }\nO: moved\nS: 226",
    );
}

#[test]
fn later_verbs_are_known_but_not_implemented() {
    logged_in("C: HASH f\nS: 502\nC: SMNT x\nS: 502\nC: SITE EXEC id\nS: 500\nC: MODE Z\nS: 504");
}
