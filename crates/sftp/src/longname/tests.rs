use super::*;

const NOW: i64 = 1_700_000_000; // 2023-11-14 22:13:20

fn line(line: Line<'_>) -> String {
    let mut out = b"before".to_vec();
    line.write(&mut out);
    String::from_utf8(out.split_off(6)).unwrap()
}

fn file(modified: i64) -> Line<'static> {
    Line {
        mode: 0o100_644,
        links: Some(1),
        owner: b"ann",
        group: b"staff",
        size: 123,
        modified,
        now: NOW,
        name: b"name",
    }
}

#[test]
fn lines_are_those_of_openssh() {
    assert_eq!(
        line(file(NOW)),
        "-rw-r--r--    1 ann      staff         123 Nov 14 22:13 name"
    );
    let directory = Line {
        mode: 0o041_777,
        links: None,
        owner: b"a-long-name",
        group: b"1000",
        size: u64::MAX,
        ..file(0)
    };
    assert_eq!(
        line(directory),
        "drwxrwxrwt    ? a-long-name 1000     18446744073709551615 Jan  1  1970 name"
    );
}

/// As OpenSSH 9.2's sftp-server said it.
#[test]
fn columns_are_where_openssh_has_them() {
    let theirs = Line {
        mode: 0o120_777,
        owner: b"root",
        group: b"root",
        size: 11,
        modified: 1_795_897_058,
        now: 1_795_897_058,
        name: b"link",
        ..file(0)
    };
    assert_eq!(
        line(theirs),
        "lrwxrwxrwx    1 root     root           11 Nov 28 20:17 link"
    );
}

#[test]
fn owner_and_group_are_one_word_each() {
    let blanks = Line {
        owner: b"",
        group: b"domain users",
        ..file(NOW)
    };
    assert_eq!(
        line(blanks).split_whitespace().collect::<Vec<_>>()[2..5],
        ["?", "domain?users", "123"]
    );
}

#[test]
fn beyond_half_a_year_the_year_stands_for_the_time() {
    for (modified, date) in [
        (NOW, "Nov 14 22:13"),
        (NOW - HALF_A_YEAR + 1, "May 16 10:13"),
        (NOW - HALF_A_YEAR, "May 16  2023"),
        (NOW + 1, "Nov 14  2023"),
        (951_782_400, "Feb 29  2000"),
        (-1, "Dec 31  1969"),
        (i64::MIN, "Jan  1  0000"),
        (i64::MAX, "Dec 31  9999"),
        (4_107_542_399, "Feb 28  2100"),
        (4_107_542_400, "Mar  1  2100"),
    ] {
        let line = line(file(modified));
        assert!(line.contains(date), "{modified}: {line}");
    }
}

#[test]
fn modes_say_type_and_permissions() {
    for (mode, said) in [
        (0o100_000, "----------"),
        (0o107_777, "-rwsrwsrwt"),
        (0o107_000, "---S--S--T"),
        (0o120_777, "lrwxrwxrwx"),
        (0o140_755, "srwxr-xr-x"),
        (0o010_600, "prw-------"),
        (0o060_660, "brw-rw----"),
        (0o020_620, "crw--w----"),
        (0o755, "?rwxr-xr-x"),
    ] {
        assert_eq!(mode_string(mode), said.as_bytes(), "{mode:o}");
    }
}

#[test]
fn a_line_is_one_line_and_bounded() {
    let name = [b"a\r\n\x1b[31m\0\xff".as_slice(), &[b'x'; 20_000]].concat();
    let mut out = Vec::new();
    let hostile = Line {
        name: &name,
        owner: b"a\nb",
        ..file(NOW)
    };
    hostile.write(&mut out);
    assert_eq!(out.len(), MAX_LONGNAME);
    assert!(!out.iter().any(u8::is_ascii_control));
    assert!(out.contains(&0xff));
}
