//! The page of causes, from their table.

use std::fmt::Write as _;

use wharf_causes::{Cause, Family, TABLE};

pub(super) fn page() -> String {
    let mut page = String::from(
        "# Causes of failure\n\n\
         Why a transfer fails, what tells one cause from its neighbours, and what to do. The server ends\n\
         the text of a refusal with the cause's id, as in `425 … [D-3]`, and the log has it too. An id\n\
         keeps its meaning for ever.\n",
    );
    for family in Family::ALL {
        let _ = write!(page, "\n## {family}: {}\n", family.title());
        for cause in TABLE.iter().filter(|cause| cause.family == family) {
            entry(&mut page, cause);
        }
    }
    page
}

fn entry(page: &mut String, cause: &Cause) {
    let _ = write!(page, "\n### {} {}\n\n", cause.id, cause.title);
    for evidence in cause.evidence {
        let _ = writeln!(page, "- {evidence}");
    }
    if let Some(remedy) = cause.user {
        let _ = write!(page, "\nAt the client: {remedy}\n");
    }
    if let Some(remedy) = cause.admin {
        let _ = write!(page, "\nAt the server: {remedy}\n");
    }
}
