#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_vfs::VPath;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (directory, argument) = input;
    let Ok(directory) = VPath::parse(directory) else {
        return;
    };
    check(&directory);
    let Ok(path) = directory.resolve(argument) else {
        return;
    };
    check(&path);
    assert_eq!(path.as_bytes(), by_components(&directory, argument));
    let below = path.below(&directory);
    if let Ok(below) = below {
        assert!(below.starts_with(&directory));
        assert_eq!(below.strip_prefix(&directory), Some(path));
    }
});

fn check(path: &VPath) {
    assert_eq!(VPath::parse(path.as_bytes()).as_ref(), Ok(path));
    assert_eq!(path.as_bytes()[0], b'/');
    assert!(path.as_bytes().len() <= 4096);
    assert!(path.components().all(|name| {
        !matches!(name, b"" | b"." | b"..")
            && name.len() <= 255
            && !name
                .iter()
                .any(|byte| matches!(byte, 0 | b'\r' | b'\n' | b'/'))
    }));
    assert!(!path.escaped().contains(char::is_control));
    match (path.parent(), path.name()) {
        (Some(parent), Some(name)) => {
            assert!(path.starts_with(&parent) && !parent.starts_with(path));
            assert_eq!(parent.child(name).as_ref(), Ok(path));
        }
        (None, None) => assert!(path.is_root()),
        _ => panic!("a name without a parent"),
    }
}

/// The same with a list of names.
fn by_components(directory: &VPath, argument: &[u8]) -> Vec<u8> {
    let mut names: Vec<&[u8]> = match argument.first() {
        Some(b'/') => Vec::new(),
        _ => directory.components().collect(),
    };
    for name in argument.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." => drop(names.pop()),
            name => names.push(name),
        }
    }
    [b"/", &*names.join(&b'/')].concat()
}
