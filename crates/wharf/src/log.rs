//! What goes to standard error while a command runs.

use std::io::{self, IsTerminal as _};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

use crate::failure::Failure;

/// Starts logging at the level of `--log`, else of `WHARF_LOG`, else this one.
pub(crate) fn begin(argument: Option<&str>, otherwise: &str) -> Result<(), Failure> {
    let variable = std::env::var("WHARF_LOG")
        .ok()
        .filter(|text| !text.is_empty());
    let (name, level) = match (argument, &variable) {
        (Some(level), _) => ("--log", level),
        (None, Some(level)) => ("WHARF_LOG", level.as_str()),
        (None, None) => ("--log", otherwise),
    };
    let filter = filter(level).ok_or_else(|| {
        Failure::usage(format!("`{level}` of `{name}` is no log level"))
            .hint("error, warn, info, debug, trace, or a filter such as `info,wharf_server=debug`")
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        .init();
    Ok(())
}

/// The filter, if every part of it says a level. To [`EnvFilter`] a mistyped level is the name of
/// a module, and everything else falls silent.
fn filter(text: &str) -> Option<EnvFilter> {
    let says_level = |part: &str| {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level);
        !level.is_empty() && level.parse::<LevelFilter>().is_ok()
    };
    if !text.split(',').all(says_level) {
        return None;
    }
    EnvFilter::try_new(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mistyped_level_is_refused() {
        for text in ["info", "DEBUG", "off", "warn,wharf_server=debug"] {
            assert!(filter(text).is_some(), "{text}");
        }
        for text in ["infoo", "", "info,wharf_server", "wharf_server=loud"] {
            assert!(filter(text).is_none(), "{text}");
        }
    }
}
