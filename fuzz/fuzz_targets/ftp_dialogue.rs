#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::reply::{Reply, ReplyDecoder};
use wharf_ftp::server::{Action, Dialogue, DialogueOptions, Failure, Outcome, Step, TlsOffer};

// The first byte chooses the options. After it, lines: the first byte of each decides how the work
// ends that the line leads to.
fuzz_target!(|input: &[u8]| {
    let Some((options, lines)) = input.split_first() else {
        return;
    };
    let options = options_of(*options);
    let mut dialogue = Dialogue::new(options);
    let mut ever_protected = dialogue.is_protected();
    for line in lines.split(|byte| *byte == b'\n') {
        let Some((fate, line)) = line.split_first() else {
            continue;
        };
        let (was_protected, was_logged_in) = (dialogue.is_protected(), dialogue.is_logged_in());
        match dialogue.command(line) {
            Step::Reply(reply) => one_final(&reply),
            Step::Refuse { code, .. } => assert!((400..=599).contains(&code)),
            Step::Close(reply) => return one_final(&reply),
            Step::StartTls(reply) => {
                one_final(&reply);
                assert_eq!(options.tls, TlsOffer::Explicit);
                assert!(!ever_protected && !was_logged_in);
                dialogue.protected();
                assert!(dialogue.is_protected() && !dialogue.is_logged_in());
                ever_protected = true;
            }
            Step::StopTls(reply) => {
                one_final(&reply);
                assert!(options.ccc_allowed && was_protected && was_logged_in);
                dialogue.unprotected();
                assert!(!dialogue.is_protected() && dialogue.is_logged_in());
            }
            Step::Do(action) => {
                allowed(
                    &action,
                    was_logged_in,
                    options.data_tls_required && ever_protected,
                );
                let outcome = outcome_of(&action, *fate);
                one_final(&dialogue.done(action, outcome));
            }
        }
    }
});

fn options_of(bits: u8) -> DialogueOptions {
    DialogueOptions {
        ipv6: bits & 1 != 0,
        data_tls_required: bits & 2 != 0,
        ccc_allowed: bits & 4 != 0,
        tls: match bits >> 3 & 3 {
            0 => TlsOffer::None,
            1 => TlsOffer::Implicit,
            _ => TlsOffer::Explicit,
        },
    }
}

fn allowed(action: &Action, logged_in: bool, data_must_be_protected: bool) {
    let before_login = matches!(
        action,
        Action::Identify { .. }
            | Action::Authenticate { .. }
            | Action::Reinitialise
            | Action::SelectSite { .. }
    );
    assert!(before_login || logged_in, "{action:?}");
    if let Action::Transfer(transfer) = action {
        assert!(transfer.protected || !data_must_be_protected);
        assert!(transfer.protected || !transfer.tls_client);
    }
}

fn outcome_of(action: &Action, fate: u8) -> Outcome {
    if fate.is_multiple_of(8) {
        return Outcome::Failed(Failure {
            code: 550,
            text: "No".into(),
            close: false,
        });
    }
    match action {
        Action::Identify { .. } if fate % 8 < 6 => Outcome::AskPassword,
        Action::Identify { .. } if fate % 8 == 6 => Outcome::LoggedInByCertificate,
        Action::Identify { .. } | Action::Authenticate { .. } => Outcome::LoggedIn,
        Action::OpenPassive { .. } => Outcome::Passive(([127, 0, 0, 1], 50_001).into()),
        Action::Transfer(_) => Outcome::Transferred {
            bytes: 1,
            name: None,
            note: None,
        },
        _ => Outcome::Done,
    }
}

/// One reply on the wire, which announces no other.
fn one_final(reply: &Reply) {
    let mut bytes = Vec::new();
    reply.encode_into(&mut bytes);
    let mut decoder = ReplyDecoder::new();
    decoder.push(&bytes);
    let received = decoder.next_reply().expect("a reply").expect("a good one");
    assert!((200..=599).contains(&received.code) && !received.is_preliminary());
    assert!(decoder.next_reply().is_none() && decoder.is_empty());
}
