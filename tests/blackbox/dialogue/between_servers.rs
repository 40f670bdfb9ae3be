//! Transfers from one server to another under TLS: SSCN and CPSV.

use wharf_tests::{Control, Tls, Wharf, assert_bytes, pattern};

#[test]
fn sscn_moves_a_file_between_two_servers() {
    let (mut from, mut to, servers) = two();
    to.expect("SSCN ON", 200);
    let content = pattern(7, 3_000_000);
    servers[0].write("f", &content);
    carry(&mut from, &mut to, "PASV");
    assert_bytes("the copy", &content, &servers[1].read("f"));
    // The other way round: who connects and who speaks TLS first have nothing to do with each
    // other.
    to.expect("SSCN OFF", 200);
    from.expect("SSCN ON", 200);
    std::fs::remove_file(servers[1].path("f")).expect("the copy");
    carry(&mut from, &mut to, "PASV");
    assert_bytes("the copy", &content, &servers[1].read("f"));
    // Back to transfers of its own.
    from.expect("SSCN OFF", 200);
    assert_bytes("f", &content, &from.retrieve("RETR f"));
}

#[test]
fn cpsv_moves_a_file_between_two_servers() {
    let (mut from, mut to, servers) = two();
    let content = pattern(8, 500_000);
    servers[0].write("f", &content);
    carry(&mut from, &mut to, "CPSV");
    assert_bytes("the copy", &content, &servers[1].read("f"));
}

#[test]
fn two_tls_servers_on_one_connection_fail_and_say_so() {
    let (mut from, mut to, servers) = two();
    servers[0].write("f", "content");
    let replies = begin(&mut from, &mut to, "PASV");
    for reply in replies {
        assert!(reply.is_refused() && reply.has_cause(), "{reply}");
    }
    assert!(!servers[1].path("f").exists());
    from.expect("NOOP", 200);
    to.expect("NOOP", 200);
}

// `to` opens the port, `from` goes there.
#[track_caller]
fn carry(from: &mut Control, to: &mut Control, passive: &str) {
    for reply in begin(from, to, passive) {
        assert_eq!(reply.code, 226, "{from}\n{to}");
    }
}

#[track_caller]
fn begin(from: &mut Control, to: &mut Control, passive: &str) -> [wharf_tests::Reply; 2] {
    let reply = to.expect(passive, 227);
    let address = wharf_tests::data::parse_227(&reply).expect("an address");
    let [a, b, c, d] = address.ip().octets();
    let [high, low] = address.port().to_be_bytes();
    from.expect(format!("PORT {a},{b},{c},{d},{high},{low}"), 200);
    to.send("STOR f");
    from.send("RETR f");
    [last(to), last(from)]
}

#[track_caller]
fn last(control: &mut Control) -> wharf_tests::Reply {
    let reply = control.reply();
    if reply.is_preliminary() {
        return control.reply();
    }
    reply
}

fn two() -> (Control, Control, [Wharf; 2]) {
    // Two machines: to each, the data connection is a stranger's that has no session to resume.
    let servers = ["127.0.0.2", "127.0.0.3"].map(|address| {
        let settings = "[timeouts]\nhandshake = \"2 s\"\n";
        Wharf::with().listen(address).settings(settings).start()
    });
    let [from, to] = servers.each_ref().map(|wharf| {
        let friend = wharf.add_account("friend", &["--fxp", "yes"]);
        wharf.session_tls_of(&friend, &Tls::v13())
    });
    (from, to, servers)
}
