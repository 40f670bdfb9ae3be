//! Passwords: from standard input, from a terminal without an echo, or made up.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use rustix::termios::{
    LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use secrecy::zeroize::Zeroize as _;
use secrecy::{ExposeSecret as _, SecretSlice};

use crate::failure::Failure;

/// The longest password an account can have, in bytes.
const LONGEST: usize = 1024;

/// Where a new password came from.
#[derive(Debug)]
pub(crate) enum NewPassword {
    /// The person or the script knows it.
    Given(SecretSlice<u8>),
    /// It must be made up and shown.
    MakeUp,
}

/// The new password for an account, by the ways surface.md promises.
pub(crate) fn new_password(from_stdin: bool, name: &str) -> Result<NewPassword, Failure> {
    let stdin = io::stdin();
    if from_stdin {
        return from_reader(Unbuffered).map(NewPassword::Given);
    }
    if !stdin.is_terminal() {
        return Ok(NewPassword::MakeUp);
    }
    let first = ask(&format!("Password for {name} (empty: make one up): "))?;
    if first.expose_secret().is_empty() {
        return Ok(NewPassword::MakeUp);
    }
    let again = ask("The same again: ")?;
    if first.expose_secret() != again.expose_secret() {
        return Err(Failure::new("the two passwords differ").hint("run the command again"));
    }
    Ok(NewPassword::Given(first))
}

/// A code from the terminal, as silent as a password.
pub(crate) fn code(question: &str) -> Result<SecretSlice<u8>, Failure> {
    ask(question).map_err(|_| Failure::new("no code was given, so none are in force"))
}

/// The first line, without its line break: `echo` and `printf` give the same.
fn from_reader(reader: impl io::Read) -> Result<SecretSlice<u8>, Failure> {
    // Room for all of it at once: a buffer that grew would leave copies behind.
    let mut bytes = Vec::with_capacity(LONGEST + 3);
    reader
        .take(LONGEST as u64 + 3)
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::new(format!("cannot read the password: {error}")))?;
    if let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
        bytes.truncate(end);
    }
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    accept(bytes)
}

fn accept(mut bytes: Vec<u8>) -> Result<SecretSlice<u8>, Failure> {
    if bytes.len() > LONGEST {
        bytes.zeroize();
        return Err(Failure::new(format!(
            "a password has at most {LONGEST} bytes"
        )));
    }
    if bytes.is_empty() {
        return Err(Failure::new("the password is empty"));
    }
    Ok(secret(bytes))
}

/// Moves the bytes where they are wiped on drop, and wipes where they were: shrinking the vector
/// could leave a copy behind.
fn secret(mut bytes: Vec<u8>) -> SecretSlice<u8> {
    let secret = SecretSlice::new(Box::from(bytes.as_slice()));
    bytes.zeroize();
    secret
}

/// Standard input without the buffer of `std`, which would keep what went through it.
struct Unbuffered;

impl io::Read for Unbuffered {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

/// Asks on the terminal without showing what is typed.
fn ask(question: &str) -> Result<SecretSlice<u8>, Failure> {
    let failed = |error: io::Error| Failure::new(format!("cannot ask for the password: {error}"));
    let mut stderr = io::stderr();
    stderr
        .write_all(question.as_bytes())
        .and_then(|()| stderr.flush())
        .map_err(failed)?;
    let typed = {
        let _silent = Silent::begin().map_err(|error| failed(error.into()))?;
        type_in(Unbuffered)
    };
    // The person's Enter was not echoed either.
    let _ = stderr.write_all(b"\n");
    typed
}

/// Reads keys until Enter. The terminal gives them raw, so that Ctrl-C ends the program through
/// here and leaves the echo switched on.
fn type_in(mut keys: impl io::Read) -> Result<SecretSlice<u8>, Failure> {
    const INTERRUPT: u8 = 3;
    const END: u8 = 4;
    const BACKSPACE: [u8; 2] = [8, 127];
    const CLEAR: u8 = 21;
    let mut typed = Vec::with_capacity(LONGEST);
    loop {
        let mut key = [0];
        match keys.read(&mut key) {
            Ok(0) => return Err(Failure::new("no password was given")),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Failure::new(format!("cannot read the password: {error}"))),
        }
        match key[0] {
            b'\r' | b'\n' => return Ok(secret(typed)),
            INTERRUPT | END => return Err(Failure::new("no password was given")),
            CLEAR => typed.zeroize(),
            key if BACKSPACE.contains(&key) => {
                // A character may be several bytes of UTF-8.
                while typed.pop().is_some_and(|byte| byte & 0xC0 == 0x80) {}
            }
            _ if typed.len() == LONGEST => {
                return Err(Failure::new(format!(
                    "a password has at most {LONGEST} bytes"
                )));
            }
            key => typed.push(key),
        }
    }
}

/// The terminal without echo; as it was before when this is dropped.
struct Silent {
    before: Termios,
}

impl Silent {
    fn begin() -> rustix::io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut silent = before.clone();
        silent.local_modes &= !(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG);
        silent.special_codes[SpecialCodeIndex::VMIN] = 1;
        silent.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Flush, &silent)?;
        Ok(Self { before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // Nothing better can be done where this fails.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposed(result: Result<SecretSlice<u8>, Failure>) -> Result<Vec<u8>, String> {
        result
            .map(|secret| secret.expose_secret().to_vec())
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn standard_input_gives_one_line() {
        for text in ["secret", "secret\n", "secret\r\n", "secret\nmore\n"] {
            assert_eq!(
                exposed(from_reader(text.as_bytes())),
                Ok(b"secret".to_vec())
            );
        }
        assert_eq!(
            exposed(from_reader(&b" a \xFF\n"[..])),
            Ok(b" a \xFF".to_vec())
        );
        for text in ["", "\n", "\r\n", &"x".repeat(1025)] {
            assert!(exposed(from_reader(text.as_bytes())).is_err());
        }
        assert!(exposed(from_reader("x".repeat(1024).as_bytes())).is_ok());
    }

    #[test]
    fn typing_can_be_mended_and_given_up() {
        let typed = |keys: &str| exposed(type_in(keys.as_bytes()));
        assert_eq!(typed("ab\x7fc\r"), Ok(b"ac".to_vec()));
        assert_eq!(typed("aä\x08b\n"), Ok(b"ab".to_vec()));
        assert_eq!(typed("wrong\x15right\r"), Ok(b"right".to_vec()));
        assert_eq!(typed("\x7f\x7f\r"), Ok(Vec::new()));
        for keys in ["abc\x03", "\x04", "abc", &"x".repeat(1025)] {
            assert!(typed(keys).is_err(), "{keys:?}");
        }
    }
}
