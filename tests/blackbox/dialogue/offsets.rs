//! REST and RANG: where a transfer begins and ends.

use wharf_tests::{Wharf, session_dialogue};

#[test]
fn rest_starts_the_next_transfer_there() {
    let wharf = Wharf::start();
    wharf.write("f", "0123456789");
    session_dialogue(
        &wharf,
        "D: passive
         C: REST 4
         S: 350 ...
         C: RETR f
         S: 150 ...
         D< 456789
         S: 226 ...
         # It is used up.
         D: passive
         C: RETR f
         S: 150 ...
         D< 0123456789
         S: 226 ...
         # It holds for the next command only.
         D: passive
         C: REST 4
         S: 350 ...
         C: PWD
         S: 257 ...
         C: RETR f
         S: 150 ...
         D< 0123456789
         S: 226 ...
         # At the end: nothing is left.
         D: passive
         C: REST 10
         S: 350 ...
         C: RETR f
         S: 150 ...
         D<
         S: 226 ...
         # Beyond it.
         D: passive
         C: REST 11
         S: 350 ...
         C: RETR f
         S: 554 ...
         C: REST 9223372036854775807
         S: 350 ...
         D: passive
         C: RETR f
         S: 5...",
    );
}

#[test]
fn rest_before_stor_keeps_what_is_before() {
    let wharf = Wharf::start();
    wharf.write("f", "0123456789");
    session_dialogue(
        &wharf,
        "D: passive
         C: REST 4
         S: 350 ...
         C: STOR f
         S: 150 ...
         D> abc
         S: 226 ...
         D: passive
         C: REST 100
         S: 350 ...
         C: STOR f
         S: 554 ...",
    );
    assert_eq!(
        wharf.read("f"),
        b"0123abc",
        "the rest of the old file is gone"
    );
}

#[test]
fn rang_takes_a_piece() {
    let wharf = Wharf::start();
    wharf.write("f", "0123456789");
    session_dialogue(
        &wharf,
        "D: passive
         C: RANG 2 5
         S: 350 ...
         C: RETR f
         S: 150 ...
         D< 2345
         S: 226 ...
         D: passive
         C: RANG 2 5
         S: 350 ...
         C: RANG 1 0
         S: 350 ...
         C: RETR f
         S: 150 ...
         D< 0123456789
         S: 226 ...",
    );
}
