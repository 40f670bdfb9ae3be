//! Dialogues about SSCN and CPSV, by which two servers agree who is the TLS client.

use super::tls::{EXPLICIT, PASV, secure};
use super::*;

#[test]
fn sscn_tells_and_sets_who_begins_tls_on_data() {
    secure(
        EXPLICIT,
        &format!(
            "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: SSCN\nS: 200 SSCN:SERVER METHOD\n\
             C: SSCN ON\nA: SecureClient {{ on: true }}\nO: fail\nS: 550\nC: SSCN\nS: 200 SSCN:SERVER METHOD\n\
             C: SSCN ON\nA: SecureClient {{ on: true }}\nO: done\nS: 200 SSCN:CLIENT METHOD\nC: SSCN\nS: 200 SSCN:CLIENT METHOD\n\
             C: SSCN x\nS: 501\n\
             C: PORT 127,0,0,1,200,1\nA: CheckActive\nO: done\nS: 200\n\
             C: STOR f\nA: Transfer(Transfer {{ kind: Store {{ path: [102], offset: 0, declared: None }}, \
             route: Active(127.0.0.1:51201), ascii: true, protected: true, tls_client: true }})\nO: moved\nS: 226\n\
             C: SSCN OFF\nA: SecureClient {{ on: false }}\nO: done\nS: 200 SSCN:SERVER METHOD\n\
             {PASV}C: STOR f\nA: Transfer(Transfer {{ kind: Store {{ path: [102], offset: 0, declared: None }}, \
             route: Passive, ascii: true, protected: true, tls_client: false }})\nO: moved\nS: 226"
        ),
    );
}

#[test]
fn who_is_tls_client_needs_tls() {
    let allowed = DialogueOptions {
        data_tls_required: false,
        ..EXPLICIT
    };
    secure(
        allowed,
        &format!(
            "C: SSCN ON\nA: SecureClient\nO: done\nS: 200\n\
             {PASV}C: STOR f\nA: Transfer(Transfer {{ kind: Store {{ path: [102], offset: 0, declared: None }}, \
             route: Passive, ascii: true, protected: false, tls_client: false }})\nO: moved\nS: 226\nC: CPSV\nS: 521"
        ),
    );
}

#[test]
fn cpsv_is_pasv_with_us_as_tls_client() {
    secure(
        EXPLICIT,
        &format!(
            "C: CPSV\nS: 521\nC: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: CPSV x\nS: 501\n\
             C: TYPE I\nS: 200\nC: REST 5\nS: 350\n\
             C: CPSV\nA: OpenPassive {{ extended: false, tls_client: true }}\nO: passive 127.0.0.1:50001\nS: 227 \n\
             C: RETR f\nA: Transfer(Transfer {{ kind: Retrieve {{ path: [102], start: 5, last: None }}, \
             route: Passive, ascii: false, protected: true, tls_client: true }})\nO: moved\nS: 226\n\
             C: CPSV\nA: OpenPassive\nO: fail\nS: 550\nC: RETR f\nS: 425\n\
             {PASV}C: RETR f\nA: Transfer(Transfer {{ kind: Retrieve {{ path: [102], start: 0, last: None }}, \
             route: Passive, ascii: false, protected: true, tls_client: false }})\nO: moved\nS: 226\n\
             C: EPSV ALL\nS: 200\nC: CPSV\nS: 501"
        ),
    );
    let over_ipv6 = DialogueOptions {
        ipv6: true,
        ..EXPLICIT
    };
    secure(
        over_ipv6,
        "C: PBSZ 0\nS: 200\nC: PROT P\nS: 200\nC: CPSV\nS: 425",
    );
}
