//! `wharf config`: settings without a server.

use std::path::Path;

use serde_json::{Value as Json, json};

use crate::arguments::{ConfigArguments, ConfigCommand, Format, SettingsArguments};
use crate::config::problem::{Problem, Problems};
use crate::config::{Settings, policy, schema, show};
use crate::failure::Failure;
use crate::state::State;
use crate::{output, serve};

/// Does what was asked of the settings.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let format = arguments.common.format;
    match &arguments.command {
        ConfigCommand::Check(settings) => check(settings, format),
        ConfigCommand::Show(settings) => {
            let settings = load(settings, format)?;
            let state = State::expected(arguments.common.state.as_deref());
            // Only where files lie depends on it, and `STATE` says that as well.
            let state = state.unwrap_or_else(|_| "STATE".into());
            match format {
                Format::Text => {
                    let text = show::text(&settings) + &policy::text(&settings, &state);
                    output::text(&text)?;
                }
                Format::Json => {
                    let mut object = show::json(&settings);
                    for (name, policy) in policy::json(&settings, &state) {
                        object[name] = policy;
                    }
                    output::json(&object)?;
                }
            }
            Ok(())
        }
        ConfigCommand::Schema => Ok(output::document(&schema::schema())?),
    }
}

fn check(arguments: &SettingsArguments, format: Format) -> Result<(), Failure> {
    let settings = load(arguments, format)?;
    let file = settings.file.as_deref();
    if !settings.warnings.is_empty() {
        let problems = Problems {
            file: settings.file.clone(),
            list: settings.warnings,
        };
        if format == Format::Json {
            output::json(&report(file, &problems.list, &settings.notes))?;
        }
        return Err(problems.into());
    }
    let shown = file.map(|file| file.display().to_string());
    match format {
        Format::Text => {
            let mut text = match shown {
                Some(file) => format!("the settings in `{file}` are good\n"),
                None => {
                    "there is no settings file, and what holds without one is good\n".to_owned()
                }
            };
            for note in &settings.notes {
                text.push_str(&format!("\nnote: {note}\n"));
            }
            output::text(&text)?;
        }
        Format::Json => output::json(&report(file, &[], &settings.notes))?,
    }
    Ok(())
}

/// The settings; in JSON, what is wrong with them goes to standard output as well.
fn load(arguments: &SettingsArguments, format: Format) -> Result<Settings, Failure> {
    serve::sources(arguments).load().map_err(|problems| {
        if format == Format::Json {
            // A reader that went away finds the exit code.
            let _ = output::json(&report(problems.file.as_deref(), &problems.list, &[]));
        }
        problems.into()
    })
}

fn report(file: Option<&Path>, problems: &[Problem], notes: &[Problem]) -> Json {
    json!({
        "file": file.map(|file| file.display().to_string()),
        "problems": problems.iter().map(remark).collect::<Vec<_>>(),
        "notes": notes.iter().map(remark).collect::<Vec<_>>(),
    })
}

fn remark(problem: &Problem) -> Json {
    json!({
        "place": problem.origin.to_string(),
        "line": problem.origin.line(),
        "key": problem.key,
        "message": problem.what,
        "hint": problem.hint,
    })
}
