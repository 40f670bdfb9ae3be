//! Dialogues about HOST.

use super::tls::{EXPLICIT, explicit};
use super::*;

#[test]
fn host_is_for_before_the_login() {
    for options in [DialogueOptions::default(), EXPLICIT] {
        play(
            options,
            "C: HOST ftp.example.com\nA: SelectSite { name: \"ftp.example.com\" }\nO: done\nS: 220\n\
             C: HOST [2001:DB8::1]\nA: SelectSite { name: \"2001:db8::1\" }\nO: done\nS: 220\n\
             C: HOST 192.0.2.1\nA: SelectSite { name: \"192.0.2.1\" }\nO: fail 504\nS: 504\n\
             C: HOST\nS: 501\nC: HOST a b\nS: 501\nC: HOST a:21\nS: 501\n\
             C: USER ann\nA: Identify\nO: ask\nS: 331\nC: HOST other.example\nA: SelectSite\nO: done\nS: 220\nC: PASS x\nS: 503\n\
             C: USER ann\nA: Identify\nO: ask\nS: 331\nC: PASS x\nA: Authenticate\nO: in\nS: 230\nC: HOST other.example\nS: 503\n\
             C: REIN\nA: Reinit\nO: done\nS: 220\nC: HOST other.example\nA: SelectSite\nO: done\nS: 220",
        );
    }
    explicit(
        "C: HOST a.example\nA: SelectSite\nO: done\nS: 220\nC: AUTH TLS\nS: 234\nX: begin\nC: HOST a.example\nA: SelectSite\nO: done\nS: 220",
    );
}
