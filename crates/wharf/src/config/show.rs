//! `wharf config show`: every setting as it is in force, and where it was written.

use std::fmt::Write as _;

use serde_json::{Value as Json, json};

use super::Settings;
use super::table::{Otherwise, SECTIONS};
use super::value::{Span, TlsRule, Value};

/// The settings as a settings file with the origins as comments.
pub(crate) fn text(settings: &Settings) -> String {
    let mut out = String::new();
    for section in SECTIONS {
        let rows: Vec<_> = settings
            .all()
            .filter(|(key, _)| key.section() == section.name)
            .map(|(key, effective)| {
                let line = match (&effective.value, key.default) {
                    (Some(value), _) => format!("{} = {value}", key.leaf()),
                    (None, Otherwise::Unset(meaning)) => format!("# {}: {meaning}", key.leaf()),
                    (None, Otherwise::Value(_)) => format!("# {}", key.leaf()),
                };
                (line, effective.origin.to_string())
            })
            .collect();
        let width = rows
            .iter()
            .map(|(line, _)| line.chars().count())
            .max()
            .unwrap_or(0)
            .min(56);
        let _ = writeln!(
            out,
            "{}[{}]",
            if out.is_empty() { "" } else { "\n" },
            section.name
        );
        for (line, origin) in rows {
            let _ = writeln!(out, "{line:<width$}  # {origin}");
        }
    }
    out
}

/// One object: the file that was used and a list of settings.
pub(crate) fn json(settings: &Settings) -> Json {
    let list: Vec<_> = settings
        .all()
        .map(|(key, effective)| {
            let mut origin = json!({ "kind": effective.origin.kind() });
            if effective.origin.kind() != "default" {
                origin["place"] = effective.origin.to_string().into();
            }
            json!({ "key": key.name, "value": effective.value.as_ref().map(value), "origin": origin })
        })
        .collect();
    let file = settings
        .file
        .as_ref()
        .map(|path| path.display().to_string());
    json!({ "file": file, "settings": list })
}

fn value(value: &Value) -> Json {
    match value {
        Value::Path(path) => path.display().to_string().into(),
        Value::Addresses(list) => list.iter().map(ToString::to_string).collect(),
        Value::Paths(list) => list.iter().map(|path| path.display().to_string()).collect(),
        Value::List(list) => list.iter().map(String::as_str).collect(),
        Value::Socket(address) => address.to_string().into(),
        Value::TlsNetworks(list) => list.iter().map(rule).collect(),
        Value::Port(Some(port)) => (*port).into(),
        Value::Port(None) => "off".into(),
        Value::Text(text) | Value::Host(text) => text.as_str().into(),
        Value::Mode(bits) => format!("{bits:03o}").into(),
        Value::Choice(word) => (*word).into(),
        Value::Ports(range) => format!("{}-{}", range.start(), range.end()).into(),
        Value::Networks(list) => list
            .iter()
            .map(|network| json!({ "clients": network.clients, "address": network.address }))
            .collect(),
        Value::Count(count) => (*count).into(),
        Value::Duration(time) => Span(*time).to_string().into(),
        Value::Flag(flag) => (*flag).into(),
    }
}

fn rule(rule: &TlsRule) -> Json {
    let mut object = json!({ "clients": rule.clients });
    for (name, word) in [("reuse", rule.reuse), ("close_notify", rule.close_notify)] {
        if let Some(word) = word {
            object[name] = word.into();
        }
    }
    object
}
