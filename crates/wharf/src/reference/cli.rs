//! The page of commands: the help texts, word for word.

use std::fmt::Write as _;

use clap::Command;

pub(super) fn page(command: &Command) -> String {
    let mut page = String::from(
        "# Commands\n\n\
         Exit codes: 0 done, 1 failed, 2 used wrongly. Answers go to standard output, everything else to\n\
         standard error. With `--format json`, an answer is one JSON object a line.\n",
    );
    for command in super::with_subcommands(command) {
        let name = command
            .get_display_name()
            .unwrap_or_else(|| command.get_name());
        let title = name.replace('-', " ");
        let help = command.clone().render_long_help().to_string();
        let lines: Vec<_> = help.lines().map(str::trim_end).collect();
        let _ = write!(
            page,
            "\n## {title}\n\n```text\n{}\n```\n",
            lines.join("\n").trim_end()
        );
    }
    page
}
