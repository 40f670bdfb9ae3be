//! Names that are hard to say.

pub(super) const ODD_NAMES: &[&[u8]] = &[
    b"with space.bin",
    b" two  spaces ",
    "\u{fc}ml\u{e4}ut \u{65e5}\u{672c}\u{8a9e} \u{1f980}".as_bytes(),
    b"-leading-dash",
    b"--help",
    b".leading-dot",
    b"latin-1 caf\xe9",
    b"double\"quote",
    b"apostrophe's",
    b"star*[x]?",
    b"back\\slash",
    b"percent%41 dollar$HOME semi;colon #hash",
];
