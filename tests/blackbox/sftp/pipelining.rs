//! Many requests in flight.

use std::collections::HashMap;

use wharf_tests::sftp::{Reply, body, kind, open_flag, status};
use wharf_tests::{assert_bytes, pattern};

use super::start;

/// 64 at a time, in an order of its own, and answers looked at as they come.
#[test]
fn reads_in_any_order_come_back_right() {
    let (wharf, mut sftp) = start();
    let content = pattern(1, BLOCKS * BLOCK + 777);
    wharf.write("f", &content);
    let handle = sftp.open_file("f", open_flag::READ);
    for round in 0..4 {
        let mut asked = HashMap::new();
        for step in 0..64 {
            let block = (step * 37 + round * 64) % (BLOCKS + 1);
            let words = body().string(&handle).u64(at(block)).u32(LENGTH);
            asked.insert(sftp.request(kind::READ, &words), block);
        }
        while !asked.is_empty() {
            let (id, reply) = sftp.any_reply();
            let block = asked.remove(&id).expect("what was asked for");
            let end = content.len().min((block + 1) * BLOCK);
            assert_bytes("a block", &content[block * BLOCK..end], &reply.data());
        }
    }
}

/// As paramiko's prefetch asks: for the whole file at once, far more than are worked on at a time
/// and than the client's window holds.
#[test]
fn reads_of_a_whole_file_at_once_are_all_answered() {
    let (wharf, mut sftp) = start();
    let content = pattern(4, 1000 * BLOCK);
    wharf.write("f", &content);
    let handle = sftp.open_file("f", open_flag::READ);
    for _ in 0..5 {
        let ids: Vec<_> = (0..1000)
            .map(|block| {
                let words = body().string(&handle).u64(at(block)).u32(LENGTH);
                sftp.request(kind::READ, &words)
            })
            .collect();
        for (block, id) in ids.into_iter().enumerate() {
            let data = sftp.reply(id).data();
            assert_bytes("a block", &content[block * BLOCK..][..BLOCK], &data);
        }
    }
}

/// FileZilla's fzsftp asks for entries ahead, and ends the session when answers change their order.
#[test]
fn a_folder_that_is_asked_for_ahead_ends_behind_its_entries() {
    let (wharf, mut sftp) = start();
    for number in 0..2_500 {
        wharf.write(&format!("d/entry number {number}"), "");
    }
    let handle = sftp.open_folder("d");
    let ids: Vec<_> = (0..40)
        .map(|_| sftp.request(kind::READDIR, &body().string(&handle)))
        .collect();
    let mut names = 0;
    let mut ended = false;
    for wanted in ids {
        let (id, reply) = sftp.any_reply();
        assert_eq!(id, wanted, "another answer comes first");
        match reply {
            Reply::Name(more) => {
                assert!(!ended, "entries behind the end");
                names += more.len();
            }
            end => {
                end.expect(status::EOF);
                ended = true;
            }
        }
    }
    assert!(ended, "40 answers were not enough");
    assert_eq!(names, 2_502);
}

/// scp of OpenSSH 9.2 (Debian 12) cuts a download where the answers first changed their order, and says
/// that all went well.
#[test]
fn reads_of_one_file_are_answered_in_the_order_they_were_asked() {
    let (wharf, mut sftp) = start();
    wharf.write("f", pattern(5, 261_120 * 80));
    let handle = sftp.open_file("f", open_flag::READ);
    for round in 0..10 {
        let ids: Vec<_> = (0..80)
            .map(|block| {
                let words = body().string(&handle).u64(block * 261_120).u32(261_120);
                sftp.request(kind::READ, &words)
            })
            .collect();
        for id in ids {
            let (found, reply) = sftp.any_reply();
            assert_eq!(found, id, "in round {round}");
            assert_eq!(reply.data().len(), 261_120);
        }
    }
}

#[test]
fn writes_in_any_order_make_one_file() {
    let (wharf, mut sftp) = start();
    let content = pattern(2, BLOCKS * BLOCK);
    let handle = sftp.open_file("f", open_flag::NEW);
    for round in 0..BLOCKS / 64 {
        let ids: Vec<_> = (0..64)
            .map(|step| {
                let block = (BLOCKS - 1) - (round * 64 + (step * 37) % 64);
                let data = &content[block * BLOCK..][..BLOCK];
                let words = body().string(&handle).u64(at(block)).string(data);
                sftp.request(kind::WRITE, &words)
            })
            .collect();
        // The last asked for first.
        for id in ids.into_iter().rev() {
            sftp.reply(id).expect(status::OK);
        }
    }
    sftp.close(&handle).expect(status::OK);
    assert_bytes("f", &content, &wharf.read("f"));
}

/// A client may close before it has seen what became of its writes.
#[test]
fn a_close_waits_for_the_writes_before_it() {
    let (wharf, mut sftp) = start();
    let content = pattern(3, 64 * BLOCK);
    let handle = sftp.open_file("f", open_flag::NEW);
    let mut ids: Vec<_> = (0..64)
        .map(|block| {
            let data = &content[block * BLOCK..][..BLOCK];
            let words = body().string(&handle).u64(at(block)).string(data);
            sftp.request(kind::WRITE, &words)
        })
        .collect();
    ids.push(sftp.request(kind::CLOSE, &body().string(&handle)));
    // And what comes after the close sees the file.
    let stat = sftp.request(kind::STAT, &body().string("f"));
    for id in ids {
        sftp.reply(id).expect(status::OK);
    }
    assert_eq!(sftp.reply(stat).attributes().size, Some(at(64)));
    assert_bytes("f", &content, &wharf.read("f"));
}

/// Of many small files, as clients send them: everything at once.
#[test]
fn names_are_worked_on_in_the_order_of_the_requests() {
    let (wharf, mut sftp) = start();
    let mut ids = Vec::new();
    for number in 0..200 {
        let folder = format!("d{number}");
        ids.push(sftp.request(kind::MKDIR, &body().string(&folder).u32(0)));
        let (from, to) = (folder, format!("e{number}"));
        ids.push(sftp.request(kind::RENAME, &body().string(from).string(&to)));
        let inner = format!("{to}/inner");
        ids.push(sftp.request(kind::MKDIR, &body().string(&inner).u32(0)));
        ids.push(sftp.request(kind::RMDIR, &body().string(&inner)));
        ids.push(sftp.request(kind::RMDIR, &body().string(&to)));
    }
    for id in ids {
        sftp.reply(id).expect(status::OK);
    }
    assert_eq!(wharf_tests::tree::names(wharf.root()).len(), 0);
}

/// Reads of the file that is copied wait for the copy; those of others that were asked before do not.
#[test]
fn reads_of_what_is_being_copied_are_answered_after_the_copy() {
    let (wharf, mut sftp) = start();
    let content = pattern(6, 32 << 20);
    wharf.write("from", &content);
    wharf.write("other", "another file");
    let from = sftp.open_file("from", open_flag::READ);
    let other = sftp.open_file("other", open_flag::READ);
    let to = sftp.open_file("to", open_flag::NEW);
    let copy = body().string("copy-data").string(&from).u64(0).u64(0);
    let copy = sftp.request(kind::EXTENDED, &copy.string(&to).u64(0));
    let read = |handle: &[u8]| body().string(handle).u64(0).u32(LENGTH);
    let others = sftp.request(kind::READ, &read(&other));
    let of_source = sftp.request(kind::READ, &read(&from));
    let behind = sftp.request(kind::READ, &read(&other));
    let mut order = Vec::new();
    for _ in 0..4 {
        let (id, reply) = sftp.any_reply();
        order.push(id);
        if id == copy {
            reply.expect(status::OK);
        } else if id == of_source {
            assert_bytes("from", &content[..BLOCK], &reply.data());
        } else {
            assert_eq!(reply.data(), b"another file");
        }
    }
    let place = |id| order.iter().position(|one| *one == id);
    assert!(place(others) < place(of_source), "{order:?}");
    assert!(place(copy) < place(of_source), "{order:?}");
    assert!(place(others) < place(behind), "{order:?}");
    sftp.close(&to).expect(status::OK);
    assert_bytes("to", &content, &wharf.read("to"));
}

#[test]
fn a_file_with_a_gap_is_not_published() {
    let (wharf, mut sftp) = start();
    wharf.write("f", "old");
    let handle = sftp.open_file("f", open_flag::NEW);
    sftp.write(&handle, 0, b"begin").expect(status::OK);
    sftp.write(&handle, 100_000, b"end").expect(status::OK);
    let reply = sftp.close(&handle);
    assert!(
        matches!(reply, Reply::Status(status::FAILURE, _)),
        "{reply:?}"
    );
    assert_eq!(wharf.read("f"), b"old");
}

fn at(block: usize) -> u64 {
    (block * BLOCK) as u64
}

const BLOCKS: usize = 256;
const BLOCK: usize = 32_768;
const LENGTH: u32 = 32_768;
