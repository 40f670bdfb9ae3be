#![no_main]

use libfuzzer_sys::fuzz_target;
use wharf_sftp::window::{Download, Range, Upload};
use wharf_sftp::{Attributes, Framer, OpenFlags, Request, Response, Status, response};

// A client's transfers against a server that holds a `Vec<u8>`: packets on the wire both ways,
// answered in any order, in part, not at all, or with a failure.
fuzz_target!(|input: (bool, u16, u8, &[u8])| {
    let (uploads, size, chunk, choices) = input;
    let chunk = u32::from(chunk) * 7 + 1;
    let size = size % 8192;
    if uploads {
        upload(usize::from(size), chunk, choices);
    } else {
        download(usize::from(size), chunk, choices);
    }
});

/// What a byte of the file is, wherever and whenever it is read.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8).wrapping_mul(31)) as u8
}

/// The request that was said, as a server reads it.
fn through_the_wire(request: Request<'_>) {
    let mut wire = Vec::new();
    request.encode_into(&mut wire).expect("it can be said");
    let mut rest = wire.as_slice();
    let mut framer = Framer::new();
    let body = framer.next(&mut rest).expect("a length").expect("whole");
    assert_eq!(Request::decode(body), Ok(request));
}

fn download(size: usize, chunk: u32, choices: &[u8]) {
    let mut size = size;
    let named = (choices.first().is_none_or(|first| first % 3 != 0)).then_some(size as u64);
    let mut plan = Download::new(0, named, chunk);
    let mut in_flight: Vec<(u32, Range)> = Vec::new();
    let mut got: Vec<bool> = Vec::new();
    let mut failed = false;
    let mut next = 0;
    let (mut least, mut most) = (size, size);
    let mut draining = 0;
    let mut choices = choices.iter().copied();
    loop {
        let choice = choices.next();
        draining += u32::from(choice.is_none());
        assert!(draining < 2_000_000, "it never ends");
        while in_flight.len() < 8 {
            let Some(range) = plan.next(next) else { break };
            through_the_wire(Request::Read {
                id: next,
                handle: b"handle",
                offset: range.offset,
                length: range.length,
            });
            in_flight.push((next, range));
            next += 1;
        }
        assert_eq!(plan.in_flight(), in_flight.len());
        if in_flight.is_empty() {
            break;
        }
        let choice = choice.unwrap_or(0);
        match choice & 0xe0 {
            // The file changes under it; what stands at a place stays the same.
            0x20 => size = size * usize::from(choice & 0x1f) / 24,
            0x40 => size += usize::from(choice & 0x1f) * 50,
            0x60 if choice & 0x1f == 0 => failed = true,
            _ => {}
        }
        size = size.min(16_384);
        (least, most) = (least.min(size), most.max(size));
        let (id, range) = in_flight.swap_remove(usize::from(choice) % in_flight.len());
        if failed && choice & 0x1f == 0 && choice & 0xe0 == 0x60 {
            plan.failed(id).expect("it was asked for");
            continue;
        }
        let offset = range.offset as usize;
        let whole = (range.length as usize).min(size.saturating_sub(offset));
        if whole == 0 {
            plan.eof(id).expect("it was asked for");
            continue;
        }
        let count = if choice & 0x80 == 0 {
            whole
        } else {
            1 + usize::from(choice) % whole
        };
        let data: Vec<u8> = (offset..offset + count).map(byte).collect();
        let at = answered(&mut plan, id, &data);
        // It belongs where it was read.
        assert_eq!(at as usize, offset);
        got.resize(got.len().max(offset + count), false);
        got[offset..offset + count].fill(true);
    }
    let whole = |end: usize| got.len() >= end && got[..end].iter().all(|got| *got);
    match plan.finished() {
        Some(finished) => {
            let end = finished.end as usize;
            assert!((least..=most).contains(&end));
            assert!(whole(end), "a gap before {end}");
        }
        None => assert!(failed),
    }
    assert!(whole(plan.contiguous() as usize));
}

/// DATA over the wire.
fn answered(plan: &mut Download, id: u32, data: &[u8]) -> u64 {
    let length = u32::try_from(data.len()).expect("a chunk");
    let mut wire = response::data_header(length, id).to_vec();
    wire.extend_from_slice(data);
    match Response::decode(&wire[4..]) {
        Ok(Response::Data { id, data: read }) => {
            assert_eq!(read, data);
            plan.data(id, read.len()).expect("as asked")
        }
        other => panic!("{other:?}"),
    }
}

fn upload(size: usize, chunk: u32, choices: &[u8]) {
    through_the_wire(Request::Open {
        id: 0,
        path: b"/f",
        flags: OpenFlags::WRITE
            .and(OpenFlags::CREATE)
            .and(OpenFlags::TRUNCATE),
        attributes: Attributes::default(),
    });
    let source: Vec<u8> = (0..size).map(byte).collect();
    let mut file: Vec<Option<u8>> = vec![None; size];
    let mut plan = Upload::new(0, chunk);
    let mut in_flight: Vec<(u32, Range)> = Vec::new();
    let mut refused: Option<u64> = None;
    let mut next = 0;
    let mut choices = choices.iter().copied();
    let outcome = loop {
        let choice = choices.next().unwrap_or(0);
        while in_flight.len() < 8 {
            // The source gives more or less at a time.
            let left = size - (plan.offset() as usize).min(size);
            let ready = left.min(1 + usize::from(choice) * 13);
            if left == 0 {
                plan.source_ended();
            }
            let Some(range) = plan.next(next, ready) else {
                break;
            };
            assert!(range.length as usize <= ready && range.length <= chunk);
            let (from, to) = (range.offset as usize, range.end() as usize);
            through_the_wire(Request::Write {
                id: next,
                handle: b"handle",
                offset: range.offset,
                data: &source[from..to],
            });
            in_flight.push((next, range));
            next += 1;
        }
        if in_flight.is_empty() {
            break plan.finished();
        }
        assert_eq!(plan.finished(), None);
        let (id, range) = in_flight.swap_remove(usize::from(choice) % in_flight.len());
        let status = if choice == 0xff {
            Status::Failure
        } else {
            Status::Ok
        };
        if status == Status::Ok {
            let (from, to) = (range.offset as usize, range.end() as usize);
            for at in from..to {
                file[at] = Some(source[at]);
            }
        } else {
            refused = Some(refused.map_or(range.offset, |first| first.min(range.offset)));
        }
        plan.status(id, status.code()).expect("it was asked for");
        let contiguous = plan.contiguous() as usize;
        assert!(file[..contiguous.min(size)].iter().all(Option::is_some));
    };
    match (outcome, refused) {
        (Some(Ok(end)), None) => {
            assert_eq!(end as usize, size);
            assert!(
                file.iter()
                    .zip(&source)
                    .all(|(found, wanted)| *found == Some(*wanted))
            );
        }
        (Some(Err(failed)), Some(first)) => assert_eq!(failed.offset, first),
        other => panic!("{other:?}"),
    }
}
