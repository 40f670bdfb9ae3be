//! `wharf user totp`.

use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::SystemTime;

use qrcodegen::{QrCode, QrCodeEcc};
use secrecy::{ExposeSecret as _, SecretSlice};
use serde_json::json;
use wharf_accounts::{AccountName, Error, RecoveryCodes, TotpSecret};

use super::{User, account_name, database};
use crate::arguments::{Format, TotpArguments};
use crate::failure::Failure;
use crate::{output, prompt};

impl User {
    pub(super) async fn totp(&self, arguments: &TotpArguments) -> Result<(), Failure> {
        let name = account_name(&arguments.name)?;
        if arguments.off {
            self.accounts.remove_totp(&name).await.map_err(database)?;
            let object = json!({ "name": name.as_str(), "totp": false });
            return self.say(&name, "is not asked for codes any more", object);
        }
        if self.account(name.as_str()).await?.has_totp {
            return Err(database(Error::TotpExists(name)));
        }
        let ask = !arguments.no_confirm;
        if ask && !io::stdin().is_terminal() {
            return Err(Failure::usage("there is no terminal to ask for a code on")
                .hint("`--no-confirm` puts the codes in force without asking for one"));
        }
        let secret = TotpSecret::generate().map_err(database)?;
        let confirmed = match (self.format, ask) {
            // A program wants one object; the person is shown the rest beside it.
            (Format::Json, true) => {
                let shown = enrolment(&name, &secret, io::stderr().is_terminal());
                io::stderr().write_all(shown.as_bytes())?;
                Some(confirm(&secret)?)
            }
            (Format::Json, false) => None,
            (Format::Text, _) => {
                output::text(&enrolment(&name, &secret, io::stdout().is_terminal()))?;
                ask.then(|| confirm(&secret)).transpose()?
            }
        };
        let enrolled = self.accounts.enrol_totp(&name, &secret, confirmed.as_ref());
        let codes = enrolled.await.map_err(database)?;
        match self.format {
            Format::Text => output::text(&in_force(&name, &codes))?,
            Format::Json => output::json(&json!({
                "name": name.as_str(),
                "totp": true,
                "secret": secret.base32().expose_secret(),
                "address": address(&name, &secret).expose_secret(),
                "recovery_codes": codes.iter().map(|code| code.expose_secret()).collect::<Vec<_>>(),
            }))?,
        }
        Ok(())
    }
}

/// Asks for the code that the app shows. Nothing is in force before one was right.
fn confirm(secret: &TotpSecret) -> Result<SecretSlice<u8>, Failure> {
    for _ in 0..TRIES {
        let code = prompt::code("The code that the app shows: ")?;
        let typed = code.expose_secret().trim_ascii();
        if secret.step_of(typed, SystemTime::now()).is_some() {
            return Ok(code);
        }
    }
    Err(database(Error::WrongCode))
}

fn enrolment(name: &AccountName, secret: &TotpSecret, colours: bool) -> String {
    let address = address(name, secret);
    let address = address.expose_secret();
    let picture = QrCode::encode_text(address, QrCodeEcc::Low);
    // A name has at most 64 bytes, for which there is always room.
    let picture = picture.map_or_else(|_| String::new(), |code| drawn(&code, colours));
    let secret = secret.base32();
    let secret = secret.expose_secret();
    format!(
        "Scan this with an authenticator app:\n\n{picture}\n\
         Or give it this address, or this secret:\n\n  {address}\n  {secret}\n\n"
    )
}

fn in_force(name: &AccountName, codes: &RecoveryCodes) -> String {
    let mut text = format!(
        "`{name}` is asked for a code at every login from now on; over FTP it follows the password\n\
         directly: the password `secret` and the code `123456` are `secret123456`\n\n\
         Recovery codes, each good for one login without the app, shown only this once\n\
         (over FTP after a `+`):\n\n"
    );
    for code in codes {
        let _ = writeln!(text, "  {}", code.expose_secret());
    }
    text
}

fn address(name: &AccountName, secret: &TotpSecret) -> secrecy::SecretString {
    secret.address("wharf", name.as_str())
}

/// Two rows of the code a line, in half blocks. What is light is drawn, as most terminals are dark;
/// with colours it is right on all.
fn drawn(code: &QrCode, colours: bool) -> String {
    let (on, off) = if colours {
        ("\x1b[97;40m", "\x1b[0m")
    } else {
        ("", "")
    };
    let rows = -QUIET..code.size() + QUIET;
    let mut text = String::new();
    for y in rows.clone().step_by(2) {
        text.push_str(on);
        for x in rows.clone() {
            // Outside of the code there is nothing dark; the last line may have no second row.
            let upper = !code.get_module(x, y);
            let lower = !code.get_module(x, y + 1) && y + 1 < rows.end;
            text.push(match (upper, lower) {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            });
        }
        text.push_str(off);
        text.push('\n');
    }
    text
}

const TRIES: usize = 3;
/// The light border around a code, in modules (ISO/IEC 18004 asks for four).
const QUIET: i32 = 4;

#[cfg(test)]
mod tests {
    use super::{QUIET, drawn};
    use qrcodegen::{QrCode, QrCodeEcc};

    #[test]
    fn the_picture_shows_every_module() {
        let code =
            QrCode::encode_text("otpauth://totp/wharf:ann?secret=A", QrCodeEcc::Low).unwrap();
        let picture = drawn(&code, false);
        let lines: Vec<Vec<char>> = picture.lines().map(|line| line.chars().collect()).collect();
        let side = usize::try_from(code.size() + 2 * QUIET).unwrap();
        assert_eq!(lines.len(), side.div_ceil(2));
        assert!(lines.iter().all(|line| line.len() == side));
        for y in 0..code.size() {
            for x in 0..code.size() {
                let at = |it: i32| usize::try_from(it + QUIET).unwrap();
                let cell = lines[at(y) / 2][at(x)];
                let light = if at(y) % 2 == 0 { "█▀" } else { "█▄" }.contains(cell);
                assert_eq!(light, !code.get_module(x, y), "{x} {y}");
            }
        }
        assert!(drawn(&code, true).starts_with("\x1b[97;40m█"));
    }
}
