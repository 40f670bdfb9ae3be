mod against_a_file;
mod hostile;
mod paths;

use super::*;

#[test]
fn chunks_are_what_the_server_allows() {
    let of = |read_length, packet_length| {
        Chunks::of(Some(&Limits {
            read_length,
            packet_length,
            ..Limits::default()
        }))
        .read
    };
    assert_eq!(Chunks::of(None).read, DEFAULT_CHUNK);
    assert_eq!(of(0, 0), DEFAULT_CHUNK);
    assert_eq!(of(261_120, 262_144), 261_120);
    assert_eq!(of(u64::MAX, u64::MAX), LARGEST_CHUNK);
    assert_eq!(of(65_536, 34_000), 34_000 - 1024);
    assert_eq!(of(1, 0), MIN_CHUNK);
    assert_eq!(of(0, 1), MIN_CHUNK);
}

#[test]
fn data_of_no_bytes_is_a_protocol_error() {
    let mut download = Download::new(0, Some(10), 100);
    assert!(download.next(1).is_some());
    assert_eq!(download.data(1, 0), Err(Broken::EmptyData));
    assert_eq!(download.next(2), None);
    assert_eq!(download.finished(), None);
}

#[test]
fn answers_nobody_asked_for_are_protocol_errors() {
    let mut download = Download::new(0, Some(10), 100);
    assert_eq!(
        download.next(1),
        Some(Range {
            offset: 0,
            length: 10
        })
    );
    let asked = 10;
    assert_eq!(
        download.data(1, 11),
        Err(Broken::TooMuchData { asked, came: 11 })
    );
    assert_eq!(download.eof(1), Err(Broken::UnknownId(1)));

    let mut upload = Upload::new(0, 10);
    assert_eq!(upload.status(5, 0), Err(Broken::UnknownId(5)));
    assert_eq!(upload.next(6, 10), None);
    assert_eq!(upload.finished(), None);
}

#[test]
fn a_write_that_failed_fails_the_file_whatever_follows() {
    let mut upload = Upload::new(0, 10);
    for id in 0..3 {
        assert!(upload.next(id, 30).is_some());
    }
    upload.status(2, 0).unwrap();
    upload.status(1, 4).unwrap();
    assert_eq!(upload.next(9, 30), None);
    assert_eq!(upload.finished(), None);
    upload.status(0, 0).unwrap();
    upload.source_ended();
    let failed = WriteFailed {
        offset: 10,
        code: 4,
    };
    assert_eq!(upload.finished(), Some(Err(failed)));
    assert_eq!(upload.contiguous(), 10);
}

#[test]
fn an_empty_source_makes_an_empty_file() {
    let mut upload = Upload::new(0, 10);
    assert_eq!(upload.next(1, 0), None);
    assert_eq!(upload.finished(), None);
    upload.source_ended();
    assert_eq!(upload.finished(), Some(Ok(0)));
}

#[test]
fn one_request_asks_whether_the_file_grew() {
    let mut download = Download::new(0, Some(100), 100);
    assert_eq!(download.next(1).unwrap().length, 100);
    assert_eq!(download.next(2).unwrap().offset, 100);
    assert_eq!(download.next(3), None);
    download.eof(2).unwrap();
    assert_eq!(download.finished(), None);
    assert_eq!(download.data(1, 100), Ok(0));
    let whole = Finished {
        end: 100,
        how: End::AsExpected,
    };
    assert_eq!(download.finished(), Some(whole));
}

#[test]
fn a_part_is_asked_for_and_nothing_beyond() {
    let mut download = Download::new(50, Some(1000), 100).until(120);
    let asked = |offset, length| Some(Range { offset, length });
    assert_eq!(download.next(1), asked(50, 70));
    assert_eq!(download.next(2), None);
    assert_eq!(download.data(1, 70), Ok(50));
    let whole = Finished {
        end: 120,
        how: End::AsExpected,
    };
    assert_eq!(download.finished(), Some(whole));
}

#[test]
fn a_failed_read_says_where_to_go_on() {
    let mut download = Download::new(0, Some(300), 100);
    for id in 1..=3 {
        assert!(download.next(id).is_some());
    }
    assert_eq!(download.data(3, 100), Ok(200));
    download.failed(2).unwrap();
    assert_eq!(download.next(4), None);
    assert_eq!(download.contiguous(), 0);
    assert_eq!(download.data(1, 100), Ok(0));
    assert_eq!((download.in_flight(), download.contiguous()), (0, 100));
    assert_eq!(download.finished(), None);
}

#[test]
fn a_server_that_is_always_short_is_asked_for_less() {
    let mut download = Download::new(0, Some(1 << 30), 200_000);
    for id in 0..4 {
        assert_eq!(download.next(id).unwrap().length, 200_000);
    }
    for id in 0..4 {
        download.data(id, 32_768).unwrap();
    }
    // What is missing of the first comes first.
    let asked = |offset, length| Some(Range { offset, length });
    assert_eq!(download.next(4), asked(32_768, 32_768));
    assert_eq!(download.next(5), asked(65_536, 32_768));
    for id in 6..9 {
        assert!(download.next(id).is_some());
    }
    assert_eq!(download.next(9), asked(196_608, 200_000 - 196_608));
    assert_eq!(download.next(10), asked(232_768, 32_768));
}
