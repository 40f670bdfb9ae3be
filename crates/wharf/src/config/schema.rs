//! `wharf config schema`: a JSON Schema of `wharf.toml`, for editors that check as one types.

use serde_json::{Map, Value as Json, json};

use super::table::{self, Key, Otherwise, SECTIONS};
use super::value::Kind;

/// The schema of the settings file.
pub(crate) fn schema() -> Json {
    let sections: Map<_, _> = SECTIONS
        .iter()
        .map(|section| {
            let keys: Map<_, _> = table::of_section(section.name)
                .map(|key| (key.leaf().to_owned(), property(key)))
                .collect();
            let object = json!({
                "type": "object",
                "description": section.doc,
                "additionalProperties": false,
                "properties": keys,
            });
            (section.name.to_owned(), object)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "wharf.toml",
        "type": "object",
        "additionalProperties": false,
        "properties": sections,
    })
}

fn property(key: &Key) -> Json {
    let mut property = shape(key.kind);
    property["description"] = key.doc.into();
    if let Otherwise::Value(text) = key.default {
        property["default"] = default(key.kind, text);
    }
    property
}

fn shape(kind: Kind) -> Json {
    let address = json!({ "type": "string", "minLength": 1 });
    match kind {
        Kind::Path | Kind::Host => json!({ "type": "string", "minLength": 1 }),
        Kind::Text => json!({ "type": "string", "maxLength": 200 }),
        Kind::Addresses => json!({
            "oneOf": [address, { "type": "array", "minItems": 1, "items": address }],
        }),
        Kind::Paths => json!({
            "oneOf": [
                { "type": "string", "minLength": 1 },
                { "type": "array", "minItems": 1, "items": { "type": "string", "minLength": 1 } },
            ],
        }),
        Kind::Names | Kind::Contacts => json!({
            "oneOf": [
                { "type": "array", "items": { "type": "string", "minLength": 1 } },
                { "type": "string" },
            ],
        }),
        Kind::Url => json!({ "type": "string", "pattern": "^https://" }),
        Kind::Socket => json!({ "type": "string", "pattern": "^.+:[0-9]{1,5}$" }),
        Kind::TlsNetworks => json!({
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["clients"],
                "anyOf": [{ "required": ["reuse"] }, { "required": ["close_notify"] }],
                "properties": {
                    "clients": { "type": "string" },
                    "reuse": { "enum": ["require", "prefer", "off"] },
                    "close_notify": { "enum": ["required", "optional"] },
                },
            },
        }),
        Kind::Port => json!({
            "oneOf": [
                { "type": "integer", "minimum": 0, "maximum": 65535 },
                { "enum": ["off", false] },
                { "type": "string", "pattern": "^[0-9]{1,5}$" },
            ],
        }),
        Kind::Mode => json!({ "type": "string", "pattern": "^0?[0-7]{1,3}$" }),
        Kind::Choice(words) => json!({ "enum": words }),
        Kind::Ports => json!({ "type": "string", "pattern": "^[0-9]{4,5} *- *[0-9]{4,5}$" }),
        Kind::Networks => json!({
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["clients", "address"],
                "properties": { "clients": { "type": "string" }, "address": { "type": "string" } },
            },
        }),
        Kind::Count { min, max } => json!({ "type": "integer", "minimum": min, "maximum": max }),
        Kind::Duration { .. } => json!({
            "oneOf": [
                { "type": "integer", "minimum": 0 },
                { "type": "string", "pattern": "^[0-9]+ *(ms|s|min|h|d|seconds|minutes|hours)?$" },
            ],
        }),
        Kind::Flag => json!({ "type": "boolean" }),
    }
}

fn default(kind: Kind, text: &str) -> Json {
    match kind {
        Kind::Count { .. } | Kind::Port => {
            text.parse::<u32>().map_or_else(|_| text.into(), Json::from)
        }
        Kind::Flag => (text == "true").into(),
        Kind::Networks | Kind::TlsNetworks | Kind::Names | Kind::Contacts => json!([]),
        _ => text.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_in_the_schema_with_its_default() {
        let schema = schema();
        for key in table::KEYS {
            let pointer = format!("/properties/{}/properties/{}", key.section(), key.leaf());
            let property = schema.pointer(&pointer).expect(key.name);
            assert_eq!(property["description"], key.doc);
            let has_default = matches!(key.default, Otherwise::Value(_));
            assert_eq!(
                property.get("default").is_some(),
                has_default,
                "{}",
                key.name
            );
        }
        assert_eq!(
            schema.pointer("/properties/limits/properties/sessions/default"),
            Some(&json!(10_000))
        );
    }
}
