use std::fs;

use rcgen::string::{BmpString, UniversalString};
use rcgen::{DistinguishedName, DnType, DnValue, KeyPair};
use tempfile::TempDir;

use super::super::super::certificate::tests::samples::{Authority, chain, client, openssl};
use super::*;

fn written(pem: &str) -> String {
    of(&chain(pem)[0])
}

#[test]
fn subjects_are_written_as_openssl_writes_them() {
    let folder = TempDir::new().unwrap();
    let run = |arguments: &[&str]| openssl(folder.path(), arguments);
    for subject in [
        "/C=DE/ST=Berlin/L=Berlin/O=Example, Inc./OU=A+B/CN=ann",
        "/DC=org/DC=example/UID=ann/CN=Ann \\\"the\\\" <first>; #1",
        "/CN=# leading/O= both ",
        "/CN=Zoë Bücher/emailAddress=zoe@example.org",
        "/CN=a\\\\b=c/SN=Doe/GN=Ann/title=Dr/serialNumber=7/street=1 Road",
        "/CN=one+OU=two/O=three",
        "/O=control\tcharacter/CN=line\u{1b}[31m",
        "/1.2.3.4.5=unnamed/CN=x",
        "/CN= ",
    ] {
        run(&[
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-utf8",
            "-multivalue-rdn",
            "-keyout",
            "key.pem",
            "-out",
            "c.pem",
            "-subj",
            subject,
        ]);
        let printed = run(&[
            "x509",
            "-in",
            "c.pem",
            "-noout",
            "-subject",
            "-nameopt",
            "RFC2253,-esc_msb",
        ]);
        let printed = printed
            .strip_prefix("subject=")
            .unwrap()
            .trim_end_matches('\n');
        let text = fs::read_to_string(folder.path().join("c.pem")).unwrap();
        assert_eq!(written(&text), printed, "{subject}");
    }
}

#[test]
fn other_kinds_of_strings_are_read_too() {
    let authority = Authority::new("CA");
    let mut params = client("");
    params.distinguished_name = DistinguishedName::new();
    let bmp = BmpString::try_from("Bücher").unwrap();
    params
        .distinguished_name
        .push(DnType::CommonName, DnValue::BmpString(bmp));
    let universal = UniversalString::try_from("𝄞").unwrap();
    params.distinguished_name.push(
        DnType::OrganizationName,
        DnValue::UniversalString(universal),
    );
    let sample = authority.sign(&params, &KeyPair::generate().unwrap());
    assert_eq!(written(&sample.chain), "O=𝄞,CN=Bücher");
    let empty = {
        params.distinguished_name = DistinguishedName::new();
        authority.sign(&params, &KeyPair::generate().unwrap())
    };
    assert_eq!(written(&empty.chain), "");
}
