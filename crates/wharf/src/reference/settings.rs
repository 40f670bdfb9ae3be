//! The page of settings, from their table.

use std::fmt::Write as _;

use crate::config::table::{self, Key, Otherwise, SECTIONS};
use crate::config::value::Kind;

const INTRODUCTION: &str = "\
# Settings

Settings come from, each winning over the one before: the defaults, the settings file, the
environment, the arguments of `wharf serve`. The file is the one named by `--config`, else
`$XDG_CONFIG_HOME/wharf/wharf.toml` (`~/.config/wharf/wharf.toml`), else `/etc/wharf/wharf.toml`.
Nothing is needed: without any of them, wharf serves the current folder on this machine.

The file is TOML. A name that does not exist is an error, in the file as in the environment, and
everything that is wrong is told at once, with its line. `wharf config check` tells it without
starting anything, `wharf config show` prints what is in force and where it was written, and
`wharf config schema` prints a JSON Schema for editors (also `wharf.schema.json` beside this page).

A reload (SIGHUP) brings the settings marked *live* to sessions that begin after it; the others
need a new start.

```toml
[server]
root = \"/srv/files\"
listen = \"0.0.0.0\"
ftp = 21
sftp = 22

[tls]
certificate = \"/etc/wharf/ftp.example.org.pem\"
key = \"/etc/wharf/ftp.example.org.key\"

[passive]
ports = \"50000-50100\"
public_address = \"ftp.example.org\"

[limits]
sessions_per_account = 10

[timeouts]
idle = \"10 min\"
```
";

pub(super) fn page() -> String {
    let mut page = String::from(INTRODUCTION);
    for section in SECTIONS {
        let _ = write!(page, "\n## [{}]\n\n{}\n", section.name, section.doc);
        for key in table::of_section(section.name) {
            entry(&mut page, key);
        }
    }
    page
}

fn entry(page: &mut String, key: &Key) {
    let _ = write!(page, "\n### `{}`\n\n{}\n\n", key.leaf(), key.doc);
    let _ = writeln!(page, "- takes: {}", key.kind.describe());
    let _ = match key.default {
        Otherwise::Unset(meaning) => writeln!(page, "- default: none; {meaning}"),
        Otherwise::Value(text) => writeln!(page, "- default: `{}`", written(key.kind, text)),
    };
    let _ = writeln!(page, "- environment: `{}`", key.environment());
    if key.live {
        let _ = writeln!(page, "- live");
    }
}

/// The default as it would stand in the file.
fn written(kind: Kind, text: &str) -> String {
    kind.read_text(text)
        .map_or_else(|_| text.to_owned(), |value| value.to_string())
}
