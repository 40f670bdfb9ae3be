//! What the machine itself holds and answers for: the representation, restarts, options.

use super::{Dialogue, Prepared, Step, Why, informed};
use crate::command::{Command, OptsArgument, TypeCode};
use crate::listing::write::FactSet;
use crate::reply::Reply;

impl Dialogue {
    /// Commands that only read or change what the machine itself holds.
    pub(super) fn setting(&mut self, command: &Command) -> Step {
        match command {
            Command::Rest(offset) if *offset > 0 && self.ascii => {
                // Offsets into converted text would count line ends that are not in the file.
                return restart_in_ascii("REST needs TYPE I; in TYPE A only REST 0 is taken");
            }
            Command::Rang { start, end } if self.ascii && (*start, *end) != (1, 0) => {
                return restart_in_ascii("RANG needs TYPE I");
            }
            _ => {}
        }
        Step::Reply(match command {
            Command::Type(code) => {
                self.ascii = matches!(code, TypeCode::Ascii);
                if self.ascii {
                    // An offset counted in binary means nothing in converted text.
                    self.prepared = Prepared::Nothing;
                    Reply::line(200, "Type is ASCII")
                } else {
                    Reply::line(200, "Type is binary")
                }
            }
            Command::Stru(_) => Reply::line(200, "Structure is file"),
            Command::Mode(_) => Reply::line(200, "Mode is stream"),
            Command::Rest(0) => {
                self.prepared = Prepared::Nothing;
                Reply::line(350, "Restarting at 0")
            }
            Command::Rest(offset) => {
                self.prepared = Prepared::Restart { offset: *offset };
                Reply::line(350, format!("Restarting at {offset}"))
            }
            Command::Rang { start, end } => self.range(*start, *end),
            Command::Opts(argument) => self.options(argument),
            Command::Abor => Reply::line(226, "No transfer to abort"),
            other => informed::answer(other, self.facts, self.options),
        })
    }

    fn range(&mut self, start: u64, last: u64) -> Reply {
        if start == 1 && last == 0 {
            return Reply::line(350, "Range reset");
        }
        self.prepared = Prepared::Range { start, last };
        Reply::line(350, format!("Restarting at {start}, ending after {last}"))
    }

    fn options(&mut self, argument: &OptsArgument) -> Reply {
        match argument {
            OptsArgument::Utf8(true) => Reply::line(200, "UTF-8 is always on"),
            OptsArgument::Utf8(false) => Reply::line(504, "UTF-8 cannot be turned off"),
            OptsArgument::Mlst(names) => {
                self.facts = FactSet::from_names(names);
                // RFC 3659 7.9: the reply names the facts that will be sent.
                let mut text = String::from("MLST OPTS");
                let chosen = self.facts.to_string();
                if !chosen.is_empty() {
                    text.push(' ');
                    text.push_str(&chosen);
                }
                Reply::line(200, text)
            }
            _ => Reply::line(501, "No such option; FEAT tells which there are"),
        }
    }

    /// Lines of STAT.
    pub(super) fn settings(&self) -> Vec<Vec<u8>> {
        let kind: &[u8] = if self.ascii {
            b"TYPE: ASCII"
        } else {
            b"TYPE: binary"
        };
        let mut lines = vec![kind.to_vec(), b"STRU: file; MODE: stream".to_vec()];
        lines.extend(self.protection());
        lines
    }
}

fn restart_in_ascii(text: &'static str) -> Step {
    Step::Refuse {
        code: 504,
        text,
        why: Why::RestartInAscii,
    }
}
