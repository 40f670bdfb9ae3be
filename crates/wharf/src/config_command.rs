//! `wharf config`: settings without a server.

use serde_json::json;

use crate::arguments::{ConfigArguments, ConfigCommand, Format, SettingsArguments};
use crate::config::problem::Problems;
use crate::config::{Settings, schema, show};
use crate::failure::Failure;
use crate::{output, serve};

/// Does what was asked of the settings.
pub(crate) fn run(arguments: &ConfigArguments) -> Result<(), Failure> {
    let format = arguments.common.format;
    match &arguments.command {
        ConfigCommand::Check(settings) => check(settings, format),
        ConfigCommand::Show(settings) => {
            let settings = load(settings, format)?;
            match format {
                Format::Text => output::text(&show::text(&settings))?,
                Format::Json => output::json(&show::json(&settings))?,
            }
            Ok(())
        }
        ConfigCommand::Schema => Ok(output::document(&schema::schema())?),
    }
}

fn check(arguments: &SettingsArguments, format: Format) -> Result<(), Failure> {
    let settings = load(arguments, format)?;
    let file = settings
        .file
        .as_ref()
        .map(|path| path.display().to_string());
    match format {
        Format::Text => match file {
            Some(file) => output::text(&format!("the settings in `{file}` are good\n"))?,
            None => {
                output::text("there is no settings file, and what holds without one is good\n")?
            }
        },
        Format::Json => output::json(&json!({ "file": file, "problems": [] }))?,
    }
    Ok(())
}

/// The settings; in JSON, what is wrong with them goes to standard output as well.
fn load(arguments: &SettingsArguments, format: Format) -> Result<Settings, Failure> {
    serve::sources(arguments).load().map_err(|problems| {
        if format == Format::Json {
            // A reader that went away finds the exit code.
            let _ = output::json(&problems_json(&problems));
        }
        problems.into()
    })
}

fn problems_json(problems: &Problems) -> serde_json::Value {
    let file = problems
        .file
        .as_ref()
        .map(|path| path.display().to_string());
    let list: Vec<_> = problems
        .list
        .iter()
        .map(|problem| {
            json!({
                "place": problem.origin.to_string(),
                "line": problem.origin.line(),
                "key": problem.key,
                "message": problem.what,
                "hint": problem.hint,
            })
        })
        .collect();
    json!({ "file": file, "problems": list })
}
