//! Replies that only tell: FEAT, HELP, SYST and the wording of outcomes.

use super::{Action, DialogueOptions, Outcome, Step, TransferKind, Why, path_reply};
use crate::command::{Command, CommandError, Fact, write_facts};
use crate::listing::write::FactSet;
use crate::reply::Reply;
use crate::time::Timestamp;
use crate::verb::{self, SiteVerb, Verb};

/// Commands answered from the tables alone.
pub(super) fn answer(command: &Command, facts: FactSet, options: DialogueOptions) -> Reply {
    match command {
        Command::Noop => Reply::line(200, "Still here"),
        Command::Syst => Reply::line(215, "UNIX Type: L8"),
        Command::Feat => features(facts, options),
        Command::Help(topic) => help(topic.as_deref(), options),
        Command::Clnt(_) => Reply::line(200, "Noted"),
        Command::Csid(_) => Reply::line(200, "Name=wharf;CaseSensitive=1;DirSep=/;"),
        Command::Lang(None) => Reply::line(200, "Language is EN"),
        Command::Lang(Some(tag)) if tag.eq_ignore_ascii_case(b"en") => {
            Reply::line(200, "Language is EN")
        }
        Command::Lang(Some(_)) => Reply::line(504, "Only EN is spoken here"),
        other => super::not_built(other.verb().info().name),
    }
}

/// The wording of outcomes that change nothing in the machine.
pub(super) fn done(action: &Action, outcome: Outcome) -> Reply {
    match (action, outcome) {
        (Action::Reinitialise, _) => Reply::line(220, "Ready for a new user"),
        (Action::SelectSite { .. }, _) => Reply::line(220, "Ready for a user of this host"),
        (Action::ChangeDirectory { up: true, .. }, _) => Reply::line(200, "Directory changed"),
        (Action::ChangeDirectory { up: false, .. }, _) => Reply::line(250, "Directory changed"),
        (Action::PrintDirectory, Outcome::Path(path)) => {
            path_reply(&path, " is the current directory")
        }
        (Action::MakeDirectory { .. }, Outcome::Path(path)) => path_reply(&path, " created"),
        (Action::RemoveDirectory { .. }, _) => Reply::line(250, "Directory removed"),
        (Action::Delete { .. }, _) => Reply::line(250, "File deleted"),
        (Action::Rename { .. }, _) => Reply::line(250, "Renamed"),
        (Action::Size { .. } | Action::Available { .. }, Outcome::Number(number)) => {
            Reply::line(213, number.to_string())
        }
        (Action::ModificationTime { .. }, Outcome::Time(time)) => {
            // Whole seconds: scripts read exactly fourteen digits. MLST has the fraction.
            Reply::line(213, Timestamp { nanos: 0, ..time }.to_string())
        }
        (Action::SetModificationTime { path, time }, _) => {
            changed_facts(&[Fact::Modify(*time)], path)
        }
        (Action::SetFacts { path, facts }, _) => changed_facts(facts, path),
        (Action::ChangeMode { .. }, _) => Reply::line(200, "Mode changed"),
        (Action::Utime { .. }, _) => Reply::line(200, "Time changed"),
        (Action::MakeSymlink { .. }, _) => Reply::line(200, "Symbolic link made"),
        (Action::Umask { .. }, Outcome::Number(mask)) => {
            Reply::line(200, format!("Umask is {mask:03o}"))
        }
        (Action::Idle { .. }, Outcome::Number(seconds)) => {
            Reply::line(200, format!("Idle timeout is {seconds} s"))
        }
        (Action::FactsOf { .. }, Outcome::Lines(lines)) => {
            Reply::indented(250, "Facts follow", lines, "End").with_raw_names()
        }
        (Action::StatusOf { .. }, Outcome::Lines(lines)) => {
            Reply::lines(213, "Listing follows", lines, "End").with_raw_names()
        }
        (Action::Status { .. }, Outcome::Lines(lines)) => {
            Reply::lines(211, "wharf, an FTP server", lines, "End")
        }
        (Action::Transfer(transfer), Outcome::Transferred { name, note, .. }) => {
            transferred(&transfer.kind, name, note)
        }
        _ => Reply::line(200, "Done"),
    }
}

fn transferred(kind: &TransferKind, name: Option<Box<[u8]>>, note: Option<&'static str>) -> Reply {
    if let Some(name) = name {
        return Reply::raw(226, [b"Stored as ".as_slice(), &name].concat());
    }
    match (kind, note) {
        (_, Some(note)) => Reply::line(226, note),
        (TransferKind::Retrieve { .. }, None) => Reply::line(226, "Sent"),
        (TransferKind::List { .. }, None) => Reply::line(226, "Listed"),
        (_, None) => Reply::line(226, "Stored"),
    }
}

/// draft-somers-ftp-mfxx 3.1: the reply names the facts as set, then the path.
fn changed_facts(facts: &[Fact], path: &[u8]) -> Reply {
    let mut text = Vec::new();
    write_facts(&mut text, facts, path);
    Reply::raw(213, text)
}

fn features(facts: FactSet, options: DialogueOptions) -> Reply {
    let mut lines: Vec<Vec<u8>> = Vec::new();
    for info in verb::table().iter().filter(|info| options.features(info)) {
        match info.feat {
            Some(_) if info.verb == Verb::Mlst => lines.push(facts.feature_line().into_bytes()),
            Some(feature) => lines.push(feature.as_bytes().to_vec()),
            None => {}
        }
    }
    for feature in ["TVFS", "UTF8"] {
        lines.push(feature.as_bytes().to_vec());
    }
    lines.sort();
    lines.dedup();
    Reply::indented(211, "Features", lines, "End")
}

fn help(topic: Option<&[u8]>, options: DialogueOptions) -> Reply {
    let Some(topic) = topic else {
        let names: Vec<&str> = verb::table()
            .iter()
            .filter(|info| options.serves(info))
            .map(|info| info.name)
            .collect();
        let lines = names
            .chunks(8)
            .map(|row| row.join(" ").into_bytes())
            .collect();
        return Reply::lines(214, "Commands", lines, "HELP and a command tells more");
    };
    if topic.eq_ignore_ascii_case(b"site") {
        return site_help();
    }
    match Verb::from_name(topic) {
        Some(verb) if options.serves(verb.info()) => Reply::line(214, verb.info().help),
        _ => Reply::line(504, "No such command; HELP lists them"),
    }
}

pub(super) fn site_help() -> Reply {
    let lines = SiteVerb::table()
        .iter()
        .filter(|info| info.built)
        .map(|info| info.help.as_bytes().to_vec())
        .collect();
    Reply::lines(214, "SITE commands", lines, "End")
}

pub(super) fn refusal(error: &CommandError, ipv6: bool) -> Step {
    Step::Reply(match error {
        CommandError::UnknownVerb => Reply::line(500, "Unknown command; HELP lists them"),
        CommandError::UnknownSite => Reply::line(500, "Unknown SITE command; SITE HELP lists them"),
        CommandError::Syntax { hint, .. } => Reply::line(501, *hint),
        CommandError::Parameter { hint, .. } => Reply::line(504, *hint),
        CommandError::NotBuilt(verb) => super::not_built(verb.info().name),
        CommandError::NetworkProtocol(_) => wrong_family(ipv6),
        CommandError::ForbiddenByte(_) => {
            let text = "NUL, CR and LF cannot be part of an argument";
            return Step::Refuse {
                code: 553,
                text,
                why: Why::ForbiddenByte,
            };
        }
    })
}

/// The opening reply of a transfer. The size in parentheses is what clients show progress by.
#[must_use]
pub fn opening(ascii: bool, size: Option<u64>) -> Reply {
    let mode = if ascii { "ASCII" } else { "BINARY" };
    match size {
        Some(size) => Reply::line(
            150,
            format!("Opening {mode} data connection ({size} bytes)"),
        ),
        None => Reply::line(150, format!("Opening {mode} data connection")),
    }
}

/// The opening reply of STOU (RFC 1123 4.1.2.9).
#[must_use]
pub fn opening_unique(name: &[u8]) -> Reply {
    Reply::raw(150, [b"FILE: ".as_slice(), name].concat())
}

/// STAT while a transfer runs.
#[must_use]
pub fn progress(bytes: u64, milliseconds: u64) -> Reply {
    let rate = bytes.saturating_mul(1000) / milliseconds.max(1);
    Reply::lines(
        211,
        "Transfer running",
        vec![
            format!(
                "{bytes} bytes in {}.{:03} s",
                milliseconds / 1000,
                milliseconds % 1000
            )
            .into_bytes(),
            format!("{rate} bytes/s").into_bytes(),
        ],
        "End",
    )
}

/// RFC 2428 2: the reply names the protocol that would do.
pub(super) fn wrong_family(ipv6: bool) -> Reply {
    if ipv6 {
        Reply::line(522, "Network protocol not supported, use (2)")
    } else {
        Reply::line(522, "Network protocol not supported, use (1)")
    }
}
