//! From a control line to a command.

use super::argument::{self, BadFacts};
use super::{
    Command, CommandError, EpsvArgument, HostName, MAX_PASSWORD, Mechanism, ModeCode, Path,
    Protection, SiteCommand, StructureCode, TypeCode,
};
use crate::address::{self, AddressError};
use crate::line::has_forbidden_byte;
use crate::number::{decimal, octal, split_word};
use crate::verb::{SiteVerb, Verb};

impl Command {
    /// Reads a line without its end. Refuses verbs this version does not serve.
    ///
    /// # Errors
    ///
    /// See [`CommandError`]; each has its reply code.
    pub fn parse(line: &[u8]) -> Result<Self, CommandError> {
        let (verb, argument) = verb_and_argument(line)?;
        if !verb.info().built {
            return Err(CommandError::NotBuilt(verb));
        }
        if verb == Verb::Site && !site_word(argument)?.is_built() {
            return Err(CommandError::NotBuilt(verb));
        }
        parse_argument(verb, argument)
    }

    /// Reads a line without its end, also one with a verb this version does not serve.
    ///
    /// # Errors
    ///
    /// As [`Self::parse`], without [`CommandError::NotBuilt`].
    pub fn parse_any(line: &[u8]) -> Result<Self, CommandError> {
        let (verb, argument) = verb_and_argument(line)?;
        parse_argument(verb, argument)
    }
}

fn verb_and_argument(line: &[u8]) -> Result<(Verb, Option<&[u8]>), CommandError> {
    let (name, argument) = split_word(line);
    let verb = Verb::from_name(name).ok_or(CommandError::UnknownVerb)?;
    if argument.is_some_and(has_forbidden_byte) {
        return Err(CommandError::ForbiddenByte(verb));
    }
    Ok((verb, argument))
}

fn parse_argument(verb: Verb, argument: Option<&[u8]>) -> Result<Command, CommandError> {
    let parser = Parser {
        verb,
        argument: argument.unwrap_or_default(),
    };
    match verb {
        Verb::User => parser.required().map(Command::User),
        Verb::Pass => parser.secret().map(Command::Pass),
        Verb::Acct => parser.secret().map(Command::Acct),
        Verb::Cwd => parser.required().map(Command::Cwd),
        Verb::Mkd => parser.required().map(Command::Mkd),
        Verb::Rmd => parser.required().map(Command::Rmd),
        Verb::Dele => parser.required().map(Command::Dele),
        Verb::Rnfr => parser.required().map(Command::Rnfr),
        Verb::Rnto => parser.required().map(Command::Rnto),
        Verb::Smnt => parser.required().map(Command::Smnt),
        Verb::Retr => parser.required().map(Command::Retr),
        Verb::Stor => parser.required().map(Command::Stor),
        Verb::Appe => parser.required().map(Command::Appe),
        Verb::Size => parser.required().map(Command::Size),
        Verb::Clnt => parser.required().map(Command::Clnt),
        Verb::Hash => parser.required().map(Command::Hash),
        Verb::Stou => Ok(Command::Stou(parser.optional())),
        Verb::Mlsd => Ok(Command::Mlsd(parser.optional())),
        Verb::Mlst => Ok(Command::Mlst(parser.optional())),
        Verb::Help => Ok(Command::Help(parser.optional())),
        Verb::Csid => Ok(Command::Csid(parser.optional())),
        Verb::Lang => Ok(Command::Lang(parser.optional())),
        Verb::Avbl => Ok(Command::Avbl(parser.optional())),
        Verb::Rein => parser.nothing(Command::Rein),
        Verb::Quit => parser.nothing(Command::Quit),
        Verb::Cdup => parser.nothing(Command::Cdup),
        Verb::Pwd => parser.nothing(Command::Pwd),
        Verb::Pasv => parser.nothing(Command::Pasv),
        Verb::Abor => parser.nothing(Command::Abor),
        Verb::Ccc => parser.nothing(Command::Ccc),
        Verb::Cpsv => parser.nothing(Command::Cpsv),
        Verb::Feat => parser.nothing(Command::Feat),
        Verb::Syst => parser.nothing(Command::Syst),
        // Some clients send text with it to keep a connection alive.
        Verb::Noop => Ok(Command::Noop),
        Verb::Type => parser.representation(),
        Verb::Stru => parser.structure(),
        Verb::Mode => parser.mode(),
        Verb::Port => parser.port(),
        Verb::Eprt => parser.eprt(),
        Verb::Epsv => parser.epsv(),
        Verb::Auth => parser.auth(),
        Verb::Prot => parser.prot(),
        Verb::Site => parser.site(),
        Verb::Mff => parser.mff(),
        _ => parser.structured(),
    }
}

struct Parser<'a> {
    verb: Verb,
    argument: &'a [u8],
}

impl Parser<'_> {
    fn required(&self) -> Result<Path, CommandError> {
        self.or_syntax(self.optional())
    }

    fn optional(&self) -> Option<Path> {
        argument::path(self.argument)
    }

    fn nothing(&self, command: Command) -> Result<Command, CommandError> {
        if self.argument.iter().all(|byte| *byte == b' ') {
            Ok(command)
        } else {
            Err(self.syntax())
        }
    }

    /// An empty password is one: anonymous clients send it.
    fn secret(&self) -> Result<secrecy::SecretSlice<u8>, CommandError> {
        if self.argument.len() > MAX_PASSWORD {
            let hint = "a password is at most 1024 bytes";
            return Err(CommandError::Syntax {
                verb: self.verb,
                hint,
            });
        }
        Ok(self.argument.to_vec().into())
    }

    fn representation(&self) -> Result<Command, CommandError> {
        let upper = self.argument.to_ascii_uppercase();
        match upper.trim_ascii_end() {
            b"A" | b"A N" => Ok(Command::Type(TypeCode::Ascii)),
            b"I" | b"L 8" => Ok(Command::Type(TypeCode::Image)),
            [b'A' | b'E', b' ', _] | b"E" => {
                Err(self.parameter("TYPE A, TYPE I and TYPE L 8 are served"))
            }
            [b'L', b' ', size @ ..] if decimal(size).is_some() => {
                Err(self.parameter("bytes have 8 bits here: TYPE L 8"))
            }
            _ => Err(self.syntax()),
        }
    }

    fn structure(&self) -> Result<Command, CommandError> {
        match self.argument.trim_ascii_end() {
            [b'F' | b'f'] => Ok(Command::Stru(StructureCode::File)),
            [b'R' | b'r' | b'P' | b'p'] => Err(self.parameter("only STRU F is served")),
            _ => Err(self.syntax()),
        }
    }

    fn mode(&self) -> Result<Command, CommandError> {
        match self.argument.trim_ascii_end() {
            [b'S' | b's'] => Ok(Command::Mode(ModeCode::Stream)),
            [b'B' | b'b' | b'C' | b'c' | b'Z' | b'z'] => {
                Err(self.parameter("only MODE S is served"))
            }
            _ => Err(self.syntax()),
        }
    }

    fn port(&self) -> Result<Command, CommandError> {
        match address::parse_port(self.argument.trim_ascii_end()) {
            Ok(address) => Ok(Command::Port(address)),
            Err(error) => Err(self.bad_address(error)),
        }
    }

    fn eprt(&self) -> Result<Command, CommandError> {
        match address::parse_eprt(self.argument.trim_ascii_end()) {
            Ok(address) => Ok(Command::Eprt(address)),
            Err(error) => Err(self.bad_address(error)),
        }
    }

    fn bad_address(&self, error: AddressError) -> CommandError {
        match error {
            AddressError::Protocol => CommandError::NetworkProtocol(self.verb),
            AddressError::Form => self.syntax(),
            AddressError::PortZero => CommandError::Syntax {
                verb: self.verb,
                hint: "no connection goes to port 0",
            },
        }
    }

    fn epsv(&self) -> Result<Command, CommandError> {
        let argument = self.argument.trim_ascii();
        match argument {
            b"" => Ok(Command::Epsv(EpsvArgument::Any)),
            b"1" => Ok(Command::Epsv(EpsvArgument::V4)),
            b"2" => Ok(Command::Epsv(EpsvArgument::V6)),
            all if all.eq_ignore_ascii_case(b"ALL") => Ok(Command::Epsv(EpsvArgument::All)),
            number if decimal(number).is_some() => Err(CommandError::NetworkProtocol(self.verb)),
            _ => Err(self.syntax()),
        }
    }

    fn auth(&self) -> Result<Command, CommandError> {
        let name = self.required()?;
        let upper = name.trim_ascii_end().to_ascii_uppercase();
        Ok(Command::Auth(match upper.as_slice() {
            b"TLS" | b"TLS-C" => Mechanism::Tls,
            b"SSL" | b"TLS-P" => Mechanism::Ssl,
            _ => Mechanism::Other(name),
        }))
    }

    fn prot(&self) -> Result<Command, CommandError> {
        Ok(Command::Prot(match self.argument.trim_ascii_end() {
            [b'C' | b'c'] => Protection::Clear,
            [b'S' | b's'] => Protection::Safe,
            [b'E' | b'e'] => Protection::Confidential,
            [b'P' | b'p'] => Protection::Private,
            // RFC 2228 3: a level that is not understood is a parameter.
            [_] => return Err(self.parameter("PROT P and PROT C are served")),
            _ => return Err(self.syntax()),
        }))
    }

    fn mff(&self) -> Result<Command, CommandError> {
        match argument::facts_and_path(self.argument) {
            Ok((facts, path)) => Ok(Command::Mff { facts, path }),
            Err(BadFacts::Form) => Err(self.syntax()),
            Err(BadFacts::Unknown) => Err(self.parameter("FEAT tells which facts can be set")),
        }
    }

    fn site(&self) -> Result<Command, CommandError> {
        let word = site_word(Some(self.argument))?;
        let text = split_word(self.argument).1.unwrap_or_default();
        let command = match word {
            SiteVerb::Help => Some(SiteCommand::Help),
            SiteVerb::Chmod => {
                let (mode, rest) = split_word(text);
                argument::mode(mode)
                    .zip(rest.and_then(argument::path))
                    .map(|(mode, path)| SiteCommand::Chmod { mode, path })
            }
            SiteVerb::Utime => {
                argument::utime(text).map(|(modified, path)| SiteCommand::Utime { modified, path })
            }
            SiteVerb::Symlink => argument::quoted_or_word(text).and_then(|(target, rest)| {
                Some(SiteCommand::Symlink {
                    target,
                    path: argument::path(rest?)?,
                })
            }),
            SiteVerb::Umask if text.is_empty() => Some(SiteCommand::Umask(None)),
            SiteVerb::Umask => octal(text)
                .filter(|mask| *mask <= 0o777)
                .map(|mask| SiteCommand::Umask(Some(mask))),
            SiteVerb::Idle if text.is_empty() => Some(SiteCommand::Idle(None)),
            SiteVerb::Idle => decimal(text).map(|seconds| SiteCommand::Idle(Some(seconds))),
            SiteVerb::Cpfr => argument::path(text).map(SiteCommand::Cpfr),
            SiteVerb::Cpto => argument::path(text).map(SiteCommand::Cpto),
            SiteVerb::Quota => Some(SiteCommand::Quota),
            SiteVerb::Who => Some(SiteCommand::Who),
        };
        let hint = word.help();
        command.map(Command::Site).ok_or(CommandError::Syntax {
            verb: self.verb,
            hint,
        })
    }

    /// The verbs whose argument has a grammar of its own and can only be of its form or not.
    fn structured(&self) -> Result<Command, CommandError> {
        let text = self.argument;
        let command = match self.verb {
            Verb::Rest => argument::offset(text.trim_ascii_end()).map(Command::Rest),
            Verb::Rang => argument::range(text.trim_ascii_end())
                .map(|(start, end)| Command::Rang { start, end }),
            Verb::Allo => argument::allocation(text.trim_ascii_end())
                .map(|(size, record)| Command::Allo { size, record }),
            Verb::List => Some(Command::List(argument::list(text))),
            Verb::Nlst => Some(Command::Nlst(argument::list(text))),
            Verb::Stat if text.is_empty() => Some(Command::Stat(None)),
            Verb::Stat => Some(Command::Stat(Some(argument::list(text)))),
            Verb::Mdtm => argument::path(text).map(|path| {
                let set = argument::time_and_path(&path);
                Command::Mdtm { path, set }
            }),
            Verb::Mfmt => {
                argument::time_and_path(text).map(|(time, path)| Command::Mfmt { time, path })
            }
            Verb::Mfct => {
                argument::time_and_path(text).map(|(time, path)| Command::Mfct { time, path })
            }
            Verb::Pbsz => decimal(text.trim_ascii_end())
                .and_then(|size| u32::try_from(size).ok())
                .map(Command::Pbsz),
            Verb::Sscn => argument::on_or_off(text.trim_ascii_end()).map(Command::Sscn),
            Verb::Host => HostName::parse(text.trim_ascii_end()).map(Command::Host),
            Verb::Opts if !text.is_empty() => Some(Command::Opts(argument::opts(text))),
            Verb::Xcrc => argument::range_of_file(text).map(Command::Xcrc),
            Verb::Xmd5 => argument::range_of_file(text).map(Command::Xmd5),
            Verb::Xsha1 => argument::range_of_file(text).map(Command::Xsha1),
            Verb::Xsha256 => argument::range_of_file(text).map(Command::Xsha256),
            Verb::Xsha512 => argument::range_of_file(text).map(Command::Xsha512),
            Verb::Comb => argument::combination(text)
                .map(|(target, sources)| Command::Comb { target, sources }),
            _ => None,
        };
        self.or_syntax(command)
    }

    fn or_syntax<T>(&self, parsed: Option<T>) -> Result<T, CommandError> {
        parsed.ok_or_else(|| self.syntax())
    }

    fn syntax(&self) -> CommandError {
        CommandError::Syntax {
            verb: self.verb,
            hint: self.verb.info().help,
        }
    }

    fn parameter(&self, hint: &'static str) -> CommandError {
        CommandError::Parameter {
            verb: self.verb,
            hint,
        }
    }
}

fn site_word(argument: Option<&[u8]>) -> Result<SiteVerb, CommandError> {
    match split_word(argument.unwrap_or_default()).0 {
        b"" => Err(CommandError::Syntax {
            verb: Verb::Site,
            hint: Verb::Site.info().help,
        }),
        word => SiteVerb::from_name(word).ok_or(CommandError::UnknownSite),
    }
}
