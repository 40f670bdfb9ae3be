//! Logins: RFC 4252, RFC 4256.

use crate::encoding::{Malformed, Reader, Writer};

/// A message of the client's before it is logged in.
#[derive(Debug, PartialEq, Eq)]
pub enum Request<'a> {
    /// SSH_MSG_SERVICE_REQUEST.
    Service(&'a [u8]),
    /// SSH_MSG_USERAUTH_REQUEST.
    Login {
        /// The account's name, as it was sent.
        user: &'a [u8],
        /// What is to be used after the login.
        service: &'a [u8],
        /// How.
        method: Method<'a>,
    },
    /// SSH_MSG_USERAUTH_INFO_RESPONSE: the answers to the questions asked last.
    Answers(Vec<&'a [u8]>),
}

/// How a client means to log in.
#[derive(Debug, PartialEq, Eq)]
pub enum Method<'a> {
    /// Asks which methods there are.
    None,
    /// A password.
    Password(&'a [u8]),
    /// A password and the one to replace it.
    NewPassword,
    /// A key or a certificate, with or without the proof that one has it.
    PublicKey {
        /// The signature algorithm, or that of the certificate.
        algorithm: &'a [u8],
        /// The key or certificate.
        key: &'a [u8],
        /// The signature; without it the question is whether it would be of use.
        signature: Option<Signature<'a>>,
    },
    /// Questions are to be asked (RFC 4256).
    KeyboardInteractive,
    /// Another.
    Other(&'a [u8]),
}

/// The proof that a client has a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    /// The part of the message that is signed, behind the session's identifier.
    pub signed: &'a [u8],
    /// The signature blob.
    pub blob: &'a [u8],
}

impl Signature<'_> {
    /// What was signed: RFC 4252 §7.
    #[must_use]
    pub fn message(&self, session: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(session.len() + self.signed.len() + 4);
        message.put_string(session);
        message.extend_from_slice(self.signed);
        message
    }
}

impl<'a> Request<'a> {
    /// Reads a payload.
    ///
    /// # Errors
    /// When it is none of these messages or not whole.
    pub fn read(payload: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(payload);
        let request = match reader.byte()? {
            SERVICE_REQUEST => Self::Service(reader.string(MAX_NAME)?),
            USERAUTH_REQUEST => Self::login(&mut reader, payload)?,
            USERAUTH_INFO_RESPONSE => Self::answers(&mut reader)?,
            _ => return Err(Malformed::Trailing),
        };
        reader.end()?;
        Ok(request)
    }

    fn login(reader: &mut Reader<'a>, payload: &'a [u8]) -> Result<Self, Malformed> {
        let user = reader.string(MAX_USER)?;
        let service = reader.string(MAX_NAME)?;
        let method = match reader.string(MAX_NAME)? {
            b"none" => Method::None,
            b"password" => {
                let changes = reader.boolean()?;
                let password = reader.string(MAX_PASSWORD)?;
                if changes {
                    reader.string(MAX_PASSWORD)?;
                    Method::NewPassword
                } else {
                    Method::Password(password)
                }
            }
            b"publickey" => public_key(reader, payload)?,
            b"keyboard-interactive" => {
                reader.string(MAX_NAME)?;
                reader.string(MAX_SUBMETHODS)?;
                Method::KeyboardInteractive
            }
            other => {
                reader.bytes(reader.rest().len())?;
                Method::Other(other)
            }
        };
        Ok(Self::Login {
            user,
            service,
            method,
        })
    }

    fn answers(reader: &mut Reader<'a>) -> Result<Self, Malformed> {
        let count = reader.u32()?;
        // Before anything is allocated (security M5).
        if count > MAX_ANSWERS {
            return Err(Malformed::TooLong {
                length: count,
                max: MAX_ANSWERS as usize,
            });
        }
        let answers = (0..count).map(|_| reader.string(MAX_PASSWORD));
        Ok(Self::Answers(answers.collect::<Result<_, _>>()?))
    }
}

fn public_key<'a>(reader: &mut Reader<'a>, payload: &'a [u8]) -> Result<Method<'a>, Malformed> {
    let signs = reader.boolean()?;
    let algorithm = reader.string(MAX_NAME)?;
    let key = reader.string(MAX_KEY)?;
    let signed = payload.len() - reader.rest().len();
    let signature = if signs {
        Some(Signature {
            signed: payload.get(..signed).unwrap_or_default(),
            blob: reader.string(MAX_KEY)?,
        })
    } else {
        None
    };
    Ok(Method::PublicKey {
        algorithm,
        key,
        signature,
    })
}

/// SSH_MSG_SERVICE_ACCEPT.
#[must_use]
pub fn accept_service(name: &[u8]) -> Vec<u8> {
    let mut payload = vec![SERVICE_ACCEPT];
    payload.put_string(name);
    payload
}

/// SSH_MSG_USERAUTH_SUCCESS.
#[must_use]
pub fn success() -> Vec<u8> {
    vec![USERAUTH_SUCCESS]
}

/// SSH_MSG_USERAUTH_FAILURE: what can go on; `partial`: what came was right, and not enough.
#[must_use]
pub fn failure<'a>(methods: impl IntoIterator<Item = &'a str>, partial: bool) -> Vec<u8> {
    let methods: Vec<&str> = methods.into_iter().collect();
    let mut payload = vec![USERAUTH_FAILURE];
    payload.put_string(methods.join(",").as_bytes());
    payload.put_boolean(partial);
    payload
}

/// SSH_MSG_USERAUTH_BANNER: a text for the user.
#[must_use]
pub fn banner(text: &str) -> Vec<u8> {
    let mut payload = vec![USERAUTH_BANNER];
    payload.put_string(text.as_bytes());
    payload.put_string(b"");
    payload
}

/// SSH_MSG_USERAUTH_PK_OK: a signature by this key would be of use.
#[must_use]
pub fn key_would_do(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let mut payload = vec![USERAUTH_PK_OK];
    payload.put_string(algorithm);
    payload.put_string(key);
    payload
}

/// SSH_MSG_USERAUTH_INFO_REQUEST: questions, and whether the answer may be seen.
#[must_use]
pub fn questions(name: &str, instruction: &str, prompts: &[(&str, bool)]) -> Vec<u8> {
    let mut payload = vec![USERAUTH_INFO_REQUEST];
    payload.put_string(name.as_bytes());
    payload.put_string(instruction.as_bytes());
    payload.put_string(b"");
    payload.put_u32(u32::try_from(prompts.len()).unwrap_or(0));
    for (prompt, echo) in prompts {
        payload.put_string(prompt.as_bytes());
        payload.put_boolean(*echo);
    }
    payload
}

const SERVICE_REQUEST: u8 = 5;
const SERVICE_ACCEPT: u8 = 6;
const USERAUTH_REQUEST: u8 = 50;
const USERAUTH_FAILURE: u8 = 51;
const USERAUTH_SUCCESS: u8 = 52;
const USERAUTH_BANNER: u8 = 53;
const USERAUTH_PK_OK: u8 = 60;
const USERAUTH_INFO_REQUEST: u8 = 60;
const USERAUTH_INFO_RESPONSE: u8 = 61;

/// Of methods, services and algorithms (RFC 4251 §6 allows 64).
const MAX_NAME: usize = 128;
const MAX_USER: usize = 1024;
/// More than any account may have; how much is taken is the accounts' to say.
const MAX_PASSWORD: usize = 64 * 1024;
/// A certificate with many principals, or the signature of an RSA key.
const MAX_KEY: usize = 64 * 1024;
const MAX_SUBMETHODS: usize = 1024;
const MAX_ANSWERS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m5_a_count_is_bounded_before_it_is_believed() {
        for count in [9_u32, u32::MAX] {
            let mut payload = vec![USERAUTH_INFO_RESPONSE];
            payload.put_u32(count);
            assert!(Request::read(&payload).is_err());
        }
        let mut payload = vec![USERAUTH_INFO_RESPONSE];
        payload.put_u32(1);
        payload.put_string(b"123456");
        assert_eq!(
            Request::read(&payload).unwrap(),
            Request::Answers(vec![b"123456"])
        );
    }

    #[test]
    fn what_is_signed_is_the_message_up_to_the_signature() {
        let mut payload = vec![USERAUTH_REQUEST];
        for part in [&b"ann"[..], b"ssh-connection", b"publickey"] {
            payload.put_string(part);
        }
        payload.put_boolean(true);
        payload.put_string(b"ssh-ed25519");
        payload.put_string(b"key");
        let signed = payload.clone();
        payload.put_string(b"blob");
        let Ok(Request::Login { user, method, .. }) = Request::read(&payload) else {
            panic!("not a login");
        };
        let Method::PublicKey {
            signature: Some(signature),
            ..
        } = method
        else {
            panic!("not a key");
        };
        assert_eq!(user, b"ann");
        assert_eq!(signature.signed, signed);
        let mut message = Vec::new();
        message.put_string(b"session");
        message.extend_from_slice(&signed);
        assert_eq!(signature.message(b"session"), message);
    }

    #[test]
    fn bytes_behind_the_end_are_refused() {
        let mut payload = vec![SERVICE_REQUEST];
        payload.put_string(b"ssh-userauth");
        assert!(Request::read(&payload).is_ok());
        payload.push(0);
        assert_eq!(Request::read(&payload), Err(Malformed::Trailing));
    }
}
