//! Logins (RFC 4252, RFC 4256), each step by itself.

use wharf_ssh::encoding::{Reader, Writer};

use super::{Ended, SshClient, UserKey};
use crate::{Account, Wharf};

/// What the server says to a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// In.
    Success,
    /// Not in; what may follow.
    Failure {
        /// The methods that can go on.
        methods: String,
        /// The step was right, and is not enough.
        partial: bool,
    },
    /// A signature by this key would be of use.
    KeyWouldDo,
    /// Questions, with whether the answer may be seen.
    Questions(Vec<(String, bool)>),
    /// The end.
    Ended(Ended),
}

impl Said {
    /// Whether it was a plain refusal.
    #[must_use]
    pub const fn is_refused(&self) -> bool {
        matches!(self, Self::Failure { partial: false, .. })
    }

    /// Whether the step was right and not enough.
    #[must_use]
    pub const fn is_partial(&self) -> bool {
        matches!(self, Self::Failure { partial: true, .. })
    }
}

impl SshClient {
    /// Connected and logged in by a password.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn session(wharf: &Wharf) -> Self {
        Self::session_of(wharf, wharf.account())
    }

    /// The same as another account.
    ///
    /// # Panics
    /// When that fails.
    #[must_use]
    #[track_caller]
    pub fn session_of(wharf: &Wharf, account: &Account) -> Self {
        let mut client = Self::ready_to_log_in(wharf);
        let said = client.password(&account.name, account.password.as_bytes());
        assert_eq!(said, Said::Success, "{}", account.name);
        client
    }

    /// Connected, with the service of logins asked for.
    ///
    /// # Panics
    /// When it is not granted.
    #[must_use]
    #[track_caller]
    pub fn ready_to_log_in(wharf: &Wharf) -> Self {
        let mut client = Self::connect(wharf);
        client.ask_for_logins();
        client
    }

    /// Asks for the service of logins.
    ///
    /// # Panics
    /// When it is not granted.
    #[track_caller]
    pub fn ask_for_logins(&mut self) {
        self.send(&service(b"ssh-userauth"));
        let accepted = self.reply();
        let accepted = accepted.unwrap_or_else(|ended| panic!("no logins: {ended:?}"));
        assert_eq!(accepted.first(), Some(&6), "the service");
    }

    /// A login without proof.
    pub fn none(&mut self, name: &str) -> Said {
        self.step(&request(name, b"none"))
    }

    /// A password.
    pub fn password(&mut self, name: &str, password: &[u8]) -> Said {
        self.step(&Self::password_message(name, password))
    }

    /// The message of a password.
    #[must_use]
    pub fn password_message(name: &str, password: &[u8]) -> Vec<u8> {
        let mut payload = request(name, b"password");
        payload.put_boolean(false);
        payload.put_string(password);
        payload
    }

    /// Begins keyboard-interactive.
    pub fn interactive(&mut self, name: &str) -> Said {
        let mut payload = request(name, b"keyboard-interactive");
        payload.put_string(b"");
        payload.put_string(b"");
        self.step(&payload)
    }

    /// Answers what was asked.
    pub fn answer(&mut self, answer: &[u8]) -> Said {
        let mut payload = vec![61];
        payload.put_u32(1);
        payload.put_string(answer);
        self.step(&payload)
    }

    /// Asks whether a key would do.
    pub fn query(&mut self, name: &str, algorithm: &str, wire: &[u8]) -> Said {
        let mut payload = request(name, b"publickey");
        payload.put_boolean(false);
        payload.put_string(algorithm.as_bytes());
        payload.put_string(wire);
        self.step(&payload)
    }

    /// A key and the proof that one has it.
    pub fn by_key(&mut self, name: &str, key: &UserKey) -> Said {
        self.signed(name, &key.algorithm, &key.wire, key)
    }

    /// A key or certificate, signed for by whatever key.
    ///
    /// # Panics
    /// When there are no keys of the connection yet.
    pub fn signed(&mut self, name: &str, algorithm: &str, wire: &[u8], signer: &UserKey) -> Said {
        let (mut payload, message) = self.to_sign(name, algorithm, wire);
        payload.put_string(&signer.sign(&message));
        self.step(&payload)
    }

    /// A key with a signature that is not looked at before it is sent.
    ///
    /// # Panics
    /// When there are no keys of the connection yet.
    pub fn with_signature(&mut self, name: &str, key: &UserKey, signature: &[u8]) -> Said {
        let (mut payload, _) = self.to_sign(name, &key.algorithm, &key.wire);
        payload.put_string(signature);
        self.step(&payload)
    }

    /// The message up to the signature, and what the signature is of (RFC 4252 §7).
    ///
    /// # Panics
    /// When there are no keys of the connection yet.
    pub fn to_sign(&mut self, name: &str, algorithm: &str, wire: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let mut payload = request(name, b"publickey");
        payload.put_boolean(true);
        payload.put_string(algorithm.as_bytes());
        payload.put_string(wire);
        let session = self.transport().session().expect("keys in use").to_vec();
        let mut message = Vec::new();
        message.put_string(&session);
        message.extend_from_slice(&payload);
        (payload, message)
    }

    /// Sends one step and reads what is said to it.
    pub fn step(&mut self, payload: &[u8]) -> Said {
        self.exchange(payload)
            .map_or_else(Said::Ended, |(said, _)| {
                if said == Said::Success {
                    self.transport().set_authenticated();
                }
                said
            })
    }

    /// Sends one step, and gives what is said to it also as it came.
    ///
    /// # Errors
    /// How the connection ended.
    pub fn exchange(&mut self, payload: &[u8]) -> Result<(Said, Vec<u8>), Ended> {
        self.try_send(payload)?;
        let message = self.reply()?;
        Ok((read(&message), message))
    }
}

/// SSH_MSG_SERVICE_REQUEST.
fn service(name: &[u8]) -> Vec<u8> {
    let mut payload = vec![5];
    payload.put_string(name);
    payload
}

/// The front of SSH_MSG_USERAUTH_REQUEST.
pub(super) fn request(name: &str, method: &[u8]) -> Vec<u8> {
    let mut payload = vec![50];
    payload.put_string(name.as_bytes());
    payload.put_string(b"ssh-connection");
    payload.put_string(method);
    payload
}

fn read(message: &[u8]) -> Said {
    let mut reader = Reader::new(message);
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("plain text");
    match reader.byte() {
        Ok(52) => Said::Success,
        Ok(51) => Said::Failure {
            methods: text(reader.string(1000).expect("methods")),
            partial: reader.boolean().expect("whether partial"),
        },
        // 60 is both, by what was asked.
        Ok(60)
            if message.get(5..).is_some_and(|rest| {
                rest.starts_with(b"ssh-")
                    || rest.starts_with(b"ecdsa-")
                    || rest.starts_with(b"rsa-")
            }) =>
        {
            Said::KeyWouldDo
        }
        Ok(60) => {
            for _ in 0..3 {
                reader.string(10_000).expect("name, instruction, language");
            }
            let count = reader.u32().expect("a count");
            let prompt = |_| {
                let prompt = text(reader.string(10_000).expect("a prompt"));
                (prompt, reader.boolean().expect("whether it is shown"))
            };
            Said::Questions((0..count).map(prompt).collect())
        }
        _ => panic!("no answer to a login: {message:?}"),
    }
}
