//! Plain lists: public keys, one a line.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{LineProblem, RevocationError, RevocationList, revoked_key};
use crate::certificate::Certificate;
use crate::encoding::Reader;

pub(super) fn parse(text: &[u8]) -> Result<RevocationList, RevocationError> {
    let mut list = RevocationList::default();
    for (at, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let number = at + 1;
        let hash = key(line).map_err(|problem| RevocationError::Line { number, problem })?;
        list.keys.push(hash);
    }
    Ok(list)
}

fn key(line: &[u8]) -> Result<[u8; 32], LineProblem> {
    let words = line.split(|byte| matches!(byte, b' ' | b'\t'));
    let mut words = words.filter(|word| !word.is_empty());
    let (Some(kind), Some(base64)) = (words.next(), words.next()) else {
        return Err(LineProblem::Form);
    };
    let wire = STANDARD.decode(base64).map_err(|_| LineProblem::Form)?;
    let named = Reader::new(&wire).string(Certificate::MAX_WIRE);
    if named != Ok(kind) {
        return Err(LineProblem::Form);
    }
    // A certificate in the list stands for its key, as with sshd.
    if Certificate::is_named_by(kind) {
        let certificate = Certificate::decode(&wire).map_err(LineProblem::Certificate)?;
        return Ok(super::sha256(certificate.key().wire()));
    }
    revoked_key(&wire).map_err(LineProblem::Key)
}
