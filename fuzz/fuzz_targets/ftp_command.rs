#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_ftp::command::{Command, CommandError};
use wharf_ftp::line::MAX_LINE;

fuzz_target!(|line: &[u8]| {
    // Quotes are doubled and options spelled out when said: room for that.
    if line.len() > MAX_LINE / 2 - 64 {
        return;
    }
    let any = Command::parse_any(line);
    match Command::parse(line) {
        Ok(served) => assert_eq!(
            format!("{:?}", any),
            format!("{:?}", Ok::<_, CommandError>(served))
        ),
        Err(CommandError::NotBuilt(verb)) => {
            assert!(any.is_err() || any.as_ref().unwrap().verb() == verb)
        }
        Err(error) => {
            assert!((500..=553).contains(&error.code()));
            assert_eq!(any.as_ref().err(), Some(&error));
        }
    }
    if let Ok(command) = any {
        let said = command.encode().expect("what was read can be said");
        let again = Command::parse_any(said.as_bytes()).expect("what is said can be read");
        assert_eq!(again.verb(), command.verb());
        assert_eq!(again.encode().expect("twice"), said);
    }
});
