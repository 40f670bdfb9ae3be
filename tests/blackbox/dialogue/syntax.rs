//! What is not a command, what is not an argument, and what is not built.

use wharf_tests::{Wharf, session_dialogue};

#[test]
fn an_unknown_verb_is_500_and_costs_nothing() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: XYZZY
         S: 500 ...
         C: XYZZY with an argument
         S: 500 ...
         C: STORE a
         S: 500 ...
         C: \\xd3TOR a
         S: 500 ...
         C:
         S: 500 ...
         C: \\ NOOP
         S: 500 ...
         C: GET / HTTP/1.1
         S: 500 ...
         C: PWD
         S: 257 \"/\"...",
    );
}

#[test]
fn verbs_are_known_in_any_case() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "C: pwd
         S: 257 \"/\"...
         C: PwD
         S: 257 \"/\"...
         C: site help
         S: 214 ...
         C: type i
         S: 200 ...",
    );
}

#[test]
fn a_wrong_argument_is_501() {
    let wharf = Wharf::start();
    wharf.write("f", "123");
    let mut control = wharf.session();
    for line in WRONG_ARGUMENTS {
        let reply = control.command(line);
        assert_eq!(reply.code, 501, "{line}\n{control}");
    }
    assert_eq!(wharf.read("f"), b"123");
    assert_eq!(
        wharf_tests::tree::names(wharf.root()),
        [b"f"],
        "nothing was made"
    );
}

#[test]
fn a_known_verb_not_for_this_parameter_is_504() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for line in [
        "TYPE E",
        "TYPE L 7",
        "TYPE A T",
        "TYPE A C",
        "STRU R",
        "STRU P",
        "MODE B",
        "MODE C",
        "MODE Z",
        "OPTS UTF8 OFF",
    ] {
        control.expect(line, 504);
    }
    // The refusals changed nothing.
    wharf.write("f", "a\nb\n");
    assert_eq!(control.retrieve("RETR f"), b"a\nb\n");
}

#[test]
fn the_parameters_that_exist_are_taken() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    for line in [
        "TYPE A",
        "TYPE A N",
        "TYPE a n",
        "TYPE I",
        "TYPE L 8",
        "STRU F",
        "MODE S",
        "mode s",
        "OPTS UTF8 ON",
        "OPTS utf8 on",
    ] {
        control.expect(line, 200);
    }
}

#[test]
fn what_is_not_built_is_502_and_not_offered() {
    let wharf = Wharf::start();
    let mut control = wharf.session();
    let feat = control.expect("FEAT", 211);
    let help = control.expect("HELP", 214);
    for line in [
        "HASH f",
        "XCRC f",
        "XMD5 f",
        "XSHA1 f",
        "XSHA256 f",
        "XSHA512 f",
        "COMB a b c",
        "SMNT /",
    ] {
        control.expect(line, 502);
        let verb = line.split(' ').next().unwrap_or_default();
        for reply in [&feat, &help] {
            let offered = reply
                .inner()
                .iter()
                .flat_map(|line| line.split(|&byte| byte == b' '))
                .any(|word| word == verb.as_bytes());
            assert!(!offered, "{verb} is offered but answers 502:\n{reply}");
        }
    }
    assert!(!feat.says("MODE Z"), "{feat}");
}

#[test]
fn only_crlf_and_lf_end_a_line() {
    let wharf = Wharf::start();
    session_dialogue(
        &wharf,
        "R: PWD\\n
         S: 257 \"/\"...
         R: MKD one
         R: \\r\\nPWD\\r\\n
         S: 257 \"/one\"...
         S: 257 \"/\"...
         R: NO
         R: OP\\n
         S: 200 ...",
    );
    // A CR of its own does not: it is part of the line, and forbidden in a name (security F24).
    let mut control = wharf.session();
    control.send_raw(b"MKD two\rPWD\r\n");
    assert_eq!(control.reply().code, 553, "{control}");
    control.expect("PWD", 257);
    assert_eq!(wharf_tests::tree::names(wharf.root()), [b"one"]);
}

#[test]
fn out_of_order_is_503() {
    let wharf = Wharf::start();
    wharf.write("f", "1");
    session_dialogue(
        &wharf,
        "C: RNTO g
         S: 503 ...
         C: RNFR missing
         S: 550 ...
         C: RNTO g
         S: 503 ...
         C: RNFR f
         S: 350 ...
         C: RNTO g
         S: 250 ...
         C: RNTO h
         S: 503 ...
         C: USER {name}
         S: 5...",
    );
}

const WRONG_ARGUMENTS: &[&str] = &[
    "TYPE",
    "STRU",
    "MODE",
    "MKD",
    "RMD",
    "DELE",
    "RNFR",
    "RNTO",
    "CWD",
    "RETR",
    "STOR",
    "APPE",
    "SIZE",
    "MDTM",
    "REST",
    "REST x",
    "REST -1",
    "REST 1 2",
    "REST 0x10",
    "REST 1.5",
    "REST 9223372036854775808",
    "REST 99999999999999999999999",
    "ALLO",
    "ALLO x",
    "PORT",
    "PORT 1,2,3",
    "PORT 127,0,0,1,256,1",
    "PORT a,b,c,d,e,f",
    "EPRT",
    "EPRT |1|127.0.0.1|",
    "EPRT |1|127.0.0.1|x|",
    "EPRT |1|127.0.0.1|99999|",
    "EPSV x",
    "MFMT",
    "MFMT 2020 f",
    "MFMT 20201301000000 f",
    "MFMT 20200101000000",
    "MFF",
    "MFF modify= f",
    "OPTS",
    "SITE",
    "SITE CHMOD",
    "SITE CHMOD 999 f",
    "SITE CHMOD x f",
    "SITE CHMOD 777",
    "SITE UTIME x f",
    "SITE UMASK 888",
    "SITE UMASK x",
    "SITE IDLE x",
    "SITE SYMLINK f",
    "RANG",
    "RANG 1",
    "RANG x y",
    "RANG 5 2",
];
