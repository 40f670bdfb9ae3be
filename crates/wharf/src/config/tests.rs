//! Settings through the one door: files, environments and arguments in, settings or problems out.

use std::fs;
use std::path::Path;

use wharf_server::config::{
    Durability, LimitsConfig, PassiveConfig, Plaintext, SshConfig, TimeoutsConfig,
};
use wharf_ssh::key::HostKeyKind;

use super::*;
use crate::config::case::Case;
use crate::config::show;
use crate::config::table::Otherwise;

#[test]
fn without_anything_the_defaults_are_those_of_the_server() {
    let settings = Case::new("").settings();
    let config = settings.server_config(Path::new("/state"));
    let (limits, timeouts, passive) = (
        LimitsConfig::default(),
        TimeoutsConfig::default(),
        PassiveConfig::default(),
    );
    let ssh = SshConfig {
        host_keys: ["ed25519", "ecdsa"]
            .map(|kind| format!("/state/ssh_host_{kind}_key").into())
            .to_vec(),
        ..SshConfig::default()
    };
    assert_eq!(format!("{:?}", config.ssh), format!("{:?}", Some(ssh)));
    assert_eq!(format!("{:?}", config.limits), format!("{limits:?}"));
    assert_eq!(format!("{:?}", config.timeouts), format!("{timeouts:?}"));
    assert_eq!(format!("{:?}", config.passive), format!("{passive:?}"));
    assert_eq!(config.durability, Durability::Full);
    assert_eq!(config.umask, 0o022);
    assert_eq!(
        config.audit.as_deref(),
        Some(Path::new("/state/audit.jsonl"))
    );
    assert!(config.anonymous.is_none());
    assert_eq!(config.root, std::env::current_dir().unwrap());
    let listeners: Vec<_> = config
        .listeners
        .iter()
        .map(|l| {
            format!(
                "{} {} {:?} {:?}",
                l.protocol.name(),
                l.address,
                l.plaintext,
                l.tls
            )
        })
        .collect();
    assert_eq!(
        listeners,
        [
            "ftp 127.0.0.1:2121 Deny Allowed",
            "ftps 127.0.0.1:2990 Deny Allowed",
            "sftp 127.0.0.1:2222 Deny Allowed"
        ]
    );
    assert!(settings.password_memory());
}

#[test]
fn s8_the_banner_tells_neither_name_nor_version() {
    let banner = Case::new("")
        .settings()
        .server_config(Path::new("/state"))
        .banner;
    assert!(
        !banner.contains(env!("CARGO_PKG_VERSION")) && !banner.contains("wharf"),
        "{banner}"
    );
    assert!(!banner.bytes().any(|b| b.is_ascii_digit()), "{banner}");
}

#[test]
fn every_problem_is_told_at_once_with_its_line() {
    let case = Case::new(
        "[server]\n\
         ftp = 99999\n\
         banner = 7\n\
         \n\
         [limits]\n\
         sesions = 5\n\
         login_attempts = \"three\"\n\
         [timeout]\n\
         idle = 5\n\
         [timeouts]\n\
         stall = \"1 fortnight\"\n\
         sessions = 5\n",
    )
    .environment("WHARF__LIMITS__SESSIONS", "-1")
    .environment("WHARF__LIMITS__SESION", "1")
    .argument("passive.ports", "--passive-ports", "9-1");
    assert_eq!(
        case.problems(),
        [
            "wharf.toml:2: `server.ftp` must be a port (0 to 65535) or `off`, not `99999`",
            "wharf.toml:3: `server.banner` must be text in quotes, not a number",
            "wharf.toml:6: there is no setting `limits.sesions`\n  hint: did you mean `limits.sessions`?",
            "wharf.toml:7: `limits.login_attempts` must be a number, not text\n  hint: numbers are written without quotes",
            "wharf.toml:8: there is no section `timeout`\n  hint: did you mean `timeouts`?",
            "wharf.toml:11: `timeouts.stall` must be a time, not `1 fortnight`\n  hint: a number of seconds, or a number with `ms`, `s`, `min`, `h` or `d`: `\"5 min\"`",
            "wharf.toml:12: there is no setting `timeouts.sessions`\n  hint: did you mean `limits.sessions`?",
            "environment WHARF__LIMITS__SESSIONS: `limits.sessions` must be a number from 1 to 1000000, not `-1`",
            "environment WHARF__LIMITS__SESION: `WHARF__LIMITS__SESION` names no setting\n  hint: did you mean `WHARF__LIMITS__SESSIONS`?",
            "argument --passive-ports: `passive.ports` must go upwards, not from 9 to 1\n  hint: write `1-9`",
        ]
    );
}

#[test]
fn a_syntax_error_does_not_hide_what_is_wrong_after_it() {
    let problems = Case::new("[server]\nbanner = \"open\n[limits]\nsesions = 5\n").problems();
    assert!(
        problems[0].starts_with("wharf.toml:2: this is not TOML: "),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|p| p.starts_with("wharf.toml:4: there is no setting")),
        "{problems:?}"
    );
}

#[test]
fn a_setting_outside_its_section_and_a_section_as_a_setting() {
    assert_eq!(
        Case::new("durability = \"none\"\nlimits = 5\n").problems(),
        [
            "wharf.toml:1: there is no section `durability`\n  hint: did you mean `durability` in `[uploads]`?",
            "wharf.toml:2: `limits` is a section, not a setting\n  hint: write `[limits]` on a line of its own",
        ]
    );
}

#[test]
fn an_argument_beats_the_environment_beats_the_file_beats_the_default() {
    let file = || Case::new("\n[server]\nftp = 2001\n");
    assert_eq!(Case::new("").origin("server.ftp"), "default");
    assert_eq!(file().origin("server.ftp"), "wharf.toml:3");
    let environment = file().environment("WHARF__SERVER__FTP", "2002");
    assert_eq!(
        environment.origin("server.ftp"),
        "environment WHARF__SERVER__FTP"
    );
    assert_eq!(environment.settings().port("server.ftp"), Some(2002));
    let argument = environment.argument("server.ftp", "--ftp", "2003");
    assert_eq!(argument.origin("server.ftp"), "argument --ftp");
    assert_eq!(argument.settings().port("server.ftp"), Some(2003));
}

#[test]
fn f26_a_wrong_value_is_refused_even_where_a_better_source_overrides_it() {
    let case = Case::new("[server]\nplaintext = \"alow\"\n").argument(
        "server.plaintext",
        "--allow-plaintext",
        "allow",
    );
    assert_eq!(
        case.problems(),
        [
            "wharf.toml:2: `server.plaintext` must be one of `deny`, `loopback`, `allow`, not `alow`\n  hint: did you mean `allow`?"
        ]
    );
}

#[test]
fn f26_no_mutation_of_a_file_loosens_a_setting_silently() {
    // Every single-byte change of a file that forbids must either be refused or leave it forbidding.
    let text = "[server]\nplaintext = \"deny\"\n[anonymous]\nenabled = false\n";
    for at in 0..text.len() {
        for byte in [b'x', b' ', b'"', b'=', b'\n', b'#', b'0'] {
            let mut mutated = text.as_bytes().to_vec();
            mutated[at] = byte;
            let mutated = String::from_utf8(mutated).unwrap();
            if let Ok(settings) = Case::new(&mutated).sources.load() {
                let commented = byte == b'#';
                let denies =
                    settings.plaintext() != Plaintext::Allow && !settings.flag("anonymous.enabled");
                assert!(denies, "{mutated}");
                assert!(
                    commented || settings.plaintext() == Plaintext::Deny,
                    "{mutated}"
                );
            }
        }
    }
}

#[test]
fn every_setting_can_be_given_by_the_environment() {
    for key in KEYS {
        let folder = tempfile::tempdir().unwrap();
        let pem = crate::config::tls::tests::pem(folder.path(), &["ftp.example.org"]);
        let pem = pem.display().to_string();
        let text = match (key.name, key.default) {
            ("server.root" | "anonymous.home", _) => folder.path().display().to_string(),
            (_, Otherwise::Value(text)) => text.to_owned(),
            ("tls.implicit_reuse", _) => "prefer".to_owned(),
            ("acme.listen", _) => "[::]:8080".to_owned(),
            ("ssh.host_keys", _) => {
                crate::config::ssh::tests::key(folder.path(), HostKeyKind::Ed25519)
            }
            ("ssh.user_ca" | "ssh.revoked_keys", _) => {
                crate::config::ssh::tests::public(folder.path())
            }
            (name, _) if name.starts_with("tls.") || name == "acme.ca" => pem.clone(),
            (_, Otherwise::Unset(_)) => "198.51.100.7".to_owned(),
        };
        let place = format!("environment {}", key.environment());
        let case = Case::new("").environment(&key.environment(), &text);
        match key.name {
            // Only a certificate of an authority's own could go with it.
            "tls.client_crl" => assert!(case.problems()[0].starts_with(&place)),
            "tls.key" => {
                let case = case.environment("WHARF__TLS__CERTIFICATE", &pem);
                assert_eq!(case.origin(key.name), place);
            }
            name => assert_eq!(case.origin(name), place),
        }
    }
}

#[test]
fn every_kind_is_read_from_a_file() {
    let case = Case::new(
        "[server]\n\
         root = \"files\"\n\
         listen = [\"127.0.0.1\", \"[::1]\", \"127.0.0.1\"]\n\
         ftp = 0\n\
         ftps = \"off\"\n\
         sftp = 2200\n\
         umask = 0o027\n\
         plaintext = \"deny\"\n\
         [passive]\n\
         ports = \"40000-40009\"\n\
         public_address = \"ftp.example.org\"\n\
         networks = [\n\
           { clients = \"10.0.0.0/8\", address = \"10.0.0.5\" },\n\
         ]\n\
         [timeouts]\n\
         idle = 90\n\
         drain = \"0 s\"\n\
         [uploads]\n\
         durability = \"none\"\n\
         [anonymous]\n\
         enabled = true\n\
         [audit]\n\
         enabled = false\n\
         [accounts]\n\
         password_memory = false\n",
    );
    fs::create_dir(case.folder.path().join("files")).unwrap();
    let settings = case.settings();
    let config = settings.server_config(Path::new("/state"));
    let listeners: Vec<_> = config
        .listeners
        .iter()
        .map(|l| l.address.to_string())
        .collect();
    assert_eq!(
        listeners,
        ["127.0.0.1:0", "127.0.0.1:2200", "[::1]:0", "[::1]:2200"]
    );
    assert_eq!(config.root, case.folder.path().join("files"));
    assert_eq!(config.anonymous.unwrap().home, config.root);
    assert_eq!(config.umask, 0o027);
    assert_eq!(config.passive.ports, 40_000..=40_009);
    assert_eq!(
        config.passive.networks,
        [("10.0.0.0/8".to_owned(), "10.0.0.5".to_owned())]
    );
    assert_eq!(
        config.passive.public_address.as_deref(),
        Some("ftp.example.org")
    );
    assert_eq!(config.timeouts.idle.as_secs(), 90);
    assert!(config.timeouts.drain.is_zero());
    assert_eq!(config.durability, Durability::None);
    assert!(config.audit.is_none());
    assert!(!settings.password_memory());
}

#[test]
fn a_quoted_value_stays_on_one_line() {
    let case = Case::new("[uploads]\ndurability = \"a\\n\\u001b[31m\"\n");
    assert_eq!(
        case.problems(),
        [
            "wharf.toml:2: `uploads.durability` must be one of `full`, `file`, `none`, not `a\\n\\u{1b}[31m`"
        ]
    );
}

#[test]
fn a_wrong_entry_of_a_list_is_told_on_its_own_line() {
    let case = Case::new(
        "[passive]\nnetworks = [\n  { clients = \"10.0.0.0/8\", address = \"10.0.0.5\" },\n  { clients = \"10.0.0.1/8\", address = \"10.0.0.5\" },\n]\n",
    );
    assert_eq!(
        case.problems(),
        [
            "wharf.toml:4: `passive.networks` `10.0.0.1/8` is an address inside a network, not a network\n  hint: write the network's first address, or `10.0.0.1/32` for it alone"
        ]
    );
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let sources = Sources {
        config: Some("/nowhere/wharf.toml".into()),
        ..Sources::default()
    };
    let problems = sources.load().unwrap_err();
    assert_eq!(
        problems.list[0].to_string(),
        "argument --config: cannot read the settings file `/nowhere/wharf.toml`: no such file"
    );
}

#[test]
fn the_usual_place_is_found_and_named() {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join(".config/wharf")).unwrap();
    let path = home.path().join(".config/wharf/wharf.toml");
    fs::write(&path, "[limits]\nsessions = 7\n").unwrap();
    let environment = vec![("HOME".into(), home.path().into())];
    let settings = Sources {
        environment,
        ..Sources::default()
    }
    .load()
    .unwrap();
    assert_eq!(settings.file.as_deref(), Some(path.as_path()));
    assert_eq!(settings.count("limits.sessions"), 7);
}

#[test]
fn what_show_prints_can_be_read_again_and_means_the_same() {
    let first = Case::new(
        "[server]\nlisten = [\"127.0.0.1\", \"::1\"]\nbanner = 'say \"hi\" \\o/'\n[passive]\npublic_address = \"203.0.113.7\"\n[timeouts]\nidle = \"90 s\"\n",
    )
    .settings();
    let shown = show::text(&first);
    let again =
        Case::new(&shown.replace("root = \".\"", &format!("root = {:?}", first.root()))).settings();
    for ((key, one), (_, two)) in first.all().zip(again.all()) {
        if key.name != "server.root" {
            assert_eq!(one.value, two.value, "{}\n{shown}", key.name);
        }
    }
    let json = show::json(&first);
    let ftp = json["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["key"] == "server.ftp")
        .unwrap();
    assert_eq!(
        ftp.to_string(),
        r#"{"key":"server.ftp","value":2121,"origin":{"kind":"default"}}"#
    );
}
