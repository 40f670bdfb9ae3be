//! From a command to a control line.

use secrecy::ExposeSecret;

use super::argument::{looks_like_option, utime};
use super::{
    Command, EpsvArgument, Fact, ListArguments, Mechanism, ModeCode, OptsArgument, Path,
    Protection, RangeOfFile, SiteCommand, StructureCode, TypeCode,
};
use crate::address;
use crate::line::{Line, Unsayable};
use crate::time::Timestamp;

impl Command {
    /// The line that says it, in the form most servers take.
    ///
    /// # Errors
    ///
    /// [`Unsayable`] when an argument holds CR, LF or NUL, or makes the line too long: a name from
    /// elsewhere must not become a second command.
    pub fn encode(&self) -> Result<Line, Unsayable> {
        if !self.has_sayable_facts() {
            return Err(Unsayable);
        }
        let mut text = self.verb().info().name.as_bytes().to_vec();
        let start = text.len();
        text.push(b' ');
        self.write_argument(&mut text);
        if text.len() == start + 1 {
            text.truncate(start);
        }
        Line::new(text)
    }

    /// A space or a semicolon in a fact would make another fact or a path of it.
    fn has_sayable_facts(&self) -> bool {
        let sayable = |name: &[u8]| !name.is_empty() && memchr::memchr2(b' ', b';', name).is_none();
        match self {
            Self::Mff { facts, .. } => facts.iter().all(|fact| match fact {
                Fact::Owner(name) | Fact::Group(name) => sayable(name),
                Fact::Modify(_) | Fact::Create(_) | Fact::Mode(_) => true,
            }),
            Self::Opts(OptsArgument::Mlst(names)) => names
                .iter()
                .all(|name| !name.is_empty() && !name.contains(&b';')),
            _ => true,
        }
    }

    // tidy: table
    fn write_argument(&self, out: &mut Vec<u8>) {
        match self {
            Self::User(text) | Self::Clnt(text) => out.extend_from_slice(text),
            Self::Pass(text) | Self::Acct(text) => out.extend_from_slice(text.expose_secret()),
            Self::Cwd(path)
            | Self::Mkd(path)
            | Self::Rmd(path)
            | Self::Dele(path)
            | Self::Rnfr(path)
            | Self::Rnto(path)
            | Self::Smnt(path)
            | Self::Retr(path)
            | Self::Stor(path)
            | Self::Appe(path)
            | Self::Size(path)
            | Self::Mdtm { path, .. }
            | Self::Hash(path) => out.extend_from_slice(path),
            Self::Stou(text)
            | Self::Mlsd(text)
            | Self::Mlst(text)
            | Self::Help(text)
            | Self::Csid(text)
            | Self::Lang(text)
            | Self::Avbl(text) => out.extend_from_slice(text.as_deref().unwrap_or_default()),
            Self::Rein
            | Self::Quit
            | Self::Cdup
            | Self::Pwd
            | Self::Pasv
            | Self::Abor
            | Self::Ccc
            | Self::Sscn(None)
            | Self::Cpsv
            | Self::Feat
            | Self::Noop
            | Self::Syst
            | Self::Stat(None) => {}
            Self::Type(TypeCode::Ascii) => out.push(b'A'),
            Self::Type(TypeCode::Image) => out.push(b'I'),
            Self::Stru(StructureCode::File) => out.push(b'F'),
            Self::Mode(ModeCode::Stream) => out.push(b'S'),
            Self::Port(address) => out.extend_from_slice(address::format_port(*address).as_bytes()),
            Self::Eprt(address) => out.extend_from_slice(address::format_eprt(*address).as_bytes()),
            Self::Epsv(argument) => out.extend_from_slice(match argument {
                EpsvArgument::Any => b"",
                EpsvArgument::V4 => b"1",
                EpsvArgument::V6 => b"2",
                EpsvArgument::All => b"ALL",
            }),
            Self::Rest(offset) => number(out, *offset),
            Self::Rang { start, end } => {
                number(out, *start);
                out.push(b' ');
                number(out, *end);
            }
            Self::Allo { size, record } => {
                number(out, *size);
                if let Some(record) = record {
                    out.extend_from_slice(b" R ");
                    number(out, *record);
                }
            }
            // STAT alone is another command.
            Self::Stat(Some(arguments)) if *arguments == ListArguments::default() => {
                out.extend_from_slice(b"--");
            }
            Self::List(arguments) | Self::Nlst(arguments) | Self::Stat(Some(arguments)) => {
                list(out, arguments);
            }
            Self::Mfmt { time, path } | Self::Mfct { time, path } => {
                time_and_path(out, *time, path)
            }
            Self::Mff { facts, path } => write_facts(out, facts, path),
            Self::Auth(mechanism) => out.extend_from_slice(match mechanism {
                Mechanism::Tls => b"TLS",
                Mechanism::Ssl => b"SSL",
                Mechanism::Other(name) => name,
            }),
            Self::Pbsz(size) => number(out, u64::from(*size)),
            Self::Prot(level) => out.push(match level {
                Protection::Clear => b'C',
                Protection::Safe => b'S',
                Protection::Confidential => b'E',
                Protection::Private => b'P',
            }),
            Self::Sscn(Some(true)) => out.extend_from_slice(b"ON"),
            Self::Sscn(Some(false)) => out.extend_from_slice(b"OFF"),
            Self::Host(name) => out.extend_from_slice(name.on_the_wire().as_bytes()),
            Self::Opts(argument) => opts(out, argument),
            Self::Xcrc(range)
            | Self::Xmd5(range)
            | Self::Xsha1(range)
            | Self::Xsha256(range)
            | Self::Xsha512(range) => range_of_file(out, range),
            Self::Comb { target, sources } => {
                quoted(out, target);
                for source in sources {
                    out.push(b' ');
                    quoted(out, source);
                }
            }
            Self::Site(command) => site(out, command),
        }
    }
}

/// `name=value;name=value; path`, as MFF and its reply have it (draft-somers-ftp-mfxx 3.1).
pub(crate) fn write_facts(out: &mut Vec<u8>, facts: &[Fact], path: &[u8]) {
    for one in facts {
        out.extend_from_slice(&fact(one));
        out.push(b';');
    }
    out.push(b' ');
    out.extend_from_slice(path);
}

/// `name=value`.
pub(super) fn fact(fact: &Fact) -> Vec<u8> {
    match fact {
        Fact::Modify(time) => format!("Modify={time}").into_bytes(),
        Fact::Create(time) => format!("Create={time}").into_bytes(),
        Fact::Mode(mode) => format!("UNIX.mode={mode:04o}").into_bytes(),
        Fact::Owner(name) => [b"UNIX.owner=", &**name].concat(),
        Fact::Group(name) => [b"UNIX.group=", &**name].concat(),
    }
}

fn number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn time_and_path(out: &mut Vec<u8>, time: Timestamp, path: &[u8]) {
    out.extend_from_slice(time.to_string().as_bytes());
    out.push(b' ');
    out.extend_from_slice(path);
}

fn list(out: &mut Vec<u8>, arguments: &ListArguments) {
    let options = [
        (arguments.all, b'a'),
        (arguments.long, b'l'),
        (arguments.recursive, b'R'),
        (arguments.by_time, b't'),
        (arguments.reverse, b'r'),
        (arguments.one_per_line, b'1'),
    ];
    let start = out.len();
    out.push(b'-');
    out.extend(
        options
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, option)| option),
    );
    if out.len() == start + 1 {
        out.truncate(start);
    }
    let path = arguments.path.as_deref().unwrap_or_default();
    for part in [
        if looks_like_option(path) {
            &b"--"[..]
        } else {
            b""
        },
        path,
    ] {
        if out.len() > start && !part.is_empty() {
            out.push(b' ');
        }
        out.extend_from_slice(part);
    }
}

fn opts(out: &mut Vec<u8>, argument: &OptsArgument) {
    match argument {
        OptsArgument::Utf8(true) => out.extend_from_slice(b"UTF8 ON"),
        OptsArgument::Utf8(false) => out.extend_from_slice(b"UTF8 OFF"),
        OptsArgument::Mlst(names) => {
            out.extend_from_slice(b"MLST");
            for (index, name) in names.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b" " } else { b"" });
                out.extend_from_slice(name);
                out.push(b';');
            }
        }
        OptsArgument::Hash(algorithm) => {
            out.extend_from_slice(b"HASH");
            if let Some(algorithm) = algorithm {
                out.push(b' ');
                out.extend_from_slice(algorithm);
            }
        }
        OptsArgument::ModeZ(parameters) => {
            out.extend_from_slice(b"MODE Z");
            if !parameters.is_empty() {
                out.push(b' ');
                out.extend_from_slice(parameters);
            }
        }
        OptsArgument::Unknown(text) => out.extend_from_slice(text),
    }
}

fn range_of_file(out: &mut Vec<u8>, range: &RangeOfFile) {
    if range.start.is_none() && range.path.first() != Some(&b'"') {
        out.extend_from_slice(&range.path);
        return;
    }
    quoted(out, &range.path);
    for offset in [range.start, range.start.and(range.end)]
        .into_iter()
        .flatten()
    {
        out.push(b' ');
        number(out, offset);
    }
}

fn quoted(out: &mut Vec<u8>, path: &[u8]) {
    out.push(b'"');
    for byte in path {
        out.push(*byte);
        if *byte == b'"' {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

fn site(out: &mut Vec<u8>, command: &SiteCommand) {
    out.extend_from_slice(command.name().as_bytes());
    out.push(b' ');
    let start = out.len();
    match command {
        SiteCommand::Help
        | SiteCommand::Quota
        | SiteCommand::Who
        | SiteCommand::Umask(None)
        | SiteCommand::Idle(None) => {}
        SiteCommand::Chmod { mode, path } => {
            out.extend_from_slice(format!("{mode:03o} ").as_bytes());
            out.extend_from_slice(path);
        }
        SiteCommand::Utime { modified, path } => utime_argument(out, *modified, path),
        SiteCommand::Symlink { target, path } => {
            if target.first() == Some(&b'"') || target.contains(&b' ') {
                quoted(out, target);
            } else {
                out.extend_from_slice(target);
            }
            out.push(b' ');
            out.extend_from_slice(path);
        }
        SiteCommand::Umask(Some(mask)) => out.extend_from_slice(format!("{mask:03o}").as_bytes()),
        SiteCommand::Idle(Some(seconds)) => number(out, *seconds),
        SiteCommand::Cpfr(path) | SiteCommand::Cpto(path) => out.extend_from_slice(path),
    }
    if out.len() == start {
        out.truncate(start - 1);
    }
}

/// The form with one time, unless the path ends like the form with three.
fn utime_argument(out: &mut Vec<u8>, modified: Timestamp, path: &Path) {
    let mut text = Vec::new();
    time_and_path(&mut text, modified, path);
    if utime(&text).is_none_or(|(_, read)| read != *path) {
        text = [
            path,
            format!(" {modified} {modified} {modified} UTC").as_bytes(),
        ]
        .concat();
    }
    out.extend_from_slice(&text);
}
