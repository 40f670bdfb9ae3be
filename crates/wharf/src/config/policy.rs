//! `wharf config show`: what the settings about TLS and SSH come to, with everything that follows from
//! the program and the machine instead of a setting.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value as Json, json};
use wharf_net::tls::certificate::{Certificate, CertificateFiles};
use wharf_net::tls::client::ClientCertificates;
use wharf_net::tls::offer::offer;
use wharf_server::config::{
    CloseNotify, Config, Plaintext, Protocol, Requirement, Reuse, TlsConfig,
};

use super::{Settings, ssh};
use crate::date;

/// One line of the policy, or several under one name.
pub(super) struct Row {
    /// In JSON.
    pub(super) key: &'static str,
    /// For people.
    pub(super) name: &'static str,
    pub(super) lines: Vec<String>,
    pub(super) json: Json,
}

/// The policy as comments of a settings file, so that what `config show` prints stays one.
/// `state` is the state folder.
pub(crate) fn text(settings: &Settings, state: &Path) -> String {
    let mut out = String::new();
    for (title, rows) in [
        ("TLS", rows(settings, state)),
        ("SSH", ssh::rows(settings, state)),
    ] {
        if !rows.is_empty() {
            let _ = write!(out, "\n# {title} as it is in force\n#\n");
        }
        for row in rows {
            for (index, line) in row.lines.iter().enumerate() {
                let name = if index == 0 { row.name } else { "" };
                let _ = writeln!(out, "#   {name:<21}{line}");
            }
        }
    }
    out
}

/// The same as two objects: `tls` and, where it is spoken, `ssh`.
pub(crate) fn json(settings: &Settings, state: &Path) -> [(&'static str, Json); 2] {
    let object = |rows: Vec<Row>| {
        if rows.is_empty() {
            return Json::Null;
        }
        let fields = rows.into_iter().map(|row| (row.key.to_owned(), row.json));
        Json::Object(fields.collect())
    };
    [
        ("tls", object(rows(settings, state))),
        ("ssh", object(ssh::rows(settings, state))),
    ]
}

fn rows(settings: &Settings, state: &Path) -> Vec<Row> {
    let config = settings.server_config(state);
    let Some(tls) = &config.tls else {
        return Vec::new();
    };
    let mut rows = Vec::from(offered(tls));
    rows.extend(listeners(&config));
    rows.extend(in_clear(&config, tls, settings.plaintext()));
    rows.extend(bound(tls));
    rows.push(clients(tls));
    rows.push(certificates(settings, state));
    rows
}

fn offered(tls: &TlsConfig) -> [Row; 3] {
    let offer = offer(tls.minimum);
    let versions = offer
        .versions
        .iter()
        .map(|version| format!("TLS {version}"));
    [
        Row {
            key: "versions",
            name: "versions",
            lines: vec![versions.collect::<Vec<_>>().join(", ")],
            json: json!(offer.versions),
        },
        Row {
            key: "cipher_suites",
            name: "cipher suites",
            json: json!(offer.cipher_suites),
            lines: offer.cipher_suites,
        },
        Row {
            key: "key_exchange",
            name: "key exchange",
            lines: vec![offer.key_exchange.join(", ")],
            json: json!(offer.key_exchange),
        },
    ]
}

fn listeners(config: &Config) -> Option<Row> {
    let required = config
        .listeners
        .iter()
        .any(|listener| listener.tls == Requirement::Required);
    let of = |protocol: Protocol| {
        let own = config.listeners.iter();
        let own = own.filter(|listener| listener.protocol == protocol);
        own.map(|listener| listener.address.to_string())
            .collect::<Vec<_>>()
    };
    let (explicit, implicit) = (of(Protocol::Ftp), of(Protocol::Ftps));
    let mut lines = Vec::new();
    if !explicit.is_empty() {
        let needed = if required {
            "when the client asks (AUTH TLS), and not without"
        } else {
            "when the client asks (AUTH TLS)"
        };
        lines.push(format!("{}: {needed}", explicit.join(", ")));
    }
    if !implicit.is_empty() {
        lines.push(format!("{}: from the first byte on", implicit.join(", ")));
    }
    (!lines.is_empty()).then(|| Row {
        key: "listeners",
        name: "spoken on",
        lines,
        json: json!({
            "explicit": explicit,
            "implicit": implicit,
            "required": required,
        }),
    })
}

fn in_clear(config: &Config, tls: &TlsConfig, plaintext: Plaintext) -> [Row; 4] {
    let listened = |protocol: Protocol| config.listeners.iter().any(|l| l.protocol == protocol);
    let clear = listened(Protocol::Ftp)
        && !config
            .listeners
            .iter()
            .any(|l| l.tls == Requirement::Required);
    let (passwords, told) = match plaintext {
        Plaintext::Allow if clear => (
            "allow",
            "taken from everywhere: whoever can see the network reads them",
        ),
        Plaintext::Loopback if clear => ("loopback", "taken on this machine only"),
        Plaintext::Deny | Plaintext::Loopback | Plaintext::Allow => {
            ("deny", "refused before they are sent")
        }
    };
    let (anonymous, said) = match (&config.anonymous, clear) {
        (None, _) => ("off", "nobody logs in anonymously"),
        (Some(_), true) => ("allow", "may come in clear"),
        (Some(_), false) => ("deny", "only over TLS"),
    };
    let (data, kept) = match tls.data {
        Requirement::Required => (
            "required",
            "encrypted wherever the control connection is (else 522)",
        ),
        Requirement::Allowed => ("allowed", "in clear where the client wants it (PROT C)"),
    };
    let (ccc, ended) = if tls.ccc {
        (
            "allowed",
            "CCC may end the encryption of the control connection",
        )
    } else {
        ("refused", "CCC is refused with 534")
    };
    [
        word("plaintext_passwords", "passwords in clear", passwords, told),
        word("plaintext_anonymous", "anonymous users", anonymous, said),
        word("data", "files and listings", data, kept),
        word("ccc", "downgrade", ccc, ended),
    ]
}

/// What ties data connections to their control connection, and files to their end.
fn bound(tls: &TlsConfig) -> [Row; 2] {
    let mut reuse = vec![reuse_text(tls.reuse).to_owned()];
    let mut reuse_json = json!({ "default": reuse_word(tls.reuse) });
    if let Some(implicit) = tls.implicit_reuse {
        reuse.push(format!("on implicit listeners: {}", reuse_text(implicit)));
        reuse_json["implicit"] = reuse_word(implicit).into();
    }
    let mut end = vec![end_text(tls.close_notify).to_owned()];
    let mut end_json = json!({ "default": end_word(tls.close_notify) });
    let (mut reuse_networks, mut end_networks) = (Map::new(), Map::new());
    for network in &tls.networks {
        let clients = &network.clients;
        if let Some(rule) = network
            .reuse
            .filter(|_| !reuse_networks.contains_key(clients))
        {
            reuse.push(format!("clients of {clients}: {}", reuse_text(rule)));
            reuse_networks.insert(clients.clone(), reuse_word(rule).into());
        }
        if let Some(rule) = network
            .close_notify
            .filter(|_| !end_networks.contains_key(clients))
        {
            end.push(format!("clients of {clients}: {}", end_text(rule)));
            end_networks.insert(clients.clone(), end_word(rule).into());
        }
    }
    reuse_json["networks"] = reuse_networks.into();
    end_json["networks"] = end_networks.into();
    [
        Row {
            key: "reuse",
            name: "data connections",
            lines: reuse,
            json: reuse_json,
        },
        Row {
            key: "close_notify",
            name: "end of an upload",
            lines: end,
            json: end_json,
        },
    ]
}

fn clients(tls: &TlsConfig) -> Row {
    let (mode, mut told) = match tls.clients {
        ClientCertificates::Off => ("off", "none is asked for".to_owned()),
        ClientCertificates::Request => ("request", "asked for".to_owned()),
        ClientCertificates::Require => ("require", "needed for the handshake".to_owned()),
    };
    let path = |path: &Path| path.display().to_string();
    if tls.clients != ClientCertificates::Off {
        match &tls.client_ca {
            Some(ca) => told.push_str(&format!(
                "; by subject from the authorities in {}, else by fingerprint",
                path(ca)
            )),
            None => told.push_str("; by fingerprint"),
        }
        if let Some(crl) = &tls.client_crl {
            told.push_str(&format!("; revoked by {}", path(crl)));
        }
    }
    Row {
        key: "client_certificates",
        name: "client certificates",
        lines: vec![told],
        json: json!({
            "mode": mode,
            "ca": tls.client_ca.as_deref().map(path),
            "crl": tls.client_crl.as_deref().map(path),
        }),
    }
}

/// In the order in which they are shown: ACME's, then the written ones or the server's own.
fn certificates(settings: &Settings, state: &Path) -> Row {
    let own = settings.certificates().is_empty();
    let mut lines = Vec::new();
    let mut list = Vec::new();
    for files in &settings.tls(state).certificates {
        let missing = match (files.optional, own) {
            (true, _) => "asked for from the authority once the server runs",
            (false, true) => "made at the first start",
            (false, false) => "not there",
        };
        let (told, object) = certificate(files, missing);
        lines.extend(told);
        list.push(object);
    }
    Row {
        key: "certificates",
        name: "certificate",
        lines,
        json: list.into(),
    }
}

fn certificate(files: &CertificateFiles, missing: &str) -> (Vec<String>, Json) {
    let file = files.chain.display().to_string();
    if !files.chain.exists() {
        let object = json!({ "file": file, "missing": missing });
        return (vec![format!("{file}: {missing}")], object);
    }
    match Certificate::from_files(files) {
        Ok(certificate) => {
            let mut object = facts(&certificate);
            object["file"] = file.clone().into();
            let kind = if certificate.is_self_signed() {
                ", self-signed"
            } else {
                ""
            };
            let lines = vec![
                certificate.fingerprint().to_string(),
                format!("for {}", certificate.names().join(", ")),
                format!("until {}{kind}, {file}", date::day(certificate.not_after())),
            ];
            (lines, object)
        }
        Err(error) => {
            let object = json!({ "file": file, "problem": error.to_string() });
            (vec![error.to_string()], object)
        }
    }
}

/// What can be told of a certificate: the same wherever it is told.
pub(crate) fn facts(certificate: &Certificate) -> Json {
    json!({
        "fingerprint": certificate.fingerprint().to_string(),
        "names": certificate.names(),
        "expires": date::timestamp(certificate.not_after()),
        "self_signed": certificate.is_self_signed(),
    })
}

fn word(key: &'static str, name: &'static str, word: &'static str, line: &str) -> Row {
    Row {
        key,
        name,
        lines: vec![line.to_owned()],
        json: word.into(),
    }
}

const fn reuse_word(reuse: Reuse) -> &'static str {
    match reuse {
        Reuse::Require => "require",
        Reuse::Prefer => "prefer",
        Reuse::Off => "off",
    }
}

const fn reuse_text(reuse: Reuse) -> &'static str {
    match reuse {
        Reuse::Require => "must resume the control connection's TLS session (else 522)",
        Reuse::Prefer => {
            "should resume the control connection's TLS session; who does not is logged"
        }
        Reuse::Off => "need not resume anything: users behind one address could take each other's",
    }
}

const fn end_word(end: CloseNotify) -> &'static str {
    match end {
        CloseNotify::Required => "required",
        CloseNotify::Optional => "optional",
    }
}

const fn end_text(end: CloseNotify) -> &'static str {
    match end {
        CloseNotify::Required => "must be TLS's own (close_notify), or nothing is published (426)",
        CloseNotify::Optional => {
            "may be the connection's: one that was cut short is taken as whole"
        }
    }
}
