//! Whatever is said in whatever order, and however the work ends: a command has one final reply,
//! and what the login and TLS forbid does not happen.

use proptest::prelude::*;

use super::*;
use crate::reply::ReplyDecoder;
use crate::verb;

/// What a session must remember to judge the machine by, written without looking at it.
#[derive(Debug)]
struct Model {
    options: DialogueOptions,
    control: Control,
    logged_in: bool,
    /// USER was answered 331 under the present protection, and nothing spoiled it since.
    password_awaited: bool,
    /// Data connections are protected, and were when TLS began.
    private: bool,
    private_at_first: bool,
    /// A data connection is agreed on.
    route: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Control {
    Clear,
    Protected,
    AfterCcc,
}

impl Model {
    fn new(options: DialogueOptions) -> Self {
        let implicit = options.tls == TlsOffer::Implicit;
        Self {
            options,
            control: if implicit {
                Control::Protected
            } else {
                Control::Clear
            },
            logged_in: false,
            password_awaited: false,
            private: implicit,
            private_at_first: implicit,
            route: false,
        }
    }

    /// Plays one command whole. Returns whether the connection goes on.
    fn play(&mut self, machine: &mut Dialogue, line: &[u8], fate: &Outcome) -> bool {
        let name = line.split(|byte| *byte == b' ').next().unwrap_or_default();
        let verb = Verb::from_name(name);
        let step = machine.command(line);
        if let Some(verb) = verb
            && verb.info().tls
            && self.control != Control::Protected
        {
            let refused =
                matches!(&step, Step::Reply(reply) if (500..=599).contains(&reply.code()));
            assert!(refused, "{verb:?} in clear: {step:?}");
        }
        match step {
            Step::Reply(reply) => self.replied(verb, line, &reply),
            Step::Refuse { code, why, .. } => {
                one_final(&Reply::line(code, "x"));
                if why == Why::ClearData {
                    assert!(self.must_not_be_clear() && !self.private);
                    self.route = false;
                }
            }
            Step::Close(reply) => {
                one_final(&reply);
                assert_eq!(verb, Some(Verb::Quit));
                return false;
            }
            Step::StartTls(reply) => {
                one_final(&reply);
                assert_eq!(reply.code(), 234);
                assert_eq!(self.options.tls, TlsOffer::Explicit);
                assert_eq!(self.control, Control::Clear);
                assert!(!self.logged_in);
                machine.protected();
                let old = line.ends_with(b"SSL") || line.ends_with(b"TLS-P");
                *self = Self {
                    control: Control::Protected,
                    private: old,
                    private_at_first: old,
                    ..Self::new(self.options)
                };
            }
            Step::StopTls(reply) => {
                one_final(&reply);
                assert!(self.options.ccc_allowed && self.logged_in);
                assert_eq!(self.control, Control::Protected);
                machine.unprotected();
                self.control = Control::AfterCcc;
            }
            Step::Do(action) => self.act(machine, action, fate),
        }
        assert_eq!(machine.is_protected(), self.control == Control::Protected);
        assert_eq!(machine.is_logged_in(), self.logged_in);
        true
    }

    fn must_not_be_clear(&self) -> bool {
        self.options.data_tls_required && self.control != Control::Clear
    }

    fn replied(&mut self, verb: Option<Verb>, line: &[u8], reply: &Reply) {
        one_final(reply);
        match (verb, reply.code()) {
            (Some(Verb::Prot), 200) => self.private = line.to_ascii_uppercase().ends_with(b"P"),
            (Some(Verb::Pass), 503) => assert!(!self.password_awaited),
            _ => {}
        }
    }

    fn act(&mut self, machine: &mut Dialogue, action: Action, fate: &Outcome) {
        let before_login = matches!(
            action,
            Action::Identify { .. }
                | Action::Authenticate { .. }
                | Action::Reinitialise
                | Action::SelectSite { .. }
        );
        assert!(before_login || self.logged_in, "{action:?}");
        let fails = matches!(fate, Outcome::Failed(_));
        let outcome = match &action {
            _ if fails => failed(),
            Action::Identify { .. } => {
                assert!(!self.logged_in);
                self.password_awaited = matches!(fate, Outcome::AskPassword);
                self.logged_in = !self.password_awaited;
                match fate {
                    Outcome::AskPassword => Outcome::AskPassword,
                    Outcome::LoggedInByCertificate => Outcome::LoggedInByCertificate,
                    _ => Outcome::LoggedIn,
                }
            }
            Action::Authenticate { .. } => {
                assert!(self.password_awaited, "a password nobody asked for");
                self.password_awaited = false;
                self.logged_in = true;
                Outcome::LoggedIn
            }
            Action::SelectSite { .. } => {
                assert!(!self.logged_in);
                self.password_awaited = false;
                Outcome::Done
            }
            Action::OpenPassive { tls_client, .. } => {
                assert!(!tls_client || self.private && self.control == Control::Protected);
                self.route = true;
                Outcome::Passive(([127, 0, 0, 1], 50_001).into())
            }
            Action::CheckActive { .. } => {
                self.route = true;
                Outcome::Done
            }
            Action::Transfer(transfer) => {
                assert!(self.route, "{transfer:?}");
                assert_eq!(transfer.protected, self.private);
                assert!(transfer.protected || !self.must_not_be_clear());
                assert!(transfer.protected || !transfer.tls_client);
                Outcome::Transferred {
                    bytes: 1,
                    name: None,
                    note: None,
                }
            }
            _ => Outcome::Done,
        };
        match &action {
            Action::Identify { .. } | Action::Authenticate { .. } if fails => {
                self.password_awaited = false;
                self.logged_in = false;
            }
            Action::SelectSite { .. } => self.password_awaited = false,
            Action::OpenPassive { .. } | Action::CheckActive { .. } => self.route = !fails,
            Action::Transfer(_) => self.route = false,
            Action::Reinitialise => {
                *self = Self {
                    control: self.control,
                    private: self.private_at_first,
                    private_at_first: self.private_at_first,
                    ..Self::new(self.options)
                };
            }
            _ => {}
        }
        let reply = machine.done(action, outcome);
        one_final(&reply);
        assert_eq!(fails, reply.code() >= 400, "{reply:?}");
    }
}

/// Exactly one reply on the wire, and none that announces another.
fn one_final(reply: &Reply) {
    let mut bytes = Vec::new();
    reply.encode_into(&mut bytes);
    let mut decoder = ReplyDecoder::new();
    decoder.push(&bytes);
    let received = decoder.next_reply().expect("a reply").expect("a good one");
    assert!(
        !received.is_preliminary() && received.code >= 200,
        "{received:?}"
    );
    assert!(decoder.next_reply().is_none() && decoder.is_empty());
}

fn failed() -> Outcome {
    Outcome::Failed(Failure {
        code: 550,
        text: "No".into(),
        close: false,
    })
}

fn options() -> impl Strategy<Value = DialogueOptions> {
    let offer = prop::sample::select(vec![
        TlsOffer::None,
        TlsOffer::Explicit,
        TlsOffer::Explicit,
        TlsOffer::Implicit,
    ]);
    (any::<[bool; 3]>(), offer).prop_map(|([ipv6, data_tls_required, ccc_allowed], tls)| {
        DialogueOptions {
            ipv6,
            tls,
            data_tls_required,
            ccc_allowed,
        }
    })
}

/// Often something that leads on, sometimes any verb with any argument.
fn a_line() -> impl Strategy<Value = Vec<u8>> {
    let leading = prop::sample::select(vec![
        "USER ann",
        "PASS x",
        "AUTH TLS",
        "AUTH TLS-P",
        "AUTH SSL",
        "AUTH X",
        "PBSZ 0",
        "PROT P",
        "PROT C",
        "PROT S",
        "CCC",
        "SSCN ON",
        "SSCN OFF",
        "SSCN",
        "CPSV",
        "HOST a.example",
        "REIN",
        "PASV",
        "EPSV",
        "EPSV ALL",
        "PORT 127,0,0,1,200,1",
        "EPRT |2|::1|5000|",
        "TYPE I",
        "REST 5",
        "ALLO 9",
        "RNFR a",
        "RNTO b",
        "STAT",
        "FEAT",
        "HELP",
    ]);
    let transfer = prop::sample::select(vec![
        "RETR f", "STOR f", "STOU", "APPE f", "LIST", "NLST", "MLSD",
    ]);
    let any_verb = (
        prop::sample::select(verb::table()),
        prop::collection::vec(any::<u8>(), 0..12),
    )
        .prop_map(|(row, argument)| [row.name.as_bytes(), b" ", &argument].concat());
    prop_oneof![
        8 => leading.prop_map(|line| line.as_bytes().to_vec()),
        3 => transfer.prop_map(|line| line.as_bytes().to_vec()),
        2 => any_verb,
        1 => prop::collection::vec(any::<u8>(), 0..20),
    ]
}

/// A beginning that random lines would seldom find.
fn a_beginning() -> impl Strategy<Value = &'static [&'static str]> {
    prop::sample::select(vec![
        &[][..],
        &["USER ann", "PASS x"],
        &["AUTH TLS", "USER ann", "PASS x"],
        &["AUTH TLS", "USER ann", "PASS x", "PBSZ 0", "PROT P"],
        &["AUTH SSL", "USER ann", "PASS x", "SSCN ON", "CCC"],
    ])
}

fn a_fate() -> impl Strategy<Value = u8> {
    0_u8..8
}

fn fate(number: u8) -> Outcome {
    match number {
        0 => failed(),
        1 => Outcome::LoggedIn,
        2 => Outcome::LoggedInByCertificate,
        _ => Outcome::AskPassword,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    #[test]
    fn one_final_reply_to_each_command_and_no_way_round_tls(
        options in options(),
        beginning in a_beginning(),
        lines in prop::collection::vec((a_line(), a_fate()), 1..60),
    ) {
        let mut machine = Dialogue::new(options);
        let mut model = Model::new(options);
        for line in beginning {
            model.play(&mut machine, line.as_bytes(), &Outcome::AskPassword);
        }
        for (line, number) in &lines {
            if !model.play(&mut machine, line, &fate(*number)) {
                break;
            }
        }
    }
}
